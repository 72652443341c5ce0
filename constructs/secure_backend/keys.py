"""KMS keys, one for each class of data, and the few statements that let an AWS service use one.

A key policy here never names another account, and never lets in a service without a condition that
binds it to this account's resource, but for EventBridge: see :func:`allow_eventbridge`.
"""

import json

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_backend.validation import Validation


class DataKey(kms.Key):
    """A symmetric KMS key for one class of data: rotated each year, retained, administered by this account's IAM.

    The account's root statement stays, so that IAM policies govern the key and nobody is locked out
    (FSBP KMS.3, KMS.4, KMS.5).

    :param description: what the key protects; the console shows it.
    :param rotation_days: 90 to 2560, 365 when left out.
    :param pending_window_days: the wait before a scheduled deletion, 7 to 30, 30 when left out.
    :param removal_policy: RETAIN when left out. ``RETAIN_ON_UPDATE_OR_DELETE`` also removes the key when its
        very first creation fails; only for keys whose data is removed in that case too.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        description: str,
        rotation_days: int = 365,
        pending_window_days: int = 30,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
    ) -> None:
        check = Validation(self, id)
        check.whole_number("rotation_days", rotation_days, 90, 2560, "leave it out for 365")
        check.whole_number("pending_window_days", pending_window_days, 7, 30, "leave it out for 30")
        check.raise_problems()
        super().__init__(
            scope,
            id,
            description=description,
            enable_key_rotation=True,
            rotation_period=cdk.Duration.days(rotation_days),
            pending_window=cdk.Duration.days(pending_window_days),
            removal_policy=removal_policy,
        )


def allow_log_groups(key: kms.IKey, scope: Construct, name_pattern: str) -> None:
    """Let CloudWatch Logs use the key for the log groups of this account and region whose name matches.

    The name is text, never a reference, or key and group would wait for each other. Without the
    statement the group's creation fails: "The specified KMS key does not exist or is not allowed to
    be used with Arn". Source: Amazon CloudWatch Logs User Guide, "Encrypt log data using KMS".
    """
    stack = cdk.Stack.of(scope)
    group = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=name_pattern,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    add_statement(
        key,
        scope,
        iam.PolicyStatement(
            sid=_sid("Logs", name_pattern),
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": group}},
        ),
    )


def allow_alarms(key: kms.IKey, scope: Construct) -> None:
    """Let this account's CloudWatch alarms publish to a topic that the key encrypts.

    Without it an alarm goes off and nobody is told; only the alarm's history says why.
    Source: Amazon SNS Developer Guide, "Enable compatibility between event sources and encrypted topics".
    """
    stack = cdk.Stack.of(scope)
    add_statement(
        key,
        scope,
        iam.PolicyStatement(
            sid="Alarms",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        ),
    )


def allow_eventbridge(key: kms.IKey, scope: Construct) -> None:
    """Let EventBridge rules publish to a topic that the key encrypts.

    EventBridge sends no source account or ARN to KMS on this path, and a condition on either makes every delivery fail
    without an error at deployment.
    """
    add_statement(
        key,
        scope,
        iam.PolicyStatement(
            sid="Events",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
        ),
    )


def allow_log_delivery(key: kms.IKey, scope: Construct) -> None:
    """Let the log delivery service write VPC flow logs into a bucket that the key encrypts.

    Without it the flow log is ACTIVE and delivers nothing (``DeliverLogsStatus: FAILED``).
    Source: Amazon VPC User Guide, "Required key policy for use with SSE-KMS".
    """
    stack = cdk.Stack.of(scope)
    add_statement(
        key,
        scope,
        iam.PolicyStatement(
            sid="LogDelivery",
            principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            resources=["*"],
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": stack.format_arn(service="logs", resource="*")},
            },
        ),
    )


def add_statement(key: kms.IKey, scope: Construct, statement: iam.PolicyStatement) -> None:
    """Add a statement to the key's policy once; for an imported key, report the statement that its owner has to add.

    An imported key's policy cannot be changed from here, and silence would let the deployment or the
    delivery fail later: the annotation is a warning that stops a gated synth until it is acknowledged.
    """
    name = statement.sid or "Statement"
    marker = f"secure-backend:{name}"
    if any(entry.type == marker for entry in key.node.metadata):
        return
    if key.add_to_resource_policy(statement).statement_added:
        key.node.add_metadata(marker, data=name)
        return
    rendered = json.dumps(cdk.Stack.of(scope).resolve(statement.to_statement_json()), sort_keys=True)
    cdk.Annotations.of(scope).add_warning_v2(
        f"secure-backend:ImportedKeyPolicy[{name}]",
        f"The imported key {key.node.path} must carry this statement, which cannot be added from here: {rendered}. "
        "Add it to the key's policy, then acknowledge this warning.",
    )


def _sid(prefix: str, pattern: str) -> str:
    return prefix + "".join(character for character in pattern if character.isalnum() and character.isascii())
