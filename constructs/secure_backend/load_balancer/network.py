"""Where a load balancer stands, who may connect to it, and whom it may connect to."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from secure_backend.load_balancer.jwt_validation import JwtValidation
from secure_backend.security_groups import ClosedSecurityGroup
from secure_backend.validation import Validation

HTTP, HTTPS = 80, 443
_ANYWHERE = "0.0.0.0/0"


def check_subnets(check: Validation, vpc: ec2.IVpc, subnets: object, *, internet_facing: bool) -> None:
    """Record subnets that are none of the VPC's, in one zone, or without a way to the internet where it is needed."""
    do = "pass SecureVpc.public_subnets for an internet-facing load balancer, SecureVpc.app_subnets for an internal one"
    if not isinstance(subnets, ec2.SubnetSelection):
        check.refuse("subnets", subnets, "an aws_ec2.SubnetSelection", do)
        return
    try:
        selected = _selected(vpc, subnets)
    except RuntimeError as error:
        check.refuse("subnets", "a selection that selects nothing", f"subnets of the VPC ({error})", do)
        return
    others = [
        subnet.node.path
        for subnet in selected.subnets
        if isinstance(subnet.node.scope, ec2.Vpc) and subnet.node.scope.node.path != vpc.node.path
    ]
    check.check(not others, "subnets", others, "subnets of the VPC that is passed", do)
    zones = set(selected.availability_zones)
    check.check(
        len(zones) > 1 or any(cdk.Token.is_unresolved(zone) for zone in zones),
        "subnets",
        sorted(zones),
        "subnets in two zones or more",
        "add a zone: AWS builds no load balancer in one",
    )
    if internet_facing:
        public = {subnet.node.path for subnet in vpc.public_subnets}
        check.check(
            {subnet.node.path for subnet in selected.subnets} <= public,
            "subnets",
            "subnets without a route to the internet",
            "public subnets",
            do + "; clients would wait for ever",
        )


def warn_of_no_way_to_keys(scope: Construct, vpc: ec2.IVpc, subnets: ec2.SubnetSelection) -> None:
    """Warn of subnets without any route out, from where an issuer's keys are likely not to be had.

    A warning, because AWS does not say how the keys are fetched; a gated synth stops at it until someone who knows
    acknowledges it.
    """
    isolated = {subnet.node.path for subnet in vpc.isolated_subnets}
    if isolated & {subnet.node.path for subnet in _selected(vpc, subnets).subnets}:
        cdk.Annotations.of(scope).add_warning_v2(
            "secure-backend:KeySetWithoutRoute",
            f"The load balancer {scope.node.path} verifies tokens and stands in subnets without a route out: it may "
            "never get the issuer's keys, and then no request passes. Give the subnets a route, such as SecureVpc's "
            'egress="nat", or acknowledge this warning once a token was seen to pass.',
        )


def source_networks_of(
    check: Validation, vpc: ec2.IVpc, networks: Sequence[str] | None, *, internet_facing: bool
) -> list[str]:
    """Return who may connect: the named networks, or anyone from the internet, or the VPC itself."""
    if networks is not None:
        do = "name IPv4 networks: it has no other address; or leave it out for the internet or the VPC"
        return list(networks) if check.networks("source_networks", networks, do, ipv4=True) else []
    if internet_facing:
        return [_ANYWHERE]
    resource = vpc.node.default_child
    if isinstance(resource, ec2.CfnVPC) and resource.cidr_block and not cdk.Token.is_unresolved(resource.cidr_block):
        # The range as it was written: rule packs cannot judge a reference to it, nor can a reader of the template.
        return [resource.cidr_block]
    try:
        return [vpc.vpc_cidr_block]
    except RuntimeError:
        check.refuse(
            "source_networks", None, "the networks of the clients, for an imported VPC of unknown range", "name them"
        )
        return []


def new_security_group(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    *,
    vpc: ec2.IVpc,
    networks: Sequence[str],
    redirect: bool,
    jwt: JwtValidation | None,
) -> ec2.SecurityGroup:
    """Make the load balancer's group: in from the networks, out to nowhere but to the issuer's keys."""
    group = ClosedSecurityGroup(scope, id, vpc=vpc, description=f"The load balancer {scope.node.path}"[:255])
    for network in networks:
        group.add_ingress_rule(ec2.Peer.ipv4(network), ec2.Port.tcp(HTTPS), "HTTPS from clients")
        if redirect:
            group.add_ingress_rule(ec2.Peer.ipv4(network), ec2.Port.tcp(HTTP), "HTTP from clients, to be redirected")
    if jwt is not None:
        for network in jwt.key_networks or [_ANYWHERE]:
            group.add_egress_rule(ec2.Peer.ipv4(network), ec2.Port.tcp(HTTPS), "HTTPS to the issuer's key set")
    return group


def _selected(vpc: ec2.IVpc, subnets: ec2.SubnetSelection) -> ec2.SelectedSubnets:
    return vpc.select_subnets(
        subnet_group_name=subnets.subnet_group_name,
        subnet_type=subnets.subnet_type,
        subnets=subnets.subnets,
        subnet_filters=subnets.subnet_filters,
        availability_zones=subnets.availability_zones,
        one_per_az=subnets.one_per_az,
    )
