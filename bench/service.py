"""Times the documents service: a request in the handler beside bare statements, and the deployed API under load.

First in one process on a PostgreSQL of its own, each case and its bare statements in turn, so that what else the
machine does counts for both. Then, where the local AWS of ``make deploy`` runs, over HTTPS with 1, 8 and 32 clients at
once, each a caller of its own who writes a document and reads it: first while no function has started yet, then with
all of them warm. Every answer must be the expected one, and in the end every document that was acknowledged must be
listed. Raw numbers go to bench/service.json.
"""

import argparse
import contextlib
import json
import logging
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from deployment import walk
from deployment.walk import Client
from local import servers
from local.folder import FOLDER
from local.issuer import SCOPES
from services.documents import handler as api
from services.documents import migrate, observability
from services.documents.database import connect
from tests.local.conftest import LocalAws
from tests.local.roles import end_functions
from tests.postgresql import MASTER, REGION, Server, running_server

RESULTS = Path(__file__).with_name("service.json")
OWNER = ("https://login.example.com/", "bench")
DOCUMENT = {"name": "report.pdf", "type": "application/pdf", "size": 12, "sha256": "ab" * 32}
CLIENTS = (1, 8, 32)
# A caller may announce 60 documents a minute.
WRITES_A_CALLER = 50
TOLD_TO_SLOW_DOWN = 429
_ADD = (
    "INSERT INTO documents.document (id, owner, name, type, size, sha256) VALUES (%s, %s, %s, %s, %s, %s) "
    "RETURNING id, created_at"
)


def main() -> int:
    """Run both parts; 1 when a request failed or a document was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.service", description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="requests of each kind (default 300)")
    options = parser.parse_args()
    with running_server() as server, _service(server):
        results: dict[str, Any] = {"milliseconds": _handler(server, options.requests)}
    under_load, failures = _deployed(options.requests)
    results["deployed"] = under_load
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print("\n".join(failures))
    return 1 if failures else 0


@contextlib.contextmanager
def _service(server: Server) -> Iterator[None]:
    """Give the handler its environment, on a database with every migration."""
    with server.superuser() as connection:
        connection.execute(f"CREATE DATABASE documents OWNER {MASTER}")
    credentials = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
    os.environ |= {
        **credentials,
        "AWS_REGION": REGION,
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": "documents",
        "DATABASE_USER": "documents_api",
        "DATABASE_CA_FILE": str(server.ca_file),
        "BUCKET": "documents-bucket",
        "KEY_ARN": "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555",
        "MAX_PENDING": "1000000",
        "MAX_BYTES": str(10**15),
        "MAX_ANNOUNCED_PER_MINUTE": "1000000",
    }
    observability.logger.setLevel(logging.ERROR)
    with connect(server.address(MASTER, "documents")) as connection:
        migrate.migrate(connection, migrate.read_migrations())
    yield


def _handler(server: Server, requests: int) -> dict[str, dict[str, list[float]]]:
    """Time the handler's requests and the bare statements that they stand for, alternating."""
    ids: list[str] = []
    bare = connect(server.address("documents_api", "documents"))
    owner = "|".join(OWNER)
    bare.row_factory = dict_row

    def statement(sql: str, values: list[Any]) -> None:
        with bare.transaction(), bare.cursor() as cursor:
            cursor.execute("SELECT set_config('documents.owner', %s, true)", [owner])
            cursor.execute(sql.encode(), values).fetchall()

    def announce() -> None:
        ids.append(json.loads(_request("POST", "/documents", body=DOCUMENT)["body"])["id"])

    by_id = "SELECT * FROM documents.document WHERE id = %s"
    page = "SELECT * FROM documents.document ORDER BY created_at DESC, id DESC LIMIT 20"
    cases: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "POST /documents": (
            announce,
            lambda: statement(_ADD, [uuid.uuid4(), owner, *DOCUMENT.values()]),
        ),
        "GET /documents/{id}": (
            lambda: _request("GET", "/documents/{id}", pathParameters={"id": ids[-1]}),
            lambda: statement(by_id, [ids[-1]]),
        ),
        "GET /documents": (
            lambda: _request("GET", "/documents"),
            lambda: statement(page, []),
        ),
    }
    found = {}
    print("in the handler, medians")
    for name, (request, alone) in cases.items():
        taken: dict[str, list[float]] = {"request": [], "statement": []}
        for number in range(requests + 10):
            for kind, call in (("request", request), ("statement", alone)):
                began = time.perf_counter()
                call()
                if number >= 10:  # the first ones open connections and fill caches
                    taken[kind].append(round((time.perf_counter() - began) * 1000, 3))
        found[name] = taken
        medians = {kind: statistics.median(values) for kind, values in taken.items()}
        ours, bares = medians["request"], medians["statement"]
        shown = f"{ours:6.2f} ms, the bare statement {bares:5.2f} ms: {ours / bares:.1f} x"
        print(f"  {name:20} {shown}")
    bare.close()
    return found


def _request(method: str, resource: str, *, body: Any = None, **more: Any) -> dict[str, Any]:
    issuer, subject = OWNER
    answer = api.handler(
        {
            "httpMethod": method,
            "resource": resource,
            "headers": {"Content-Type": "application/json"},
            "body": None if body is None else json.dumps(body),
            "requestContext": {
                "authorizer": {"issuer": issuer, "subject": subject, "exp": "99999999999", "scope": SCOPES}
            },
            **more,
        },
        None,
    )
    if answer["statusCode"] >= 400:
        raise RuntimeError(answer["body"])
    return answer


def _deployed(requests: int) -> tuple[dict[str, Any], list[str]]:
    """Load the deployed API, where there is one."""
    if not servers.running("emulator"):
        print("no local AWS runs, so the deployed API was not timed: make deploy")
        return {}, []
    # This machine's processors start every function, one after the other: on AWS each has its own.
    walk.TIMEOUT_SECONDS = 300
    deployed, failures = LocalAws(FOLDER), list[str]()
    found: dict[str, dict[str, Any]] = {}
    api_client = deployed.api
    print("deployed, over HTTPS, a write and a read each")
    for clients in CLIENTS:
        writes = min(max(requests // clients // 2, 2), WRITES_A_CALLER)
        tokens = [deployed.token(f"bench-{uuid.uuid4().hex}") for _ in range(clients)]
        end_functions(deployed)
        found[str(clients)] = {}
        for state, number in (("cold", 1), ("warm", writes)):
            began = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                done = list(pool.map(lambda token, number=number: _load(api_client, token, number), tokens))
            seconds = time.perf_counter() - began
            taken = sorted(milliseconds for load in done for milliseconds in load.taken)
            failures += [f"{state}, {clients} clients: {error}" for load in done for error in load.errors]
            for token, load in zip(tokens, done, strict=True):
                failures += _lost(api_client, token, load.made)
            rate, middle, slow = len(taken) / seconds, statistics.median(taken), taken[int(len(taken) * 0.99)]
            shown = f"{rate:6.1f} requests a second, median {middle:7.1f} ms, 99th {slow:7.1f} ms"
            print(f"  {clients:3} clients, {state}  {shown}, {sum(len(load.errors) for load in done)} errors")
            found[str(clients)][state] = {"seconds": round(seconds, 3), "milliseconds": taken}
    return found, failures


@dataclass(frozen=True)
class Load:
    """What one caller met: each request's milliseconds, the ids that were acknowledged, and what went wrong."""

    taken: list[float] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def _load(client: Client, token: str, writes: int) -> Load:
    """Write and read as one caller."""
    done = Load()
    for _ in range(writes):
        for method, body, expected in (("POST", DOCUMENT, 201), ("GET", None, 200)):
            answer = None
            while answer is None or answer.status == TOLD_TO_SLOW_DOWN:
                time.sleep(0 if answer is None else float(answer.headers.get("Retry-After", "1")))
                began = time.perf_counter()
                answer = client.call(method, "/documents", token=token, body=body)
                done.taken.append(round((time.perf_counter() - began) * 1000, 3))
            if answer.status != expected:
                done.errors.append(f"{method} /documents answered {answer.status}: {answer.body!r}")
            elif method == "POST":
                done.made.append(answer.json["id"])
    return done


def _lost(client: Client, token: str, made: list[str]) -> list[str]:
    """Return which of the acknowledged documents are not listed."""
    listed: set[str] = set()
    after = ""
    while True:
        page = client.call("GET", f"/documents?limit=50{after}", token=token).json
        listed |= {document["id"] for document in page["documents"]}
        if page["next"] is None:
            return [f"lost: {document_id}" for document_id in made if document_id not in listed]
        after = f"&after={page['next']}"


if __name__ == "__main__":
    sys.exit(main())
