"""The saved queries and the dashboard, held against what was really deployed and what the functions really wrote."""

import json
import time
from http import HTTPStatus
from typing import Any

import pytest

from tests.local.conftest import LocalAws
from tests.local.documents import Caller
from tests.operations.insights import discovered, read

SECONDS = 30


@pytest.fixture(scope="module")
def queries(aws: LocalAws) -> dict[str, str]:
    """Return the deployed templates' saved queries by name."""
    found = {}
    for path in (aws.folder / "cdk.out").glob("*.template.json"):
        for resource in json.loads(path.read_text())["Resources"].values():
            if resource["Type"] == "AWS::Logs::QueryDefinition":
                name = resource["Properties"]["Name"].partition("/")[2]
                found[name] = resource["Properties"]["QueryString"]
    return found


def lines(aws: LocalAws) -> list[dict[str, Any]]:
    return [discovered(line) for line in aws.written()]


def test_the_history_of_a_document_is_told_from_its_first_line_to_its_last(
    aws: LocalAws, queries: dict[str, str]
) -> None:
    caller, content = Caller.named(aws, "historian"), b"the history"
    document = caller.created(content)
    assert caller.upload(document, content).status == HTTPStatus.NO_CONTENT
    path, deadline = f"/documents/{document['id']}", time.monotonic() + SECONDS
    while aws.api.call("GET", path, token=caller.token).json["state"] == "pending":
        assert time.monotonic() < deadline, aws.logs()
        time.sleep(0.1)
    assert aws.api.call("DELETE", path, token=caller.token).status == HTTPStatus.NO_CONTENT
    told = read(queries["History of a document"].replace("DOCUMENT-ID", document["id"])).matching(lines(aws))
    assert sorted((event["message"], event.get("action") or event["decided"]) for event in told) == [
        ("audit", "created"),
        ("audit", "deleted"),
        ("audit", "stored"),
        ("upload", "stored"),
    ]


def test_one_request_is_found_by_the_id_that_its_caller_was_told(aws: LocalAws, queries: dict[str, str]) -> None:
    caller = Caller.named(aws, "asker")
    assert aws.api.call("GET", "/documents", token=caller.token).status == HTTPStatus.OK
    answered = [line for line in lines(aws) if line.get("message") == "answered"]
    identifier = str(answered[-1]["correlation_id"])
    told = read(queries["One request"].replace("REQUEST-ID", identifier)).matching(lines(aws))
    assert [event["message"] for event in told] == ["answered"]


def test_the_dashboard_is_json_and_shows_the_functions_and_alarms_that_are_there(aws: LocalAws) -> None:
    cloudwatch = aws.client("cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    assert entry["DashboardName"] == "secure-backend-local-audit-Dashboard-eu-central-1"
    body = json.loads(cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"])
    shown = {
        line[3]
        for widget in body["widgets"]
        for line in widget["properties"].get("metrics", ())
        if line[0] == "AWS/Lambda"
    }
    functions = {each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]}
    assert len(shown) == 3
    assert shown <= functions
    alarms = {each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert {arn.partition(":alarm:")[2] for arn in body["widgets"][0]["properties"]["alarms"]} == alarms
