"""The statements of an encrypted bucket's policy and of its access-log target, and the grants that stop at a prefix."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


def refuse_foreign_encryption(bucket: s3.Bucket, key: kms.IKey) -> None:
    """Refuse uploads that ask for another key, another algorithm or a key of the caller's own (SSE-C).

    A request without encryption headers passes and is encrypted by the bucket's default. Each statement
    asks first whether its header is there: a plain ``StringNotEquals`` is also true of a missing one.
    AWS services that deliver under their own name are left to the statements that let them in: CloudTrail
    and the log delivery choose their headers themselves, and a refusal would lose the log without an error.
    Source: Amazon S3 User Guide, "Using server-side encryption with AWS KMS keys (SSE-KMS)".
    """
    objects = bucket.arn_for_objects("*")
    people = {"Bool": {"aws:PrincipalIsAWSService": "false"}}
    bucket.add_to_resource_policy(
        _deny(
            "RefuseCustomerProvidedKeys",
            objects,
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        )
    )
    bucket.add_to_resource_policy(
        _deny(
            "RefuseForeignKeys",
            objects,
            {
                "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key.key_arn},
                **people,
            },
        )
    )
    bucket.add_to_resource_policy(
        _deny(
            "RefuseOtherAlgorithms",
            objects,
            {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
                **people,
            },
        )
    )


def allow_access_logs(target: s3.IBucket, source: s3.Bucket, prefix: str) -> bool:
    """Let S3 deliver the source's access logs under the prefix of the target; False when the target is imported.

    A target of another stack is bound to this account only: naming the source there would make the two
    stacks wait for each other.
    """
    account = cdk.Stack.of(source).account
    conditions: dict[str, dict[str, str]] = {"StringEquals": {"aws:SourceAccount": account}}
    if cdk.Stack.of(target) is cdk.Stack.of(source):
        conditions["ArnLike"] = {"aws:SourceArn": source.bucket_arn}
    return target.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[target.arn_for_objects(f"{prefix}*")],
            conditions=conditions,
        )
    ).statement_added


def grant_on_prefix(
    grantee: iam.IGrantable,
    scope: Construct,
    bucket: s3.IBucket,
    key: kms.IKey,
    prefix: str,
    *,
    object_actions: Sequence[str],
    key_actions: Sequence[str] = (),
    list_objects: bool = False,
) -> iam.Grant:
    """Let the grantee act on the objects below the prefix, and use the key for them through S3 only.

    The permissions go to the grantee's identity alone, so that bucket and grantee may stand in different stacks.
    """
    stack = cdk.Stack.of(scope)
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=list(object_actions), resource_arns=[bucket.arn_for_objects(f"{prefix}*")]
    )
    if list_objects:
        grant = grant.combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["s3:ListBucket"],
                resource_arns=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
            )
        )
    if key_actions:
        grant = grant.combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=list(key_actions),
                resource_arns=[key.key_arn],
                conditions={
                    "StringEquals": {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"},
                    "StringLike": {
                        "kms:EncryptionContext:aws:s3:arn": [
                            bucket.bucket_arn,
                            bucket.arn_for_objects(f"{prefix}*"),
                        ]
                    },
                },
            )
        )
    return grant


def _deny(sid: str, objects: str, conditions: dict[str, dict[str, str]]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:PutObject"],
        resources=[objects],
        conditions=conditions,
    )
