"""The role of who looks after the application: it reads what an incident asks for, and sends dead letters again."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from profiles.settings import OperatorSettings
from secure_backend import DeadLetterQueue, RestrictedRole

#: They name no resource, or what they name is made at run time.
LOOKING = (
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetDashboard",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListDashboards",
    "cloudwatch:ListMetrics",
    "logs:DescribeLogGroups",
    "logs:DescribeQueryDefinitions",
    "logs:GetQueryResults",
    "logs:StopQuery",
    "rds:DescribeDBInstances",
    "rds:DescribeEvents",
    "xray:BatchGetTraces",
    "xray:GetTraceSummaries",
)
READING_LOGS = ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery")
TAKING_LETTERS = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")


class Operators(Construct):
    """A :class:`RestrictedRole` for incidents: alarms, metrics, traces, the application's logs and its dead letters.

    It reads no document and no row, changes nothing, and starts one thing: the function to which a dead letter is sent
    again. Who is a user needs a second factor; who comes by a role has shown it to an identity provider.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        settings: OperatorSettings,
        log_groups: Sequence[str],
        dead_letters: Sequence[DeadLetterQueue],
        resends_to: lambda_.IFunction,
    ) -> None:
        """Make the role.

        :param log_groups: how the names of the application's log groups begin, ``*`` at the end.
        :param dead_letters: the queues that operators empty.
        :param resends_to: the function that they send a letter to again.
        """
        super().__init__(scope, id)
        self.log_groups = log_groups
        stack = cdk.Stack.of(self)
        #: The stack whose resources are listed to find its letters; CloudFormation ends its ARN with an id.
        self.letters_of = f"stack/{cdk.Stack.of(resends_to).stack_name}/*"
        self.role = RestrictedRole(
            self,
            "Role",
            description="Looks into incidents of the application",
            assumed_by=iam.CompositePrincipal(*[_principal(arn) for arn in settings.principals]),
            max_session_duration=cdk.Duration.hours(settings.session_hours),
            source_networks=settings.source_networks,
            valid_from=settings.valid_from,
            valid_until=settings.valid_until,
        )
        groups = [
            stack.format_arn(
                service="logs",
                resource="log-group",
                resource_name=name,
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
            for name in log_groups
        ]
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="What an incident asks for: looking, reading the logs, emptying the dead-letter queues",
            roles=[self.role],
            statements=[
                iam.PolicyStatement(sid="Look", actions=list(LOOKING), resources=["*"]),
                iam.PolicyStatement(sid="ReadLogs", actions=list(READING_LOGS), resources=groups),
                iam.PolicyStatement(
                    sid="FindLetters",
                    actions=["cloudformation:ListStackResources"],
                    resources=[
                        stack.format_arn(
                            service="cloudformation",
                            resource=self.letters_of,
                            arn_format=cdk.ArnFormat.NO_RESOURCE_NAME,
                        )
                    ],
                ),
                iam.PolicyStatement(
                    sid="TakeLetters",
                    actions=list(TAKING_LETTERS),
                    resources=[queue.queue_arn for queue in dead_letters],
                ),
                iam.PolicyStatement(
                    sid="OpenLetters",
                    actions=["kms:Decrypt"],
                    resources=[queue.key.key_arn for queue in dead_letters],
                    conditions={
                        "StringEquals": {
                            "kms:ViaService": f"sqs.{stack.region}.{stack.url_suffix}",
                            "kms:EncryptionContext:aws:sqs:arn": [queue.queue_arn for queue in dead_letters],
                        }
                    },
                ),
                iam.PolicyStatement(
                    sid="SendAgain", actions=["lambda:InvokeFunction"], resources=[resends_to.function_arn]
                ),
            ],
        )


def _principal(arn: str) -> iam.PrincipalBase:
    principal = iam.ArnPrincipal(arn)
    if ":user/" in arn:
        return principal.with_conditions({"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    return principal
