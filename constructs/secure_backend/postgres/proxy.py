"""A pool of connections before a database, with IAM sign-in from end to end."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.postgres.network import Placement
from secure_backend.security_groups import ClosedSecurityGroup


class PostgresProxy(Construct):
    """An RDS Proxy that takes TLS connections only and needs no secret: it signs in to the database by IAM too.

    :param identifier: the proxy's name, known beforehand so that its log group can be made first.
    :param instance: the database.
    :param engine: its engine.
    :param port: its port.
    :param database_group: its security group, which lets the proxy in.
    :param placement: its network and subnets.
    :param key: encrypts the log group.
    :param log_retention: how long the proxy's log is kept.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        identifier: str,
        instance: rds.DatabaseInstance,
        engine: rds.IInstanceEngine,
        port: int,
        database_group: ec2.SecurityGroup,
        placement: Placement,
        key: kms.IKey,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id)
        self._instance = instance
        self.log_group = EncryptedLogGroup(
            self, "Log", key=key, retention=log_retention, name=f"/aws/rds/proxy/{identifier}"
        )
        self.security_group = ClosedSecurityGroup(
            self,
            "SecurityGroup",
            vpc=placement.vpc,
            description="Database proxy: in from the application, out to the database and nowhere else",
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("rds.amazonaws.com"))
        # The same instance with its port as a number: a rule whose port is known only at deployment cannot be checked.
        target = rds.DatabaseInstance.from_database_instance_attributes(
            self,
            "Target",
            engine=engine,
            instance_endpoint_address=instance.db_instance_endpoint_address,
            instance_identifier=instance.instance_identifier,
            port=port,
            security_groups=[database_group],
        )
        self.proxy = rds.DatabaseProxy(
            self,
            "Proxy",
            db_proxy_name=identifier,
            proxy_target=rds.ProxyTarget.from_instance(target),
            vpc=placement.vpc,
            vpc_subnets=placement.subnets,
            security_groups=[self.security_group],
            role=self.role,
            default_auth_scheme=rds.DefaultAuthScheme.IAM_AUTH,
            require_tls=True,
        )
        # Without its two rules the proxy never reaches the database: "Timed out waiting for target group to become
        # available". The groups are dependencies too, for the rules are theirs.
        for target_group in self.proxy.node.find_all():
            if isinstance(target_group, rds.CfnDBProxyTargetGroup):
                target_group.node.add_dependency(self.security_group, database_group)
        self.proxy.node.add_dependency(self.log_group)

    def grant_connect(self, grantee: iam.IGrantable, db_user: str) -> iam.Grant:
        """Let the grantee sign in to the proxy as the user, and the proxy to the database as the same user."""
        self._instance.grant_connect(self.role, db_user)
        return self.proxy.grant_connect(grantee, db_user)
