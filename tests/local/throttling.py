"""Stands before the emulator and refuses every fifth signed call, as AWS does with a caller who asks too often.

It refuses no call for the third time in a row: that is where the AWS SDKs give up.
"""

import http.client
import itertools
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.local.conftest import LocalAws

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_ATTEMPT = re.compile(r"attempt=(\d+)")
_LAST_ATTEMPT = 3
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_QUERY = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
_S3 = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class Throttled:
    """Which services' calls were refused, and how many were let through."""

    refused: list[str] = field(default_factory=list)
    passed: int = 0


@contextmanager
def throttled(aws: LocalAws) -> Iterator[Throttled]:
    """Have the commands of a local AWS that runs call it through here."""
    told = Throttled()
    remembered = aws.folder / "addresses.json"
    before = remembered.read_text()
    addresses = json.loads(before)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(aws, addresses["gateway_port"], told))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(aws.folder / "tls/server.pem", aws.folder / "tls/server.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        remembered.write_text(json.dumps({**addresses, "gateway_port": server.server_port}))
        yield told
    finally:
        remembered.write_text(before)
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(aws: LocalAws, port: int, told: Throttled) -> type[BaseHTTPRequestHandler]:
    count = itertools.count(1)
    trust = ssl.create_default_context(cafile=str(aws.authority))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            scope = _SCOPE.search(self.headers.get("Authorization", ""))
            attempt = _ATTEMPT.search(self.headers.get("amz-sdk-request", ""))
            is_last = attempt is not None and int(attempt[1]) >= _LAST_ATTEMPT
            if scope and next(count) % 5 == 0 and not is_last:
                told.refused.append(scope[1])
                self.reply(*_refusal(scope[1], is_json="X-Amz-Target" in self.headers))
                return
            told.passed += 1
            gateway = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=60)
            gateway.request(self.command, self.path, body, dict(self.headers))
            found = gateway.getresponse()
            headers = [(name, value) for name, value in found.getheaders() if name.lower() not in _HOP_BY_HOP]
            self.reply(found.status, headers, found.read())
            gateway.close()

        def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    for verb in ("GET", "POST", "PUT", "HEAD", "DELETE", "PATCH"):
        setattr(Handler, f"do_{verb}", Handler.answer)
    return Handler


def _refusal(service: str, *, is_json: bool) -> tuple[int, list[tuple[str, str]], bytes]:
    if service == "s3":
        return 503, [("Content-Type", "application/xml")], _S3.encode()
    if is_json:
        body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"})
        return 400, [("Content-Type", "application/x-amz-json-1.1")], body.encode()
    return 400, [("Content-Type", "text/xml")], f"{_QUERY}</ErrorResponse>".encode()
