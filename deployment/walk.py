"""Walks through the deployed API as a client would, and shows each request and its answer."""

import hashlib
import json
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Step:
    """One request, what was expected of it, and what came back."""

    request: str
    expected: int
    status: int
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer is the expected one."""
        return self.status == self.expected


class Client:
    """Sends requests to the deployed API; it trusts the given authority and no other."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        self._url = url.rstrip("/")
        self._tls = tls

    def call(self, method: str, path: str, *, token: str | None = None, body: Any = None) -> Answer:
        """Send one request to the API."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        return self.send(method, self._url + path, headers=headers, data=data)

    def send(self, method: str, url: str, *, headers: dict[str, str], data: bytes | None) -> Answer:
        """Send one request anywhere; an error's answer is an answer too."""
        request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - https
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=self._tls) as found:  # noqa: S310
                return Answer(found.status, dict(found.headers), found.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def upload(self, form: Mapping[str, Any], content: bytes) -> Answer:
        """Send a document with the form that the API gave."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
            for name, text in form["fields"].items()
        ]
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="document"\r\n\r\n'.encode()
        data = b"".join(parts) + file + content + f"\r\n--{boundary}--\r\n".encode()
        return self.send(
            "POST", form["url"], headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}, data=data
        )


def walk(
    client: Client, token_of: Callable[[str], str], told: Callable[[Step], None], *, one_caller: bool = False
) -> list[Step]:
    """Show what the backend answers; return the steps in order.

    :param token_of: a valid token of a user of that name.
    :param told: called with each step as soon as it is done.
    :param one_caller: leave out what a second caller sees, where tokens of only one are to be had.
    """
    steps: list[Step] = []

    def step(request: str, expected: HTTPStatus, answer: Answer, detail: str = "") -> Answer:
        done = Step(request, expected, answer.status, detail or _detail(answer))
        steps.append(done)
        told(done)
        return answer

    content = f"a document of the walk {uuid.uuid4()}\n".encode()
    document = {
        "name": "walk.txt",
        "type": "text/plain",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    alice = token_of("alice")
    step("GET  /documents          without a token", HTTPStatus.UNAUTHORIZED, client.call("GET", "/documents"))
    forged = alice[:-8] + ("AAAAAAAA" if not alice.endswith("AAAAAAAA") else "BBBBBBBB")
    step(
        "GET  /documents          with a forged token",
        HTTPStatus.UNAUTHORIZED,
        client.call("GET", "/documents", token=forged),
    )
    bad = {**document, "size": 0}
    step(
        "POST /documents          with size 0",
        HTTPStatus.BAD_REQUEST,
        client.call("POST", "/documents", token=alice, body=bad),
    )
    long = {**document, "name": "x" * 256}
    step(
        "POST /documents          with a name too long",
        HTTPStatus.BAD_REQUEST,
        client.call("POST", "/documents", token=alice, body=long),
    )
    made = step(
        "POST /documents          good",
        HTTPStatus.CREATED,
        client.call("POST", "/documents", token=alice, body=document),
    )
    if made.status != HTTPStatus.CREATED:
        return steps
    path = f"/documents/{made.json['id']}"
    if not one_caller:
        bob = token_of("bob")
        step(f"GET  {path[:18]}…  of alice's, as bob", HTTPStatus.NOT_FOUND, client.call("GET", path, token=bob))
    step(
        "POST (upload form)       other content",
        HTTPStatus.BAD_REQUEST,
        client.upload(made.json["upload"], content + b"more"),
    )
    step("POST (upload form)       the document", HTTPStatus.NO_CONTENT, client.upload(made.json["upload"], content))
    step(f"GET  {path[:18]}…", HTTPStatus.OK, client.call("GET", path, token=alice))
    listed = client.call("GET", "/documents", token=alice)
    found = listed.status == HTTPStatus.OK and any(one["id"] == made.json["id"] for one in listed.json["documents"])
    step("GET  /documents          lists it", HTTPStatus.OK, listed, "listed" if found else "not in the list")
    return steps


def _detail(answer: Answer) -> str:
    """Return what an answer tells a client, in a line: never a form's fields or a document's."""
    try:
        content = answer.json
    except ValueError:
        return ""
    if not isinstance(content, dict):
        return ""
    errors = content.get("errors") or []
    told = str(content.get("detail") or content.get("message") or content.get("state") or "")
    return "; ".join([told, *(f"{error.get('field')}: {error.get('problem')}" for error in errors)])[:110]
