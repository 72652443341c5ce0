"""A record of every name that is looked up in a VPC: the trace of a connection that nothing else shows.

Example::

    DnsQueryLogs(self, "DnsQueryLogs", vpc=vpc, key=key, retention=logs.RetentionDays.ONE_YEAR)
"""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53resolver as route53resolver
from constructs import Construct

from secure_backend.log_groups import EncryptedLogGroup


class DnsQueryLogs(Construct):
    """Route 53 Resolver's query log of one VPC in an encrypted, retained log group.

    Resolver adds the statement that it needs to the account's log resource policies by itself, with the
    permissions of whoever deploys; an own policy would use up one of the ten that a region has.

    :param vpc: the VPC.
    :param key: encrypts the group.
    :param retention: how long queries are kept.
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
        self.log_group = EncryptedLogGroup(self, "Group", key=key, retention=retention)
        config = route53resolver.CfnResolverQueryLoggingConfig(
            self, "Config", destination_arn=self.log_group.log_group_arn
        )
        route53resolver.CfnResolverQueryLoggingConfigAssociation(
            self, "Association", resolver_query_log_config_id=config.attr_id, resource_id=vpc.vpc_id
        )
