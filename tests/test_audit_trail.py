"""AuditTrail: what it records, whom it tells, and that it fits in beside others."""

import json
import re

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from syrupy.assertion import SnapshotAssertion

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.audit_trail import AuditTrail
from secure_backend.keys import DataKey
from tests.conftest import NewStack, resources_of, template_of
from tests.trail.cases import (
    ACCOUNT,
    CLOUDTRAIL,
    Template,
    only,
    part_of_trail,
    synthesized,
    trail_of,
)


def _with_data_events(stack: cdk.Stack) -> None:
    documents = s3.Bucket.from_bucket_name(stack, "Documents", "documents-of-someone")
    handler = lambda_.Function.from_function_arn(
        stack, "Handler", f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:orders"
    )
    AuditTrail(stack, "Trail", data_events=[documents, handler, documents], alarms_to="security@example.com")


@pytest.fixture(scope="module")
def template() -> Template:
    return synthesized(_with_data_events)


@pytest.fixture(scope="module")
def two() -> Template:
    """Two trails in one stack that share a key and a topic."""

    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="audit")
        topic = AlarmTopic(stack, "Topic", email="security@example.com")
        AuditTrail(stack, "First", alarm_topic=topic, key=key)
        AuditTrail(stack, "Second", alarm_topic=topic, key=key)

    return synthesized(build)


def test_the_trail_records_every_region_and_global_services_and_is_validated(template: Template) -> None:
    trail = trail_of(template)
    assert trail["IsLogging"] is True
    assert trail["IsMultiRegionTrail"] is True
    assert trail["IncludeGlobalServiceEvents"] is True
    assert trail["EnableLogFileValidation"] is True
    assert "IsOrganizationTrail" not in trail


def test_management_events_are_recorded_whole_and_data_events_of_the_named_resources_only(template: Template) -> None:
    trail = trail_of(template)
    assert "EventSelectors" not in trail
    selectors = [
        {each["Field"]: {name: value for name, value in each.items() if name != "Field"} for each in one}
        for one in (selector["FieldSelectors"] for selector in trail["AdvancedEventSelectors"])
    ]
    function = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:orders"
    assert selectors == [
        {"eventCategory": {"Equals": ["Management"]}},
        {
            "eventCategory": {"Equals": ["Data"]},
            "resources.type": {"Equals": ["AWS::S3::Object"]},
            "resources.ARN": {"StartsWith": ["arn:aws:s3:::documents-of-someone/"]},
        },
        {
            "eventCategory": {"Equals": ["Data"]},
            "resources.type": {"Equals": ["AWS::Lambda::Function"]},
            "resources.ARN": {"Equals": [function], "StartsWith": [f"{function}:"]},
        },
    ]
    assert "*" not in json.dumps(trail["AdvancedEventSelectors"])


def test_insights_look_at_call_rates_and_error_rates(template: Template) -> None:
    assert trail_of(template)["InsightSelectors"] == [
        {"InsightType": "ApiCallRateInsight"},
        {"InsightType": "ApiErrorRateInsight"},
    ]


def test_insights_can_be_left_out() -> None:
    template = synthesized(lambda stack: AuditTrail(stack, "Trail", alarms_to="security@example.com", insights=False))
    assert "InsightSelectors" not in trail_of(template)


def test_the_alarms_watch_the_group_that_the_trail_delivers_to(template: Template) -> None:
    group_id, _ = part_of_trail(template, "CloudWatchLogsLogGroupArn")
    filters = resources_of(template, "AWS::Logs::MetricFilter").values()
    assert len(filters) == 15
    assert all(each["Properties"]["LogGroupName"] == {"Ref": group_id} for each in filters)


def cis_alarms(template: Template) -> Template:
    """Return the trail's alarms; the topic has one of its own."""
    return {
        logical_id: alarm
        for logical_id, alarm in resources_of(template, "AWS::CloudWatch::Alarm").items()
        if alarm["Properties"]["Namespace"].startswith("CIS/")
    }


def test_the_alarms_go_to_a_new_encrypted_topic_with_the_address_as_its_subscriber(template: Template) -> None:
    ((topic_id, topic),) = resources_of(template, "AWS::SNS::Topic").items()
    alarms = resources_of(template, "AWS::CloudWatch::Alarm").values()
    assert len(cis_alarms(template)) == 15
    assert len(alarms) == 16, "the topic's own"
    assert all(each["Properties"]["AlarmActions"] == [{"Ref": topic_id}] for each in alarms)
    assert topic["Properties"]["KmsMasterKeyId"]["Fn::GetAtt"][0] in template["Resources"]
    subscription = only(template, "AWS::SNS::Subscription")["Properties"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "security@example.com")


def test_two_trails_in_one_stack_share_a_key_and_a_topic_and_nothing_else(two: Template) -> None:
    trails = [resource["Properties"] for resource in resources_of(two, "AWS::CloudTrail::Trail").values()]
    assert len({trail["TrailName"] for trail in trails}) == 2
    assert len({json.dumps(trail["S3BucketName"]) for trail in trails}) == 2
    assert len(resources_of(two, "AWS::SNS::Topic")) == 1
    (key_id,) = {trail["KMSKeyId"]["Fn::GetAtt"][0] for trail in trails}
    allowed = [
        statement["Condition"]["StringEquals"]["aws:SourceArn"].rpartition("/")[2]
        for statement in two["Resources"][key_id]["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"] == CLOUDTRAIL
    ]
    assert sorted(allowed) == sorted([trail["TrailName"] for trail in trails] * 2)
    sids = [
        statement["Sid"]
        for statement in two["Resources"][key_id]["Properties"]["KeyPolicy"]["Statement"]
        if "Sid" in statement
    ]
    assert len(sids) == len(set(sids)) >= 5
    metrics = {
        (alarm["Properties"]["Namespace"], alarm["Properties"]["MetricName"]) for alarm in cis_alarms(two).values()
    }
    assert len(metrics) == 30


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_it_synthesises_for_every_partition(region: str) -> None:
    def build(stack: cdk.Stack) -> None:
        documents = s3.Bucket(stack, "Documents")
        AuditTrail(stack, "Trail", data_events=[documents], alarms_to="security@example.com")

    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    text = json.dumps(synthesized(build, region=region))
    assert f'"arn:{partition}:cloudtrail:{region}:{ACCOUNT}:trail/' in text
    assert set(re.findall(r"arn:(aws[a-z-]*):", text)) == {partition}


def test_the_caller_s_access_log_bucket_is_the_one_that_is_used_and_shown(new_stack: NewStack) -> None:
    stack = new_stack("audit")
    target = s3.Bucket(stack, "Target")
    trail = AuditTrail(stack, "Trail", alarms_to="security@example.com", access_logs=target)
    assert trail.access_logs is target
    template = template_of(stack)
    assert part_of_trail(template, "S3BucketName")[1]["Properties"]["LoggingConfiguration"][
        "DestinationBucketName"
    ] == {
        "Ref": stack.get_logical_id(target.node.default_child)  # type: ignore[arg-type]
    }


def test_key_and_topic_of_another_stack_are_used_without_a_cycle(new_stack: NewStack) -> None:
    network, audit = new_stack("network"), new_stack("audit")
    key = DataKey(network, "Key", description="audit")
    topic = AlarmTopic(network, "Topic", email="security@example.com")
    trail = AuditTrail(audit, "Trail", alarm_topic=topic, key=key)
    assert trail.topic is topic
    template = template_of(audit)
    assert "Fn::ImportValue" in trail_of(template)["KMSKeyId"]
    assert resources_of(template, "AWS::SNS::Topic") == {}
    assert resources_of(template, "AWS::KMS::Key") == {}
    assert "Fn::ImportValue" not in json.dumps(resources_of(template_of(network), "AWS::KMS::Key"))


def test_the_template_at_its_defaults_is_the_reviewed_one(
    new_stack: NewStack, template_snapshot: SnapshotAssertion
) -> None:
    stack = new_stack("audit")
    AuditTrail(stack, "Trail", alarms_to="security@example.com")
    assert template_of(stack) == template_snapshot(name="defaults")
