"""The documents API from its event to its answer, behind either edge, against a real PostgreSQL."""

import base64
import functools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import jsonschema  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import EndpointConnectionError  # type: ignore[import-untyped]

from docs.openapi import document
from services.documents import handler as api
from services.documents.answers import Problem
from services.documents.documents_bucket import DocumentsBucket
from services.documents.environment import EnvironmentVariableError
from services.documents.limits import Limits
from tests.postgresql import Server
from tests.services.conftest import Log
from tests.services.edges import EDGES, Answer, Edge, rest_api

pytestmark = pytest.mark.usefixtures("function")

ISSUER = "https://login.example.com/"
GOOD_SIZE = 12
GOOD = {"name": "report.pdf", "type": "application/pdf", "size": GOOD_SIZE, "sha256": "ab" * 32}
API = document()
SCOPES = "documents:read documents:write"
TRACE = "1-67891233-abcdef012345678912345678"
_edge: list[Edge] = [rest_api]

with_rest_api = pytest.mark.parametrize("edge", ["rest-api"], indirect=True)


@pytest.fixture(params=list(EDGES), autouse=True)
def edge(request: pytest.FixtureRequest, server: Server, database: str) -> Iterator[None]:
    """Have either edge hand on what the test sends, each in turn and on empty tables."""
    with server.superuser(database) as connection:
        # Past the triggers: nobody else can take an audit record away.
        connection.execute("SET session_replication_role = replica")
        connection.execute("TRUNCATE documents.document, documents.usage CASCADE")
    _edge[:] = [EDGES[request.param]]
    yield
    _edge[:] = [rest_api]


def handler(event: dict[str, Any], context: object) -> Answer:
    """Hand on a request by the edge of the test, and return the answer."""
    return _edge[0](event, context)


def event(method: str, resource: str, *, subject: str = "alice", body: object = None, **more: Any) -> dict[str, Any]:
    exp = str(int(time.time()) + 300)
    return {
        "httpMethod": method,
        "resource": resource,
        "headers": {"Content-Type": "application/json", "Authorization": "Bearer secret-token"},
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
        "pathParameters": None,
        "queryStringParameters": None,
        "requestContext": {"authorizer": {"issuer": ISSUER, "subject": subject, "exp": exp, "scope": SCOPES}},
        **more,
    }


def call(method: str, resource: str, **more: Any) -> tuple[int, Any]:
    answer = handler(event(method, resource, **more), None)
    assert answer["headers"]["Cache-Control"] == "no-store"
    as_documented(method, resource, answer)
    problem = answer["statusCode"] >= 400
    assert answer["headers"]["Content-Type"] == ("application/problem+json" if problem else "application/json")
    return answer["statusCode"], json.loads(answer["body"])


def as_documented(method: str, resource: str, answer: dict[str, Any]) -> None:
    """Hold an answer to the OpenAPI document."""
    operation = API["paths"].get(resource, {}).get(method.lower())
    if operation is None:
        assert answer["statusCode"] in {401, 404, 405}
        return
    found = operation["responses"][str(answer["statusCode"])]
    (content,) = found["content"].values()
    schema = {**content["schema"], "components": API["components"]}
    jsonschema.validate(json.loads(answer["body"]), schema, jsonschema.Draft202012Validator)


def test_what_was_posted_is_got_back() -> None:
    status, created = call("POST", "/documents", body=GOOD)
    assert status == 201
    assert {name: created[name] for name in GOOD} == GOOD
    assert created["state"] == "pending"
    assert created["upload"]["fields"]["key"] == f"incoming/{created['id']}"
    status, read = call("GET", "/documents/{id}", pathParameters={"id": created["id"]})
    assert status == 200
    assert read == {name: value for name, value in created.items() if name != "upload"}
    _, listed = call("GET", "/documents")
    assert read in listed["documents"]


def test_anothers_document_and_a_missing_one_get_the_same_answer_to_the_byte() -> None:
    _, created = call("POST", "/documents", body=GOOD)

    def read(document_id: str) -> dict[str, Any]:
        return handler(event("GET", "/documents/{id}", subject="bob", pathParameters={"id": document_id}), None)

    answers = [read(identifier) for identifier in (created["id"], str(uuid4()), "not-an-id", "' OR 1=1 --", "")]
    assert answers[0]["statusCode"] == 404
    assert all(answer == answers[0] for answer in answers)


def test_a_list_is_paged_from_the_newest_without_gap_or_repetition() -> None:
    made = [call("POST", "/documents", subject="carol", body={**GOOD, "name": f"n{n}"})[1]["id"] for n in range(5)]
    seen, query = [], {"limit": "2"}
    while True:
        status, page = call("GET", "/documents", subject="carol", queryStringParameters=query)
        assert status == 200
        seen += [document["id"] for document in page["documents"]]
        if page["next"] is None:
            break
        query = {"limit": "2", "after": page["next"]}
    assert seen == made[::-1]


def test_a_cursor_of_another_caller_is_refused_like_one_that_never_was() -> None:
    _, created = call("POST", "/documents", subject="alice", body=GOOD)
    answers = [
        handler(event("GET", "/documents", subject="bob", queryStringParameters={"after": after}), None)
        for after in (created["id"], str(uuid4()), "x", "")
    ]
    assert answers[0]["statusCode"] == 400
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("limit", ["0", "51", "-1", "1.5", "", "1e1", "٣", "999"])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    status, problem = call("GET", "/documents", queryStringParameters={"limit": limit})
    assert (status, problem["detail"]) == (400, "limit must be a whole number from 1 to 50")


@pytest.mark.parametrize(
    "caller",
    [
        None,
        {},
        {"issuer": ISSUER, "subject": "alice"},
        {"issuer": "", "subject": "alice", "exp": "99999999999"},
        {"issuer": ISSUER, "subject": "", "exp": "99999999999"},
        {"issuer": ISSUER, "subject": "alice", "exp": "1"},
        {"issuer": ISSUER, "subject": "alice", "exp": "soon"},
        {"issuer": ISSUER, "subject": "alice", "exp": "-1"},
    ],
)
def test_a_caller_who_is_not_known_or_whose_token_is_past_its_end_is_refused(caller: object) -> None:
    status, problem = call("GET", "/documents", requestContext={"authorizer": caller})
    assert (status, problem["title"]) == (401, "Unauthorized")


def test_the_same_subject_of_another_issuer_is_another_owner() -> None:
    _, created = call("POST", "/documents", body=GOOD)
    exp = str(int(time.time()) + 60)
    other = {"issuer": "https://other.example.com/", "subject": "alice", "exp": exp, "scope": SCOPES}
    status, _ = call(
        "GET", "/documents/{id}", pathParameters={"id": created["id"]}, requestContext={"authorizer": other}
    )
    assert status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"size": "12"}, "size"),
        ({"size": 12.0}, "size"),
        ({"size": True}, "size"),
        ({"size": 0}, "size"),
        ({"size": 104_857_601}, "size"),
        ({"name": ""}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "gnp.\u202eexe"}, "name"),
        ({"name": "a\u2028b"}, "name"),
        ({"name": " a"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": None}, "name"),
        ({"type": "pdf"}, "type"),
        ({"type": "text/html\n"}, "type"),
        ({"type": "text/html; charset=utf-8"}, "type"),
        ({"sha256": "ab"}, "sha256"),
        ({"sha256": "AB" * 32}, "sha256"),
        ({"sha256": "ab" * 32 + "\n"}, "sha256"),
        ({"owner": "bob"}, "owner"),
        ({"id": str(uuid4())}, "id"),
    ],
)
def test_a_body_that_is_not_right_is_refused_naming_the_field_and_not_repeating_what_was_sent(
    changes: dict[str, Any], field: str
) -> None:
    answer = handler(event("POST", "/documents", body={**GOOD, **changes}), None)
    problem = json.loads(answer["body"])
    assert problem["status"] == 400
    assert [error["field"] for error in problem["errors"]] == [field]
    assert all(sorted(error) == ["field", "problem"] for error in problem["errors"])
    (sent,) = changes.values()
    assert not isinstance(sent, str) or len(sent) < 10 or sent not in answer["body"]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', '{"name": "a"}', "\ud800", '{"a":' * 1000])
def test_a_body_that_is_no_document_is_refused(body: str) -> None:
    answer = handler({**event("POST", "/documents"), "body": body}, None)
    assert answer["statusCode"] == 400


def test_a_decomposed_name_is_stored_composed() -> None:
    status, created = call("POST", "/documents", body={**GOOD, "name": "e\u0301te\u0301.pdf"})
    assert (status, created["name"]) == (201, "été.pdf")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        None,
        {"Content-Type": "text/plain"},
        {"Content-Type": None},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/jsonx"},
    ],
)
def test_a_body_of_another_content_type_is_refused(headers: object) -> None:
    status, _ = call("POST", "/documents", body=GOOD, headers=headers)
    assert status == 415


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "application/json"}, {"CONTENT-TYPE": 'Application/JSON; charset="UTF-8"'}],
)
def test_the_case_of_a_header_does_not_matter(headers: object) -> None:
    status, _ = call("POST", "/documents", body=GOOD, headers=headers)
    assert status == 201


@pytest.mark.parametrize("content", [b"\x80", b"\x1f\x8b"])
def test_a_binary_body_is_refused(content: bytes) -> None:
    encoded = base64.b64encode(content).decode()
    answer = handler({**event("POST", "/documents"), "body": encoded, "isBase64Encoded": True}, None)
    assert answer["statusCode"] == 415


@pytest.mark.parametrize("path", ["/", "/document", "/documents/{id}/content"])
def test_another_path_does_not_exist(path: str) -> None:
    assert call("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/documents/{id}", "GET, DELETE"),
        ("POST", "/documents/{id}", "GET, DELETE"),
        ("DELETE", "/documents", "GET, POST"),
        ("HEAD", "/documents", "GET, POST"),
        ("OPTIONS", "/documents", "GET, POST"),
        ("get", "/documents", "GET, POST"),
    ],
)
def test_another_method_is_refused_with_those_that_are_taken(method: str, path: str, allowed: str) -> None:
    answer = handler(event(method, path, pathParameters={"id": str(uuid4())}), None)
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, allowed)


@pytest.mark.parametrize("scope", ["", "documents:write", "documents:reader", "api/documents:read", "read"])
def test_a_token_without_the_scope_for_a_method_is_refused_and_told_which(scope: str) -> None:
    caller = {"issuer": ISSUER, "subject": "alice", "exp": str(int(time.time()) + 60), "scope": scope}
    answer = handler(event("GET", "/documents", requestContext={"authorizer": caller}), None)
    assert answer["statusCode"] == 403
    assert answer["headers"]["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="documents:read"'


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/documents", "read"),
        ("POST", "/documents", "write"),
        ("GET", "/documents/{id}", "read"),
        ("DELETE", "/documents/{id}", "write"),
    ],
)
def test_each_method_needs_its_own_scope(method: str, path: str, needed: str) -> None:
    def refused(scope: str) -> bool:
        caller = {"issuer": ISSUER, "subject": "alice", "exp": str(int(time.time()) + 60), "scope": scope}
        more: dict[str, Any] = {"requestContext": {"authorizer": caller}, "pathParameters": {"id": str(uuid4())}}
        return bool(handler(event(method, path, body=GOOD, **more), None)["statusCode"] == 403)

    assert [scope for scope in ("read", "write") if not refused(f"documents:{scope}")] == [needed]


def test_a_user_pools_scopes_carry_its_resource_servers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPE_PREFIX", "api/")
    assert call("GET", "/documents")[0] == 403
    caller = {"issuer": ISSUER, "subject": "alice", "exp": str(int(time.time()) + 60), "scope": "api/documents:read"}
    assert call("GET", "/documents", requestContext={"authorizer": caller})[0] == 200


def stored(server: Server, database: str, document_id: str) -> None:
    """Mark a document as stored, as the finaliser does."""
    with server.superuser(database) as connection:
        connection.execute(
            "UPDATE documents.document SET state = 'stored', version_id = 'version-1', stored_at = now() WHERE id = %s",
            [document_id],
        )


def test_a_stored_document_is_given_out_by_an_address_of_that_version_for_a_minute(
    server: Server, database: str
) -> None:
    _, created = call("POST", "/documents", body={**GOOD, "name": 'O\'Brien "é".pdf'})
    stored(server, database, created["id"])
    status, read = call("GET", "/documents/{id}", pathParameters={"id": created["id"]})
    assert (status, read["state"]) == (200, "stored")
    assert "version_id" not in read
    query = parse_qs(urlsplit(read["download"]["url"]).query)
    assert query["versionId"] == ["version-1"]
    assert query["X-Amz-Expires"] == ["60"]
    assert read["download"]["expires_in"] == 60
    assert query["response-content-disposition"] == [
        "attachment; filename=\"O_Brien ___.pdf\"; filename*=UTF-8''O%27Brien%20%22%C3%A9%22.pdf"
    ]


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_no_address_is_given_before_a_document_is_stored(state: str, server: Server, database: str) -> None:
    _, created = call("POST", "/documents", body=GOOD)
    if state == "rejected":
        with server.superuser(database) as connection:
            connection.execute(
                "UPDATE documents.document SET state = 'rejected', reason = 'too long' WHERE id = %s", [created["id"]]
            )
    _, read = call("GET", "/documents/{id}", pathParameters={"id": created["id"]})
    assert read["state"] == state
    assert "download" not in read
    assert read.get("reason") == ("too long" if state == "rejected" else None)


class S3:
    """Stands for S3's client where the handler sends it something: what was hidden, and whether S3 is away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hidden: list[UUID] = []
        self.away = False
        monkeypatch.setattr(DocumentsBucket, "hide", self.hide)

    def hide(self, document_id: UUID) -> None:
        if self.away:
            raise EndpointConnectionError(endpoint_url="https://s3")
        self.hidden.append(document_id)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> S3:
    """S3, which takes delete markers."""
    return S3(monkeypatch)


def test_a_deleted_document_is_gone_for_its_owner_and_hidden_in_the_bucket(
    s3: S3, server: Server, database: str
) -> None:
    _, created = call("POST", "/documents", subject="dora", body=GOOD)
    stored(server, database, created["id"])
    path = {"id": created["id"]}
    answer = handler(event("DELETE", "/documents/{id}", subject="dora", pathParameters=path), None)
    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert s3.hidden == [UUID(created["id"])]
    assert call("GET", "/documents/{id}", subject="dora", pathParameters=path)[0] == 404
    assert call("GET", "/documents", subject="dora")[1]["documents"] == []
    assert call("DELETE", "/documents/{id}", subject="dora", pathParameters=path)[0] == 404
    with server.superuser(database) as connection:
        rows = connection.execute(
            "SELECT action, owner FROM documents.audit_record WHERE document_id = %s ORDER BY id", [created["id"]]
        ).fetchall()
    assert rows == [{"action": action, "owner": f"{ISSUER}|dora"} for action in ("created", "deleted")]


def test_what_was_recorded_is_copied_to_the_log_once_it_is_committed(s3: S3, log: Log) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "recorded-once"}
    made = [call("POST", "/documents", subject="lena", body=GOOD, headers=headers)[1] for _ in range(2)]
    handler(event("DELETE", "/documents/{id}", subject="lena", pathParameters={"id": made[0]["id"]}), None)
    copied = [(line["action"], line["document"]) for line in log.lines if line["message"] == "audit"]
    assert copied == [("created", made[0]["id"]), ("deleted", made[0]["id"])]


def test_anothers_document_cannot_be_deleted_and_looks_like_none(s3: S3) -> None:
    _, created = call("POST", "/documents", subject="alice", body=GOOD)
    answers = [
        handler(event("DELETE", "/documents/{id}", subject="bob", pathParameters={"id": identifier}), None)
        for identifier in (created["id"], str(uuid4()), "not-an-id", "")
    ]
    assert answers[0]["statusCode"] == 404
    assert all(answer == answers[0] for answer in answers)
    assert s3.hidden == []
    assert call("GET", "/documents/{id}", pathParameters={"id": created["id"]})[0] == 200


def test_a_deletion_counts_even_while_s3_is_away(s3: S3) -> None:
    _, created = call("POST", "/documents", body=GOOD)
    s3.away = True
    answer = handler(event("DELETE", "/documents/{id}", pathParameters={"id": created["id"]}), None)
    assert answer["statusCode"] == 204
    assert call("GET", "/documents/{id}", pathParameters={"id": created["id"]})[0] == 404


@pytest.mark.usefixtures("s3")
def test_a_page_goes_on_after_a_document_that_was_deleted_meanwhile() -> None:
    made = [call("POST", "/documents", subject="erin", body=GOOD)[1]["id"] for _ in range(3)]
    _, page = call("GET", "/documents", subject="erin", queryStringParameters={"limit": "1"})
    handler(event("DELETE", "/documents/{id}", subject="erin", pathParameters={"id": page["next"]}), None)
    _, following = call("GET", "/documents", subject="erin", queryStringParameters={"after": page["next"]})
    assert [document["id"] for document in following["documents"]] == made[1::-1]


def test_a_database_that_is_away_is_a_503_that_says_when_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PORT", "1")
    monkeypatch.setattr(api, "service", api.service.__wrapped__)
    answer = handler(event("GET", "/documents"), None)
    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == "2"


def test_an_error_of_ours_tells_the_caller_nothing_of_the_inside(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    def broken() -> api.Service:
        raise RuntimeError("inside")

    monkeypatch.setattr(api, "service", broken)
    answer = handler(event("GET", "/documents"), None)
    assert answer["statusCode"] == 500
    assert "inside" not in answer["body"] + log.text


def test_neither_body_nor_token_nor_names_reach_the_log(log: Log) -> None:
    context = {"extendedRequestId": TRACE}
    posted = event("POST", "/documents", body={**GOOD, "name": "secret-name.pdf"})
    posted["requestContext"] |= context
    handler(posted, None)
    call("POST", "/documents", body={**GOOD, "name": 7})
    answered = [line for line in log.lines if line["message"] == "answered"]
    assert [(line["method"], line["route"], line["status"]) for line in answered] == [
        ("POST", "/documents", 201),
        ("POST", "/documents", 400),
    ]
    assert [line.get("correlation_id") for line in answered] == [TRACE, None]
    for secret in ("secret", "alice", "application/pdf", ISSUER, GOOD["sha256"]):
        assert str(secret) not in log.text


def test_ids_are_made_by_the_server() -> None:
    _, created = call("POST", "/documents", body=GOOD)
    assert UUID(created["id"]).version == 4


@with_rest_api
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://app.example.com", "https://app.example.com"), ("https://evil.example.com", None), (None, None)],
)
def test_pages_of_the_named_origins_alone_may_read_an_answer_and_an_error(
    origin: str | None, allowed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Content-Type": "application/json", **({"origin": origin} if origin else {})}
    for method in ("GET", "PUT"):
        assert "Vary" not in handler(event(method, "/documents", headers=headers), None)["headers"]
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example.com https://b.example.com")
    for method in ("GET", "PUT"):
        answer = handler(event(method, "/documents", headers=headers), None)
        assert answer["headers"].get("Access-Control-Allow-Origin") == allowed
        assert answer["headers"]["Vary"] == "Origin"


def test_the_same_request_with_the_same_key_makes_one_document_and_a_form_that_works_now() -> None:
    headers = {"Content-Type": "application/json", "idempotency-KEY": "attempt-1"}
    _, first = call("POST", "/documents", subject="fred", body=GOOD, headers=headers)
    status, second = call("POST", "/documents", subject="fred", body=GOOD, headers=headers)
    assert status == 201
    assert second["id"] == first["id"]
    assert second["upload"]["fields"]["key"] == first["upload"]["fields"]["key"]
    assert len(call("GET", "/documents", subject="fred")[1]["documents"]) == 1


@with_rest_api
def test_the_same_request_many_times_at_once_makes_one_document(database: str) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "at-once"}
    request = event("POST", "/documents", subject="gina", body=GOOD, headers=headers)
    services = [api.service.__wrapped__() for _ in range(6)]
    with ThreadPoolExecutor(len(services)) as pool:
        answers = list(pool.map(lambda one: one.create(f"{ISSUER}|gina", request), services))
    for one in services:
        one._database.close()
    assert len({json.loads(answer["body"])["id"] for answer in answers}) == 1
    assert len(call("GET", "/documents", subject="gina")[1]["documents"]) == 1


def test_a_key_that_was_used_for_another_document_is_refused() -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "used"}
    call("POST", "/documents", subject="hugo", body=GOOD, headers=headers)
    status, problem = call("POST", "/documents", subject="hugo", body={**GOOD, "size": 13}, headers=headers)
    assert (status, problem["detail"]) == (422, "this Idempotency-Key was used for another document; use a new one")
    assert call("POST", "/documents", subject="ines", body={**GOOD, "size": 13}, headers=headers)[0] == 201


@pytest.mark.usefixtures("s3")
def test_a_key_whose_document_was_deleted_brings_nothing_back() -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "deleted"}
    _, made = call("POST", "/documents", body=GOOD, headers=headers)
    handler(event("DELETE", "/documents/{id}", pathParameters={"id": made["id"]}), None)
    status, problem = call("POST", "/documents", body=GOOD, headers=headers)
    assert (status, problem["detail"]) == (409, "the document of this Idempotency-Key was deleted; use a new one")


def test_a_request_that_is_repeated_after_its_upload_gets_the_document_without_a_form(
    server: Server, database: str
) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "stored"}
    _, made = call("POST", "/documents", body=GOOD, headers=headers)
    stored(server, database, made["id"])
    status, again = call("POST", "/documents", body=GOOD, headers=headers)
    assert (status, again["id"], again["state"]) == (201, made["id"], "stored")
    assert "upload" not in again


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 129, "a\n"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    status, problem = call("POST", "/documents", body=GOOD, headers=headers)
    assert (status, problem["detail"]) == (400, "Idempotency-Key must be 1 to 128 visible ASCII characters")


@pytest.mark.parametrize(
    ("variable", "number", "told", "retry_after"),
    [
        ("MAX_PENDING", 3, "upload or delete some of the 3 documents", "300"),
        ("MAX_BYTES", 3 * GOOD_SIZE, "delete documents: yours may have 36 bytes together", None),
        ("MAX_ANNOUNCED_PER_MINUTE", 3, "announce no more than 3 documents a minute", "60"),
    ],
)
def test_a_caller_who_has_all_that_one_may_have_is_told_so_and_nobody_else_is(
    variable: str, number: int, told: str, retry_after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(number))
    monkeypatch.setattr(api, "service", functools.cache(api.service.__wrapped__))
    subject = f"limited by {variable}"
    assert [call("POST", "/documents", subject=subject, body=GOOD)[0] for _ in range(3)] == [201] * 3
    answer = handler(event("POST", "/documents", subject=subject, body=GOOD), None)
    assert answer["statusCode"] == 429
    assert told in json.loads(answer["body"])["detail"]
    assert answer["headers"].get("Retry-After") == retry_after
    assert len(call("GET", "/documents", subject=subject)[1]["documents"]) == 3
    assert call("POST", "/documents", subject=f"not {subject}", body=GOOD)[0] == 201
    api.service()._database.close()


@pytest.mark.usefixtures("s3")
def test_what_was_deleted_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_PENDING", "1")
    monkeypatch.setattr(api, "service", functools.cache(api.service.__wrapped__))
    _, made = call("POST", "/documents", subject="judy", body=GOOD)
    assert call("POST", "/documents", subject="judy", body=GOOD)[0] == 429
    handler(event("DELETE", "/documents/{id}", subject="judy", pathParameters={"id": made["id"]}), None)
    assert call("POST", "/documents", subject="judy", body=GOOD)[0] == 201
    api.service()._database.close()


@with_rest_api
def test_requests_at_once_do_not_get_past_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_PENDING", "3")
    services = [api.service.__wrapped__() for _ in range(8)]
    request = event("POST", "/documents", subject="kim", body=GOOD)

    def create(one: api.Service) -> int:
        try:
            return int(one.create(f"{ISSUER}|kim", request)["statusCode"])
        except Problem as problem:
            return int(problem.status)

    with ThreadPoolExecutor(len(services)) as pool:
        statuses = list(pool.map(create, services))
    for one in services:
        one._database.close()
    assert sorted(statuses) == [201] * 3 + [429] * 5


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1.5"])
def test_a_limit_of_the_environment_that_is_none_is_an_error(text: str) -> None:
    environment = {"MAX_PENDING": text, "MAX_BYTES": "1", "MAX_ANNOUNCED_PER_MINUTE": "1"}
    with pytest.raises(EnvironmentVariableError, match="MAX_PENDING"):
        Limits.read(environment)


def test_a_body_of_more_than_8_kib_is_refused_before_it_is_read() -> None:
    status, problem = call("POST", "/documents", body={**GOOD, "name": "é" * 5000})
    assert (status, problem["detail"]) == (413, "send no more than 8192 bytes")
