"""The RDS instance itself, with what is its own: subnet group, parameters, role for monitoring, way to sign in."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.postgres.backup import RDS_BACKUP_WINDOW, RDS_MAINTENANCE_WINDOW
from secure_backend.postgres.network import Placement
from secure_backend.postgres.parameters import PostgresParameters
from secure_backend.postgres.properties import Storage
from secure_backend.postgres.restore import PointInTime, SnapshotSource, restore

_LOG_EXPORTS = ("postgresql", "upgrade")

_INSIGHTS_RETENTION = {
    rds.DatabaseInsightsMode.STANDARD: rds.PerformanceInsightRetention.DEFAULT,
    rds.DatabaseInsightsMode.ADVANCED: rds.PerformanceInsightRetention.MONTHS_15,
}


def removal_policy_of(*, deletion_protection: bool) -> cdk.RemovalPolicy:
    """Return what becomes of an instance, and of what it cannot live without, when its stack gives it up.

    ====================================================  ===================  ================================
    DeletionPolicy / UpdateReplacePolicy                  protected (default)  ``deletion_protection=False``
    ====================================================  ===================  ================================
    key, log groups                                       Retain / Retain      Retain / Retain
    instance; its subnet, parameter and security groups   Retain / Retain      RetainExceptOnCreate / Retain
    backup vault                                          RetainExceptOnCreate / Retain in both cases
    ====================================================  ===================  ================================

    When a first deployment fails, RDS refuses to delete a protected instance, and with another policy the rollback
    would fail on that. Log groups are protected themselves, so they and their key stay in either case. Their names
    are the instance's: the next attempt takes a new generation.
    """
    return cdk.RemovalPolicy.RETAIN if deletion_protection else cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


def identifier_of(scope: Construct, generation: int) -> str:
    """Return an instance's name: unique in account and region, known at synthesis, other in each generation.

    50 characters at most: the proxy and the backup vault bear it too.
    """
    suffix = f"-g{generation}"
    unique = cdk.Names.unique_resource_name(scope, max_length=50 - len(suffix), separator="-")
    return unique.lower().strip("-") + suffix


def log_groups_of(
    scope: Construct, identifier: str, key: kms.IKey, retention: logs.RetentionDays
) -> tuple[logs.LogGroup, ...]:
    """Make the groups that RDS exports the logs of the instance to; RDS itself would make them bare."""
    return tuple(
        EncryptedLogGroup(
            scope,
            f"{export.capitalize()}Log",
            key=key,
            retention=retention,
            name=f"/aws/rds/instance/{identifier}/{export}",
            name_pattern=f"/aws/rds/instance/{identifier}/*",
        )
        for export in _LOG_EXPORTS
    )


class PostgresInstance(rds.DatabaseInstance):
    """A PostgreSQL instance on RDS that signs in nobody by password.

    The L2 knows no way to sign in but a password, so it is given an empty one, which is taken away from the L1 before
    anything is synthesized: no secret is made, ``secret`` stays None, and the template has no password property.

    :param identifier: its name.
    :param stays: the removal policy of everything that it cannot live without.
    :param log_groups: made before it.
    :param placement: its network and subnets.
    :param security_group: what lets peers in.
    :param key: encrypts storage and insights, and the managed secret when there is one.
    :param managed_secret: gives the master user a password that RDS keeps and rotates.

    The others are those of :class:`~secure_backend.encrypted_postgres.EncryptedPostgres`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        identifier: str,
        stays: cdk.RemovalPolicy,
        log_groups: tuple[logs.LogGroup, ...],
        placement: Placement,
        security_group: ec2.ISecurityGroup,
        key: kms.IKey,
        parameters: PostgresParameters,
        instance_type: ec2.InstanceType,
        storage: Storage,
        multi_az: bool,
        allow_major_upgrade: bool,
        port: int,
        database_name: str,
        master_user: str,
        managed_secret: bool,
        backup_retention: cdk.Duration,
        monitoring_interval: cdk.Duration,
        insights: rds.DatabaseInsightsMode,
        deletion_protection: bool,
        restore_from: SnapshotSource | PointInTime | None,
    ) -> None:
        self.subnet_group = rds.SubnetGroup(
            scope,
            "Subnets",
            description=f"Subnets of {scope.node.path}",
            vpc=placement.vpc,
            vpc_subnets=placement.subnets,
            removal_policy=stays,
        )
        super().__init__(
            scope,
            id,
            engine=parameters.engine,
            credentials=rds.Credentials.from_password(master_user, cdk.SecretValue.unsafe_plain_text("")),
            vpc=placement.vpc,
            subnet_group=self.subnet_group,
            security_groups=[security_group],
            publicly_accessible=False,
            instance_identifier=identifier,
            instance_type=instance_type,
            allocated_storage=storage.allocated_gib,
            max_allocated_storage=storage.maximum_gib,
            storage_type=rds.StorageType.GP3,
            storage_encryption_key=key,
            iops=storage.iops,
            storage_throughput=storage.throughput,
            multi_az=multi_az,
            port=port,
            database_name=database_name,
            iam_authentication=True,
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            parameter_group=parameters,
            allow_major_version_upgrade=allow_major_upgrade or None,
            auto_minor_version_upgrade=True,
            engine_lifecycle_support=rds.EngineLifecycleSupport.OPEN_SOURCE_RDS_EXTENDED_SUPPORT_DISABLED,
            backup_retention=backup_retention,
            preferred_backup_window=RDS_BACKUP_WINDOW,
            preferred_maintenance_window=RDS_MAINTENANCE_WINDOW,
            delete_automated_backups=False,
            copy_tags_to_snapshot=True,
            cloudwatch_logs_exports=list(_LOG_EXPORTS),
            monitoring_interval=monitoring_interval,
            monitoring_role=_monitoring_role(scope, identifier),
            enable_performance_insights=True,
            performance_insight_encryption_key=key,
            performance_insight_retention=_INSIGHTS_RETENTION[insights],
            # STANDARD is what RDS does anyway; saying it would take a property that not every partition need know.
            database_insights_mode=None if insights == rds.DatabaseInsightsMode.STANDARD else insights,
            deletion_protection=deletion_protection,
            removal_policy=stays,
        )
        resource = self.node.default_child
        if not isinstance(resource, rds.CfnDBInstance):
            raise TypeError("the CDK's database instance has no CfnDBInstance")
        resource.master_user_password = None
        if managed_secret:
            resource.manage_master_user_password = True
            resource.master_user_secret = rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=key.key_arn)
        else:
            resource.master_user_authentication_type = "iam-db-auth"
        if restore_from is not None:
            restore(resource, restore_from)
        resource.node.add_dependency(*log_groups)
        self.master_secret_arn = resource.attr_master_user_secret_secret_arn if managed_secret else None


def _monitoring_role(scope: Construct, identifier: str) -> iam.Role:
    """Make the role of enhanced monitoring, which RDS may assume for this instance only.

    Source: Amazon RDS User Guide, "Setting up and enabling Enhanced Monitoring", confused deputy.
    """
    stack = cdk.Stack.of(scope)
    instance = stack.format_arn(
        service="rds", resource="db", resource_name=identifier, arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
    )
    return iam.Role(
        scope,
        "MonitoringRole",
        assumed_by=iam.ServicePrincipal(
            "monitoring.rds.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": instance},
            },
        ),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonRDSEnhancedMonitoringRole")
        ],
    )
