"""A VPC in tiers, closed by default: nothing gets out, nothing gets in, and all traffic is on record.

Example::

    network = SecureVpc(self, "Vpc", cidr="10.20.0.0/16", zones=["eu-central-1a", "eu-central-1b"])
    group = network.security_group(self, "Handler", description="The documents handler")
    network.allow_s3(group)
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend import prefix_lists, vpc_endpoints, vpc_zones
from secure_backend.keys import DataKey
from secure_backend.network_acls import DataTierAcl
from secure_backend.validation import Validation
from secure_backend.vpc_flow_logs import FlowLogsToBucket, FlowLogsToLogGroup

Egress = Literal["none", "nat", "regional-nat"]

# Construct ids of the subnets, so part of their logical ids: a changed name replaces every subnet of the tier.
_APP, _DATA, _PUBLIC = "App", "Data", "Public"


class SecureVpc(Construct):
    """A VPC of app and data tiers, and a public one only when asked for, over two zones or more."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        cidr: str,
        zones: Sequence[str],
        egress: Egress = "none",
        nat_gateways: int | None = None,
        public_subnets: bool = False,
        key: kms.IKey | None = None,
        flow_logs: Literal["log-group", "s3"] = "log-group",
        flow_log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        flow_log_bucket: s3.IBucket | None = None,
        interface_endpoints: Sequence[str] = (),
        interface_endpoint_zones: Mapping[str, Sequence[str]] | None = None,
        dynamodb_endpoint: bool = False,
        instance_connect: bool = False,
        organization_id: str | None = None,
        database_port: int = 5433,
        s3_prefix_list: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        check = Validation(self, id)
        region = vpc_zones.concrete_region(check, stack)
        self.zones = vpc_zones.check_zones(check, zones, region)
        length = vpc_zones.check_cidr(check, cidr, len(self.zones))
        check.raise_problems()

        has_public = public_subnets or egress == "nat"
        self.key: kms.IKey = key or DataKey(self, "Key", description=f"Network logs of {stack.stack_name}")
        private = ec2.SubnetType.PRIVATE_ISOLATED if egress == "none" else ec2.SubnetType.PRIVATE_WITH_EGRESS
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=self.zones,
            reserved_azs=vpc_zones.zone_slots(len(self.zones)) - len(self.zones),
            nat_gateways=0 if egress == "none" else nat_gateways or (len(self.zones) if egress == "nat" else 1),
            nat_gateway_provider=ec2.NatProvider.regional_gateway() if egress == "regional-nat" else None,
            restrict_default_security_group=True,
            subnet_configuration=[
                ec2.SubnetConfiguration(name=_APP, subnet_type=private, cidr_mask=length),
                ec2.SubnetConfiguration(name=_DATA, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=length),
                ec2.SubnetConfiguration(
                    name=_PUBLIC,
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=length,
                    reserved=not has_public,
                    map_public_ip_on_launch=False,
                ),
            ],
        )
        self.app_subnets = ec2.SubnetSelection(subnet_group_name=_APP)
        self.data_subnets = ec2.SubnetSelection(subnet_group_name=_DATA)
        self.public_subnets = ec2.SubnetSelection(subnet_group_name=_PUBLIC) if has_public else None
        self.data_acl = DataTierAcl(
            self,
            "DataAcl",
            vpc=self.vpc,
            app_subnets=self.app_subnets,
            data_subnets=self.data_subnets,
            database_port=database_port,
        )

        self.flow_log_group: logs.ILogGroup | None = None
        self.flow_log_bucket: s3.IBucket | None = None
        if flow_logs == "s3":
            self.flow_log_bucket = FlowLogsToBucket(
                self,
                "FlowLogs",
                vpc=self.vpc,
                key=self.key,
                retention=flow_log_retention,
                bucket=flow_log_bucket,
            ).bucket
        else:
            self.flow_log_group = FlowLogsToLogGroup(
                self, "FlowLogs", vpc=self.vpc, key=self.key, retention=flow_log_retention
            ).log_group

        self.s3_prefix_list = s3_prefix_list or prefix_lists.PREFIX_LISTS["s3"][region]
        self.s3_endpoint = self.vpc.add_gateway_endpoint(
            "S3", service=ec2.GatewayVpcEndpointAwsService.S3, subnets=[self.app_subnets]
        )
        self.s3_endpoint.add_to_policy(vpc_endpoints.own_statement(self, "s3:*", organization_id))
        self.s3_endpoint.add_to_policy(vpc_endpoints.custom_resource_responses(self))

    def security_group(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        description: str,
    ) -> ec2.SecurityGroup:
        """Make a security group without any rule; it stands in the caller's scope, so in the caller's stack."""
        return ec2.SecurityGroup(scope, id, vpc=self.vpc, allow_all_outbound=False, description=description)

    def allow_s3(self, security_group: ec2.ISecurityGroup) -> None:
        """Let the group's members reach S3 of this region, through the gateway endpoint."""
        security_group.add_egress_rule(
            ec2.Peer.prefix_list(self.s3_prefix_list), ec2.Port.tcp(443), "HTTPS to S3 of this region"
        )
