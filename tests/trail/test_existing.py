"""AuditTrail in an account whose management events another trail records."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from secure_backend.audit_trail import AuditTrail, ExistingTrail
from tests.conftest import NewStack, resources_of, template_of
from tests.trail.cases import problems_of

ADDRESS = "security@example.com"


def _documents(stack: cdk.Stack) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, "Documents", "documents")


def _selected(template: dict[str, Any]) -> list[list[str]]:
    (trail,) = resources_of(template, "AWS::CloudTrail::Trail").values()
    return [
        each["Equals"]
        for selector in trail["Properties"]["AdvancedEventSelectors"]
        for each in selector["FieldSelectors"]
        if each["Field"] == "eventCategory"
    ]


def test_beside_an_existing_trail_only_data_events_are_recorded_and_nothing_that_could_never_fire_is_built(
    stack: cdk.Stack,
) -> None:
    trail = AuditTrail(stack, "Trail", data_events=[_documents(stack)], existing_trail=ExistingTrail())
    assert trail.topic is None
    assert trail.alarms == {}
    template = template_of(stack)
    assert _selected(template) == [["Data"]]
    (properties,) = (each["Properties"] for each in resources_of(template, "AWS::CloudTrail::Trail").values())
    assert "InsightSelectors" not in properties
    for type_name in ("AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter", "AWS::SNS::Topic"):
        assert resources_of(template, type_name) == {}


def test_beside_an_existing_trail_the_alarms_watch_the_group_that_has_the_management_events(stack: cdk.Stack) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Management", "organisation-trail")
    trail = AuditTrail(
        stack,
        "Trail",
        data_events=[_documents(stack)],
        existing_trail=ExistingTrail(log_group=group),
        alarms_to=ADDRESS,
    )
    assert len(trail.alarms) == 15
    template = template_of(stack)
    assert _selected(template) == [["Data"]]
    filters = resources_of(template, "AWS::Logs::MetricFilter").values()
    assert {each["Properties"]["LogGroupName"] for each in filters} == {"organisation-trail"}
    assert trail.log_groups == [group, trail.log_group]


def test_an_existing_trail_without_data_events_leaves_nothing_to_record(stack: cdk.Stack) -> None:
    assert problems_of(stack, existing_trail=ExistingTrail()) == [
        "AuditTrail.data_events: got (); expected at least one bucket or function beside existing_trail; "
        "name one, or leave this trail out: it would record nothing"
    ]


def test_alarms_that_could_never_fire_are_refused(stack: cdk.Stack) -> None:
    (problem,) = problems_of(
        stack, data_events=[_documents(stack)], existing_trail=ExistingTrail(), alarms_to="security@example.com"
    )
    assert problem == (
        "AuditTrail.alarms_to: got 'security@example.com'; "
        "expected nobody to tell beside ExistingTrail() without a log group; "
        "pass ExistingTrail(log_group=...): without management events no CIS alarm could ever fire"
    )


def test_insights_beside_an_existing_trail_are_refused(stack: cdk.Stack) -> None:
    (problem,) = problems_of(stack, data_events=[_documents(stack)], existing_trail=ExistingTrail(), insights=True)
    assert problem.startswith("AuditTrail.insights: got True; expected False or nothing beside existing_trail; leave")


@pytest.mark.parametrize("value", [True, "organisation-trail"])
def test_an_existing_trail_is_described_not_named(stack: cdk.Stack, value: object) -> None:
    (problem,) = problems_of(stack, data_events=[_documents(stack)], existing_trail=value, alarms_to=ADDRESS)
    assert problem == (
        f"AuditTrail.existing_trail: got {value!r}; expected an ExistingTrail; "
        "pass ExistingTrail(log_group=...), or ExistingTrail() to do without the CIS alarms"
    )


def test_the_existing_trail_s_group_is_an_object(stack: cdk.Stack) -> None:
    existing = ExistingTrail(log_group="organisation-trail")  # type: ignore[arg-type]
    (problem,) = problems_of(stack, data_events=[_documents(stack)], existing_trail=existing, alarms_to=ADDRESS)
    assert problem == (
        "AuditTrail.existing_trail.log_group: got 'organisation-trail'; expected a LogGroup object; "
        "pass LogGroup.from_log_group_name(...), not its name"
    )


def test_the_existing_trail_s_group_is_where_the_metric_filters_are(new_stack: NewStack) -> None:
    stack = new_stack("audit", region="eu-central-1", account="111111111111")
    arn = "arn:aws:logs:us-east-1:222222222222:log-group:organisation-trail:*"
    existing = ExistingTrail(log_group=logs.LogGroup.from_log_group_arn(stack, "Management", arn))
    problems = problems_of(stack, data_events=[_documents(stack)], existing_trail=existing, alarms_to=ADDRESS)
    assert [problem.split(";")[:2] for problem in problems] == [
        [
            "AuditTrail.existing_trail.log_group: got '222222222222'",
            " expected a group in 111111111111, where the metric filters are",
        ],
        [
            "AuditTrail.existing_trail.log_group: got 'us-east-1'",
            " expected a group in eu-central-1, where the metric filters are",
        ],
    ]
