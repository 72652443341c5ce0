"""Targets of S3 server access logs to which nothing is delivered."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_true, object_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule


@rule(
    aws=SILENT,
    reason="Server access logs are delivered to buckets with SSE-S3 as their default encryption only.",
    fix="set SSEAlgorithm to AES256 on the target (encryption=s3.BucketEncryption.S3_MANAGED)",
    source="aws-cdk#23513, PR#25350; Amazon S3 User Guide, Troubleshoot server access logging",
)
def access_log_target_with_kms(assembly: Assembly) -> Iterator[Finding]:
    """Encrypt a target of server access logs with SSE-S3."""
    for source, target in _pairs(assembly):
        if access.uses_kms(target):
            problem = f"The access logs of {source.address} go to a bucket with KMS encryption"
            yield Finding(target, "Properties.BucketEncryption", problem)


@rule(
    aws=SILENT,
    reason="Log delivery cannot write into a bucket with Object Lock and a default retention.",
    fix="remove ObjectLockEnabled and ObjectLockConfiguration from the target",
    source="cloudposse/terraform-aws-cloudtrail-s3-bucket PR#113; Amazon S3 User Guide, Troubleshoot server access "
    "logging",
)
def access_log_target_with_object_lock(assembly: Assembly) -> Iterator[Finding]:
    """Use no Object Lock on a target of server access logs."""
    for source, target in _pairs(assembly):
        if is_true(target.at("ObjectLockEnabled")) or object_of(target.at("ObjectLockConfiguration")):
            problem = f"The access logs of {source.address} go to a bucket with Object Lock"
            yield Finding(target, "Properties.ObjectLockEnabled", problem)


@rule(
    aws=SILENT,
    reason="Each delivered log is an access that is logged again, without end.",
    fix="set LoggingConfiguration.DestinationBucketName to another bucket",
    source="Amazon S3 User Guide, Enabling Amazon S3 server access logging",
)
def access_log_into_itself(assembly: Assembly) -> Iterator[Finding]:
    """Deliver a bucket's access logs to another bucket."""
    for source, target in _pairs(assembly):
        if source is target:
            yield Finding(source, "Properties.LoggingConfiguration", "The bucket logs accesses into itself")


@rule(
    aws=SILENT,
    reason="Buckets made since April 2023 have no ACLs: only the target's policy can let log delivery in.",
    fix="in the target's policy allow logging.s3.amazonaws.com s3:PutObject with aws:SourceArn and aws:SourceAccount",
    source="aws-solutions-constructs#948; Amazon S3 User Guide, Enabling Amazon S3 server access logging",
)
def access_log_target_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let log delivery write into a target of server access logs."""
    for source, target in _pairs(assembly):
        policies = access.bucket_policies(assembly, target)
        statements = access.statements_for(assembly, policies)
        place = policies[0] if policies else target
        location = "Properties.PolicyDocument" if policies else "Properties"
        if access.missing_for(statements, "logging.s3", "s3:PutObject"):
            yield Finding(place, location, f"Log delivery may not write the access logs of {source.address}")
            continue
        writing = [each for each in statements if each.names_service("logging.s3") and each.covers("s3:PutObject")]
        source_arn = assembly.render(source.stack, {"Fn::GetAtt": [source.logical_id, "Arn"]})
        other = access.outside(writing, source_arn, "aws:SourceArn")
        if other:
            problem = f"Log delivery is let in for {', '.join(other)}, not for {source.address}"
            yield Finding(place, location, problem)


def _pairs(assembly: Assembly) -> Iterator[tuple[Resource, Resource]]:
    for source in assembly.resources(access.BUCKET):
        if source.at("LoggingConfiguration") is None:
            continue
        named = source.at("LoggingConfiguration.DestinationBucketName")
        target = source if named is None else assembly.follow(source.stack, named)
        if target is not None and target.type == access.BUCKET:
            yield source, target
