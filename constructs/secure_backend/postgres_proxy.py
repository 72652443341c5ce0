"""A pool of connections before a database, with IAM sign-in from end to end."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from secure_backend.postgres_properties import Placement

# RDS Proxy listens on the engine's default port, whatever port the database has.
# Source: Amazon RDS User Guide, "RDS Proxy", limitations for RDS for PostgreSQL.
PROXY_PORT = 5432


class PostgresProxy(Construct):
    """An RDS Proxy that takes TLS connections only and needs no secret: it signs in to the database by IAM too.

    :param instance: the database.
    :param placement: the network and subnets of the database.
    :param database_group: the database's security group, which lets the proxy in.
    :param port: the database's port.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        instance: rds.DatabaseInstance,
        placement: Placement,
        database_group: ec2.SecurityGroup,
        port: int,
    ) -> None:
        super().__init__(scope, id)
        self._instance = instance
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=placement.vpc,
            description="Database proxy: in from the application, out to the database and nowhere else",
            allow_all_outbound=False,
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("rds.amazonaws.com"))
        self.proxy = rds.DatabaseProxy(
            self,
            "Proxy",
            proxy_target=rds.ProxyTarget.from_instance(instance),
            vpc=placement.vpc,
            vpc_subnets=placement.subnets,
            security_groups=[self.security_group],
            role=self.role,
            default_auth_scheme=rds.DefaultAuthScheme.IAM_AUTH,
            require_tls=True,
        )
        self.security_group.connections.allow_to(database_group, ec2.Port.tcp(port), "The proxy to its database")

    def grant_connect(self, grantee: iam.IGrantable, db_user: str) -> iam.Grant:
        """Let the grantee sign in to the proxy as the user, and the proxy to the database as the same user."""
        self._instance.grant_connect(self.role, db_user)
        return self.proxy.grant_connect(grantee, db_user)
