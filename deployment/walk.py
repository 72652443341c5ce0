"""Walks through the deployed API as a client would, and shows each request and its answer."""

import hashlib
import json
import ssl
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

TIMEOUT_SECONDS = 30
# How long an upload's event may take to reach the database.
STORED_SECONDS = 30
#: The document that stays from deploy to deploy.
KEPT = "kept.txt"


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
    #: The status was right and what came with it was not.
    missed: bool = False

    @property
    def passed(self) -> bool:
        """Whether the answer is the expected one."""
        return self.status == self.expected and not self.missed


class Client:
    """Sends requests to the deployed API; it trusts the given authority and no other.

    :param host: the name to ask for, where it is not the address's.
    """

    def __init__(self, url: str, tls: ssl.SSLContext, *, host: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._tls = tls
        self._host = {"Host": host} if host else {}

    def call(self, method: str, path: str, *, token: str | None = None, body: Any = None) -> Answer:
        """Send one request to the API."""
        headers = {**self._host, **({"Authorization": f"Bearer {token}"} if token else {})}
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


@dataclass
class Walk:
    """Requests in a row, each shown as soon as it is answered."""

    client: Client
    token_of: Callable[[str], str]
    told: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)

    def step(
        self, request: str, expected: HTTPStatus, answer: Answer, detail: str | None = None, *, missed: bool = False
    ) -> Answer:
        """Keep and show one answer."""
        done = Step(request, expected, answer.status, _detail(answer) if detail is None else detail, missed)
        self.steps.append(done)
        self.told(done)
        return answer

    def call(self, request: str, expected: HTTPStatus, method: str, path: str, user: str, body: Any = None) -> Answer:
        """Send one request as a user, and keep and show the answer."""
        answer = self.client.call(method, path, token=self.token_of(user), body=body)
        return self.step(f"{method:6} {request}", expected, answer)


def walk(
    client: Client,
    token_of: Callable[[str], str],
    told: Callable[[Step], None],
    *,
    one_caller: bool = False,
    keeps: bool = False,
) -> list[Step]:
    """Show what the backend answers; return the steps in order.

    :param token_of: a valid token of a user of that name.
    :param told: called with each step as soon as it is done.
    :param one_caller: leave out what a second caller sees, where tokens of only one are to be had.
    :param keeps: leave one document, and look at every later walk whether it is still there as it was.
    """
    at = Walk(client, token_of, told)
    alice = token_of("alice")
    at.step("GET    /documents       without a token", HTTPStatus.UNAUTHORIZED, client.call("GET", "/documents"))
    forged = alice[:-8] + ("AAAAAAAA" if not alice.endswith("AAAAAAAA") else "BBBBBBBB")
    answer = client.call("GET", "/documents", token=forged)
    at.step("GET    /documents       with a forged token", HTTPStatus.UNAUTHORIZED, answer)
    listed = client.call("GET", "/documents?limit=50", token=alice) if keeps else None
    kept = [one for one in _listed(listed) if one["name"] == KEPT and one["state"] == "stored"] if listed else []
    if kept:
        _download(at, kept[-1], "of an earlier deploy")
    _, document = _new("walk.txt")
    small = {**document, "size": 0}
    at.call("/documents       with size 0", HTTPStatus.BAD_REQUEST, "POST", "/documents", "alice", small)
    long = {**document, "name": "x" * 256}
    at.call("/documents       with a name too long", HTTPStatus.BAD_REQUEST, "POST", "/documents", "alice", long)
    made = _store(at, "walk.txt", "")
    if made is None:
        return at.steps
    path = f"/documents/{made['id']}"
    if not one_caller:
        at.call("/documents/{id}  of alice's, as bob", HTTPStatus.NOT_FOUND, "GET", path, "bob")
    _download(at, made, "")
    listed = client.call("GET", "/documents", token=alice)
    found = any(one["id"] == made["id"] for one in _listed(listed))
    at.step("GET    /documents", HTTPStatus.OK, listed, "lists it" if found else "does not list it", missed=not found)
    at.call("/documents/{id}", HTTPStatus.NO_CONTENT, "DELETE", path, "alice")
    at.call("/documents/{id}  once deleted", HTTPStatus.NOT_FOUND, "GET", path, "alice")
    if keeps and not kept:
        _store(at, KEPT, "one that stays")
    return at.steps


def _new(name: str) -> tuple[bytes, dict[str, Any]]:
    content = f"a document of the walk {uuid.uuid4()}\n".encode()
    digest = hashlib.sha256(content).hexdigest()
    return content, {"name": name, "type": "text/plain", "size": len(content), "sha256": digest}


def _store(at: Walk, name: str, why: str) -> dict[str, Any] | None:
    """Announce a document, upload it, and wait until the backend has compared and stored it."""
    content, document = _new(name)
    created = at.call(f"/documents       {why or 'good'}", HTTPStatus.CREATED, "POST", "/documents", "alice", document)
    if created.status != HTTPStatus.CREATED:
        return None
    made: dict[str, Any] = created.json
    if not why:
        other = at.client.upload(made["upload"], content + b"more")
        at.step("POST   (upload form)    with other content", HTTPStatus.BAD_REQUEST, other)
    sent = at.client.upload(made["upload"], content)
    at.step("POST   (upload form)    the document", HTTPStatus.NO_CONTENT, sent)
    began = time.monotonic()
    while True:
        answer = at.client.call("GET", f"/documents/{made['id']}", token=at.token_of("alice"))
        waits = answer.status == HTTPStatus.OK and answer.json["state"] == "pending"
        if not waits or time.monotonic() - began > STORED_SECONDS:
            break
        time.sleep(0.2)
    stored = answer.status == HTTPStatus.OK and answer.json["state"] == "stored"
    at.step("GET    /documents/{id}  until its event has come", HTTPStatus.OK, answer, missed=not stored)
    return made if stored else None


def _download(at: Walk, document: Mapping[str, Any], why: str) -> None:
    """Download a stored document, and compare it with its checksum."""
    answer = at.client.call("GET", f"/documents/{document['id']}", token=at.token_of("alice"))
    if answer.status != HTTPStatus.OK or "download" not in answer.json:
        at.step(f"GET    /documents/{{id}}  {why}".rstrip(), HTTPStatus.OK, answer, missed=True)
        return
    file = at.client.send("GET", answer.json["download"]["url"], headers={}, data=None)
    same = hashlib.sha256(file.body).hexdigest() == document["sha256"]
    shown = "the checksum that was announced" if same else "another checksum than was announced"
    at.step(f"GET    (download)       {why}".rstrip(), HTTPStatus.OK, file, shown, missed=not same)


def _listed(answer: Answer) -> list[dict[str, Any]]:
    return list(answer.json["documents"]) if answer.status == HTTPStatus.OK else []


def _detail(answer: Answer) -> str:
    """Return what an answer tells a client to fix: never a form's fields or a document's."""
    try:
        content = answer.json
    except ValueError:
        return ""
    if not isinstance(content, dict):
        return ""
    errors = content.get("errors") or []
    told = str(content.get("detail") or content.get("message") or content.get("state") or "")
    return "; ".join([told, *(f"{error.get('field')}: {error.get('problem')}" for error in errors)])
