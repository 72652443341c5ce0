"""What CloudTrail may do, for one trail and no other: use the key, write to the bucket, write to the log group.

The trail's ARN is text made from its name. A reference would make the key wait for the trail and the trail for the key.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend import keys

_CLOUDTRAIL = "cloudtrail.amazonaws.com"


def trail_name(scope: Construct) -> str:
    """Return the name of the scope's trail: unique in the account, since a trail of every region takes it in all."""
    return f"{cdk.Names.unique_resource_name(scope, max_length=90, separator='-')}-{cdk.Stack.of(scope).region}"


def trail_arn(scope: Construct, name: str) -> str:
    """Return the ARN that the trail will have, as text."""
    return cdk.Stack.of(scope).format_arn(service="cloudtrail", resource="trail", resource_name=name)


def allow_trail_key(key: kms.IKey, scope: Construct, name: str) -> None:
    """Let CloudTrail encrypt this trail's log files with the key.

    Without it the trail's creation fails: "Insufficient permissions to access S3 bucket or KMS key". Decrypt is for
    the bucket key. Source: AWS CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail".
    """
    stack = cdk.Stack.of(scope)
    trail = {"aws:SourceArn": trail_arn(scope, name)}
    any_trail_here = stack.format_arn(service="cloudtrail", region="*", resource="trail", resource_name="*")
    suffix = scope.node.addr[:8]  # two trails may share a key; a statement id is one word
    for sid, actions, conditions in (
        (
            "TrailEncrypt",
            ["kms:GenerateDataKey*"],
            {
                "StringEquals": trail,
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": any_trail_here},
            },
        ),
        ("TrailUse", ["kms:Decrypt", "kms:DescribeKey"], {"StringEquals": trail}),
    ):
        keys.add_statement(
            key,
            scope,
            iam.PolicyStatement(
                sid=f"{sid}{suffix}",
                principals=[iam.ServicePrincipal(_CLOUDTRAIL)],
                actions=actions,
                resources=["*"],
                conditions=conditions,
            ),
        )


def allow_trail_bucket(bucket: s3.Bucket, name: str) -> None:
    """Let CloudTrail deliver this trail's files to their one path in the bucket.

    Without it: "Incorrect S3 bucket policy is detected for bucket". Digests and Insights events lie below the same
    path. Source: AWS CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail".
    """
    trail = {"aws:SourceArn": trail_arn(bucket, name)}
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="TrailAclCheck",
            principals=[iam.ServicePrincipal(_CLOUDTRAIL)],
            actions=["s3:GetBucketAcl"],
            resources=[bucket.bucket_arn],
            conditions={"StringEquals": trail},
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="TrailWrite",
            principals=[iam.ServicePrincipal(_CLOUDTRAIL)],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"AWSLogs/{cdk.Stack.of(bucket).account}/*")],
            conditions={"StringEquals": {**trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
        )
    )


def deny_deletion(bucket: s3.Bucket) -> None:
    """Refuse everybody, administrators included, to delete from the bucket or to bypass its lock.

    The policy itself stays changeable, or the role that deploys would lock itself out.
    """
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="NobodyDeletes",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            resources=[bucket.arn_for_objects("*")],
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="NobodyDeletesTheBucket",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:DeleteBucket"],
            resources=[bucket.bucket_arn],
        )
    )


def log_delivery_role(scope: Construct, log_group: logs.ILogGroup) -> tuple[iam.Role, iam.ManagedPolicy]:
    """Make the role by which CloudTrail writes to the log group, to its own streams only, and its policy.

    The policy is attached as the role is made, so that the trail, which CloudTrail tests at once, finds it there.
    Source: AWS CloudTrail User Guide, "Role policy document for CloudTrail to use CloudWatch Logs for monitoring".
    """
    stack = cdk.Stack.of(scope)
    streams = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group.log_group_name}:log-stream:{stack.account}_CloudTrail_{stack.region}*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    policy = iam.ManagedPolicy(
        scope,
        "LogDeliveryPolicy",
        description=f"CloudTrail writes to the log group of {scope.node.path}",
        statements=[
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams]),
        ],
    )
    role = iam.Role(
        scope,
        "LogDeliveryRole",
        assumed_by=iam.ServicePrincipal(_CLOUDTRAIL),
        description=f"CloudTrail writes to the log group of {scope.node.path}",
        managed_policies=[policy],
    )
    return role, policy
