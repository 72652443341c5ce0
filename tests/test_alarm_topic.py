"""Alarms and events reach the topic, and nobody else may publish to it."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from syrupy.assertion import SnapshotAssertion

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.validation import InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of
from tests.test_keys import KEY_ARN, REGIONS, flat, new_key


def template_with_alarm(stack: cdk.Stack, topic: AlarmTopic) -> dict[str, Any]:
    metric = cloudwatch.Metric(namespace="Test", metric_name="Failures")
    topic.notify(metric.create_alarm(stack, "Alarm", threshold=1, evaluation_periods=1))
    return template_of(stack)


def topic_statements(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (policy,) = resources_of(template, "AWS::SNS::TopicPolicy").values()
    return {statement["Sid"]: statement for statement in policy["Properties"]["PolicyDocument"]["Statement"]}


def key_statements(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (key,) = resources_of(template, "AWS::KMS::Key").values()
    return {s["Sid"]: s for s in key["Properties"]["KeyPolicy"]["Statement"] if "Sid" in s}


def test_a_topic_at_its_defaults_matches_its_snapshot(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    AlarmTopic(stack, "Alarms")
    assert template_of(stack) == template_snapshot(name="defaults")


def test_every_alarm_action_leads_to_a_topic_whose_policy_and_key_let_cloudwatch_in(stack: cdk.Stack) -> None:
    template = template_with_alarm(stack, AlarmTopic(stack, "Alarms"))
    topics = resources_of(template, "AWS::SNS::Topic")
    keys = resources_of(template, "AWS::KMS::Key")
    checked = 0
    alarms = resources_of(template, "AWS::CloudWatch::Alarm")
    for alarm in alarms.values():
        for action in alarm["Properties"]["AlarmActions"] + alarm["Properties"]["OKActions"]:
            key_id, _ = topics[action["Ref"]]["Properties"]["KmsMasterKeyId"]["Fn::GetAtt"]
            allowed = keys[key_id]["Properties"]["KeyPolicy"]["Statement"]
            (statement,) = (s for s in allowed if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
            assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
            publish = topic_statements(template)["Alarms"]
            assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            assert publish["Effect"] == "Allow"
            assert publish["Action"] == "sns:Publish"
            assert publish["Resource"] == action
            checked += 1
    assert checked == 2 * len(alarms) == 4


def test_the_key_lets_alarms_in_from_this_account_only(stack: cdk.Stack) -> None:
    template = template_with_alarm(stack, AlarmTopic(stack, "Alarms"))
    own = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert key_statements(template)["Alarms"]["Condition"] == own
    assert topic_statements(template)["Alarms"]["Condition"] == own


def test_event_rules_may_publish_and_no_condition_of_the_topic_loses_their_events(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms")
    publish = topic_statements(template_of(stack))["Events"]
    assert publish["Principal"] == {"Service": "events.amazonaws.com"}
    assert (publish["Effect"], publish["Action"]) == ("Allow", "sns:Publish")
    assert "Condition" not in publish


def test_the_key_lets_event_rules_in_for_this_accounts_topics_without_a_source_condition(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms")
    condition = flat(key_statements(template_of(stack))["Events"]["Condition"])
    topics = "arn:aws:sns:eu-central-1:${AWS::AccountId}:*"
    assert condition == {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}}


def test_plain_http_is_refused(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms")
    (refusal,) = (s for s in topic_statements(template_of(stack)).values() if s["Effect"] == "Deny")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert refusal["Action"] == "sns:Publish"


def test_nobody_but_the_two_services_is_allowed(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms")
    allowed = [s["Principal"] for s in topic_statements(template_of(stack)).values() if s["Effect"] == "Allow"]
    assert allowed == [{"Service": "cloudwatch.amazonaws.com"}, {"Service": "events.amazonaws.com"}]


def test_the_topic_is_encrypted_by_a_customer_key_never_by_the_one_of_aws(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms")
    template = template_of(stack)
    (topic,) = resources_of(template, "AWS::SNS::Topic").values()
    (key,) = resources_of(template, "AWS::KMS::Key")
    assert topic["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_a_key_made_here_leaves_nothing_after_a_failed_first_deployment_and_is_kept_afterwards(
    stack: cdk.Stack,
) -> None:
    AlarmTopic(stack, "Alarms")
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_an_address_is_subscribed(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms", email="security@example.com")
    (subscription,) = resources_of(template_of(stack), "AWS::SNS::Subscription").values()
    assert subscription["Properties"]["Protocol"] == "email"
    assert subscription["Properties"]["Endpoint"] == "security@example.com"


def test_what_the_address_could_not_be_told_is_kept_and_the_topic_tells_of_it(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms", email="security@example.com")
    template = template_of(stack)
    (queue,) = resources_of(template, "AWS::SQS::Queue")
    (subscription,) = resources_of(template, "AWS::SNS::Subscription").values()
    assert subscription["Properties"]["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": [queue, "Arn"]}}
    (alarm,) = resources_of(template, "AWS::CloudWatch::Alarm").values()
    (topic,) = resources_of(template, "AWS::SNS::Topic")
    assert queue in str(alarm["Properties"]["Dimensions"])
    assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}]


def test_this_accounts_rules_and_the_topic_may_write_dead_letters_and_nobody_else(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms", email="security@example.com")
    template = template_of(stack)
    (topic,) = resources_of(template, "AWS::SNS::Topic")
    (policy,) = resources_of(template, "AWS::SQS::QueuePolicy").values()
    allowed = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert {one["Action"] for one in allowed} == {"sqs:SendMessage"}
    assert [(one["Principal"]["Service"], flat(one["Condition"])) for one in allowed] == [
        (
            "events.amazonaws.com",
            {"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-central-1:${AWS::AccountId}:rule/*"}},
        ),
        ("sns.amazonaws.com", {"ArnEquals": {"aws:SourceArn": f"${{{topic}}}"}}),
    ]


def test_a_rule_of_another_stack_names_the_dead_letters_without_a_cycle(new_stack: NewStack) -> None:
    owner, user = new_stack("owner"), new_stack("user")
    topic = AlarmTopic(owner, "Alarms")
    target = events.CfnRule.TargetProperty(
        id="Topic",
        arn=topic.topic.topic_arn,
        dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=topic.dead_letters.queue_arn),
    )
    events.CfnRule(user, "Rule", event_pattern={"source": ["aws.rds"]}, targets=[target])
    assert str(template_of(user)).count("Fn::ImportValue") == 2
    assert "Fn::ImportValue" not in str(template_of(owner))


def test_the_callers_key_is_used_and_gets_the_statements(stack: cdk.Stack) -> None:
    key = new_key(stack)
    topic = AlarmTopic(stack, "Alarms", key=key)
    assert topic.key is key
    assert set(key_statements(template_of(stack))) == {"Alarms", "DeadLetters", "Events"}


def test_two_topics_share_one_key_and_its_statements(stack: cdk.Stack) -> None:
    key = new_key(stack)
    for name in ("One", "Two"):
        AlarmTopic(stack, name, key=key)
    template = template_of(stack)
    assert set(key_statements(template)) == {"Alarms", "DeadLetters", "Events"}
    assert len(resources_of(template, "AWS::SNS::TopicPolicy")) == 2


def test_an_imported_key_gets_a_warning_for_each_statement_that_its_owner_must_add(stack: cdk.Stack) -> None:
    AlarmTopic(stack, "Alarms", key=kms.Key.from_key_arn(stack, "Imported", KEY_ARN))
    annotations = assertions.Annotations.from_stack(stack)
    for service in ("cloudwatch", "events"):
        annotations.has_warning("/stack/Alarms", assertions.Match.string_like_regexp(f'"{service}.amazonaws.com"'))


def test_a_topic_of_one_stack_tells_of_the_alarms_of_another_without_a_cycle(new_stack: NewStack) -> None:
    owner, user = new_stack("owner"), new_stack("user")
    topic = AlarmTopic(owner, "Alarms")
    metric = cloudwatch.Metric(namespace="Test", metric_name="Failures")
    topic.notify(metric.create_alarm(user, "Alarm", threshold=1, evaluation_periods=1))
    assert "Fn::ImportValue" in str(template_of(user))
    assert "Fn::ImportValue" not in str(template_of(owner))


def test_a_composite_alarm_can_tell_too(stack: cdk.Stack) -> None:
    alarm = cloudwatch.Metric(namespace="Test", metric_name="Failures").create_alarm(
        stack, "Alarm", threshold=1, evaluation_periods=1
    )
    composite = cloudwatch.CompositeAlarm(
        stack, "Any", alarm_rule=cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
    )
    AlarmTopic(stack, "Alarms").notify(composite)
    (made,) = resources_of(template_of(stack), "AWS::CloudWatch::CompositeAlarm").values()
    assert len(made["Properties"]["AlarmActions"]) == 1


@pytest.mark.parametrize("region", REGIONS)
def test_a_topic_names_no_foreign_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    AlarmTopic(stack, "Alarms", email="security@example.com")
    arns = {part.split(":")[1] for part in str(template_of(stack)).replace('"', "'").split("'") if part[:4] == "arn:"}
    assert arns == {REGIONS[region][0]}


def test_a_malformed_address_and_text_for_the_key_are_told_together(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        AlarmTopic(stack, "Alarms", email="nobody", key="alias/aws/sns")  # type: ignore[arg-type]
    assert str(raised.value).splitlines() == [
        "AlarmTopic 'Alarms' cannot be built, 2 problems:",
        "  AlarmTopic.email: got 'nobody'; expected an e-mail address; pass one such as security@example.com; "
        "its owner has to confirm the subscription",
        "  AlarmTopic.key: got 'alias/aws/sns'; expected a Key object; "
        "pass the key object, or leave it out for a new one",
    ]
