"""The token issuer of the local AWS: a key pair of its own, and tokens for whoever asks on this machine."""

import json
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "local"
SCOPES = "documents:read documents:write"


def write_keys(private: Path, public: Path) -> None:
    """Write the private key, for this account only, and the public key set that the issuer publishes; once."""
    if not private.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        private.touch(mode=0o600)
        private.write_bytes(pem)
    published = jwt.algorithms.RSAAlgorithm.to_jwk(_read(private).public_key(), as_dict=True)
    keys = {"keys": [{**published, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}
    public.write_text(json.dumps(keys) + "\n", encoding="utf-8")


def token(private: Path, *, issuer: str, audience: str, user: str, minutes: int = 60, scopes: str = SCOPES) -> str:
    """Return an access token of the user."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": user,
        "iat": now,
        "exp": now + minutes * 60,
        "scope": scopes,
    }
    return jwt.encode(claims, _read(private), algorithm="RS256", headers={"kid": KEY_ID})


def _read(private: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(private.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{private} holds no RSA key")
    return key
