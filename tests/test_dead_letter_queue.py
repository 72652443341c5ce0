"""A DeadLetterQueue keeps what nobody took, tells of it, and takes it from those only who name it."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from secure_backend import AlarmTopic, DataKey, DeadLetterQueue, EncryptedFunction, InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of
from tests.test_keys import KEY_ARN, flat


def add_queue(stack: cdk.Stack, name: str = "DeadLetters") -> DeadLetterQueue:
    key = stack.node.try_find_child("Key") or DataKey(stack, "Key", description="Events")
    return DeadLetterQueue(stack, name, description="uploads", key=key)  # type: ignore[arg-type]


def add_function(stack: cdk.Stack) -> EncryptedFunction:
    return EncryptedFunction(
        stack,
        "Finaliser",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        description="Deals with events",
        key=DataKey(stack, "FunctionKey", description="Functions"),
    )


def only(template: dict[str, Any], type_name: str, part: str = "") -> tuple[str, dict[str, Any]]:
    """Return the one resource of a type whose logical id holds a part."""
    ((logical_id, resource),) = [
        (found, resource) for found, resource in resources_of(template, type_name).items() if part in found
    ]
    return logical_id, resource["Properties"]


def statements(document: dict[str, Any], effect: str = "Allow") -> list[dict[str, Any]]:
    return [statement for statement in document["Statement"] if statement["Effect"] == effect]


def test_it_is_encrypted_by_the_key_and_keeps_a_letter_for_14_days(stack: cdk.Stack) -> None:
    add_queue(stack)
    template = template_of(stack)
    key, _ = only(template, "AWS::KMS::Key")
    _, queue = only(template, "AWS::SQS::Queue")
    assert queue["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_nobody_may_write_to_it_until_somebody_names_it_and_plain_http_is_refused(stack: cdk.Stack) -> None:
    add_queue(stack)
    _, policy = only(template_of(stack), "AWS::SQS::QueuePolicy")
    assert statements(policy["PolicyDocument"]) == []
    (denied,) = statements(policy["PolicyDocument"], "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_rule_and_a_subscription_that_name_it_may_write_and_no_other(stack: cdk.Stack) -> None:
    queue = add_queue(stack)
    topic = sns.Topic(stack, "Topic")
    topic.add_subscription(subscriptions.EmailSubscription("a@example.com", dead_letter_queue=queue))
    target = targets.LambdaFunction(add_function(stack), dead_letter_queue=queue)
    events.Rule(stack, "Uploaded", event_pattern=events.EventPattern(source=["aws.s3"]), targets=[target])
    template = template_of(stack)
    _, policy = only(template, "AWS::SQS::QueuePolicy")
    (topic_id,) = resources_of(template, "AWS::SNS::Topic")
    rule, _ = only(template, "AWS::Events::Rule")
    sources = {
        statement["Principal"]["Service"]: (statement["Action"], statement["Condition"])
        for statement in statements(policy["PolicyDocument"])
    }
    assert sources == {
        "events.amazonaws.com": (
            "sqs:SendMessage",
            {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}},
        ),
        "sns.amazonaws.com": ("sqs:SendMessage", {"ArnEquals": {"aws:SourceArn": {"Ref": topic_id}}}),
    }


def test_the_key_is_used_for_queues_of_this_account_and_region_only(stack: cdk.Stack) -> None:
    add_queue(stack)
    _, key = only(template_of(stack), "AWS::KMS::Key")
    (found,) = [one for one in statements(key["KeyPolicy"]) if one.get("Sid") == "DeadLetters"]
    assert found["Principal"] == {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}
    assert found["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    queues = "arn:aws:sqs:eu-central-1:${AWS::AccountId}:*"
    assert flat(found["Condition"]) == {"ArnLike": {"kms:EncryptionContext:aws:sqs:arn": queues}}


def test_an_imported_keys_missing_statement_is_told(stack: cdk.Stack) -> None:
    DeadLetterQueue(stack, "DeadLetters", description="uploads", key=kms.Key.from_key_arn(stack, "Imported", KEY_ARN))
    assertions.Annotations.from_stack(stack).has_warning(
        "/stack/DeadLetters", assertions.Match.string_like_regexp('"events.amazonaws.com", "sns.amazonaws.com"')
    )


def test_the_first_letter_sets_its_alarm_off(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms").notify(add_queue(stack).alarm)
    template = template_of(stack)
    (queue,) = [one for one in resources_of(template, "AWS::SQS::Queue") if not one.startswith("Alarms")]
    (alarm,) = [
        one["Properties"]
        for one in resources_of(template, "AWS::CloudWatch::Alarm").values()
        if one["Properties"]["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
    ]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (alarm["Threshold"], alarm["Statistic"], alarm["EvaluationPeriods"]) == (1, "Maximum", 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmDescription"] == ("Dead letters: uploads. What to do: docs/alarms.md, DeadLetterMessages")
    assert alarm["AlarmName"] == "stack/DeadLetters/DeadLetterMessages"
    topic, _ = only(template, "AWS::SNS::Topic")
    assert alarm["AlarmActions"] == [{"Ref": topic}]


def test_a_function_that_fails_three_times_sends_its_event_there(stack: cdk.Stack) -> None:
    add_queue(stack).take_failures_of(add_function(stack))
    template = template_of(stack)
    queue, _ = only(template, "AWS::SQS::Queue")
    function, _ = only(template, "AWS::Lambda::Function")
    _, found = only(template, "AWS::Lambda::EventInvokeConfig")
    assert found == {
        "FunctionName": {"Ref": function},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 21600,
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": [queue, "Arn"]}}},
    }


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_the_functions_role_may_send_to_this_queue_and_use_the_key_for_it_only(
    region: str, new_stack: NewStack
) -> None:
    stack = new_stack(region=region)
    add_queue(stack).take_failures_of(add_function(stack))
    template = template_of(stack)
    queue, _ = only(template, "AWS::SQS::Queue")
    key = next(one for one in resources_of(template, "AWS::KMS::Key") if one.startswith("Key"))
    _, policy = only(template, "AWS::IAM::Policy")
    granted = [one for one in statements(policy["PolicyDocument"]) if "sqs" in str(one)]
    assert granted == [
        {"Action": "sqs:SendMessage", "Effect": "Allow", "Resource": {"Fn::GetAtt": [queue, "Arn"]}},
        {
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [key, "Arn"]},
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": {"Fn::Join": ["", [f"sqs.{region}.", {"Ref": "AWS::URLSuffix"}]]},
                    "kms:EncryptionContext:aws:sqs:arn": {"Fn::GetAtt": [queue, "Arn"]},
                }
            },
        },
    ]


def test_the_role_may_send_before_the_destination_is_named(stack: cdk.Stack) -> None:
    """Lambda refuses a destination that the function's role may not send to."""
    add_queue(stack).take_failures_of(add_function(stack))
    template = template_of(stack)
    policy, _ = only(template, "AWS::IAM::Policy")
    (function,) = resources_of(template, "AWS::Lambda::Function").values()
    assert policy in function["DependsOn"], "and the destination names the function"


def test_two_stand_in_one_stack(stack: cdk.Stack) -> None:
    add_queue(stack)
    add_queue(stack, "Others")
    assert len(resources_of(template_of(stack), "AWS::SQS::Queue")) == 2


def test_a_key_that_is_none_is_told(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"DeadLetterQueue.key: got 'alias/aws/sqs'; expected a Key"):
        DeadLetterQueue(stack, "DeadLetters", description="uploads", key="alias/aws/sqs")  # type: ignore[arg-type]
