"""A VPC in tiers, closed by default: nothing gets in, nothing gets out but to S3, and all traffic is on record.

Example::

    network = SecureVpc(self, "Vpc", cidr="10.20.0.0/16", zones=["eu-central-1a", "eu-central-1b"])
    group = network.security_group(self, "HandlerGroup", description="The documents handler")
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

from secure_backend.keys import DataKey
from secure_backend.security_groups import ClosedSecurityGroup
from secure_backend.validation import Validation
from secure_backend.vpc import checks as vpc_checks
from secure_backend.vpc import default_security_group
from secure_backend.vpc import endpoints as vpc_endpoints
from secure_backend.vpc import tiers as vpc_tiers
from secure_backend.vpc import zones as vpc_zones
from secure_backend.vpc.checks import BlockPublicAccess, Egress, FlowLogs
from secure_backend.vpc.flow_logs import FlowLogsToBucket, FlowLogsToLogGroup
from secure_backend.vpc.instance_connect import InstanceConnect
from secure_backend.vpc.network_acls import DataTierAcl
from secure_backend.vpc.tiers import APP, DATA, PUBLIC


class SecureVpc(Construct):
    """A VPC with an app and a data tier, and a public one only when asked for, over two to six zones.

    By default:

    - no way in and no way out but to S3 of this region, through a gateway endpoint; no subnet maps public addresses
      (FSBP EC2.15)
    - the default security group has no rules (FSBP EC2.2, CIS 5.5); a group of :meth:`security_group` starts without
      any, and each rule added here is described (FSBP EC2.18, EC2.19, CIS 5.3, 5.4)
    - the data tier has a network ACL of its own: the database port from the app tier, the answers back, nothing from
      anywhere else (FSBP EC2.16, EC2.21, CIS 5.2)
    - flow logs of all traffic, encrypted and kept (FSBP EC2.6, CIS 3.7)
    - through an endpoint only this account's, or organisation's, identities reach its own resources

    Ranges leave room for five zones in each of three tiers, so that a zone added at the *end* of ``zones``, or the
    public tier, moves no existing subnet. Subnets are a sixteenth of the range (/20 of a /16, /28 of a /24; a load
    balancer needs /27, so a range of /23). A stack that names its account needs :func:`~secure_backend.zone_context` in
    the app's context to synthesise without credentials.

    :param cidr: a private IPv4 range from /16 to /24.
    :param zones: two to six zones of the stack's region by name; never looked up, so never surprising.
    :param egress: ``none``: the app tier has no route out. ``nat``: NAT gateways in public subnets.
        ``regional-nat``: one gateway for all zones, without public subnets. Both cost by the hour and gigabyte.
    :param nat_gateways: 1 to the number of zones, with ``nat`` only; one in each zone when left out.
    :param public_subnets: make the public tier without NAT, for an internet-facing load balancer.
    :param key: encrypts every log; one is made when left out. An imported key is told its statement by a warning.
    :param flow_logs: ``log-group``, or ``s3`` for Parquet by the hour.
    :param flow_log_retention: how long flow logs, and DNS queries, are kept; one year when left out.
    :param flow_log_bucket: the caller's bucket for ``s3``, used by no other log; its own lifecycle counts.
    :param interface_endpoints: short names of services, such as ``secretsmanager``; see :meth:`allow_endpoints`. Each
        costs by the hour and zone (FSBP EC2.10, EC2.55 to EC2.58, EC2.60 for those they name).
    :param interface_endpoint_zones: for a service that is not offered in every zone, the zones to use.
    :param dynamodb_endpoint: also make DynamoDB's gateway endpoint, free of charge; see :meth:`allow_dynamodb`.
    :param instance_connect: make the operators' way in, see
        :class:`~secure_backend.vpc.instance_connect.InstanceConnect`.
    :param organization_id: let endpoints serve this AWS Organization rather than this account alone.
    :param database_port: the port that the data tier's network ACL lets in, 1150 to 65535, 5433 when left out.
    :param s3_prefix_list: id of the region's AWS-managed prefix list of S3, for regions whose id is not known here.
    :param dynamodb_prefix_list: the same for DynamoDB.
    :param dns_query_logs: also keep a record of every name that is looked up.
    :param block_public_access: VPC Block Public Access, a setting of the whole account and region, not of this VPC:
        ``block-bidirectional`` without any egress, ``block-ingress`` beside NAT.
    :raises InvalidPropertiesError: with every problem at once.
    """

    vpc: ec2.Vpc
    """The VPC."""
    cidr: str
    """Its addresses."""
    zones: list[str]
    """Its zones, by name."""
    app_subnets: ec2.SubnetSelection
    """The tier of functions and containers."""
    data_subnets: ec2.SubnetSelection
    """The tier that only databases stand in."""
    public_subnets: ec2.SubnetSelection | None
    """The public tier, when there is one."""
    database_port: int
    """The one port that the data tier lets in."""
    data_acl: DataTierAcl
    """The data tier's network ACL."""
    key: kms.IKey
    """The key of every log: the caller's or the one made here."""
    flow_log_group: logs.ILogGroup | None
    """Where flow logs arrive, unless they go to a bucket."""
    flow_log_bucket: s3.IBucket | None
    """Where flow logs arrive, if they go to a bucket."""
    dns_query_log_group: logs.ILogGroup | None
    """The record of DNS queries, if asked for."""
    s3_endpoint: ec2.GatewayVpcEndpoint
    """S3's gateway endpoint; widen its policy here."""
    s3_prefix_list: str
    """The id of the region's prefix list of S3."""
    dynamodb_endpoint: ec2.GatewayVpcEndpoint | None
    """DynamoDB's gateway endpoint, if asked for."""
    interface_endpoints: Mapping[str, ec2.InterfaceVpcEndpoint]
    """The interface endpoints by the names that they were asked for."""
    instance_connect: InstanceConnect | None
    """The operators' way in, if asked for."""

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
        flow_logs: FlowLogs = "log-group",
        flow_log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        flow_log_bucket: s3.IBucket | None = None,
        interface_endpoints: Sequence[str] = (),
        interface_endpoint_zones: Mapping[str, Sequence[str]] | None = None,
        dynamodb_endpoint: bool = False,
        instance_connect: bool = False,
        organization_id: str | None = None,
        database_port: int = 5433,
        s3_prefix_list: str | None = None,
        dynamodb_prefix_list: str | None = None,
        dns_query_logs: bool = False,
        block_public_access: BlockPublicAccess | None = None,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        check = Validation(self, id)
        region = vpc_zones.concrete_region(check, stack)
        self.zones = vpc_zones.check_zones(check, zones, region)
        mask = vpc_zones.check_cidr(check, cidr, len(self.zones))
        vpc_checks.check_egress(check, egress, nat_gateways, public_subnets, block_public_access, len(self.zones))
        vpc_checks.check_logs(check, key, flow_logs, flow_log_retention, flow_log_bucket)
        services = vpc_endpoints.check_services(check, interface_endpoints)
        service_zones = vpc_endpoints.check_service_zones(check, interface_endpoint_zones, services, self.zones)
        check.whole_number("database_port", database_port, 1150, 65535, "leave it out for 5433")
        for name, value in (
            ("dynamodb_endpoint", dynamodb_endpoint),
            ("instance_connect", instance_connect),
            ("dns_query_logs", dns_query_logs),
        ):
            check.boolean(name, value)
        if organization_id is not None:
            do = "pass its id such as o-a1b2c3d4e5, or leave it out for this account alone"
            check.text("organization_id", organization_id, "o-[a-z0-9]{10,32}", "the id of an AWS Organization", do)
        self.s3_prefix_list = vpc_checks.prefix_list(check, "s3", s3_prefix_list, region)
        self._dynamodb_prefix_list = (
            vpc_checks.prefix_list(check, "dynamodb", dynamodb_prefix_list, region) if dynamodb_endpoint is True else ""
        )
        check.raise_problems()

        self.cidr = cidr
        self.key = key or DataKey(self, "Key", description=f"Network logs of {stack.stack_name}")
        has_public = public_subnets or egress == "nat"
        self.vpc = vpc_tiers.new_vpc(
            self,
            "Vpc",
            cidr=cidr,
            zones=self.zones,
            mask=mask,
            egress=egress,
            nat_gateways=nat_gateways,
            public=has_public,
        )
        default_security_group.keep_handler_logs(self, self.key)
        self.database_port = database_port
        self.app_subnets = ec2.SubnetSelection(subnet_group_name=APP)
        self.data_subnets = ec2.SubnetSelection(subnet_group_name=DATA)
        self.public_subnets = ec2.SubnetSelection(subnet_group_name=PUBLIC) if has_public else None
        app = self.vpc.select_subnets(subnet_group_name=APP).subnets
        data = self.vpc.select_subnets(subnet_group_name=DATA).subnets
        self.data_acl = DataTierAcl(
            self, "DataAcl", vpc=self.vpc, app_subnets=app, data_subnets=data, database_port=database_port
        )

        self.flow_log_group = None
        self.flow_log_bucket = None
        if flow_logs == "s3":
            self.flow_log_bucket = FlowLogsToBucket(
                self, "FlowLogs", vpc=self.vpc, key=self.key, retention=flow_log_retention, bucket=flow_log_bucket
            ).bucket
        else:
            self.flow_log_group = FlowLogsToLogGroup(
                self, "FlowLogs", vpc=self.vpc, key=self.key, retention=flow_log_retention
            ).log_group
        self.dns_query_log_group = None
        if dns_query_logs:
            from secure_backend.vpc.dns_query_logs import DnsQueryLogs  # a tenth of a second that few need to spend

            self.dns_query_log_group = DnsQueryLogs(
                self, "DnsQueryLogs", vpc=self.vpc, key=self.key, retention=flow_log_retention
            ).log_group

        self.s3_endpoint = self._gateway(ec2.GatewayVpcEndpointAwsService.S3, "s3", organization_id)
        self.s3_endpoint.add_to_policy(vpc_endpoints.custom_resource_responses(self))
        if vpc_endpoints.pulls_images(services):
            self.s3_endpoint.add_to_policy(vpc_endpoints.image_layers(self))
        self.dynamodb_endpoint = None
        if dynamodb_endpoint:
            self.dynamodb_endpoint = self._gateway(
                ec2.GatewayVpcEndpointAwsService.DYNAMODB, "dynamodb", organization_id
            )
        self._interfaces: vpc_endpoints.InterfaceEndpoints | None = None
        self.interface_endpoints = {}
        if services:
            self._interfaces = vpc_endpoints.InterfaceEndpoints(
                self,
                "Endpoints",
                vpc=self.vpc,
                services=services,
                subnets=app,
                zones=service_zones,
                organization_id=organization_id,
            )
            self.interface_endpoints = self._interfaces.endpoints

        self.instance_connect = None
        if instance_connect:
            self.instance_connect = InstanceConnect(self, "InstanceConnect", vpc=self.vpc, subnet=app[0])
        if block_public_access is not None:
            ec2.CfnVPCBlockPublicAccessOptions(
                self, "BlockPublicAccess", internet_gateway_block_mode=block_public_access
            )

    def security_group(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        description: str,
    ) -> ec2.SecurityGroup:
        """Make a security group without any way in or out.

        It stands in the caller's scope: a function's group belongs to the function's stack, or deleting that stack
        would wait for the network interfaces that Lambda gives back late.

        :param description: who carries the group; EC2 takes 255 plain characters and never changes them.
        """
        check = Validation(self, id)
        check.construct("security_group", scope, Construct, "pass the construct that the group belongs to as scope")
        check.text(
            "security_group",
            description,
            r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{3,255}",
            "a description of 3 to 255 plain characters",
            "say who carries the group; EC2 allows letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        )
        check.raise_problems()
        return ClosedSecurityGroup(scope, id, vpc=self.vpc, description=description)

    def allow_s3(self, security_group: ec2.ISecurityGroup) -> None:
        """Let the group's members reach S3 of this region, through the gateway endpoint."""
        self._allow_prefix_list("allow_s3", security_group, self.s3_prefix_list, "HTTPS to S3 of this region")

    def allow_dynamodb(self, security_group: ec2.ISecurityGroup) -> None:
        """Let the group's members reach DynamoDB of this region, through its gateway endpoint."""
        self._need("allow_dynamodb", self.dynamodb_endpoint, "dynamodb_endpoint=True")
        self._allow_prefix_list(
            "allow_dynamodb", security_group, self._dynamodb_prefix_list, "HTTPS to DynamoDB of this region"
        )

    def allow_endpoints(self, security_group: ec2.ISecurityGroup) -> None:
        """Let the group's members reach every interface endpoint; both rules stand in the group's own stack."""
        self._check_group("allow_endpoints", security_group)
        self._need("allow_endpoints", self._interfaces, 'interface_endpoints=["secretsmanager"], for example')
        if self._interfaces is not None:
            self._interfaces.allow_from(security_group)

    def _gateway(
        self,
        service: ec2.GatewayVpcEndpointAwsService,
        prefix: Literal["s3", "dynamodb"],
        organization_id: str | None,
    ) -> ec2.GatewayVpcEndpoint:
        name = {"s3": "S3", "dynamodb": "DynamoDb"}[prefix]
        # Only the app tier has the route: a database has no business with either, and its network ACL says the same.
        endpoint = self.vpc.add_gateway_endpoint(name, service=service, subnets=[self.app_subnets])
        endpoint.add_to_policy(vpc_endpoints.own_statement(self, f"{prefix}:*", organization_id))
        return endpoint

    def _allow_prefix_list(self, method: str, group: ec2.ISecurityGroup, prefix_list: str, description: str) -> None:
        self._check_group(method, group)
        group.add_egress_rule(ec2.Peer.prefix_list(prefix_list), ec2.Port.tcp(443), description)

    def _check_group(self, method: str, group: object) -> None:
        check = Validation(self, self.node.id)
        check.construct(method, group, ec2.SecurityGroup, "pass the security group object, not its id")
        check.raise_problems()

    def _need(self, method: str, endpoint: object, do: str) -> None:
        check = Validation(self, self.node.id)
        check.check(endpoint is not None, method, "no such endpoint", "a VPC that has it", f"build the VPC with {do}")
        check.raise_problems()
