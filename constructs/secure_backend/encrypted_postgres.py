"""A PostgreSQL database on RDS: encrypted, private, watched, backed up, and without any password.

Example::

    database = EncryptedPostgres(self, "Database", vpc=network)
    database.allow_from(handler)
    database.grant_connect(handler, db_user="documents_api")
"""

import aws_cdk as cdk
import jsii
from aws_cdk import aws_backup as backup
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.keys import DataKey
from secure_backend.postgres import properties
from secure_backend.postgres.alarms import PostgresAlarms
from secure_backend.postgres.backup import PostgresBackup
from secure_backend.postgres.instance import PostgresInstance, identifier_of, log_groups_of, removal_policy_of
from secure_backend.postgres.network import PROXY_PORT, DataTier, check_peer, check_placement, check_port
from secure_backend.postgres.parameters import PostgresParameters
from secure_backend.postgres.proxy import PostgresProxy
from secure_backend.postgres.restore import PointInTime, SnapshotSource, check_source
from secure_backend.security_groups import ClosedSecurityGroup
from secure_backend.validation import Validation


@jsii.implements(ec2.IConnectable)
class EncryptedPostgres(Construct):
    """A PostgreSQL database that only named peers reach, and only over TLS and with an IAM token.

    It meets FSBP RDS.2 .3 .4 .5 .6 .8 .9 .10 .11 .13 .17 .23 .25 .26 .36 .38 .46 and KMS.4:

    - no password anywhere: the master user signs in by IAM like everyone else, and no secret exists;
    - encrypted by a customer key, as are its snapshots, insights, exported logs and backup vault;
    - a standby in a second zone, storage that grows, minor upgrades, no paid extended support;
    - logs of sessions, slow statements and schema changes, in groups that exist before the instance;
    - RDS's own backups for any second of the last days, and AWS Backup's daily snapshots beside them;
    - alarms on storage, processor and connections, and RDS's events, to an encrypted topic.

    A protected instance that its stack gives up, also by a failed first deployment, stays with all that it needs
    (:func:`~secure_backend.postgres.instance.removal_policy_of` has the table).

    The instance's name is unique and ends in its generation. A change that would replace it (of encryption, subnet
    group, or what it was restored from) is refused by CloudFormation, because the name is fixed. Raising the generation
    allows it: a new instance, empty or restored, takes over the logical id; the former one is left alone, protected and
    out of the stack. A stack that imports its address keeps CloudFormation from changing the export: make that
    reference weak first, or deploy the other stack without it.

    :param vpc: a :class:`~secure_backend.secure_vpc.SecureVpc`, or any VPC together with ``subnets``.
    :param subnets: private subnets in two zones or more; a SecureVpc's data tier when left out.
    :param key: the caller's key for everything stored; one is made when left out.
    :param instance_type: of the classes t3, t4g, m and r; t4g.medium when left out.
    :param allocated_storage_gib: gp3 storage to begin with, 20 GiB or more, 100 when left out.
    :param max_allocated_storage_gib: how far it may grow, at least 110 %; twice the storage when left out.
    :param iops: 12,000 to 64,000, only from 400 GiB on.
    :param storage_throughput: 500 to 4,000 MiB/s, only from 400 GiB on, at most a quarter of the IOPS.
    :param multi_az: False gives up the standby (FSBP RDS.5): a failed zone then means an outage and a restore.
    :param major_version: 15 to 18, as text; 17 when left out. The minor version is RDS's to choose.
    :param allow_major_upgrade: True for the deployment that raises ``major_version`` in place.
    :param port: 1150 to 65535, 5433 when left out; 5432 only by naming it (FSBP RDS.23). A SecureVpc's
        ``database_port`` has to be the same.
    :param database_name: the first database, ``app`` when left out.
    :param master_user: the owner's name, ``dbowner`` when left out; none that PostgreSQL or RDS reserves (FSBP RDS.25).
    :param managed_secret: True gives the master user a password after all, kept and rotated by RDS.
    :param backup_retention: for how long RDS can restore to any second, 1 to 35 days; 7 when left out.
    :param backup_plan: False gives up AWS Backup's snapshots (FSBP RDS.26).
    :param restore_testing: True has AWS Backup restore a snapshot each week and delete it again.
    :param monitoring_interval: of the system's metrics: 1, 5, 10, 15, 30 or 60 seconds, 60 when left out.
    :param insights: STANDARD keeps 7 days of database load; ADVANCED 15 months, for a fee.
    :param log_retention: of the exported logs, one year when left out.
    :param slow_statement: longer statements are logged, without their values; 1 second when left out.
    :param alarm_topic: who is told; an :class:`~secure_backend.alarm_topic.AlarmTopic` of its own when left out. Any
        other topic has to let CloudWatch and EventBridge publish, by its policy and its key.
    :param proxy: True puts an RDS Proxy in front. It listens on 5432 whatever ``port`` is, so the network has to let
        5432 into these subnets, and ``port`` from one of them to another.
    :param deletion_protection: False allows deletion (FSBP RDS.8).
    :param generation: 1 to 999, 1 when left out; raise it to have the instance replaced.
    :param restore_from: what to start from instead of empty, with no less storage; keep it as long as this generation
        lives. Master user, database and encryption are then the source's. RDS's restore calls take no sign-in type:
        CloudFormation can only modify it afterwards; a source with IAM sign-in keeps that, for it is in the data.
    :raises InvalidPropertiesError: with every problem at once.
    """

    instance: PostgresInstance
    """The RDS instance."""
    identifier: str
    """Its name, which ends in the generation."""
    port: int
    """The port that clients connect to: the proxy's when there is one."""
    key: kms.IKey
    """The key of everything stored: the caller's or the one made here."""
    security_group: ec2.SecurityGroup
    """The instance's own security group."""
    log_groups: tuple[logs.LogGroup, ...]
    """Where the instance's, and the proxy's, logs arrive."""
    master_secret: secretsmanager.ISecret | None
    """The master user's password, if ``managed_secret`` asked for one."""
    alarm_topic: AlarmTopic | sns.ITopic
    """Who is told: the caller's topic or the one made here."""
    alarms: tuple[cloudwatch.Alarm, ...]
    """The alarms on storage, processor and connections."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: DataTier | ec2.IVpc,
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
        placement = check_placement(check, vpc, subnets)
        check.key("key", key)
        properties.check_instance_type(check, size)
        properties.check_storage(check, allocated_storage_gib, max_allocated_storage_gib, iops, storage_throughput)
        properties.check_version(check, major_version)
        if check.whole_number("port", port, 1150, 65535, "leave it out for 5433") and subnets is None:
            check_port(check, vpc, port, proxy=proxy)
        properties.check_name(check, "database_name", database_name, 63)
        properties.check_name(check, "master_user", master_user, 16)
        properties.check_times(check, backup_retention=retention, monitoring_interval=interval, slow_statement=slow)
        check.retention("log_retention", log_retention)
        if alarm_topic is not None:
            check.construct("alarm_topic", alarm_topic, (AlarmTopic, sns.Topic), "pass the object, not its ARN")
        properties.check_switches(
            check,
            multi_az=multi_az,
            allow_major_upgrade=allow_major_upgrade,
            managed_secret=managed_secret,
            backup_plan=backup_plan,
            restore_testing=restore_testing,
            proxy=proxy,
            deletion_protection=deletion_protection,
        )
        properties.check_insights(check, insights)
        check.whole_number("generation", generation, 1, 999, "begin with 1 and raise it to replace the instance")
        check_source(check, restore_from, managed_secret=managed_secret)
        check.raise_problems()
        if placement is None:
            raise AssertionError("raise_problems() has told why there is no placement")

        stays = removal_policy_of(deletion_protection=deletion_protection)
        self.identifier = identifier_of(self, generation)
        self.key = key or DataKey(self, "Key", description=f"Data of {self.node.path}")
        self.security_group = ClosedSecurityGroup(
            self,
            "SecurityGroup",
            vpc=placement.vpc,
            description="Database: in from its named peers, and nowhere out",
        )
        self.security_group.apply_removal_policy(stays)
        self.log_groups = log_groups_of(self, self.identifier, self.key, log_retention)
        parameters = PostgresParameters(
            self, "Parameters", major_version=major_version, slow_statement=slow, removal_policy=stays
        )
        self.instance = PostgresInstance(
            self,
            "Instance",
            identifier=self.identifier,
            stays=stays,
            log_groups=self.log_groups,
            placement=placement,
            security_group=self.security_group,
            key=self.key,
            parameters=parameters,
            instance_type=size,
            storage=properties.storage_of(allocated_storage_gib, max_allocated_storage_gib, iops, storage_throughput),
            multi_az=multi_az,
            allow_major_upgrade=allow_major_upgrade,
            port=port,
            database_name=database_name,
            master_user=master_user,
            managed_secret=managed_secret,
            backup_retention=retention,
            monitoring_interval=interval,
            insights=insights,
            deletion_protection=deletion_protection,
            restore_from=restore_from,
        )
        self.master_secret = None
        if self.instance.master_secret_arn is not None:
            self.master_secret = secretsmanager.Secret.from_secret_attributes(
                self, "MasterSecret", secret_complete_arn=self.instance.master_secret_arn, encryption_key=self.key
            )
        self._front: PostgresProxy | None = None
        if proxy:
            self._front = PostgresProxy(
                self,
                "Proxy",
                identifier=self.identifier,
                instance=self.instance,
                engine=parameters.engine,
                port=port,
                database_group=self.security_group,
                placement=placement,
                key=self.key,
                log_retention=log_retention,
            )
            self.log_groups += (self._front.log_group,)
        self._backup: PostgresBackup | None = None
        if backup_plan:
            self._backup = PostgresBackup(self, "Backup", name=self.identifier, instance=self.instance, key=self.key)
        restorer: iam.Role | None = None
        if self._backup is not None and restore_testing:
            restorer = self._backup.test_restores(
                instance_type=size, subnet_group=self.instance.subnet_group, security_group=self.security_group
            )
        self.alarm_topic = alarm_topic or AlarmTopic(self, "AlarmTopic")
        watch = PostgresAlarms(
            self,
            "Alarms",
            instance=self.instance,
            identifier=self.identifier,
            parameter_group_name=parameters.group_name,
            memory_gib=properties.memory_gib(size),
            allocated_storage_gib=allocated_storage_gib,
            topic=self.alarm_topic,
        )
        self.alarms = watch.alarms
        if self._backup is not None:
            watch.tell_failed_backups(self._backup.vault)
        if restorer is not None:
            watch.tell_failed_restores(restorer)
        self.port = port if self._front is None else PROXY_PORT
        self._connections = ec2.Connections(
            security_groups=[self.security_group if self._front is None else self._front.security_group],
            default_port=ec2.Port.tcp(self.port),
        )

    @property
    def connections(self) -> ec2.Connections:
        """What peers connect to: the security group of the database, or of its proxy."""
        return self._connections

    @property
    def proxy(self) -> rds.DatabaseProxy | None:
        """The proxy, when there is one."""
        return None if self._front is None else self._front.proxy

    @property
    def backup_vault(self) -> backup.BackupVault | None:
        """AWS Backup's vault, unless it was given up."""
        return None if self._backup is None else self._backup.vault

    @property
    def endpoint_address(self) -> str:
        """The host that clients connect to: the proxy's when there is one."""
        return self.instance.db_instance_endpoint_address if self._front is None else self._front.proxy.endpoint

    @property
    def endpoint(self) -> rds.Endpoint:
        """The host and port that clients connect to: the proxy's when there is one."""
        return rds.Endpoint(self.endpoint_address, self.port)

    def grant_connect(self, grantee: iam.IGrantable, *, db_user: str) -> iam.Grant:
        """Let the grantee sign in as one database user, with a token of IAM's, and as no other.

        The permission stands in the grantee's policy, in whichever stack that is. With a proxy the grantee signs in to
        the proxy, and the proxy as the same user to the database. A migration makes that user a member of ``rds_iam``.

        :param grantee: a role, or whatever has one.
        :param db_user: the database user; ``master_user`` for the owner.
        :raises InvalidPropertiesError: for anything else, a wildcard included.
        """
        check = Validation(self, self.node.id)
        properties.check_grant(check, grantee, db_user)
        check.raise_problems()
        if self._front is not None:
            return self._front.grant_connect(grantee, db_user)
        return self.instance.grant_connect(grantee, db_user)

    def allow_from(self, peer: ec2.IConnectable) -> None:
        """Let the peer reach the database, or its proxy, on its port and no other.

        Both rules are built from the peer's side and stand in its stack, on which the database's does not come to wait.

        :param peer: what connects: a function in the network, a security group, the operators' addresses.
        :raises InvalidPropertiesError: for a peer without a security group, and for the whole internet.
        """
        check_peer(Validation(self, self.node.id), peer)
        peer.connections.allow_to(self._connections, ec2.Port.tcp(self.port), "To sign in to PostgreSQL over TLS")
