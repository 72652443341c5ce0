"""Availability zones and address ranges: what a VPC's tiers can be laid out in, decided before anything is built.

Example::

    app = cdk.App(context=zone_context("123456789012", "eu-central-1", ["eu-central-1a", "eu-central-1b"]))
"""

import ipaddress
import re
from collections.abc import Sequence

import aws_cdk as cdk

from secure_backend.validation import Validation

# Room is kept for so many zones in each of the three tiers, whether used or not: a zone or the public tier added later
# leaves every existing subnet's range alone. A changed range would replace the subnet, and whatever stands in it.
_ZONE_SLOTS = 5
_TIERS = 3
_SMALLEST_SUBNET = 28  # AWS: Amazon VPC User Guide, "Subnet sizing"
_PRIVATE = [ipaddress.IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]


def zone_context(account: str, region: str, zones: Sequence[str]) -> dict[str, list[str]]:
    """Return the context that lets an app whose stacks name account *and* region synthesise without credentials.

    For such a stack aws-cdk-lib asks the account for its zones even when all are given, and the CLI then needs
    credentials to synthesise. Pass the result to ``cdk.App(context=…)``.
    """
    return {f"availability-zones:account={account}:region={region}": list(zones)}


def check_zones(check: Validation, zones: object, region: str) -> list[str]:
    """Check for two to six distinct, literal zones of the region; returns those that were given as text."""
    if not isinstance(zones, (list, tuple)):
        check.refuse("zones", zones, "a list of zone names", f'pass for example ["{region}a", "{region}b"]')
        return []
    for zone in zones:
        do = f'name the zones, for example "{region}a"; `aws ec2 describe-availability-zones` lists your account\'s'
        if check.text("zones", zone, ".*", "a literal zone name", do):
            real = re.fullmatch(rf"{re.escape(region)}[a-z]", zone) is not None
            check.check(real, "zones", zone, f"a zone of the stack's region, {region}", do)
    names = [zone for zone in zones if isinstance(zone, str)]
    for zone in sorted({name for name in names if names.count(name) > 1}):
        check.refuse("zones", zone, "each zone once", "remove the duplicate")
    check.check(
        2 <= len(zones) <= 6,
        "zones",
        list(zones),
        "2 to 6 zones",
        "name at least two: one zone's failure would take everything down",
    )
    return names


def check_cidr(check: Validation, cidr: object, zones: int) -> int:
    """Check for a private range that holds the tiers; returns the prefix length of each subnet, 0 with a problem."""
    do = 'pass a private range from /16 to /24, such as "10.20.0.0/16"'
    if not check.text("cidr", cidr, r"[0-9./]+", "a literal IPv4 range", do) or not isinstance(cidr, str):
        return 0
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as problem:
        check.refuse("cidr", cidr, "an IPv4 range without host bits", f"{do} ({problem})")
        return 0
    sound = check.check(16 <= network.prefixlen <= 24 and "/" in cidr, "cidr", cidr, "a range from /16 to /24", do)
    private = any(network.subnet_of(known) for known in _PRIVATE)
    sound &= check.check(
        private, "cidr", cidr, "a private range (10/8, 172.16/12, 192.168/16 or the shared 100.64/10)", do
    )
    if not sound:
        return 0
    subnets = _TIERS * zone_slots(zones)
    length = min(network.prefixlen + (subnets - 1).bit_length(), _SMALLEST_SUBNET)
    needed = subnets * 2 ** (32 - length)
    fits = check.check(
        needed <= network.num_addresses,
        "cidr",
        cidr,
        f"room for {_TIERS} tiers in {zone_slots(zones)} zones: need {needed} addresses, have {network.num_addresses}",
        "pass a larger range or fewer zones",
    )
    return length if fits else 0


def zone_slots(zones: int) -> int:
    """Return for how many zones each tier keeps room."""
    return max(zones, _ZONE_SLOTS)


def concrete_region(check: Validation, stack: cdk.Stack) -> str:
    """Return the stack's region; a stack without one is a problem, and the rest is then checked as in some region."""
    if cdk.Token.is_unresolved(stack.region):
        check.refuse(
            "scope",
            stack.stack_name,
            "a stack with a region",
            "pass env=cdk.Environment(region=…) to the stack: zones and prefix lists belong to one region",
        )
        return "eu-central-1"
    return stack.region
