"""CIS 4.1 to 4.15: the exact patterns, what they count, and that somebody is told."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.analysis.filter_patterns import matches
from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.trail.cis_alarms import CisAlarms
from secure_backend.trail.cis_benchmark import CIS_ALARMS, CisAlarm
from tests.conftest import FLAGS, resources_of, template_of

# Written out in full, so that a slip in how the library puts them together shows: Security Hub compares the text.
GOLDEN: dict[str, str] = json.loads(Path(__file__).with_name("cis_patterns.json").read_text())


def _event(source: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "eventType": "AwsApiCall",
        "userIdentity": {"type": "AssumedRole"},
        "sourceIPAddress": "203.0.113.7",
        **more,
    }


def _sign_in(**more: Any) -> dict[str, Any]:
    sign_in = {
        "eventType": "AwsConsoleSignIn",
        "userIdentity": {"type": "IAMUser"},
        "additionalEventData": {"MFAUsed": "No"},
        "responseElements": {"ConsoleLogin": "Success"},
    }
    return _event("signin", "ConsoleLogin", **{**sign_in, **more})


# An event each that the alarm is for, and the nearest one that it is not for.
EVENTS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "4.1": (
        [
            _event("ec2", "RunInstances", errorCode="Client.UnauthorizedOperation"),
            _event("s3", "GetObject", errorCode="AccessDenied"),
            _event("iam", "ListUsers", errorCode="AccessDeniedException"),
        ],
        [_event("ec2", "RunInstances"), _event("ec2", "RunInstances", errorCode="Client.DryRunOperation")],
    ),
    "4.2": (
        [_sign_in()],
        [
            _sign_in(additionalEventData={"MFAUsed": "Yes"}),
            _sign_in(userIdentity={"type": "AssumedRole"}),
            _sign_in(responseElements={"ConsoleLogin": "Failure"}),
        ],
    ),
    "4.3": (
        [_event("iam", "CreateUser", userIdentity={"type": "Root"})],
        [
            _event("iam", "CreateUser", userIdentity={"type": "IAMUser"}),
            _event("kms", "Decrypt", userIdentity={"type": "Root", "invokedBy": "s3.amazonaws.com"}),
            _event("kms", "RotateKey", userIdentity={"type": "Root"}, eventType="AwsServiceEvent"),
        ],
    ),
    "4.4": ([_event("iam", "AttachRolePolicy")], [_event("autoscaling", "DeletePolicy"), _event("iam", "CreateUser")]),
    "4.5": ([_event("cloudtrail", "StopLogging")], [_event("cloudtrail", "DescribeTrails")]),
    "4.6": ([_sign_in(errorMessage="Failed authentication")], [_sign_in()]),
    "4.7": ([_event("kms", "ScheduleKeyDeletion")], [_event("kms", "EnableKey"), _event("events", "DisableKey")]),
    "4.8": ([_event("s3", "PutBucketPolicy")], [_event("s3", "CreateBucket"), _event("s3", "GetBucketPolicy")]),
    "4.9": ([_event("config", "StopConfigurationRecorder")], [_event("config", "StartConfigurationRecorder")]),
    "4.10": ([_event("ec2", "AuthorizeSecurityGroupIngress")], [_event("ec2", "DescribeSecurityGroups")]),
    "4.11": ([_event("ec2", "ReplaceNetworkAclAssociation")], [_event("ec2", "DescribeNetworkAcls")]),
    "4.12": ([_event("ec2", "AttachInternetGateway")], [_event("ec2", "DescribeInternetGateways")]),
    "4.13": ([_event("ec2", "CreateRoute")], [_event("appmesh", "CreateRoute"), _event("ec2", "DescribeRouteTables")]),
    "4.14": ([_event("ec2", "AcceptVpcPeeringConnection")], [_event("ec2", "DescribeVpcs")]),
    "4.15": ([_event("organizations", "LeaveOrganization")], [_event("iam", "CreatePolicy")]),
}

by_number = pytest.mark.parametrize("row", CIS_ALARMS, ids=lambda row: row.number)


def test_the_table_has_the_fifteen_recommendations_in_order() -> None:
    assert [row.number for row in CIS_ALARMS] == [f"4.{number}" for number in range(1, 16)]
    assert len({row.name for row in CIS_ALARMS}) == 15
    assert {row.security_hub for row in CIS_ALARMS} == {None} | {f"CloudWatch.{number}" for number in range(1, 15)}


@by_number
def test_each_pattern_is_letter_by_letter_the_one_that_is_checked(row: CisAlarm) -> None:
    assert row.pattern == GOLDEN[row.number]


@by_number
def test_each_pattern_counts_its_events_and_not_their_neighbours(row: CisAlarm) -> None:
    counted, passed_over = EVENTS[row.number]
    assert counted
    assert passed_over
    assert [event for event in counted if not matches(row.pattern, event)] == []
    assert [event for event in passed_over if matches(row.pattern, event)] == []


LISTS = [row for row in CIS_ALARMS if row.pattern.count("$.eventName") > 1]


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row.number)
def test_each_list_of_event_names_counts_every_name_that_it_has(row: CisAlarm) -> None:
    names = [part.split(")")[0].strip(' ="') for part in row.pattern.split("$.eventName")[1:]]
    source = (
        row.pattern.split("$.eventSource")[1].split(")")[0].strip(" =") if "$.eventSource" in row.pattern else "ec2"
    )
    assert len(names) == len(set(names)) >= 2
    assert all(matches(row.pattern, {"eventName": name, "eventSource": source}) for name in names)
    assert not matches(row.pattern, {"eventName": "DescribeRegions", "eventSource": source})


@by_number
def test_no_pattern_counts_an_event_without_any_field(row: CisAlarm) -> None:
    assert not matches(row.pattern, {})


def test_a_root_event_without_invoked_by_is_counted_because_the_pattern_says_not_exists() -> None:
    root = _event("iam", "CreateAccessKey", userIdentity={"type": "Root"})
    assert matches(GOLDEN["4.3"], root)
    assert not matches(GOLDEN["4.3"].replace("NOT EXISTS", '!= "x"'), root)


def test_a_pattern_with_not_equals_misses_an_event_that_lacks_the_field() -> None:
    refused_without = _event("s3", "GetObject", errorCode="AccessDenied")
    naive = '{ ($.errorCode = "AccessDenied*") && ($.userIdentity.invokedBy != "config.amazonaws.com") }'
    right = (
        '{ ($.errorCode = "AccessDenied*") && (($.userIdentity.invokedBy NOT EXISTS) || '
        '($.userIdentity.invokedBy != "config.amazonaws.com")) }'
    )
    assert not matches(naive, refused_without)
    assert matches(right, refused_without)
    refused_with = {**refused_without, "userIdentity": {"type": "AssumedRole", "invokedBy": "config.amazonaws.com"}}
    assert not matches(right, refused_with)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "audit", env=cdk.Environment(region="eu-central-1"))
    group = EncryptedLogGroup(stack, "Group", key=DataKey(stack, "Key", description="events"))
    topic = AlarmTopic(stack, "Topic", email="security@example.com")
    alarms = CisAlarms(stack, "Cis", log_group=group, topic=topic, namespace="CIS/audit")
    assert list(alarms.alarms) == [row.name for row in CIS_ALARMS]
    return template_of(stack)


def cis_alarms(template: dict[str, Any]) -> list[dict[str, Any]]:
    alarms = [resource["Properties"] for resource in resources_of(template, "AWS::CloudWatch::Alarm").values()]
    return [alarm for alarm in alarms if alarm["Namespace"] == "CIS/audit"]


def test_each_row_has_one_filter_on_the_trail_s_group_and_one_alarm_on_its_metric(template: dict[str, Any]) -> None:
    (group,) = resources_of(template, "AWS::Logs::LogGroup")
    filters = [resource["Properties"] for resource in resources_of(template, "AWS::Logs::MetricFilter").values()]
    alarms = cis_alarms(template)
    assert sorted(each["FilterPattern"] for each in filters) == sorted(GOLDEN.values())
    assert all(each["LogGroupName"] == {"Ref": group} for each in filters)
    metrics = [transformation for each in filters for transformation in each["MetricTransformations"]]
    assert len(metrics) == len(alarms) == 15
    assert {(each["MetricNamespace"], each["MetricName"]) for each in metrics} == {
        (each["Namespace"], each["MetricName"]) for each in alarms
    }
    assert all(each["MetricValue"] == "1" and "DefaultValue" not in each for each in metrics)


def test_an_alarm_goes_off_at_the_first_event_and_stays_quiet_without_any(template: dict[str, Any]) -> None:
    for properties in cis_alarms(template):
        assert properties["Threshold"] == 1
        assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert properties["Statistic"] == "Sum"
        assert properties["Period"] == 300
        assert properties["EvaluationPeriods"] == 1
        assert properties["DatapointsToAlarm"] == 1
        assert properties["TreatMissingData"] == "notBreaching"


def test_an_alarm_says_its_number_what_happened_and_what_to_do_first(template: dict[str, Any]) -> None:
    descriptions = {alarm["MetricName"]: alarm["AlarmDescription"] for alarm in cis_alarms(template)}
    for row in CIS_ALARMS:
        assert descriptions[row.name] == (
            f"CIS {row.number}: {row.happened} First: {row.first} What to do: docs/alarms.md, {row.name}"
        )
        assert len(descriptions[row.name]) <= 1024


def test_every_alarm_can_reach_somebody_through_the_topic_and_its_key(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    chains = 0
    for alarm in resources_of(template, "AWS::CloudWatch::Alarm").values():
        for action in alarm["Properties"]["AlarmActions"] + alarm["Properties"]["OKActions"]:
            topic_id = action["Ref"]
            key = resources[resources[topic_id]["Properties"]["KmsMasterKeyId"]["Fn::GetAtt"][0]]
            publish = [
                statement
                for policy in resources_of(template, "AWS::SNS::TopicPolicy").values()
                if {"Ref": topic_id} in policy["Properties"]["Topics"]
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]
                if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            ]
            use = [
                statement
                for statement in key["Properties"]["KeyPolicy"]["Statement"]
                if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            ]
            told = [
                subscription
                for subscription in resources_of(template, "AWS::SNS::Subscription").values()
                if subscription["Properties"]["TopicArn"] == {"Ref": topic_id}
            ]
            assert [statement["Action"] for statement in publish] == ["sns:Publish"]
            assert [statement["Action"] for statement in use] == [["kms:Decrypt", "kms:GenerateDataKey*"]]
            assert told[0]["Properties"]["Endpoint"] == "security@example.com"
            chains += 1
    assert chains == 2 * (15 + 1), "the topic has an alarm of its own"
