"""The registry with this application's owner and review date, and the findings that several stacks have."""

import datetime
from collections.abc import Iterable, Iterator
from typing import TypeVar

import aws_cdk as cdk
from constructs import IConstruct

from secure_backend import DeadLetterQueue
from secure_backend.compliance import Acknowledgements

Resource = TypeVar("Resource", bound=cdk.CfnResource)

OWNER = "platform"
REVIEW_BY = datetime.date(2027, 5, 31)

HIPAA, NIST4, NIST5, PCI = "HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321"
SOLUTIONS, SERVERLESS = "AwsSolutions", "Serverless"


class Registry:
    """Enters acknowledgements with owner and review date."""

    def __init__(self, acknowledgements: Acknowledgements) -> None:
        self._acknowledgements = acknowledgements

    def add(self, construct: IConstruct, *findings: str, reason: str) -> None:
        """Acknowledge findings on a construct."""
        self._acknowledgements.add(construct, *findings, reason=reason, owner=OWNER, review_by=REVIEW_BY)


def rule_ids(rule: str, *packs: str) -> list[str]:
    """Return the ids of one rule in several packs."""
    return [f"{pack}::{pack}-{rule}" for pack in packs]


def below(scope: IConstruct, *types: type[Resource]) -> Iterator[Resource]:
    """Yield the resources of the given types below a construct."""
    return of(scope.node.find_all(), *types)


def of(constructs: Iterable[IConstruct], *types: type[Resource]) -> Iterator[Resource]:
    """Yield the resources of the given types among constructs."""
    return (construct for construct in constructs if isinstance(construct, types))


def no_replica(registry: Registry, bucket: IConstruct) -> None:
    """Acknowledge a bucket without a copy elsewhere."""
    registry.add(
        bucket,
        *rule_ids("S3BucketReplicationEnabled", HIPAA, NIST4, NIST5, PCI),
        reason="A copy in a second region is deliberately not built: it doubles cost and what has to be protected. S3 "
        "keeps every object in three zones, and versions keep what was overwritten or deleted.",
    )


def log_target(registry: Registry, bucket: IConstruct) -> None:
    """Acknowledge what S3's access logs do not bear."""
    registry.add(
        bucket,
        *rule_ids("S3DefaultEncryptionKMS", HIPAA, NIST5, PCI),
        reason="S3 delivers server access logs to a bucket with SSE-S3 only; with a KMS key they would be lost.",
    )
    registry.add(
        bucket,
        *rule_ids("S3BucketDefaultLockEnabled", NIST4),
        reason="S3 delivers no server access logs to a bucket with a default retention; they would be lost.",
    )


def dead_letters(registry: Registry, queue: DeadLetterQueue) -> None:
    """Acknowledge that a dead-letter queue has none itself."""
    registry.add(
        queue,
        *rule_ids("SQSRedrivePolicy", SERVERLESS),
        *rule_ids("SQS3", SOLUTIONS),
        reason="It is the dead-letter queue, of targets, a subscription or a function, none of them a queue. An alarm "
        "tells of the first message, and an operator sends it back.",
    )


def account_of(stack: cdk.Stack) -> str:
    """Return the stack's account as cdk-nag writes it."""
    return "<AWS::AccountId>" if cdk.Token.is_unresolved(stack.account) else stack.account


def managed_policy(name: str) -> str:
    """Return the finding on a policy of AWS's own."""
    return f"{SOLUTIONS}::{SOLUTIONS}-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]"


SERVICE_POLICY = (
    "The service requires this policy of its own role, and AWS keeps it in step with what the service does. Only the "
    "service can assume the role."
)
INLINE = (
    "The policy belongs to this one role and ends with it. A managed policy could be attached to something else, and "
    "gives no less."
)
