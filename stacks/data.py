"""The documents and the database that knows about them."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from profiles.settings import DatabaseSettings, Settings
from secure_backend import EncryptedBucket, EncryptedPostgres, ObjectLock, PointInTime, SavedQueries, SnapshotSource
from stacks.network import NetworkStack
from stacks.profile_stack import ProfileStack


class DataStack(ProfileStack):
    """Everything that must outlive a deployment."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        settings: Settings,
        network: NetworkStack,
    ) -> None:
        super().__init__(scope, id, settings=settings, description="Documents bucket, PostgreSQL, their keys")
        documents, database = settings.documents, settings.database
        self.documents = EncryptedBucket(
            self,
            "Documents",
            noncurrent_version_expiration=cdk.Duration.days(documents.old_versions_days),
            event_bridge=True,
            object_lock=ObjectLock(days=documents.object_lock_days) if documents.object_lock_days else None,
            cors=[
                s3.CorsRule(
                    allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.GET],
                    allowed_origins=list(settings.api.cors_origins),
                    allowed_headers=["*"],
                    max_age=3600,
                )
            ]
            if settings.api.cors_origins
            else (),
            malware_protection=documents.malware_protection,
        )
        self.database = EncryptedPostgres(
            self,
            "Database",
            vpc=network.vpc,
            instance_type=ec2.InstanceType(database.instance_class),
            allocated_storage_gib=database.storage_gib,
            max_allocated_storage_gib=database.max_storage_gib,
            multi_az=database.multi_az,
            port=database.port,
            database_name="documents",
            backup_retention=cdk.Duration.days(database.backup_retention_days),
            backup_plan=database.backup_plan,
            restore_testing=database.restore_testing,
            monitoring_interval=cdk.Duration.seconds(database.monitoring_seconds),
            log_retention=self.log_retention,
            alarm_topic=network.alarms,
            proxy=database.proxy,
            deletion_protection=database.deletion_protection,
            generation=database.generation,
            restore_from=_source(database),
        )
        # A new generation has another address, and CloudFormation lets no export change that a stack imports.
        for replaced in (self.database.instance, self.database.proxy):
            if replaced is not None:
                replaced.apply_cross_stack_reference_strength(cdk.ReferenceStrength.WEAK)
        SavedQueries(self, "Queries", folder=settings.name, database=self.database)


def _source(database: DatabaseSettings) -> SnapshotSource | PointInTime | None:
    """Return where a new generation's contents come from."""
    if database.restore_snapshot is not None:
        return SnapshotSource(snapshot=database.restore_snapshot)
    if database.restore_resource_id is not None:
        return PointInTime(source_resource_id=database.restore_resource_id, time=database.restore_time)
    return None
