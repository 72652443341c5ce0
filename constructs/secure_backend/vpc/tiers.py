"""The subnets of a VPC, tier by tier, and the gateways that the tiers' ways out need.

Example::

    vpc = new_vpc(self, "Tiers", cidr="10.20.0.0/16", zones=zones, mask=20, egress="none", public=False)
    app = vpc.select_subnets(subnet_group_name=APP)
"""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from secure_backend.vpc import zones as vpc_zones
from secure_backend.vpc.checks import Egress

# Construct ids of the subnets, so part of their logical ids: a changed name replaces every subnet of the tier.
APP, DATA, PUBLIC = "App", "Data", "Public"


def new_vpc(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    *,
    cidr: str,
    zones: Sequence[str],
    mask: int,
    egress: Egress,
    nat_gateways: int | None = None,
    public: bool,
) -> ec2.Vpc:
    """Make the VPC; its options are checked already.

    The order of the tiers and the room kept for zones decide every subnet's range: changing either replaces subnets.
    """
    gateways = {"none": 0, "nat": nat_gateways or len(zones), "regional-nat": 1}
    app = ec2.SubnetType.PRIVATE_ISOLATED if egress == "none" else ec2.SubnetType.PRIVATE_WITH_EGRESS
    vpc = ec2.Vpc(
        scope,
        id,
        ip_addresses=ec2.IpAddresses.cidr(cidr),
        availability_zones=list(zones),
        reserved_azs=vpc_zones.zone_slots(len(zones)) - len(zones),
        nat_gateways=gateways[egress],
        nat_gateway_provider=ec2.NatProvider.regional_gateway() if egress == "regional-nat" else None,
        restrict_default_security_group=True,
        subnet_configuration=[
            ec2.SubnetConfiguration(name=APP, subnet_type=app, cidr_mask=mask),
            ec2.SubnetConfiguration(name=DATA, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=mask),
            ec2.SubnetConfiguration(
                name=PUBLIC,
                subnet_type=ec2.SubnetType.PUBLIC,
                cidr_mask=mask,
                reserved=not public,
                map_public_ip_on_launch=False,
            ),
        ],
    )
    if egress == "regional-nat":
        # aws-cdk-lib waits for the internet gateway only, and EC2 refuses a NAT gateway until it is *attached*:
        # "Network vpc-… has no Internet gateway attached".
        vpc.node.find_child("RegionalNatGateway").node.add_dependency(vpc.node.find_child("VPCGW"))
    return vpc
