"""An EventQueue brings every event to its function, loses none in silence, and lets nobody else in."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from secure_backend import AlarmTopic, DataKey, EncryptedFunction, EventQueue, InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of

PATTERN = {"source": ["aws.s3"], "detail-type": ["Object Created"]}


def add_queue(stack: cdk.Stack, name: str = "Uploads", **changes: Any) -> EventQueue:
    if stack.node.try_find_child("Key") is None:
        key = DataKey(stack, "Key", description="Events")
        AlarmTopic(stack, "Alarms", key=key)
        EncryptedFunction(
            stack,
            "Finaliser",
            code=lambda_.Code.from_inline("def handler(event, context): ..."),
            handler="index.handler",
            description="Deals with events",
            key=key,
            timeout=cdk.Duration.seconds(30),
        )
    parts = {name: stack.node.find_child(name) for name in ("Key", "Alarms", "Finaliser")}
    arguments: dict[str, Any] = {
        "description": "A document was uploaded",
        "event_pattern": PATTERN,
        "function": parts["Finaliser"],
        "key": parts["Key"],
        "alarm_topic": parts["Alarms"],
        **changes,
    }
    return EventQueue(stack, name, **arguments)


@pytest.fixture
def template(stack: cdk.Stack) -> dict[str, Any]:
    """One queue."""
    add_queue(stack)
    return template_of(stack)


def only(template: dict[str, Any], type_name: str, part: str = "") -> tuple[str, dict[str, Any]]:
    """Return the one resource of a type whose logical id holds a part."""
    ((logical_id, resource),) = [
        (found, resource) for found, resource in resources_of(template, type_name).items() if part in found
    ]
    return logical_id, resource["Properties"]


def statements(document: dict[str, Any], effect: str = "Allow") -> list[dict[str, Any]]:
    return [statement for statement in document["Statement"] if statement["Effect"] == effect]


def test_both_queues_are_encrypted_by_the_key_and_keep_an_event_for_14_days(template: dict[str, Any]) -> None:
    key, _ = only(template, "AWS::KMS::Key")
    queues = resources_of(template, "AWS::SQS::Queue")
    assert len(queues) == 2
    for queue in queues.values():
        assert queue["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_an_event_comes_again_after_six_timeouts_and_ends_in_the_dead_letter_queue(template: dict[str, Any]) -> None:
    dead_letters, _ = only(template, "AWS::SQS::Queue", "DeadLetters")
    _, queue = only(template, "AWS::SQS::Queue", "Queue")
    assert queue["VisibilityTimeout"] == 180
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [dead_letters, "Arn"]},
        "maxReceiveCount": 10,
    }


def test_what_eventbridge_cannot_deliver_ends_in_the_dead_letter_queue_too(template: dict[str, Any]) -> None:
    dead_letters, _ = only(template, "AWS::SQS::Queue", "DeadLetters")
    queue, _ = only(template, "AWS::SQS::Queue", "Queue")
    _, rule = only(template, "AWS::Events::Rule")
    assert rule["EventPattern"] == PATTERN
    assert rule["Targets"] == [
        {
            "Id": "Queue",
            "Arn": {"Fn::GetAtt": [queue, "Arn"]},
            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [dead_letters, "Arn"]}},
        }
    ]


def test_only_the_rule_may_send_and_only_over_tls(template: dict[str, Any]) -> None:
    rule, _ = only(template, "AWS::Events::Rule")
    policies = resources_of(template, "AWS::SQS::QueuePolicy")
    assert len(policies) == 2
    for policy in policies.values():
        document = policy["Properties"]["PolicyDocument"]
        (allowed,) = statements(document)
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert allowed["Action"] == "sqs:SendMessage"
        assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}}
        (denied,) = statements(document, "Deny")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_function_may_work_off_this_queue_and_use_the_key_for_it_only(template: dict[str, Any]) -> None:
    queue, _ = only(template, "AWS::SQS::Queue", "Queue")
    key, _ = only(template, "AWS::KMS::Key")
    _, policy = only(template, "AWS::IAM::Policy")
    granted = [one for one in statements(policy["PolicyDocument"]) if "sqs" in json.dumps(one)]
    assert granted == [
        {
            "Action": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        },
        {
            "Action": "kms:Decrypt",
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [key, "Arn"]},
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": {"Fn::Join": ["", ["sqs.eu-central-1.", {"Ref": "AWS::URLSuffix"}]]},
                    "kms:EncryptionContext:aws:sqs:arn": {"Fn::GetAtt": [queue, "Arn"]},
                }
            },
        },
    ]


def test_events_come_one_at_a_time_so_that_one_that_fails_holds_up_no_other(template: dict[str, Any]) -> None:
    _, source = only(template, "AWS::Lambda::EventSourceMapping")
    assert source["BatchSize"] == 1
    assert source["ScalingConfig"] == {"MaximumConcurrency": 5}


def test_eventbridge_may_use_the_key_for_queues_of_this_account_and_region_only(template: dict[str, Any]) -> None:
    _, key = only(template, "AWS::KMS::Key")
    (found,) = [one for one in statements(key["KeyPolicy"]) if one.get("Sid") == "EventsToQueues"]
    assert found["Principal"] == {"Service": "events.amazonaws.com"}
    queues = found["Condition"]["ArnLike"]["kms:EncryptionContext:aws:sqs:arn"]["Fn::Join"][1]
    assert queues == ["arn:aws:sqs:eu-central-1:", {"Ref": "AWS::AccountId"}, ":*"]


@pytest.mark.parametrize(
    ("queue", "metric", "threshold"),
    [("DeadLetters", "ApproximateNumberOfMessagesVisible", 1), ("Queue", "ApproximateAgeOfOldestMessage", 900)],
)
def test_people_are_told_of_events_that_nobody_deals_with(
    queue: str, metric: str, threshold: int, template: dict[str, Any]
) -> None:
    logical_id, _ = only(template, "AWS::SQS::Queue", queue)
    topic, _ = only(template, "AWS::SNS::Topic")
    (alarm,) = [
        one["Properties"]
        for one in resources_of(template, "AWS::CloudWatch::Alarm").values()
        if one["Properties"]["MetricName"] == metric
    ]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [logical_id, "QueueName"]}}]
    assert (alarm["Threshold"], alarm["Statistic"]) == (threshold, "Maximum")
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    assert alarm["OKActions"] == [{"Ref": topic}]


def test_two_stand_in_one_stack(stack: cdk.Stack) -> None:
    add_queue(stack)
    add_queue(stack, "Deletions")
    assert len(resources_of(template_of(stack), "AWS::SQS::Queue")) == 4


def test_in_china_the_key_is_used_through_chinas_sqs(new_stack: NewStack) -> None:
    stack = new_stack(region="cn-north-1")
    add_queue(stack)
    _, policy = only(template_of(stack), "AWS::IAM::Policy")
    assert {"Fn::Join": ["", ["sqs.cn-north-1.", {"Ref": "AWS::URLSuffix"}]]} in [
        one.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService")
        for one in statements(policy["PolicyDocument"])
    ]


def test_every_problem_is_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        add_queue(
            stack,
            event_pattern={},
            function="arn:aws:lambda:::function",
            key=None,
            alarm_topic=None,
            max_receives=1,
            max_concurrency=0,
        )
    told = str(raised.value)
    for name in ("event_pattern", "function", "key", "alarm_topic", "max_receives", "max_concurrency"):
        assert f"EventQueue.{name}: got" in told
