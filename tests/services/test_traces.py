"""Traces tell where a request's time went, and nothing of who asked for what.

The functions run in processes of their own, in Lambda's environment; a UDP socket stands for X-Ray's daemon.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.services.test_finalise import s3_event
from tests.services.test_handler import GOOD, event

pytestmark = pytest.mark.usefixtures("function")

ROOT_ID, PARENT = "1-67891233-abcdef012345678912345678", "53995c3f42cd8ad8"
TRACE = f"Root={ROOT_ID};Parent={PARENT};Sampled="
SECRET = "kept-from-traces"
#: Calls the entry named on the command line with each event of standard input, as Lambda does.
FUNCTION = """
import importlib, json, sys
entry = importlib.import_module(f"services.documents.{sys.argv[1]}").handler
class Context:
    log_stream_name = "stream"
    def get_remaining_time_in_millis(self):
        return 1_000
for event in json.load(sys.stdin):
    try:
        print(json.dumps({"answer": entry(event, Context())}))
    except Exception as error:
        print(json.dumps({"raised": type(error).__name__}))
"""


Finished = subprocess.CompletedProcess[str]


@dataclass
class Daemon:
    """Receives what the functions send."""

    received: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def __post_init__(self) -> None:
        self.received.bind(("127.0.0.1", 0))
        self.received.settimeout(0.2)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.received.getsockname()[1]}"

    def text(self) -> str:
        """All that came, a document a line."""
        lines: list[str] = []
        while True:
            try:
                header, _, document = self.received.recv(65_536).decode().partition("\n")
            except TimeoutError:
                return "\n".join(lines)
            assert json.loads(header) == {"format": "json", "version": 1}
            lines.append(document)

    def segments(self) -> list[dict[str, Any]]:
        """The entries of the functions; each with its parts, which are sent before it."""
        sent = [json.loads(line) for line in self.text().splitlines()]
        entries = [one for one in sent if one["name"].startswith("## ")]
        for entry in entries:
            entry["parts"] = {one["name"]: one for one in sent if one["parent_id"] == entry["id"]}
        assert sum(len(entry["parts"]) for entry in entries) + len(entries) == len(sent)
        assert {one["trace_id"] for one in sent} == {ROOT_ID}
        return entries


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    found = Daemon()
    yield found
    found.received.close()


def called(entry: str, *events: dict[str, Any], daemon: str, sampled: bool = True, **changes: str) -> Finished:
    environment = {
        **os.environ,
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_XRAY_DAEMON_ADDRESS": daemon,
        "_X_AMZN_TRACE_ID": f"{TRACE}{int(sampled)}",
        **changes,
    }
    finished = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", FUNCTION, entry],
        input=json.dumps(events),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished


def answers(finished: Finished) -> list[Any]:
    return [one["answer"] for line in finished.stdout.splitlines() if (one := json.loads(line)).keys() == {"answer"}]


def test_a_request_is_timed_with_its_sign_in_and_its_transactions(daemon: Daemon) -> None:
    finished = called(
        "handler", event("POST", "/documents", body=GOOD), event("GET", "/documents"), daemon=daemon.address
    )
    assert [answer["statusCode"] for answer in answers(finished)] == [201, 200]
    first, second = daemon.segments()
    for one in (first, second):
        assert (one["name"], one["parent_id"], one["type"]) == ("## handler", PARENT, "subsegment")
        assert one["start_time"] <= one["end_time"] <= time.time()
    assert [one["annotations"]["ColdStart"] for one in (first, second)] == [True, False]
    assert list(first["parts"]) == ["sign-in to the database", "transaction"]
    assert list(second["parts"]) == ["transaction"], "the connection stayed open"


def test_neither_names_nor_owners_nor_bodies_nor_addresses_reach_a_trace(daemon: Daemon) -> None:
    body = {**GOOD, "name": f"{SECRET}.pdf"}
    finished = called(
        "handler",
        event("POST", "/documents", subject=SECRET, body=body),
        event("POST", "/documents", subject=SECRET, body={**body, "size": SECRET}),
        event("GET", "/documents/{id}", subject=SECRET, pathParameters={"id": SECRET}),
        event("GET", "/documents", subject=SECRET, queryStringParameters={"after": SECRET}),
        event("GET", "/documents", requestContext={"authorizer": {"issuer": "i", "subject": SECRET, "exp": "1"}}),
        daemon=daemon.address,
    )
    assert [answer["statusCode"] for answer in answers(finished)] == [201, 400, 404, 400, 401]
    form = json.loads(answers(finished)[0]["body"])["upload"]["fields"]
    text = daemon.text()
    assert text.count('"## handler"') == 5
    for hidden in (SECRET, "secret-token", GOOD["sha256"], form["policy"], form["x-amz-signature"], "INSERT", "SELECT"):
        assert str(hidden) not in text, hidden


def test_an_error_is_told_by_its_type_and_not_by_its_message(daemon: Daemon) -> None:
    """PostgreSQL's message of a broken constraint holds the row; one as long as this would fit no datagram either."""
    script = f"""
import psycopg
from services.documents import observability
@observability.traced_entry
def entry(event, context):
    with observability.traced("part"):
        raise psycopg.errors.CheckViolation("DETAIL: Failing row contains ({SECRET})" * 10_000)
try:
    entry({{}}, None)
except psycopg.errors.CheckViolation:
    print("raised")
"""
    environment = {"LAMBDA_TASK_ROOT": "/", "AWS_XRAY_DAEMON_ADDRESS": daemon.address, "_X_AMZN_TRACE_ID": f"{TRACE}1"}
    python = [sys.executable, "-c", script]
    said = subprocess.check_output(python, cwd=ROOT, env={**os.environ, **environment}, text=True)  # noqa: S603 - ours
    assert said == "raised\n", "the entry's caller, which is Lambda, learns of it"
    (segment,) = daemon.segments()
    assert SECRET not in json.dumps(segment)
    for one in (segment, segment["parts"]["part"]):
        assert one["annotations"]["Error"] == "CheckViolation"
        assert "cause" not in one


def test_each_call_hangs_below_its_own_parent_though_several_come_with_one_root(daemon: Daemon) -> None:
    """As the three calls for one event do, and the requests of a caller who names the root."""
    script = f"""
import os
from services.documents import observability
@observability.traced_entry
def entry(event, context):
    pass
for parent, sampled in (("a" * 16, 1), ("b" * 16, 1), ("c" * 16, 0)):
    os.environ["_X_AMZN_TRACE_ID"] = f"Root={ROOT_ID};Parent={{parent}};Sampled={{sampled}}"
    entry({{}}, None)
"""
    environment = {"LAMBDA_TASK_ROOT": "/", "AWS_XRAY_DAEMON_ADDRESS": daemon.address}
    python = [sys.executable, "-c", script]
    subprocess.run(python, cwd=ROOT, env={**os.environ, **environment}, check=True)  # noqa: S603 - our own script
    assert [segment["parent_id"] for segment in daemon.segments()] == ["a" * 16, "b" * 16]


def test_an_upload_that_cannot_be_read_is_seen_in_its_trace(daemon: Daemon) -> None:
    document = answers(called("handler", event("POST", "/documents", body=GOOD), daemon="127.0.0.1:9"))[0]
    key = f"incoming/{json.loads(document['body'])['id']}"
    finished = called(
        "uploads",
        s3_event(key=key),
        daemon=daemon.address,
        DATABASE_USER="documents_finaliser",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    assert json.loads(finished.stdout.splitlines()[-1]) == {"raised": "EndpointConnectionError"}
    (segment,) = daemon.segments()
    parts = {name: part.get("annotations") for name, part in segment["parts"].items()}
    assert parts == {
        "sign-in to the database": None,
        "transaction": None,
        "read the upload": {"Error": "EndpointConnectionError"},
    }
    assert segment["annotations"]["Error"] == "EndpointConnectionError"
    assert "127.0.0.1:9" not in json.dumps(segment), "botocore's message names the address"


def test_a_request_that_is_not_sampled_sends_nothing(daemon: Daemon) -> None:
    called("handler", event("GET", "/documents"), daemon=daemon.address, sampled=False)
    assert daemon.text() == ""


@pytest.mark.parametrize("trace", ["", "nonsense", TRACE, f"{TRACE}1"])
def test_without_a_daemon_or_a_trace_requests_are_answered_and_nothing_more_is_logged(trace: str) -> None:
    finished = called("handler", event("GET", "/documents"), daemon="127.0.0.1:9", _X_AMZN_TRACE_ID=trace)
    assert [answer["statusCode"] for answer in answers(finished)] == [200]
    assert finished.stderr == ""
    assert len(finished.stdout.splitlines()) == 2, "the line that tells of the answer, and the answer"


def test_outside_lambda_nothing_is_sent(daemon: Daemon) -> None:
    called("handler", event("GET", "/documents"), daemon=daemon.address, LAMBDA_TASK_ROOT="")
    assert daemon.text() == ""
