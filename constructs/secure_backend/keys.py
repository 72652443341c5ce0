"""KMS keys, one for each class of data, and the few statements that let an AWS service use one.

A key policy here never names another account, and never lets a service in without a condition that binds it to this
account: by source account or ARN where the service sends one, by the encryption context elsewhere.

Example::

    key = DataKey(self, "Key", description="Customer documents")
    allow_log_groups(key, self, "/app/documents-*")
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_backend.validation import Validation

_REMOVAL_POLICIES = (
    cdk.RemovalPolicy.RETAIN,
    cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    cdk.RemovalPolicy.DESTROY,
)


class DataKey(kms.Key):
    """A symmetric KMS key for one class of data: rotated each year, retained, administered by this account's IAM.

    The account's root statement stays, so that IAM policies govern the key and nobody is locked out, the deploying
    role included (FSBP KMS.3, KMS.4, KMS.5; CIS 3.6).

    :param description: what the key protects; the console shows it.
    :param rotation_days: 90 to 2560, 365 when left out.
    :param pending_window_days: the wait before a scheduled deletion, 7 to 30, 30 when left out.
    :param removal_policy: RETAIN when left out. ``RETAIN_ON_UPDATE_OR_DELETE`` also removes the key when its
        very first creation fails; only for keys whose data is removed in that case too.
    :raises InvalidPropertiesError: with every problem of these properties at once.
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
        check.one_of("removal_policy", removal_policy, _REMOVAL_POLICIES, "leave it out to keep the key")
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

    :param name_pattern: the group's name, ``*`` for any characters.
    """
    stack = cdk.Stack.of(scope)
    allowed = _ALLOWED_LOG_GROUPS.setdefault(key, set())
    if (stack, name_pattern) in allowed:
        return
    allowed.add((stack, name_pattern))
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
            sid=_sid("Logs", name_pattern, scope),
            # The principal carries the partition's own suffix: logs.cn-north-1.amazonaws.com.cn.
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
    account = cdk.Stack.of(scope).account
    _allow_sending(key, scope, "Alarms", ["cloudwatch"], {"StringEquals": {"aws:SourceAccount": account}})


def allow_eventbridge(key: kms.IKey, scope: Construct) -> None:
    """Let EventBridge rules publish to this account's topics that the key encrypts.

    EventBridge sends neither a source account nor a source ARN to KMS, and a condition on either makes every delivery
    fail without an error at deployment. SNS names the topic to KMS whoever publishes, so the statement is bound to the
    topics of this account and region by that encryption context. Sources: Amazon SNS Developer Guide, "Enable
    compatibility between event sources and encrypted topics"; Amazon GameLift Guide, "Set up an SNS topic with
    server-side encryption".
    """
    topics = cdk.Stack.of(scope).format_arn(service="sns", resource="*")
    _allow_sending(key, scope, "Events", ["events"], {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}})


def allow_dead_letters(key: kms.IKey, scope: Construct) -> None:
    """Let EventBridge and SNS send what they could not deliver to this account's queues that the key encrypts.

    Bound like :func:`allow_eventbridge`: SQS names the queue to KMS whoever sends. Source: Amazon SQS Developer Guide,
    "Key management", permissions for AWS services.
    """
    queues = cdk.Stack.of(scope).format_arn(service="sqs", resource="*")
    conditions = {"ArnLike": {"kms:EncryptionContext:aws:sqs:arn": queues}}
    _allow_sending(key, scope, "DeadLetters", ["events", "sns"], conditions)


def _allow_sending(
    key: kms.IKey, scope: Construct, sid: str, services: Sequence[str], conditions: Mapping[str, Mapping[str, str]]
) -> None:
    """Let services encrypt what they send to a topic or a queue; a message may share a data key, which is decrypted."""
    statement = iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(f"{service}.amazonaws.com") for service in services],
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        resources=["*"],
        conditions=conditions,
    )
    add_statement(key, scope, statement)


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
    """Add a statement to the key's policy; for an imported key, report the one that its owner has to add.

    An imported key's policy cannot be changed from here, and silence would let the deployment or the
    delivery fail later: the annotation is a warning that stops a gated synth until it is acknowledged.
    """
    if key.add_to_resource_policy(statement).statement_added:
        return
    name = statement.sid or "Statement"
    rendered = json.dumps(cdk.Stack.of(scope).resolve(statement.to_statement_json()), sort_keys=True)
    cdk.Annotations.of(scope).add_warning_v2(
        f"secure-backend:ImportedKeyPolicy:{name}",
        f"The imported key {key.node.path} must carry this statement, which cannot be added from here: {rendered}. "
        "Add it to the key's policy, then acknowledge this warning.",
    )


# Most log groups of a stack share one pattern and one key.
_ALLOWED_LOG_GROUPS: WeakKeyDictionary[kms.IKey, set[tuple[cdk.Stack, str]]] = WeakKeyDictionary()


def _sid(prefix: str, pattern: str, scope: Construct) -> str:
    """Return a statement id that differs for different patterns and is the same at every synthesis."""
    if cdk.Token.is_unresolved(pattern):
        return prefix + scope.node.addr[-8:]
    words = "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", pattern))
    return f"{prefix}{words}{hashlib.sha256(pattern.encode()).hexdigest()[:6]}"
