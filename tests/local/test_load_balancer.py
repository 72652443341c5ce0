"""The documents behind a load balancer, deployed to a local AWS of its own and called as a client would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deployment.walk import Answer
from local import issuer
from tests.conftest import ROOT
from tests.local.conftest import LocalAws, new_local_aws
from tests.local.documents import Caller
from tests.services.edges import token as unsigned

PROFILE = str(ROOT / "tests/profiles/load-balancer.toml")
CONTENT = b"behind a load balancer\n"
NAME = "documents.example.com"
HTML, PROBLEM = "text/html", "application/problem+json"


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[LocalAws, str]]:
    """A local AWS with the load balancer, and what the deploy said."""
    for aws in new_local_aws(PROFILE):
        done = aws.run("deploy")
        if done.returncode != 0:
            pytest.fail(f"deploy failed:\n{done.stdout}\n{aws.logs()}")
        yield aws, done.stdout


@pytest.fixture(scope="module")
def balanced(deployed: tuple[LocalAws, str]) -> LocalAws:
    return deployed[0]


@pytest.fixture(scope="module")
def alice(balanced: LocalAws) -> Caller:
    return Caller.named(balanced, "alice")


def token(aws: LocalAws, **changes: Any) -> str:
    """Return a token of the local issuer with other claims than a good one."""
    (line,) = (line for line in aws.ask("status").splitlines() if line.startswith("issuer"))
    good = {"issuer": line.split()[1], "audience": "documents", "user": "alice"}
    return issuer.token(aws.folder / "issuer.key", **{**good, **changes})


def kind(answer: Answer) -> str:
    """Return what kind of text an answer is: the load balancer's own are other ones than the handler's."""
    return {name.lower(): value for name, value in answer.headers.items()}["content-type"]


def test_a_deploy_walks_through_all_that_the_rest_api_does(deployed: tuple[LocalAws, str]) -> None:
    _, said = deployed
    walk = [line for line in said.splitlines() if line.startswith(("  GET ", "  POST ", "  DELETE "))]
    answers = [next(word for word in line.split() if word.isdecimal() and len(word) == 3) for line in walk]
    assert {"401", "400", "201", "404", "204", "200"} <= set(answers), said
    assert "EXPECTED" not in said


def test_what_was_stored_is_listed_read_and_deleted(balanced: LocalAws, alice: Caller) -> None:
    document = alice.created(CONTENT)
    assert alice.upload(document, CONTENT).status == HTTPStatus.NO_CONTENT
    assert document["id"] in alice.ids()
    path = f"/documents/{document['id']}"
    assert balanced.api.call("GET", path, token=alice.token).status == HTTPStatus.OK
    assert balanced.api.call("GET", path, token=Caller.named(balanced, "bob").token).status == HTTPStatus.NOT_FOUND
    assert balanced.api.call("DELETE", path, token=alice.token).status == HTTPStatus.NO_CONTENT
    assert balanced.api.call("GET", path, token=alice.token).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "changes", [{"minutes": -1}, {"issuer": "https://login.example.com/"}, {"audience": "orders"}], ids=str
)
def test_a_token_that_has_expired_or_is_anothers_ends_at_the_load_balancer(
    balanced: LocalAws, changes: dict[str, Any]
) -> None:
    answer = balanced.api.call("GET", "/documents", token=token(balanced, **changes))
    assert (answer.status, kind(answer)) == (HTTPStatus.UNAUTHORIZED, HTML)


def test_no_token_and_one_that_another_key_signed_end_at_the_load_balancer(
    balanced: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kind(balanced.api.call("GET", "/documents")) == HTML
    monkeypatch.setattr(issuer, "_read", lambda _: rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for forged in (token(balanced), unsigned({"iss": "x"}), unsigned({"iss": "x"}, alg="none")):
        answer = balanced.api.call("GET", "/documents", token=forged)
        assert (answer.status, kind(answer)) == (HTTPStatus.UNAUTHORIZED, HTML)


def test_a_token_without_the_scope_ends_at_the_handler(balanced: LocalAws) -> None:
    reader = Caller(balanced, token(balanced, scopes="documents:read"))
    answer = reader.create(CONTENT)
    assert (answer.status, kind(answer)) == (HTTPStatus.FORBIDDEN, PROBLEM)
    assert reader.list().status == HTTPStatus.OK


def test_other_paths_names_and_ports_get_no_further_than_the_load_balancer(balanced: LocalAws, alice: Caller) -> None:
    elsewhere = {"title": "Not Found", "status": 404}
    for path in ("/", "/document", "/api/documents"):
        answer = balanced.api.call("GET", path, token=alice.token)
        assert (answer.status, answer.json) == (HTTPStatus.NOT_FOUND, elsewhere)
    headers = {"Authorization": f"Bearer {alice.token}", "Host": "other.example.com:443"}
    answer = balanced.api.send("GET", f"{balanced.url}/documents", headers=headers, data=None)
    assert (answer.status, answer.json) == (HTTPStatus.NOT_FOUND, elsewhere)


def test_an_answer_keeps_browsers_with_https_and_names_no_server(balanced: LocalAws, alice: Caller) -> None:
    headers = {name.lower(): value for name, value in alice.list().headers.items()}
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["cache-control"] == "no-store"
    assert "awselb" not in headers.get("server", "")


def test_a_path_and_a_query_reach_the_handler_as_they_were_sent_and_are_decoded_there(
    balanced: LocalAws, alice: Caller
) -> None:
    document_id = alice.created(CONTENT)["id"]
    encoded = "".join(f"%{ord(character):02X}" for character in document_id)
    assert balanced.api.call("GET", f"/documents/{encoded}", token=alice.token).status == HTTPStatus.OK
    assert balanced.api.call("GET", f"/documents/a%2F..%2F{document_id}", token=alice.token).status == 404
    # Encoded twice: what the load balancer or the handler decoded once more would be the document's id, and a number.
    twice = document_id.replace("-", "%252D")
    assert balanced.api.call("GET", f"/documents/{twice}", token=alice.token).status == HTTPStatus.NOT_FOUND
    assert balanced.api.call("GET", "/documents?limit=%2531", token=alice.token).status == HTTPStatus.BAD_REQUEST
    one = balanced.api.call("GET", "/documents?%6Cimit=%31", token=alice.token)
    assert len(one.json["documents"]) == 1
    repeated = balanced.api.call("GET", "/documents?limit=1&limit=2", token=alice.token)
    assert repeated.status == HTTPStatus.BAD_REQUEST


@pytest.fixture(scope="module")
def handler(balanced: LocalAws) -> dict[str, Any]:
    """The handler's configuration."""
    functions = balanced.client("lambda").list_functions()["Functions"]
    (found,) = (one for one in functions if one["Handler"] == "documents.handler.handler")
    return dict(found)


def invoked(balanced: LocalAws, handler: dict[str, Any], event: dict[str, Any]) -> int:
    answer = balanced.client("lambda").invoke(FunctionName=handler["FunctionName"], Payload=json.dumps(event))
    return int(json.load(answer["Payload"])["statusCode"])


def test_a_forged_event_of_another_target_group_or_of_a_rest_api_is_refused(
    balanced: LocalAws, handler: dict[str, Any], alice: Caller
) -> None:
    own = handler["Environment"]["Variables"]["TARGET_GROUP_ARN"]
    sent = {
        "httpMethod": "GET",
        "path": "/documents",
        "multiValueHeaders": {"authorization": [f"Bearer {alice.token}"]},
        "body": "",
        "isBase64Encoded": False,
    }
    elb = {"elb": {"targetGroupArn": own.replace("*", "0123456789abcdef")}}
    assert invoked(balanced, handler, {**sent, "requestContext": elb}) == HTTPStatus.OK
    forged = {"elb": {"targetGroupArn": own.replace("targetgroup/", "targetgroup/x").replace("*", "0123456789abcdef")}}
    assert invoked(balanced, handler, {**sent, "requestContext": forged}) == HTTPStatus.FORBIDDEN
    vouched = {"issuer": "https://a", "subject": "alice", "exp": "99999999999", "scope": "documents:read"}
    rest = {**sent, "resource": "/documents", "requestContext": {"authorizer": vouched}}
    assert invoked(balanced, handler, rest) == HTTPStatus.FORBIDDEN


@contextmanager
def another_way_in(balanced: LocalAws, function: str) -> Iterator[str]:
    """Forward port 8443 to the handler by a target group of one's own, without a look at the token; yield its ARN."""
    elb = balanced.client("elbv2")
    (load_balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (group,) = elb.create_target_group(Name="another", TargetType="lambda")["TargetGroups"]
    arn = group["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": function}])
    (listener,) = elb.create_listener(
        LoadBalancerArn=load_balancer["LoadBalancerArn"],
        Port=8443,
        Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )["Listeners"]
    try:
        yield arn
    finally:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])
        elb.delete_target_group(TargetGroupArn=arn)


def test_another_target_group_may_not_call_the_handler_and_gets_nothing_of_it_when_it_may(
    balanced: LocalAws, handler: dict[str, Any], alice: Caller
) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Host": f"{NAME}:8443"}
    functions = balanced.client("lambda")
    with another_way_in(balanced, handler["FunctionArn"]) as group:

        def answer() -> Answer:
            return balanced.api.send("GET", f"{balanced.url}/documents", headers=headers, data=None)

        assert answer().status == HTTPStatus.BAD_GATEWAY
        statement = f"opened-{uuid4().hex}"
        functions.add_permission(
            FunctionName=handler["FunctionName"],
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal="elasticloadbalancing.amazonaws.com",
            SourceArn=group,
        )
        try:
            refused = answer()
        finally:
            functions.remove_permission(FunctionName=handler["FunctionName"], StatementId=statement)
        assert (refused.status, refused.json["detail"]) == (
            HTTPStatus.FORBIDDEN,
            "this is answered to its own load balancer only",
        )
