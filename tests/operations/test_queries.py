"""Each saved query is one that CloudWatch takes, asks for fields that its logs have, and finds what it is to find."""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from secure_backend.api.logs import access_log_format
from secure_backend.authorizer.handler import UnauthorizedError
from secure_backend.operations import queries
from secure_backend.operations.queries import Question
from secure_backend.trail.cis_benchmark import CIS_ALARMS
from tests.conftest import ROOT
from tests.operations import logs
from tests.operations.insights import DISCOVERED, QueryError, discovered, read

VPC = queries.rejected_flows("10.20.0.0/16")
QUESTIONS = [value for value in vars(queries).values() if isinstance(value, Question)]
ACCESS_LOG: dict[str, str] = json.loads(access_log_format().to_string())


def found(question: Question, lines: Mapping[str, str]) -> set[str]:
    """Return the names of the lines that the query finds."""
    events = [{**discovered(line), "name": name} for name, line in lines.items()]
    return {event["name"] for event in read(question.text).matching(events)}


def fields_of(events: Iterable[Mapping[str, Any]]) -> set[str]:
    return {name for event in events for name in event} | DISCOVERED


def access(**values: str) -> str:
    return json.dumps({**dict.fromkeys(ACCESS_LOG, "-"), **values})


@pytest.mark.parametrize("question", [*QUESTIONS, VPC], ids=lambda question: question.name)
def test_each_query_is_one_that_cloudwatch_takes(question: Question) -> None:
    assert read(question.text).commands[-1] == "limit"
    assert len(question.text) <= 10_000


@pytest.mark.parametrize(
    "text",
    [
        "filter status > ",
        "filter status",
        "where status = 1",
        "stats count(*) as n by a | filter n > 1",
        "stats median(a) as m by b",
        'filter lower(a) = "x"',
        "parse @message /no group/",
        "fields @timestamp | sort @timestamp",
        "limit 20000",
        'filter @requestID = "x"',
        "filter a like b",
        "filter a = 'unclosed",
        "fields a + 1 as b",
        'filter a = "x" limit 10',
    ],
)
def test_a_query_that_cloudwatch_would_not_take_or_nobody_has_looked_up_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        read(text)


@pytest.mark.parametrize("question", [queries.REFUSED_REQUESTS, queries.SLOWEST_REQUESTS], ids=lambda one: one.name)
def test_the_access_log_has_what_is_asked_of_it(question: Question) -> None:
    assert read(question.text).reads <= set(ACCESS_LOG) | DISCOVERED


def test_a_refused_request_is_found_and_an_answered_or_failed_one_is_not() -> None:
    lines = {status: access(status=status) for status in ("200", "201", "400", "401", "403", "404", "429", "500")}
    assert found(queries.REFUSED_REQUESTS, lines) == {"400", "401", "403", "404", "429"}


def test_one_request_is_found_in_every_log_that_it_passes() -> None:
    """By the id in x-amz-apigw-id, or by the other one that the access log holds beside it."""
    lines = {
        "access": access(extendedRequestId="REQUEST-ID"),
        "execution": "(REQUEST-ID) Execution failed due to a timeout error",
        "service": json.dumps({"message": "answered", "correlation_id": "REQUEST-ID"}),
        "another": access(extendedRequestId="another"),
    }
    assert found(queries.ONE_REQUEST, lines) == {"access", "execution", "service"}


def test_why_a_token_was_refused_is_found_in_what_the_authorizer_writes() -> None:
    source = ast.parse((ROOT / "constructs/secure_backend/authorizer/handler.py").read_text())
    written = [
        node.args[0].value
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "logger" and node.func.attr != "setLevel"
        if isinstance(node.args[0], ast.Constant)
    ]
    assert len(written) >= 3
    lines = {str(text): json.dumps({"level": "INFO", "message": str(text)}) for text in written}
    assert found(queries.REFUSED_TOKENS, {**lines, "else": json.dumps({"message": "fetched keys"})}) == set(lines)


def test_failures_timeouts_and_exceptions_of_functions_are_found_with_their_kind() -> None:
    own = json.dumps({"level": "ERROR", "message": "failed", "error": "OperationalError", "correlation_id": "1"})
    fine = json.dumps({"level": "INFO", "message": "answered", "status": 200})
    lines = {**logs.LAMBDA, "own": own, "fine": fine}
    assert found(queries.FUNCTION_ERRORS, lines) == {"timeout", "exception", "own"}
    kinds = {
        event["kind"] for event in read(queries.FUNCTION_ERRORS.text).matching(discovered(x) for x in lines.values())
    }
    assert kinds == {"timeout", "SweepError", "OperationalError"}


def test_an_exception_is_found_by_its_text_and_a_refused_token_is_none() -> None:
    """Lambda writes an exception that nobody caught without a message, and a report of the call beside it."""

    def uncaught(kind: str, text: str) -> str:
        return json.dumps({"level": "ERROR", "errorType": kind, "errorMessage": text, "requestId": "r-4"})

    def report(kind: str) -> str:
        return json.dumps({"type": "platform.report", "record": {"status": "error", "errorType": kind}})

    lines = {
        "crash": uncaught("SweepError", "3 of 5"),
        "its-report": report("SweepError"),
        "token": uncaught("UnauthorizedError", "Unauthorized"),
        "its-own-report": report("UnauthorizedError"),
    }
    events = read(queries.FUNCTION_ERRORS.text).matching(discovered(line) for line in lines.values())
    assert [event["what"] for event in events] == ["3 of 5", "platform.report"]
    assert UnauthorizedError.__name__ == "UnauthorizedError", "the query knows it by its name"


def test_what_the_web_acl_blocked_is_found() -> None:
    assert read(queries.BLOCKED_BY_WEB_ACL.text).reads <= fields_of(discovered(x) for x in logs.WEB_ACL.values())
    assert found(queries.BLOCKED_BY_WEB_ACL, logs.WEB_ACL) == {"BLOCK"}


def test_a_flow_is_found_that_was_rejected_between_two_addresses_of_the_vpc() -> None:
    assert read(VPC.text).reads <= {*logs.FLOW_LOG, *DISCOVERED}
    rejected = read(VPC.text).matching(logs.flow(line) for line in logs.FLOWS.values())
    assert [event["@message"] for event in rejected] == [logs.FLOWS["between-tiers"]]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        (queries.CHANGES_IN_THE_ACCOUNT, {"key-deletion", "policy", "security-group", "refused", "root"}),
        (queries.DESTRUCTIVE_CALLS, {"key-deletion", "security-group", "refused"}),
        (queries.REFUSED_CALLS, {"refused", "denied"}),
        (queries.WHO_TOUCHED_AN_OBJECT, {"upload", "download"}),
        (queries.WHAT_ONE_IDENTITY_DID, {"sign-in", "root"}),
        (queries.SIGN_INS_TO_THE_ACCOUNT, {"sign-in", "root"}),
    ],
    ids=lambda value: value.name if isinstance(value, Question) else "",
)
def test_the_trail_tells(question: Question, names: set[str]) -> None:
    assert read(question.text).reads <= fields_of(discovered(line) for line in logs.TRAIL.values())
    assert found(question, logs.TRAIL) == names


#: Events that a section of docs/alarms.md sends its reader to look for, beside those that an alarm counts.
LOOKED_FOR = ("ChangeResourceRecordSets", "DeleteCertificate", "DeactivateMFADevice", "RunInstances", "PurgeQueue")


def test_every_change_that_an_alarm_counts_or_a_section_names_is_found_among_the_changes() -> None:
    page = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=\n##|\Z)", page, re.MULTILINE | re.DOTALL))
    counted = {
        name
        for row in CIS_ALARMS
        if f"`{queries.CHANGES_IN_THE_ACCOUNT.name}`" in sections[row.name]
        for name in re.findall(r"\$\.eventName\s*=\s*\"?(\w+)", row.pattern)
    }
    assert counted >= {"StopLogging", "AcceptVpcPeeringConnection", "LeaveOrganization"}
    lines = {name: logs.record(eventSource="any.amazonaws.com", eventName=name) for name in (*counted, *LOOKED_FOR)}
    assert found(queries.CHANGES_IN_THE_ACCOUNT, lines) == set(lines)


def test_what_only_looks_or_signs_in_is_no_change() -> None:
    names = ("AssumeRole", "GetObject", "ListKeys", "DescribeVpcs", "Decrypt", "GenerateDataKey", "LookupEvents")
    lines = {name: logs.record(eventSource="any.amazonaws.com", eventName=name) for name in (*names, "ConsoleLogin")}
    assert found(queries.CHANGES_IN_THE_ACCOUNT, lines) == set()


def test_a_second_factor_taken_away_and_a_door_opened_are_among_the_destructive_calls() -> None:
    names = ("DeactivateMFADevice", "PurgeQueue", "AuthorizeSecurityGroupIngress", "StopLogging", "DeleteTrail")
    lines = {name: logs.record(eventSource="any.amazonaws.com", eventName=name) for name in (*names, "CreateVpc")}
    assert found(queries.DESTRUCTIVE_CALLS, lines) == set(names)
