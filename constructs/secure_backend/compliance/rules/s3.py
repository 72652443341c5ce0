"""Buckets: policies that fail or lock out, settings that AWS refuses, and stores left open to foreign keys."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource, Statement
from secure_backend.analysis.template import Value, is_intrinsic, is_true, list_of, object_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_PRODUCERS = (
    ("AWS::CloudTrail::Trail", "S3BucketName"),
    ("AWS::EC2::FlowLog", "LogDestination"),
    ("AWS::Route53Resolver::ResolverQueryLoggingConfig", "DestinationArn"),
)
#: Keys that a deployment from elsewhere cannot satisfy, so that a Deny on them also hits CloudFormation.
_PLACES = {"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:multifactorauthpresent"}


@rule(
    aws="Access Denied for LogDestination, or: A conflicting conditional operation is currently in progress against "
    "this resource",
    reason="The service writes its own policy on the bucket while CloudFormation writes yours; it fails now and then.",
    fix="add the bucket's AWS::S3::BucketPolicy to the producer's DependsOn",
    source="aws-cdk#15808, #18985; aws-cloudformation/cloudformation-coverage-roadmap#1954",
)
def log_delivery_before_bucket_policy(assembly: Assembly) -> Iterator[Finding]:
    """Create whatever delivers logs to a bucket after the bucket's policy."""
    for type_name, path in _PRODUCERS:
        for producer in assembly.resources(type_name):
            bucket = access.resource_at(assembly, producer, path, access.BUCKET)
            for policy in [] if bucket is None else access.bucket_policies(assembly, bucket):
                if not assembly.waits_for(producer, policy):
                    problem = f"{producer.address} delivers to a bucket and does not wait for {policy.address}"
                    yield Finding(producer, "DependsOn", problem)


@rule(
    aws="A conflicting conditional operation is currently in progress against this resource",
    reason="Notifications and policy of one bucket are written in parallel.",
    fix="add the bucket's AWS::S3::BucketPolicy to the DependsOn of Custom::S3BucketNotifications",
    source="aws-cdk#27600, PR#30053",
)
def notification_before_bucket_policy(assembly: Assembly) -> Iterator[Finding]:
    """Write a bucket's notifications after its policy."""
    for notification in assembly.resources("Custom::S3BucketNotifications"):
        bucket = access.resource_at(assembly, notification, "BucketName", access.BUCKET)
        for policy in [] if bucket is None else access.bucket_policies(assembly, bucket):
            if policy.stack is notification.stack and not assembly.waits_for(notification, policy):
                yield Finding(notification, "DependsOn", f"The notifications do not wait for {policy.address}")


@rule(
    aws="Object Lock configuration cannot be enabled on existing buckets, or: Versioning must be 'Enabled' on the "
    "bucket to apply an Object Lock configuration",
    reason="A lock needs ObjectLockEnabled from the first creation on, and versions to lock.",
    fix="set ObjectLockEnabled to true and VersioningConfiguration.Status to Enabled",
    source="aws-cdk PR#23744; terraform-aws-modules/terraform-aws-s3-bucket#90",
)
def object_lock_without_versions(assembly: Assembly) -> Iterator[Finding]:
    """Enable versioning and Object Lock itself on a bucket with an Object Lock configuration."""
    for bucket in assembly.resources(access.BUCKET):
        if bucket.at("ObjectLockConfiguration") is None and not is_true(bucket.at("ObjectLockEnabled")):
            continue
        if bucket.at("ObjectLockEnabled") is None:
            yield Finding(bucket, "Properties.ObjectLockEnabled", "The bucket has a lock configuration and no lock")
        if bucket.at("VersioningConfiguration.Status") in (None, "Suspended"):
            yield Finding(bucket, "Properties.VersioningConfiguration", "The locked bucket keeps no versions")


@rule(
    aws=SILENT,
    reason="Who may write can write objects under a key that only he holds, and nobody else reads them again; buckets "
    "made before April 2026 do not refuse that by themselves.",
    fix="set BlockedEncryptionTypes.EncryptionType to [SSE-C] in ServerSideEncryptionConfiguration "
    "(blocked_encryption_types=[s3.BlockedEncryptionType.SSE_C])",
    source="aws-cdk#36988, PR#37047",
)
def bucket_accepts_foreign_keys(assembly: Assembly) -> Iterator[Finding]:
    """Block encryption with keys that the client brings (SSE-C)."""
    for bucket in assembly.resources(access.BUCKET):
        rules = list_of(bucket.at("BucketEncryption.ServerSideEncryptionConfiguration"))
        blocked = any(_blocks_sse_c(each) for each in rules)
        if not blocked and not any(_denies_sse_c(each) for each in _policy(assembly, bucket)):
            yield Finding(bucket, "Properties.BucketEncryption", "The bucket accepts objects under a client's key")


@rule(
    aws="The bucket does not allow ACLs (AccessControlListNotSupported)",
    reason="Buckets made since April 2023 have no ACLs, and log delivery by an ACL goes nowhere.",
    fix="remove AccessControl and let the service in by the bucket's policy (feature flag "
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy)",
    source="aws-solutions-constructs#948",
)
def bucket_with_acl(assembly: Assembly) -> Iterator[Finding]:
    """Grant access to a bucket by policy, not by ACL."""
    for bucket in assembly.resources(access.BUCKET):
        ownership = [object_of(each).get("ObjectOwnership") for each in list_of(bucket.at("OwnershipControls.Rules"))]
        acl = bucket.at("AccessControl")
        if acl not in (None, "Private") and ownership in ([], ["BucketOwnerEnforced"]):
            yield Finding(bucket, "Properties.AccessControl", f"The bucket's access control list is {acl}")


@rule(
    aws="Access Denied, for every later update of the bucket's policy",
    reason="The Deny also hits the role that CloudFormation deploys with, and only the account's root can undo it.",
    fix="restrict the Deny to objects or actions on data, condition it on TLS alone, or exempt the deploying role with "
    "aws:PrincipalArn",
    source="AWS re:Post, I accidentally denied everyone access to my Amazon S3 bucket",
)
def bucket_policy_locks_out(assembly: Assembly) -> Iterator[Finding]:
    """Keep the deploying role able to change a bucket's policy."""
    for policy in assembly.resources(access.BUCKET_POLICY):
        for statement in assembly.policy_statements(policy):
            touches_policy = statement.covers("s3:PutBucketPolicy") or statement.covers("s3:DeleteBucketPolicy")
            whole_bucket = any(not resource.endswith("/*") for resource in statement.resources)
            keys = {condition.key for condition in statement.conditions}
            denied = not statement.allows and statement.names_everyone and touches_policy and whole_bucket
            if denied and keys <= _PLACES:
                condition = f"on {', '.join(sorted(keys))} only" if keys else "without a condition"
                problem = f"A Deny for everyone covers s3:PutBucketPolicy {condition}"
                yield Finding(policy, "Properties.PolicyDocument", problem)


def _policy(assembly: Assembly, bucket: Resource) -> list[Statement]:
    return access.statements_for(assembly, access.bucket_policies(assembly, bucket))


def _blocks_sse_c(encryption: Value) -> bool:
    """Tell whether a rule of a bucket's encryption blocks SSE-C, or may do so at deployment."""
    blocked = object_of(encryption).get("BlockedEncryptionTypes")
    types = object_of(blocked).get("EncryptionType")
    return any(is_intrinsic(each) for each in (encryption, blocked, types)) or "SSE-C" in list_of(types)


def _denies_sse_c(statement: Statement) -> bool:
    header = "s3:x-amz-server-side-encryption-customer-algorithm"
    return not statement.allows and any(value == "false" for value in statement.condition_values(header))
