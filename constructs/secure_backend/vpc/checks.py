"""Checks of SecureVpc's options: what contradicts itself, and what would be billed or opened without being meant."""

from typing import Literal, get_args

from aws_cdk import aws_s3 as s3

from secure_backend.validation import Validation
from secure_backend.vpc import prefix_lists
from secure_backend.vpc.prefix_lists import GatewayService

Egress = Literal["none", "nat", "regional-nat"]
FlowLogs = Literal["log-group", "s3"]
BlockPublicAccess = Literal["block-bidirectional", "block-ingress"]


def check_egress(
    check: Validation,
    egress: object,
    nat_gateways: object,
    public_subnets: object,
    block_public_access: object,
    zones: int,
) -> None:
    """Check the ways out, the ways in, and that VPC Block Public Access does not cut what was asked for."""
    check.one_of("egress", egress, get_args(Egress), 'leave it out for "none"')
    check.boolean("public_subnets", public_subnets)
    if nat_gateways is not None and check.check(
        egress == "nat",
        "nat_gateways",
        nat_gateways,
        'none without egress="nat"',
        'leave it out, or pass egress="nat"; a regional NAT gateway is always one',
    ):
        check.whole_number("nat_gateways", nat_gateways, 1, max(zones, 1), "leave it out for one in each zone")
    if block_public_access is not None and check.one_of(
        "block_public_access", block_public_access, get_args(BlockPublicAccess), "leave it out to change nothing"
    ):
        check.check(
            block_public_access == "block-ingress" or (egress == "none" and public_subnets is False),
            "block_public_access",
            block_public_access,
            "no egress and no public subnets beside it",
            'pass "block-ingress", which lets NAT gateways out, or leave the ways out away',
        )
        check.check(
            public_subnets is False,
            "block_public_access",
            block_public_access,
            "no public subnets asked for beside it",
            "leave one of the two away: what stands in the public subnets could not be reached",
        )


def check_logs(check: Validation, key: object, flow_logs: object, retention: object, bucket: object) -> None:
    """Check where flow logs go, how long they stay, and that key and bucket are objects."""
    check.key("key", key)
    check.one_of("flow_logs", flow_logs, get_args(FlowLogs), 'leave it out for "log-group"')
    check.retention("flow_log_retention", retention)
    if bucket is not None and check.construct(
        "flow_log_bucket", bucket, s3.Bucket, "pass the bucket object, or leave it out for a new one"
    ):
        check.check(
            flow_logs == "s3",
            "flow_log_bucket",
            "a bucket",
            'none without flow_logs="s3"',
            'leave it out, or pass flow_logs="s3"',
        )


def prefix_list(check: Validation, service: GatewayService, given: object, region: str) -> str:
    """Return the id of the region's prefix list: the caller's, or the known one."""
    name = f"{service}_prefix_list"
    command = prefix_lists.lookup_command(service, region)
    if given is not None:
        check.text(name, given, "pl-([0-9a-f]{8}|[0-9a-f]{17})", "a prefix list's id", f"find it with: {command}")
        return str(given)
    known = prefix_lists.PREFIX_LISTS[service].get(region)
    check.check(
        known is not None, name, given, f"an id, for none is known here in {region}", f"find it with: {command}"
    )
    return known or ""
