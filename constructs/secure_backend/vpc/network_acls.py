"""The data tier's network ACL: a second, stateless wall around the databases, generated from the tiers.

Example::

    app, data = (vpc.select_subnets(subnet_group_name=tier).subnets for tier in ("App", "Data"))
    DataTierAcl(self, "DataAcl", vpc=vpc, app_subnets=app, data_subnets=data, database_port=5433)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

# The ports that answers go to, whatever the client's system. Source: Amazon VPC User Guide, "Ephemeral ports".
_EPHEMERAL = (1024, 65535)


@dataclass(frozen=True, kw_only=True)
class AclRule:
    """One allowed direction between the data tier and a subnet's range."""

    name: str
    direction: ec2.TrafficDirection
    number: int
    cidr: str
    ports: tuple[int, int]


def data_tier_rules(app: list[str], data: list[str], database_port: int) -> Iterator[AclRule]:
    """Yield the rules: the database port in from the app tier, answers back out, and both among the data subnets.

    Within the tier a proxy reaches the database, which is the database port in and ephemeral ports back, seen from both
    ends; the port lies among the ephemeral ones (it is 1150 or above), so one rule a direction says both.
    Numbers leave gaps, and stay below AWS's limit of 32766; the count stays below the default quota of 20 a direction.
    """
    for index, cidr in enumerate(app):
        number = 100 + 10 * index
        port = (database_port, database_port)
        yield AclRule(
            name=f"FromApp{index + 1}",
            direction=ec2.TrafficDirection.INGRESS,
            number=number,
            cidr=cidr,
            ports=port,
        )
        yield AclRule(
            name=f"ToApp{index + 1}",
            direction=ec2.TrafficDirection.EGRESS,
            number=number,
            cidr=cidr,
            ports=_EPHEMERAL,
        )
    for index, cidr in enumerate(data):
        number = 200 + 10 * index
        yield AclRule(
            name=f"FromData{index + 1}",
            direction=ec2.TrafficDirection.INGRESS,
            number=number,
            cidr=cidr,
            ports=_EPHEMERAL,
        )
        yield AclRule(
            name=f"ToData{index + 1}",
            direction=ec2.TrafficDirection.EGRESS,
            number=number,
            cidr=cidr,
            ports=_EPHEMERAL,
        )


class DataTierAcl(ec2.NetworkAcl):
    """The network ACL of the data subnets; what no rule allows is refused, in both directions.

    :param vpc: the VPC whose tiers the ranges are read from.
    :param app_subnets: the only subnets that may open a connection.
    :param data_subnets: the subnets that the ACL is put on.
    :param database_port: the only port that they may reach, 1150 to 65535.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        app_subnets: Sequence[ec2.ISubnet],
        data_subnets: Sequence[ec2.ISubnet],
        database_port: int,
    ) -> None:
        super().__init__(scope, id, vpc=vpc, subnet_selection=ec2.SubnetSelection(subnets=data_subnets))
        app = [subnet.ipv4_cidr_block for subnet in app_subnets]
        data = [subnet.ipv4_cidr_block for subnet in data_subnets]
        cidrs = {text: ec2.AclCidr.ipv4(text) for text in dict.fromkeys([*app, *data])}
        for rule in data_tier_rules(app, data, database_port):
            self.add_entry(
                rule.name,
                cidr=cidrs[rule.cidr],
                direction=rule.direction,
                rule_number=rule.number,
                traffic=ec2.AclTraffic.tcp_port_range(*rule.ports),
            )
