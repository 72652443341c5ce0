"""Flow logs of all of a VPC's traffic, accepted and rejected, to an encrypted log group or as Parquet to a bucket.

Example::

    FlowLogsToLogGroup(self, "FlowLogs", vpc=vpc, key=key, retention=logs.RetentionDays.ONE_YEAR)
"""

import json

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct, IDependable

from secure_backend import keys
from secure_backend.encrypted_bucket import EncryptedBucket
from secure_backend.log_groups import EncryptedLogGroup


class FlowLogsToLogGroup(Construct):
    """A VPC's flow log in a log group of its own; the delivering role can write there and nowhere else.

    :param vpc: the VPC that is watched.
    :param key: encrypts the group.
    :param retention: how long records are kept.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        key: kms.IKey,
        retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        self.log_group = EncryptedLogGroup(self, "Group", key=key, retention=retention)
        # The conditions keep the service from being used by another account to write here ("confused deputy").
        # Source: Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs".
        role = iam.Role(
            self,
            "Role",
            description="Delivers VPC flow logs to their log group",
            assumed_by=iam.PrincipalWithConditions(
                iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"),
                {
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {
                        "aws:SourceArn": stack.format_arn(service="ec2", resource="vpc-flow-log", resource_name="*")
                    },
                },
            ),
        )
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="Write VPC flow logs to their log group",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=[self.log_group.log_group_arn],
                )
            ],
        )
        self.flow_log = ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=self.log_group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
        self.flow_log.node.add_dependency(policy)


class FlowLogsToBucket(Construct):
    """A VPC's flow log as Parquet in a bucket, in partitions by hour that Athena can query.

    :param vpc: the VPC that is watched.
    :param key: encrypts a bucket made here.
    :param retention: how long a bucket made here keeps records.
    :param bucket: the caller's bucket instead; no other service may deliver logs into it, for two policies
        written at the same time fail each other.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        key: kms.IKey,
        retention: logs.RetentionDays,
        bucket: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.bucket: s3.IBucket = (
            EncryptedBucket(self, "Bucket", key=key, expiration=retention_duration(retention)).bucket
            if bucket is None
            else bucket
        )
        if self.bucket.encryption_key is not None:
            keys.allow_log_delivery(self.bucket.encryption_key, self)
        self.flow_log = ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="s3",
            log_destination=self.bucket.bucket_arn,
            # The L2 writes these keys in lower camel case, which CloudFormation does not know (aws-cdk#25432).
            destination_options={"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True},
        )
        # With the policy there first, the service finds what it needs and does not write a policy of its own.
        for policy in _allow_delivery(self, self.bucket):
            self.flow_log.node.add_dependency(policy)


def retention_duration(retention: logs.RetentionDays) -> cdk.Duration:
    """Return a retention of CloudWatch Logs as a duration, for objects in a bucket."""
    return cdk.Duration.days(_DAYS[retention])


def _allow_delivery(scope: Construct, bucket: s3.IBucket) -> list[IDependable]:
    """Let the log delivery service put this account's flow logs into the bucket; returns what must exist before.

    Source: Amazon VPC User Guide, "Amazon S3 bucket permissions for flow logs".
    """
    stack = cdk.Stack.of(scope)
    delivery = iam.ServicePrincipal("delivery.logs.amazonaws.com")
    source = {
        "StringEquals": {"aws:SourceAccount": stack.account},
        "ArnLike": {"aws:SourceArn": stack.format_arn(service="logs", resource="*")},
    }
    statements = [
        iam.PolicyStatement(
            sid="AWSLogDeliveryWrite",
            principals=[delivery],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"AWSLogs/aws-account-id={stack.account}/*")],
            conditions={
                **source,
                "StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"},
            },
        ),
        iam.PolicyStatement(
            sid="AWSLogDeliveryAclCheck",
            principals=[delivery],
            actions=["s3:GetBucketAcl", "s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions=source,
        ),
    ]
    results = [bucket.add_to_resource_policy(statement) for statement in statements]
    if not all(result.statement_added for result in results):
        rendered = json.dumps([stack.resolve(s.to_statement_json()) for s in statements], sort_keys=True)
        cdk.Annotations.of(scope).add_warning_v2(
            "secure-backend:ImportedFlowLogBucket",
            f"The imported bucket {bucket.node.path} must carry these statements, which cannot be added from here: "
            f"{rendered}. Its key must let delivery.logs.amazonaws.com use it. Add both, then acknowledge this.",
        )
    dependables = [result.policy_dependable for result in results if result.policy_dependable is not None]
    return dependables[:1]


_DAYS: dict[logs.RetentionDays, int] = {
    logs.RetentionDays.ONE_DAY: 1,
    logs.RetentionDays.THREE_DAYS: 3,
    logs.RetentionDays.FIVE_DAYS: 5,
    logs.RetentionDays.ONE_WEEK: 7,
    logs.RetentionDays.TWO_WEEKS: 14,
    logs.RetentionDays.ONE_MONTH: 30,
    logs.RetentionDays.TWO_MONTHS: 60,
    logs.RetentionDays.THREE_MONTHS: 90,
    logs.RetentionDays.FOUR_MONTHS: 120,
    logs.RetentionDays.FIVE_MONTHS: 150,
    logs.RetentionDays.SIX_MONTHS: 180,
    logs.RetentionDays.ONE_YEAR: 365,
    logs.RetentionDays.THIRTEEN_MONTHS: 400,
    logs.RetentionDays.EIGHTEEN_MONTHS: 545,
    logs.RetentionDays.TWO_YEARS: 731,
    logs.RetentionDays.THREE_YEARS: 1096,
    logs.RetentionDays.FIVE_YEARS: 1827,
    logs.RetentionDays.SIX_YEARS: 2192,
    logs.RetentionDays.SEVEN_YEARS: 2557,
    logs.RetentionDays.EIGHT_YEARS: 2922,
    logs.RetentionDays.NINE_YEARS: 3288,
    logs.RetentionDays.TEN_YEARS: 3653,
}
