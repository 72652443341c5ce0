"""What stays of the data stack's findings."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.acknowledgements.registry import (
    HIPAA,
    INLINE,
    NIST4,
    NIST5,
    PCI,
    SERVICE_POLICY,
    SOLUTIONS,
    Registry,
    account_of,
    below,
    log_target,
    managed_policy,
    no_replica,
    rule_ids,
)
from stacks.application import Application

DATA_SERVICE_POLICIES = (
    "AWSBackupServiceRolePolicyForBackup",
    "AWSBackupServiceRolePolicyForRestores",
    "AmazonRDSEnhancedMonitoringRole",
)


def data(registry: Registry, application: Application) -> None:
    """Acknowledge what stays of the data stack."""
    data, settings = application.data, application.settings
    for bucket in (data.documents.bucket, data.documents.access_logs):
        no_replica(registry, bucket)
    log_target(registry, data.documents.access_logs)
    if settings.documents.object_lock_days is None:
        registry.add(
            data.documents.bucket,
            *rule_ids("S3BucketDefaultLockEnabled", NIST4),
            reason="Callers may delete their documents, and a lock would forbid it. Versioning keeps a deleted "
            "document for the profile's days; documents.object_lock_days switches a lock on.",
        )
    for role in below(data.database, iam.CfnRole):
        for name in DATA_SERVICE_POLICIES:
            if f"/{name}'" in str(cdk.Stack.of(data).resolve(role.managed_policy_arns)):
                registry.add(role, managed_policy(f"service-role/{name}"), reason=SERVICE_POLICY)
    if data.documents.malware_protection is not None:
        for scanner in below(data.documents.malware_protection, iam.CfnManagedPolicy):
            rules = f"arn:{data.partition}:events:{data.region}:{account_of(data)}:rule/"
            scanned = data.get_logical_id(next(below(data.documents.bucket, s3.CfnBucket)))
            registry.add(
                scanner,
                *rule_ids(f"IAM5[Resource::{rules}DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*]", SOLUTIONS),
                *rule_ids(f"IAM5[Resource::<{scanned}.Arn>/*]", SOLUTIONS),
                reason="GuardDuty scans every object of the bucket, and names its one event rule itself; AWS documents "
                "these permissions for the plan's role.",
            )
    if settings.database.proxy:
        registry.add(
            data.database.instance,
            *rule_ids("RDS11", SOLUTIONS),
            reason="RDS Proxy listens on 5432 and on no other port, and the data tier's network ACL lets in one port.",
        )
        for policy in below(data.database, iam.CfnPolicy):
            registry.add(policy, *rule_ids("IAMNoInlinePolicy", HIPAA, NIST4, NIST5, PCI), reason=INLINE)
    if settings.database.restore_snapshot is not None or settings.database.restore_resource_id is not None:
        registry.add(
            data.database.instance,
            *rule_ids("RDS2", SOLUTIONS),
            *rule_ids("RDSStorageEncrypted", HIPAA, NIST4, NIST5, PCI),
            reason="RDS takes a restored instance's encryption and key from its source and refuses to be told another; "
            "every instance and backup of this application is encrypted.",
        )
    if not settings.database.backup_plan:
        registry.add(
            data.database.instance,
            *rule_ids("RDSInBackupPlan", HIPAA, NIST4, NIST5),
            reason="A development profile makes do with RDS's own backups, which end with the instance. Production "
            "refuses backup_plan = false.",
        )
    if not settings.database.multi_az:
        registry.add(
            data.database.instance,
            *rule_ids("RDS3", SOLUTIONS),
            *rule_ids("RDSMultiAZSupport", HIPAA, NIST4, NIST5),
            reason="A development profile pays for one instance and accepts that it is away while its zone is. "
            "Production refuses multi_az = false.",
        )
    if not settings.database.deletion_protection:
        registry.add(
            data.database.instance,
            *rule_ids("RDS10", SOLUTIONS),
            *rule_ids("RDSInstanceDeletionProtectionEnabled", HIPAA, NIST4, NIST5),
            reason="A development profile's instance may be deleted by hand; its stack retains it in any case. "
            "Production refuses deletion_protection = false.",
        )
