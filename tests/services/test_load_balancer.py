"""What only a load balancer's events can bring: its sender, its tokens, and nothing of path, query and body decoded."""

import base64
import json
import time
from typing import Any
from uuid import uuid4

import pytest

from services.documents.environment import EnvironmentVariableError
from services.documents.handler import MAX_PAGE, handler
from services.documents.load_balancer import LoadBalancer
from services.documents.models import Document, Page
from tests.services.conftest import Log
from tests.services.edges import AUDIENCE, GROUP, SENDER, environment, token

pytestmark = pytest.mark.usefixtures("function", "behind_load_balancer")

ISSUER = "https://login.example.com/"
GOOD = {"name": "report.pdf", "type": "application/pdf", "size": 12, "sha256": "ab" * 32}
#: The most that a function may answer a load balancer.
ONE_MB = 1024 * 1024


@pytest.fixture
def behind_load_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(ISSUER).items():
        monkeypatch.setenv(name, value)


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a good token; a change to None leaves the claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 300,
        "scope": "documents:read documents:write",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def event(
    method: str = "GET",
    path: str = "/documents",
    *,
    bearer: str | None = None,
    headers: dict[str, list[str]] | None = None,
    query: dict[str, list[str]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    sent = {
        "authorization": [f"Bearer {token(claims()) if bearer is None else bearer}"],
        "content-type": ["application/json"],
        **(headers or {}),
    }
    return {
        "requestContext": {"elb": {"targetGroupArn": SENDER}},
        "httpMethod": method,
        "path": path,
        "multiValueQueryStringParameters": query or {},
        "multiValueHeaders": sent,
        "body": "",
        "isBase64Encoded": False,
        **more,
    }


def status(sent: dict[str, Any]) -> int:
    return int(handler(sent, None)["statusCode"])


def test_a_good_token_gets_an_answer_as_a_load_balancer_takes_it() -> None:
    answer = handler(event("POST", body=json.dumps(GOOD)), None)
    assert (answer["statusCode"], answer["statusDescription"]) == (201, "201 Created")
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert answer["multiValueHeaders"]["Location"] == [f"/documents/{json.loads(answer['body'])['id']}"]
    # With multi-value headers a load balancer reads these only.
    assert "headers" not in answer
    assert answer["isBase64Encoded"] is False


@pytest.mark.parametrize(
    "context",
    [
        {},
        None,
        {"elb": None},
        {"elb": {}},
        {"elb": {"targetGroupArn": None}},
        {"elb": {"targetGroupArn": ""}},
        {"elb": {"targetGroupArn": GROUP}},
        {"elb": {"targetGroupArn": f"{GROUP}/"}},
        {"elb": {"targetGroupArn": f"{GROUP}/*"}},
        {"elb": {"targetGroupArn": f"{GROUP}-2/73e2d6bc24d8a067"}},
        {"elb": {"targetGroupArn": f"{GROUP}/a/73e2d6bc24d8a067"}},
        {"elb": {"targetGroupArn": SENDER.replace("111122223333", "444455556666")}},
        {"elb": {"targetGroupArn": SENDER.replace("eu-central-1", "us-east-1")}},
        {"elb": {"targetGroupArn": f"x{SENDER}"}},
        {"elb": {"targetGroupArn": f"{SENDER}\n"}},
        # As the REST API would vouch for a caller.
        {"authorizer": {"issuer": ISSUER, "subject": "alice", "exp": "99999999999", "scope": "documents:read"}},
    ],
)
def test_an_event_of_another_target_group_or_of_none_is_refused_whatever_it_holds(context: object, log: Log) -> None:
    answer = handler(event(requestContext=context), None)
    assert answer["statusCode"] == 403
    assert "documents" not in json.loads(answer["body"])


def test_without_a_load_balancer_its_events_speak_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TARGET_GROUP_ARN")
    assert status(event()) == 401


@pytest.mark.parametrize("name", ["TARGET_GROUP_ARN", "ISSUER", "AUDIENCE", "AUDIENCE_CLAIM"])
def test_a_variable_that_is_missing_lets_nobody_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    with pytest.raises(EnvironmentVariableError, match=name):
        handler(event(), None)


# So far away that no test waits for it, however long the others take.
NOW, DAY = int(time.time()), 86_400


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://login.example.com"},
        {"iss": "https://evil.example.com/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "orders"},
        {"aud": ["orders"]},
        {"aud": None},
        {"aud": f"{AUDIENCE} "},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a" * 256},
        {"sub": "a\nb"},
        {"sub": "a\ud800"},
        {"exp": None},
        {"exp": NOW - 1},
        {"exp": str(NOW + DAY)},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": -1},
        {"iat": None},
        {"iat": NOW + DAY},
        {"iat": "1"},
        {"nbf": NOW + DAY},
        {"nbf": True},
        {"iat": -float("inf")},
        {"nbf": -float("inf")},
        {"token_use": "id"},
        {"scope": {"documents:read": True}},
        {"scope": ["documents:read", 1]},
        {"scope": ["documents:read documents:write"]},
    ],
)
def test_a_claim_that_is_not_right_is_refused_though_the_load_balancer_let_it_through(changes: dict[str, Any]) -> None:
    answer = handler(event(bearer=token(claims(**changes))), None)
    assert answer["statusCode"] == 401
    assert answer["multiValueHeaders"]["WWW-Authenticate"] == ["Bearer"]


@pytest.mark.parametrize(
    "changes",
    [{"aud": ["orders", AUDIENCE]}, {"exp": NOW + DAY + 0.5}, {"nbf": NOW}, {"scope": None, "scp": ["documents:read"]}],
)
def test_claims_as_other_issuers_write_them_are_taken(changes: dict[str, Any]) -> None:
    assert status(event(bearer=token(claims(**changes)))) == 200


@pytest.mark.parametrize(
    "scope", [["documents:write\tdocuments:read"], "documents:write\tdocuments:read", "a\u00a0documents:read"]
)
def test_no_other_white_space_than_a_space_makes_two_scopes_of_one(scope: object) -> None:
    assert status(event(bearer=token(claims(scope=scope)))) == 403


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"alg": None},
        {"crit": ["exp"]},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
    ],
)
def test_a_kind_of_token_that_the_load_balancer_cannot_have_verified_is_refused(header: dict[str, Any]) -> None:
    assert status(event(bearer=token(claims(), **header))) == 401


@pytest.mark.parametrize(
    "authorization",
    [
        [],
        [""],
        ["Basic YWxpY2U6c2VjcmV0"],
        ["Bearer"],
        ["Bearer a.b"],
        ["Bearer a.b.c"],
        ["Bearer W10.W10.c2ln"],
        [f"Bearer {token([])}"],
        [f"Bearer {token(claims())}, Bearer {token(claims(sub='bob'))}"],
        [f"Bearer {token(claims())}", f"Bearer {token(claims(sub='bob'))}"],
        [f"Bearer {token(claims(more='x' * 8192))}"],
        ["Bearer eyJhbGciOiJSUzI1NiJ9." + base64.urlsafe_b64encode(b'{"a":' * 900).decode().rstrip("=") + ".c2ln"],
    ],
)
def test_what_is_no_single_bearer_token_is_refused(authorization: list[str]) -> None:
    assert status(event(headers={"authorization": authorization})) == 401


def test_a_time_beyond_all_numbers_is_refused() -> None:
    """Python's JSON makes infinity of it."""
    written = json.dumps(claims(exp="never")).replace('"never"', "1e999").encode()
    header, _, signature = token(claims()).split(".")
    endless = f"{header}.{base64.urlsafe_b64encode(written).decode().rstrip('=')}.{signature}"
    assert status(event(bearer=endless)) == 401


def test_two_authorization_headers_are_refused_whichever_case_they_are_in() -> None:
    other = {"Authorization": [f"Bearer {token(claims(sub='bob'))}"]}
    assert status(event(headers=other)) == 401


def test_an_access_token_of_a_user_pool_is_known_by_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIENCE_CLAIM", "client_id")
    monkeypatch.setenv("AUDIENCE", "a-client")
    access = {"aud": None, "client_id": "a-client", "token_use": "access"}
    assert status(event(bearer=token(claims(**access)))) == 200
    for change in ({"client_id": "another"}, {"client_id": None}, {"token_use": "id"}, {"token_use": None}):
        assert status(event(bearer=token(claims(**{**access, **change})))) == 401
    assert status(event(bearer=token(claims(aud="a-client")))) == 401


def created() -> str:
    return str(json.loads(handler(event("POST", body=json.dumps(GOOD)), None)["body"])["id"])


def test_a_path_is_decoded_after_it_is_split() -> None:
    document_id = created()
    encoded = "".join(f"%{ord(character):02x}" for character in document_id)
    assert status(event(path=f"/documents/{document_id}")) == 200
    assert status(event(path=f"/documents/{encoded}")) == 200
    assert status(event(path=f"/%64ocuments/{document_id}")) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/documents/{id}/",
        "/documents%2f{id}",
        "/documents/{id}%2F",
        "/documents/%2e%2e/documents/{id}",
        "/documents//{id}",
        "//documents/{id}",
        "documents/{id}",
        "/documents/{id}?x=1",
        "/documents/{id}%00",
        "/documents/%25{id}",
        "/documents/{id}%ff",
        "/DOCUMENTS/{id}",
        "",
        "/",
    ],
)
def test_a_path_that_only_looks_like_a_documents_is_none(path: str) -> None:
    assert status(event(path=path.replace("{id}", created()))) == 404


def test_names_and_values_of_the_query_are_decoded() -> None:
    created()
    created()
    answer = handler(event(query={"%6cimit": ["%31"]}), None)
    assert len(json.loads(answer["body"])["documents"]) == 1
    assert status(event(query={"limit": ["1+"]})) == 400
    assert status(event(query={"limit": ["%D9%A3"]})) == 400


def test_a_plus_in_the_query_is_a_space_as_it_is_behind_the_rest_api() -> None:
    balanced = LoadBalancer.read(environment(ISSUER))
    assert balanced is not None
    told = balanced.event(event(query={"a+b": ["1+2", "%2B"]}))
    assert told["multiValueQueryStringParameters"] == {"a b": ["1 2", "+"]}


@pytest.mark.parametrize("query", [{"limit": ["1", "2"]}, {"limit": ["1"], "%6cimit": ["1"]}, {"after": ["a", "b"]}])
def test_a_parameter_that_is_sent_twice_is_refused(query: dict[str, list[str]]) -> None:
    assert status(event(query=query)) == 400


def test_a_parameter_that_is_sent_twice_is_refused_behind_the_rest_api_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TARGET_GROUP_ARN")
    caller = {"issuer": ISSUER, "subject": "alice", "exp": str(NOW + DAY), "scope": "documents:read"}
    sent = {
        "httpMethod": "GET",
        "resource": "/documents",
        "queryStringParameters": {"limit": "2"},
        "multiValueQueryStringParameters": {"limit": ["1", "2"]},
        "requestContext": {"authorizer": caller},
    }
    assert status(sent) == 400
    assert status({**sent, "multiValueQueryStringParameters": {"limit": ["2"]}}) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content-type": ["application/json", "text/plain"]}, 415),
        ({"content-type": ["text/plain"], "Content-Type": ["application/json"]}, 415),
        ({"idempotency-key": ["a", "b"]}, 400),
    ],
)
def test_a_header_that_is_sent_twice_is_not_the_one_or_the_other(headers: dict[str, list[str]], expected: int) -> None:
    assert status(event("POST", headers=headers, body=json.dumps(GOOD))) == expected


def encoded(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


def test_a_body_that_the_load_balancer_encoded_is_read_all_the_same() -> None:
    headers = {"content-type": ["application/json; charset=utf-8"]}
    body = encoded(json.dumps({**GOOD, "name": "été.pdf"}, ensure_ascii=False))
    answer = handler(event("POST", headers=headers, body=body, isBase64Encoded=True), None)
    assert json.loads(answer["body"])["name"] == "été.pdf"


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"content-encoding": ["gzip"]}, encoded(json.dumps(GOOD)), 415),
        ({}, "%%%", 415),
        ({}, base64.b64encode(b"\xff").decode(), 415),
        ({"content-type": ["application/octet-stream"]}, encoded(json.dumps(GOOD)), 415),
        ({}, encoded(json.dumps({**GOOD, "name": "a" * 8192})), 413),
        ({}, encoded("{"), 400),
    ],
)
def test_an_encoded_body_is_held_to_the_same_rules(headers: dict[str, list[str]], body: str, expected: int) -> None:
    assert status(event("POST", headers=headers, body=body, isBase64Encoded=True)) == expected


def test_the_health_check_of_a_target_group_gets_no_further_than_anybody_without_a_token() -> None:
    check = event(path="/", headers={"authorization": [], "user-agent": ["ELB-HealthChecker/2.0"]})
    assert status(check) == 401


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ("Root=1-67891233-abcdef012345678912345678", "1-67891233-abcdef012345678912345678"),
        (
            "Self=1-67891234-12456789abcdef012345678a;Root=1-67891233-abcdef012345678912345678",
            "1-67891234-12456789abcdef012345678a",
        ),
        ('Root=1-67891233-x"}', None),
        ("Root=1-67891233-abcdef012345678912345678 and more", None),
        ("", None),
    ],
)
def test_a_line_of_the_log_carries_the_trace_id_and_nothing_else_that_a_client_sends(
    sent: str, known: str | None, log: Log
) -> None:
    handler(event(headers={"x-amzn-trace-id": [sent]}), None)
    (line,) = [line for line in log.lines if line["message"] == "answered"]
    assert line.get("correlation_id") == known
    assert (line["method"], line["route"], line["status"]) == ("GET", "/documents", 200)


def test_an_error_of_ours_is_an_answer_as_a_load_balancer_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.documents.handler.service", lambda: 1 / 0)
    answer = handler(event(), None)
    assert (answer["statusCode"], answer["statusDescription"]) == (500, "500 Internal Server Error")
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]


def test_the_largest_page_is_far_below_what_a_load_balancer_takes() -> None:
    longest = Document(
        id=uuid4(),
        name="\U0001f600" * 255,
        type=f"{'a' * 63}/{'b' * 63}",
        size=104_857_600,
        sha256="ab" * 32,
        state="rejected",
        created_at="2026-11-25T12:00:00.123456+00:00",
        stored_at="2026-11-25T12:00:00.123456+00:00",
        reason="r" * 1000,
    )
    page = Page(documents=[longest] * MAX_PAGE, next=uuid4())
    assert len(json.dumps({"body": page.model_dump_json()})) < ONE_MB / 2
