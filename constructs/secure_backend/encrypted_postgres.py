"""A PostgreSQL database on RDS: encrypted, private, watched, backed up, and without any password.

Example::

    database = EncryptedPostgres(self, "Database", vpc=vpc)
    database.allow_from(handler)
    database.grant_connect(handler, db_user="documents_api")
"""

import aws_cdk as cdk
import jsii
from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_backend import postgres_properties as properties
from secure_backend.alarm_topic import AlarmTopic
from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.postgres_alarms import PostgresAlarms
from secure_backend.postgres_backup import RDS_BACKUP_WINDOW, RDS_MAINTENANCE_WINDOW, PostgresBackup
from secure_backend.postgres_proxy import PROXY_PORT, PostgresProxy
from secure_backend.postgres_restore import PointInTime, SnapshotSource, check_source, restore
from secure_backend.validation import Validation

_LOG_EXPORTS = ("postgresql", "upgrade")


@jsii.implements(ec2.IConnectable)
class EncryptedPostgres(Construct):
    """A PostgreSQL database."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: properties.DataTier | ec2.IVpc,
        subnets: ec2.SubnetSelection | None = None,
        key: kms.IKey | None = None,
        instance_type: ec2.InstanceType | None = None,
        allocated_storage_gib: int = 100,
        max_allocated_storage_gib: int | None = None,
        iops: int | None = None,
        storage_throughput: int | None = None,
        multi_az: bool = True,
        major_version: str = "17",
        allow_major_upgrade: bool = False,
        port: int = 5433,
        database_name: str = "app",
        master_user: str = "dbowner",
        managed_secret: bool = False,
        backup_retention: cdk.Duration | None = None,
        backup_plan: bool = True,
        restore_testing: bool = False,
        monitoring_interval: cdk.Duration | None = None,
        insights: rds.DatabaseInsightsMode = rds.DatabaseInsightsMode.STANDARD,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        slow_statement: cdk.Duration | None = None,
        alarm_topic: AlarmTopic | sns.ITopic | None = None,
        proxy: bool = False,
        deletion_protection: bool = True,
        generation: int = 1,
        restore_from: SnapshotSource | PointInTime | None = None,
    ) -> None:
        super().__init__(scope, id)
        retention = cdk.Duration.days(7) if backup_retention is None else backup_retention
        interval = cdk.Duration.seconds(60) if monitoring_interval is None else monitoring_interval
        slow = cdk.Duration.seconds(1) if slow_statement is None else slow_statement
        size = ec2.InstanceType("t4g.medium") if instance_type is None else instance_type

        check = Validation(self, id)
        placement = properties.check_network(check, vpc, subnets)
        check_source(check, restore_from)
        check.boolean("restore_testing", restore_testing)
        check.raise_problems()
        if placement is None:
            raise TypeError("vpc")

        retained = cdk.RemovalPolicy.RETAIN if deletion_protection else cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        suffix = f"-g{generation}"
        unique = cdk.Names.unique_resource_name(self, max_length=63 - len(suffix), separator="-")
        self.identifier = unique.lower().strip("-") + suffix
        self.key: kms.IKey = key or DataKey(self, "Key", description=f"Database {self.identifier}")
        self.security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=placement.vpc, description="Database", allow_all_outbound=False
        )
        self.security_group.apply_removal_policy(retained)
        self.log_groups: tuple[logs.LogGroup, ...] = tuple(
            EncryptedLogGroup(
                self,
                f"{export.capitalize()}Log",
                key=self.key,
                retention=log_retention,
                name=f"/aws/rds/instance/{self.identifier}/{export}",
                name_pattern=f"/aws/rds/instance/{self.identifier}/*",
            )
            for export in _LOG_EXPORTS
        )
        engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.of(major_version, major_version))
        parameters = rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            parameters={
                "rds.force_ssl": "1",
                "log_connections": "1",
                "log_disconnections": "1",
                "log_min_duration_statement": str(slow.to_milliseconds()),
                "log_statement": "ddl",
                "log_parameter_max_length": "0",
                "log_parameter_max_length_on_error": "0",
                "log_error_verbosity": "terse",
            },
            removal_policy=retained,
        )
        advanced = insights == rds.DatabaseInsightsMode.ADVANCED
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            engine=engine,
            credentials=rds.Credentials.from_password(master_user, cdk.SecretValue.unsafe_plain_text("")),
            vpc=placement.vpc,
            subnet_group=rds.SubnetGroup(
                self,
                "Subnets",
                description=f"Where {self.identifier} stands",
                vpc=placement.vpc,
                vpc_subnets=placement.subnets,
                removal_policy=retained,
            ),
            security_groups=[self.security_group],
            instance_identifier=self.identifier,
            instance_type=size,
            allocated_storage=allocated_storage_gib,
            max_allocated_storage=max_allocated_storage_gib or allocated_storage_gib * 2,
            storage_type=rds.StorageType.GP3,
            storage_encryption_key=self.key,
            iops=iops,
            storage_throughput=storage_throughput,
            multi_az=multi_az,
            port=port,
            database_name=database_name,
            iam_authentication=True,
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            parameter_group=parameters,
            allow_major_version_upgrade=allow_major_upgrade or None,
            auto_minor_version_upgrade=True,
            engine_lifecycle_support=rds.EngineLifecycleSupport.OPEN_SOURCE_RDS_EXTENDED_SUPPORT_DISABLED,
            publicly_accessible=False,
            backup_retention=retention,
            preferred_backup_window=RDS_BACKUP_WINDOW,
            preferred_maintenance_window=RDS_MAINTENANCE_WINDOW,
            delete_automated_backups=False,
            copy_tags_to_snapshot=True,
            cloudwatch_logs_exports=list(_LOG_EXPORTS),
            monitoring_interval=interval,
            enable_performance_insights=True,
            performance_insight_encryption_key=self.key,
            performance_insight_retention=(
                rds.PerformanceInsightRetention.MONTHS_15 if advanced else rds.PerformanceInsightRetention.DEFAULT
            ),
            database_insights_mode=insights if advanced else None,
            deletion_protection=deletion_protection,
            removal_policy=retained,
        )
        resource = self.instance.node.default_child
        if not isinstance(resource, rds.CfnDBInstance):
            raise TypeError("the L2 instance has no L1")
        resource.master_user_password = None
        if managed_secret:
            resource.manage_master_user_password = True
            resource.master_user_secret = rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=self.key.key_arn)
        else:
            resource.master_user_authentication_type = "iam-db-auth"
        if restore_from is not None:
            restore(resource, restore_from)
        self.instance.node.add_dependency(*self.log_groups)

        self.proxy: rds.DatabaseProxy | None = None
        self._proxy: PostgresProxy | None = None
        self.port = port
        self.endpoint_address: str = self.instance.db_instance_endpoint_address
        self.connections = ec2.Connections(security_groups=[self.security_group], default_port=ec2.Port.tcp(self.port))
        if proxy:
            self._proxy = PostgresProxy(
                self,
                "Proxy",
                instance=self.instance,
                placement=placement,
                database_group=self.security_group,
                port=port,
            )
            self.proxy = self._proxy.proxy
            self.port = PROXY_PORT
            self.endpoint_address = self.proxy.endpoint
            self.connections = ec2.Connections(
                security_groups=[self._proxy.security_group], default_port=ec2.Port.tcp(PROXY_PORT)
            )
        self.backup_vault: backup.BackupVault | None = None
        if backup_plan:
            self.backup_vault = PostgresBackup(
                self, "Backup", instance=self.instance, key=self.key, kept=cdk.Duration.days(35)
            ).vault
        self.alarm_topic: AlarmTopic | sns.ITopic = alarm_topic or AlarmTopic(self, "AlarmTopic")
        self.alarms = PostgresAlarms(
            self,
            "Alarms",
            instance=self.instance,
            identifier=self.identifier,
            parameter_group_name=parameters.bind_to_instance().parameter_group_name,
            memory_gib=properties.memory_gib(size) or 1,
            allocated_storage_gib=allocated_storage_gib,
            topic=self.alarm_topic,
        ).alarms

    @property
    def endpoint(self) -> str:
        """Where clients connect: ``host:port``, the proxy's when there is one."""
        return f"{self.endpoint_address}:{self.port}"

    def grant_connect(self, grantee: iam.IGrantable, *, db_user: str) -> iam.Grant:
        """Let the grantee sign in as one database user with an IAM token."""
        if self._proxy is not None:
            return self._proxy.grant_connect(grantee, db_user)
        return self.instance.grant_connect(grantee, db_user)

    def allow_from(self, peer: ec2.IConnectable) -> None:
        """Let the peer reach the database; both rules stand in the peer's stack."""
        peer.connections.allow_to(self.connections, ec2.Port.tcp(self.port), "Sign in to the database")
