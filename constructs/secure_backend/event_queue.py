"""Events that wait in an encrypted queue until a function has dealt with each of them.

Example::

    EventQueue(
        self,
        "Uploads",
        description="Objects that were uploaded",
        event_pattern={"source": ["aws.s3"], "detail-type": ["Object Created"]},
        function=finaliser,
        key=key,
        alarm_topic=topic,
    )
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_backend import keys
from secure_backend.alarm_topic import AlarmTopic
from secure_backend.validation import Validation

_RETENTION = cdk.Duration.days(14)


class EventQueue(Construct):
    """Events of this account that match a pattern, brought to a function one by one until it has dealt with them.

    * An event is kept for 14 days. While the function fails, SQS brings it again after six times the function's
      timeout; after ``max_receives`` it moves to the dead-letter queue, from which an operator sends it back
      (``aws sqs start-message-move-task``). What EventBridge itself cannot deliver arrives there too.
    * Both queues are encrypted by a customer key (FSBP SQS.1), TLS only, written to by this rule alone (SQS.3), and
      deleted with the stack: an event only points to what happened.
    * An alarm tells of the first dead letter, another of events that nobody has dealt with for a while.
    * The function's role may receive and delete from this queue only, and use the key through SQS for it only.

    :param description: what the events tell; the rule and the alarms say it.
    :param event_pattern: which events of the default bus, as EventBridge spells it; not all of them.
    :param function: gets each event as the body of one SQS message, and raises for what has to come again. Events can
        come twice and out of order.
    :param key: encrypts both queues; an imported key's missing statement is reported as a warning.
    :param alarm_topic: who is told.
    :param max_receives: 2 to 1000, 10 when left out: at 30 seconds of timeout half an hour of failures.
    :param max_concurrency: how many events at once, 2 to 1000, 5 when left out: whatever the function uses, such as a
        database's connections, has to bear it.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    queue: sqs.Queue
    """The queue that the function works off."""
    dead_letters: sqs.Queue
    """Where events end that nobody could deal with."""
    rule: events.CfnRule
    """The rule that fills the queue."""
    event_source: lambda_.EventSourceMapping
    """What brings the events to the function."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        description: str,
        event_pattern: Mapping[str, object],
        function: lambda_.Function,
        key: kms.IKey,
        alarm_topic: AlarmTopic,
        max_receives: int = 10,
        max_concurrency: int = 5,
    ) -> None:
        super().__init__(scope, id)
        check = Validation(self, id)
        check.key("key", key, optional=False)
        check.construct(
            "function", function, lambda_.Function, "pass the function object, such as an EncryptedFunction"
        )
        check.construct("alarm_topic", alarm_topic, AlarmTopic, "pass an AlarmTopic")
        check.check(
            isinstance(event_pattern, Mapping) and bool(event_pattern),
            "event_pattern",
            event_pattern,
            "a pattern that some events match and others do not",
            'pass for example {"source": ["aws.s3"]}',
        )
        check.whole_number("max_receives", max_receives, 2, 1000, "leave it out for 10")
        check.whole_number("max_concurrency", max_concurrency, 2, 1000, "leave it out for 5")
        check.raise_problems()

        stack = cdk.Stack.of(self)
        keys.allow_eventbridge_to_queues(key, self)
        self.dead_letters = self._queue("DeadLetters", key)
        timeout = (function.timeout or cdk.Duration.seconds(3)).to_seconds()
        self.queue = self._queue(
            "Queue",
            key,
            visibility_timeout=cdk.Duration.seconds(6 * timeout),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=max_receives),
        )
        # The L2 target would let EventBridge use the key without any condition.
        self.rule = events.CfnRule(
            self,
            "Rule",
            description=description,
            event_pattern=dict(event_pattern),
            targets=[
                events.CfnRule.TargetProperty(
                    id="Queue",
                    arn=self.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
                )
            ],
        )
        for queue in (self.queue, self.dead_letters):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="Events",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": self.rule.attr_arn}},
                )
            )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                resources=[self.queue.queue_arn],
            )
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[key.key_arn],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": f"sqs.{stack.region}.{stack.url_suffix}",
                        "kms:EncryptionContext:aws:sqs:arn": self.queue.queue_arn,
                    }
                },
            )
        )
        self.event_source = lambda_.EventSourceMapping(
            self,
            "EventSource",
            target=function,
            event_source_arn=self.queue.queue_arn,
            # One at a time: an event that fails does not bring others again.
            batch_size=1,
            max_concurrency=max_concurrency,
        )
        self._alarm(
            "DeadLettersAlarm",
            alarm_topic,
            self.dead_letters.metric_approximate_number_of_messages_visible(
                period=cdk.Duration.minutes(5), statistic="Maximum"
            ),
            1,
            f"Events that nobody could deal with: {description}",
        )
        self._alarm(
            "AgeAlarm",
            alarm_topic,
            self.queue.metric_approximate_age_of_oldest_message(period=cdk.Duration.minutes(5), statistic="Maximum"),
            900,
            f"Events that nobody has dealt with for a quarter of an hour: {description}",
        )

    def _queue(
        self,
        name: str,
        key: kms.IKey,
        *,
        visibility_timeout: cdk.Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=_RETENTION,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )

    def _alarm(self, name: str, topic: AlarmTopic, metric: cloudwatch.Metric, threshold: int, description: str) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        topic.notify(alarm)
