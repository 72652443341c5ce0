"""An alarm says in its name what and where, and in its text what to do; it tells its topic and no two clash."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_backend import Alarms, AlarmTopic
from tests.conftest import NewStack, resources_of, template_of


def metric() -> cloudwatch.Metric:
    return cloudwatch.Metric(namespace="Test", metric_name="Failures", statistic="Sum")


def add(scope: Construct, topic: AlarmTopic | sns.ITopic, title: str = "Failures") -> cloudwatch.Alarm:
    return Alarms(scope, topic=topic).add(title, metric(), threshold=3, happened="It fails.")


def alarms_of(stack: cdk.Stack) -> list[dict[str, Any]]:
    """Return the alarms, without the one that each AlarmTopic has of its own."""
    made = [alarm["Properties"] for alarm in resources_of(template_of(stack), "AWS::CloudWatch::Alarm").values()]
    return [alarm for alarm in made if alarm["Namespace"] != "AWS/SQS"]


@pytest.fixture
def topic(stack: cdk.Stack) -> AlarmTopic:
    return AlarmTopic(stack, "Topic")


def test_the_name_is_stack_path_and_title_and_the_text_ends_with_the_section(
    stack: cdk.Stack, topic: AlarmTopic
) -> None:
    add(Construct(stack, "Orders"), topic)
    (alarm,) = alarms_of(stack)
    assert alarm["AlarmName"] == "stack/Orders/Failures"
    assert alarm["AlarmDescription"] == "It fails. What to do: docs/alarms.md, Failures"


def test_an_alarm_of_the_stack_itself_has_no_path(stack: cdk.Stack, topic: AlarmTopic) -> None:
    add(stack, topic)
    assert [alarm["AlarmName"] for alarm in alarms_of(stack)] == ["stack/Failures"]


def test_it_goes_off_at_the_threshold_and_is_quiet_without_data(stack: cdk.Stack, topic: AlarmTopic) -> None:
    add(stack, topic)
    (alarm,) = alarms_of(stack)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (3, "GreaterThanOrEqualToThreshold")
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 1)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_two_of_one_kind_in_one_stack_and_two_stacks_of_one_app_have_names_of_their_own(new_stack: NewStack) -> None:
    stacks = [new_stack("dev"), new_stack("prod")]
    for stack in stacks:
        topic = AlarmTopic(stack, "Topic")
        for part in ("One", "Two"):
            add(Construct(stack, part), topic)
    names = [alarm["AlarmName"] for stack in stacks for alarm in alarms_of(stack)]
    assert names == ["dev/One/Failures", "dev/Two/Failures", "prod/One/Failures", "prod/Two/Failures"]


def test_in_a_stage_the_stacks_own_name_begins_it(app: cdk.App) -> None:
    stack = cdk.Stack(cdk.Stage(app, "Prod"), "Orders")
    add(Construct(stack, "Queue"), AlarmTopic(stack, "Topic"))
    assert [alarm["AlarmName"] for alarm in alarms_of(stack)] == ["Prod-Orders/Queue/Failures"]


def test_a_path_too_long_for_a_name_leaves_the_name_to_cloudformation(stack: cdk.Stack, topic: AlarmTopic) -> None:
    alarm = add(Construct(stack, "x" * 250), topic)
    (made,) = alarms_of(stack)
    assert "AlarmName" not in made
    assert topic.alarm_names == ["stack/Topic/DeadLetters/DeadLetterMessages", alarm.alarm_name]


@pytest.mark.parametrize("plain", [False, True], ids=["AlarmTopic", "sns.Topic"])
def test_the_topic_is_told_when_it_goes_off_and_when_it_is_over(stack: cdk.Stack, plain: bool) -> None:
    topic: AlarmTopic | sns.Topic = sns.Topic(stack, "Topic") if plain else AlarmTopic(stack, "Topic")
    add(stack, topic)
    (alarm,) = alarms_of(stack)
    told = stack.resolve(topic.topic_arn if isinstance(topic, sns.Topic) else topic.topic.topic_arn)
    assert alarm["AlarmActions"] == alarm["OKActions"] == [told]


def test_the_topic_knows_every_alarm_that_tells_it_those_of_other_stacks_by_name_alone(new_stack: NewStack) -> None:
    network, orders = new_stack("network"), new_stack("orders")
    topic = AlarmTopic(network, "Topic")
    add(Construct(orders, "Queue"), topic)
    theirs = metric().create_alarm(network, "Theirs", threshold=1, evaluation_periods=1)
    topic.notify(theirs)
    named = metric().create_alarm(orders, "Named", threshold=1, evaluation_periods=1, alarm_name="a-name-of-theirs")
    topic.notify(named)
    assert network.resolve(topic.alarm_names) == [
        "network/Topic/DeadLetters/DeadLetterMessages",
        "orders/Queue/Failures",
        network.resolve(theirs.alarm_name),
        "a-name-of-theirs",
    ]
