"""The local issuer's tokens are such as the authorizer takes, and its private key stays private."""

import json
from pathlib import Path

import jwt

from local import issuer


def test_a_token_is_verified_by_the_published_key_and_carries_the_user(tmp_path: Path) -> None:
    private, public = tmp_path / "issuer.key", tmp_path / "jwks.json"
    issuer.write_keys(private, public)
    text = issuer.token(private, issuer="https://127.0.0.1:1", audience="documents", user="bob", minutes=5)
    (key,) = json.loads(public.read_text())["keys"]
    claims = jwt.decode(text, jwt.PyJWK(key), algorithms=["RS256"], audience="documents", issuer="https://127.0.0.1:1")
    assert claims["sub"] == "bob"
    assert claims["exp"] - claims["iat"] == 300
    assert jwt.get_unverified_header(text)["kid"] == key["kid"]


def test_only_the_public_part_of_the_key_is_published_and_the_file_of_the_other_is_closed(tmp_path: Path) -> None:
    private, public = tmp_path / "issuer.key", tmp_path / "jwks.json"
    issuer.write_keys(private, public)
    before = private.read_bytes()
    issuer.write_keys(private, public)
    assert private.read_bytes() == before, "a second start must keep the key, or every token ends"
    assert private.stat().st_mode & 0o077 == 0
    (key,) = json.loads(public.read_text())["keys"]
    assert set(key) <= {"kty", "n", "e", "kid", "use", "alg", "key_ops"}
