"""An encrypted queue for what could not be delivered or dealt with, and an alarm on the first of it.

Example::

    dead_letters = DeadLetterQueue(self, "DeadLetters", description="Uploads that nobody decided about", key=key)
    dead_letters.take_failures_of(finaliser)
    topic.notify(dead_letters.alarm)
    events.Rule(
        self,
        "Uploaded",
        event_pattern=events.EventPattern(source=["aws.s3"], detail_type=["Object Created"]),
        targets=[targets.LambdaFunction(finaliser, dead_letter_queue=dead_letters)],
    )
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_backend import keys
from secure_backend.alarm_names import name_of, place_of, text_of
from secure_backend.validation import Validation


class DeadLetterQueue(sqs.Queue):
    """A queue in which an event or a message ends that nobody took, for an operator to look at and to send again.

    * It keeps a message for 14 days, which is as long as SQS can, and goes with its stack: a dead letter only points to
      what happened.
    * Encrypted by a customer key (FSBP SQS.1), TLS only. It is written to by nobody (SQS.3) until a target, a
      subscription or a function names it as its dead-letter queue; the key lets EventBridge and SNS use it for queues
      of this account and region. Without that statement a letter to an encrypted queue is lost in silence.
    * ``alarm`` goes off with the first message: give it to a topic.

    :param description: which letters these are; the alarm says it.
    :param key: encrypts the queue; an imported key's missing statement is reported as a warning.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    key: kms.IKey
    """What encrypts the queue."""
    alarm: cloudwatch.Alarm
    """Goes off while a message lies in the queue."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        description: str,
        key: kms.IKey,
    ) -> None:
        check = Validation(self, id)
        check.key("key", key, optional=False)
        check.raise_problems()
        super().__init__(
            scope,
            id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self.key = key
        keys.allow_dead_letters(key, self)
        self.alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_name=name_of(place_of(self), "DeadLetterMessages"),
            metric=self.metric_approximate_number_of_messages_visible(
                period=cdk.Duration.minutes(5), statistic="Maximum"
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=text_of(f"Dead letters: {description}.", "DeadLetterMessages"),
        )

    def take_failures_of(self, function: lambda_.Function) -> None:
        """Take what a function fails at for good when it is called asynchronously: Lambda's on-failure destination.

        Lambda calls the function three times, over some three minutes; an event that waits for a free execution
        environment waits for six hours at most. The message holds the event and the error's type. The function's
        role may send to this queue only, and use the key through SQS for it only.
        """
        stack = cdk.Stack.of(self)
        # The L2 destination would let the role use the key without any condition.
        lambda_.CfnEventInvokeConfig(
            function,
            "EventInvokeConfig",
            function_name=function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=6 * 3600,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=self.queue_arn)
            ),
        )
        function.add_to_role_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue_arn]))
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[self.key.key_arn],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": f"sqs.{stack.region}.{stack.url_suffix}",
                        "kms:EncryptionContext:aws:sqs:arn": self.queue_arn,
                    }
                },
            )
        )
