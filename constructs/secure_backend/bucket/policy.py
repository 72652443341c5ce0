"""What an encrypted bucket's policy refuses, how its access logs are let in, and the grants that stop at a prefix."""

import json
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

_ALGORITHM = "s3:x-amz-server-side-encryption"
_KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_CUSTOMER_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"

# CloudTrail and the log delivery services choose their headers themselves (a digest may come with S3's own key), and a
# refusal would lose the log without an error. They reach only what the policy's Allow statements name.
_NOT_A_SERVICE = {"aws:PrincipalIsAWSService": "false"}


def refuse_foreign_encryption(bucket: s3.Bucket, key: kms.IKey) -> None:
    """Refuse uploads that ask for any key but the bucket's.

    A request without encryption headers passes: the bucket's default encrypts it. Each statement asks first
    whether its header is there, because ``StringNotEquals`` is also true of a header that is missing. A request
    that does name an algorithm must name the key's full ARN with it: S3 takes ``aws:kms`` alone for the
    AWS-managed key. All refuse uploads only, so none can lock out who deploys the bucket.
    Source: Amazon S3 API Reference, "PutObject"; Amazon S3 User Guide, "Protecting data with SSE-KMS".
    """
    refusals: dict[str, dict[str, dict[str, str]]] = {
        "RefuseCustomerProvidedKeys": {"Null": {_CUSTOMER_KEY: "false"}},
        "RefuseForeignKeys": {
            "Null": {_KEY_ID: "false"},
            "StringNotEquals": {_KEY_ID: key.key_arn},
            "Bool": _NOT_A_SERVICE,
        },
        "RefuseUnnamedKeys": {"Null": {_ALGORITHM: "false", _KEY_ID: "true"}, "Bool": _NOT_A_SERVICE},
        "RefuseOtherAlgorithms": {
            "Null": {_ALGORITHM: "false"},
            "StringNotEquals": {_ALGORITHM: "aws:kms"},
            "Bool": _NOT_A_SERVICE,
        },
    }
    everyone, objects = iam.AnyPrincipal(), bucket.arn_for_objects("*")
    for sid, conditions in refusals.items():
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[everyone],
                actions=["s3:PutObject"],
                resources=[objects],
                conditions=conditions,
            )
        )


def deliver_access_logs(source: s3.Bucket, target: s3.IBucket, prefix: str) -> None:
    """Send the source's access logs to the target, below the prefix, without an ACL whatever the app's flags.

    A target in another stack is bound to this account only: naming the source there would make the two stacks
    wait for each other. An imported target's policy cannot be changed from here: the statement that its owner has
    to add is reported as a warning.
    """
    resource = source.node.default_child
    if not isinstance(resource, s3.CfnBucket):
        raise TypeError(f"{source.node.path} has no AWS::S3::Bucket to log from")
    # The L2 property would grant by an ACL or by the policy, as a feature flag says.
    resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
        destination_bucket_name=target.bucket_name, log_file_prefix=prefix
    )
    stack = cdk.Stack.of(source)
    conditions: dict[str, dict[str, str]] = {"StringEquals": {"aws:SourceAccount": stack.account}}
    if cdk.Stack.of(target) is stack:
        conditions["ArnLike"] = {"aws:SourceArn": source.bucket_arn}
    statement = iam.PolicyStatement(
        sid=f"AccessLogs{source.node.addr[-8:]}",
        principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
        actions=["s3:PutObject"],
        resources=[target.arn_for_objects(f"{prefix}*")],
        conditions=conditions,
    )
    if not target.add_to_resource_policy(statement).statement_added:
        rendered = json.dumps(stack.resolve(statement.to_statement_json()), sort_keys=True)
        cdk.Annotations.of(source).add_warning_v2(
            "secure-backend:ImportedAccessLogBucketPolicy",
            f"The imported bucket {target.node.path} must carry this statement, which cannot be added from here: "
            f"{rendered}. Add it to the bucket's policy, then acknowledge this warning.",
        )


def grant_below(
    prefix: str,
    grantee: iam.IGrantable,
    scope: Construct,
    bucket: s3.IBucket,
    key: kms.IKey,
    *,
    object_actions: Sequence[str],
    object_conditions: Mapping[str, Mapping[str, str]] | None = None,
    key_actions: Sequence[str] = (),
    list_objects: bool = False,
) -> iam.Grant:
    """Let the grantee act on the objects below the prefix, and use the key for them, through S3 only.

    The permissions go to the grantee's own policy alone, so bucket and grantee may stand in different stacks. S3
    names the bucket's ARN to KMS when a bucket key is used and the object's when an upload turned that off.
    """
    stack = cdk.Stack.of(scope)
    objects = bucket.arn_for_objects(f"{prefix}*")
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=list(object_actions), resource_arns=[objects], conditions=object_conditions
    )
    if list_objects:
        grant = grant.combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["s3:ListBucket", "s3:ListBucketVersions"],
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
                    "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket.bucket_arn, objects]},
                },
            )
        )
    return grant
