"""An encrypted SNS topic that alarms and EventBridge rules can really publish to.

Example::

    topic = AlarmTopic(self, "Alarms", email="security@example.com")
    topic.notify(alarm)
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from secure_backend import keys
from secure_backend.dead_letter_queue import DeadLetterQueue
from secure_backend.validation import Validation


class AlarmTopic(Construct):
    """An encrypted topic for alarms: TLS only, published to by alarms and event rules and no other service.

    A topic policy replaces the default one, so CloudWatch and EventBridge are let in by name; the key's policy does
    the same, or the message would be dropped in silence (FSBP SNS.1, SNS.4).

    An event rule names ``topic.topic_arn`` as its target (``events.CfnRule``), and ``dead_letters.queue_arn`` as the
    target's dead-letter queue. ``aws_events_targets.SnsTopic`` works too, but adds a statement to the key that lets
    EventBridge use it without any condition.

    What cannot be delivered to the topic or to the address is kept for 14 days in ``dead_letters``, and an alarm goes
    off: which alarms nobody heard of can be read there.

    :param email: who is told; the owner has to confirm the subscription. Without it, subscribe to ``topic`` yourself:
        an alarm that nobody hears is none.
    :param key: a key of the caller's; one is made when left out. An imported key's missing statements are reported as
        warnings.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    topic: sns.Topic
    """The topic itself."""
    key: kms.IKey
    """What encrypts topic and dead letters."""
    dead_letters: DeadLetterQueue
    """Messages that reached nobody."""
    alarm_names: list[str]
    """The alarms that tell this topic, by name."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        email: str | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, id)
        check = Validation(self, id)
        if email is not None:
            check.email("email", email)
        check.key("key", key)
        check.raise_problems()

        stack = cdk.Stack.of(self)
        self.key = key or keys.DataKey(
            self,
            "Key",
            description=f"Alarm messages of {stack.stack_name}",
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.topic = sns.Topic(self, "Topic", master_key=self.key, enforce_ssl=True)
        self.alarm_names = []
        self._action = cloudwatch_actions.SnsAction(self.topic)
        keys.allow_alarms(self.key, self)
        keys.allow_eventbridge(self.key, self)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Events",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                # No condition: EventBridge supports none in a topic's policy, and one would drop every event without
                # an error. Source: Amazon EventBridge User Guide, "Using resource-based policies", SNS permissions.
            )
        )
        self.dead_letters = DeadLetterQueue(
            self, "DeadLetters", description="alarms and events that reached nobody", key=self.key
        )
        self.dead_letters.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Events",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.dead_letters.queue_arn],
                # As text: a rule of another stack refers to the queue, and the queue must not refer to the rule.
                conditions={
                    "ArnLike": {"aws:SourceArn": stack.format_arn(service="events", resource="rule", resource_name="*")}
                },
            )
        )
        self.notify(self.dead_letters.alarm)
        if email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(email, dead_letter_queue=self.dead_letters))

    def notify(self, alarm: cloudwatch.AlarmBase, *, name: str | None = None) -> None:
        """Tell the topic's subscribers when the alarm goes off and when it is over.

        :param name: the alarm's name where it is known as text: what shows it then refers to no other stack.
        """
        self.alarm_names.append(name or _own_name(alarm) or alarm.alarm_name)
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)


def _own_name(alarm: cloudwatch.AlarmBase) -> str | None:
    """Return an alarm's name when it was given as text: a reference would be to its stack."""
    resource = alarm.node.default_child
    name = resource.alarm_name if isinstance(resource, cloudwatch.CfnAlarm) else None
    return None if name is None or cdk.Token.is_unresolved(name) else name
