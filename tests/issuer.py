"""A token issuer for the authorizer's tests: real keys, and a key set served over TLS on the loopback address."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local import certificates

ISSUER = "https://login.example.com/"
AUDIENCE = "documents"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: PrivateKey, kid: str, **more: object) -> dict[str, Any]:
    """The public part of a key, as an issuer publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": kid, **more}


def claims(**changes: object) -> dict[str, Any]:
    """Claims of a good token; a change to None leaves the claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": now,
        "exp": now + 300,
        "scope": "documents:read documents:write",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def sign(key: PrivateKey, kid: str | None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A bearer header with a signed token."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    headers = {**({"kid": kid} if kid is not None else {}), **(header or {})}
    # Signed as bytes: the claims may be of shapes that an honest issuer would refuse to sign.
    return "Bearer " + jwt.api_jws.encode(json.dumps(claims(**changes)).encode(), key, algorithm, headers)


def write_certificates(folder: Path, *hosts: str) -> tuple[Path, Path, Path]:
    """Write an authority's certificate, and one for localhost and these addresses with its key, signed by it."""
    certificates.write(folder, list(hosts))
    return folder / "authority.pem", folder / "server.pem", folder / "server.key"


class KeyServer:
    """What the loopback server answers, and how often it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"{}"
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.drip_seconds = 0.0
        self.url = ""

    def publish(self, *keys: dict[str, Any]) -> None:
        self.status, self.body, self.headers = 200, json.dumps({"keys": keys}).encode(), {}


@contextmanager
def key_server(folder: Path) -> Iterator[tuple[KeyServer, ssl.SSLContext]]:
    """Serve a key set over TLS on a free loopback port; yield it and a context that trusts it."""
    authority, certificate, key = write_certificates(folder, "127.0.0.1")
    state = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            self.send_response(state.status)
            for header, value in state.headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            try:
                if state.drip_seconds:
                    for byte in state.body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(state.drip_seconds)
                else:
                    self.wfile.write(state.body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    server.socket = served.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    state.url = f"https://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    try:
        yield state, ssl.create_default_context(cafile=str(authority))
    finally:
        server.shutdown()
        server.server_close()
