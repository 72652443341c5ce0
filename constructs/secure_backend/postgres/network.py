"""Where a database may stand, and whom it may let in."""

from dataclasses import dataclass
from typing import Protocol

from aws_cdk import aws_ec2 as ec2

from secure_backend.validation import Validation

# RDS Proxy listens on the engine's default port, whatever the database's is.
# Source: Amazon RDS User Guide, "RDS Proxy", limitations for RDS for PostgreSQL.
PROXY_PORT = 5432


class DataTier(Protocol):
    """What a database needs of a network; :class:`~secure_backend.secure_vpc.SecureVpc` has it."""

    @property
    def vpc(self) -> ec2.IVpc:
        """The network."""

    @property
    def data_subnets(self) -> ec2.SubnetSelection:
        """The subnets that only databases stand in."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The network and the subnets that an instance is placed in."""

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection


def check_placement(
    check: Validation, vpc: DataTier | ec2.IVpc, subnets: ec2.SubnetSelection | None
) -> Placement | None:
    """Find the subnets; record it, and return None, when they are public, all in one zone, or not there."""
    tier = getattr(vpc, "data_subnets", None)
    network: ec2.IVpc = vpc if tier is None else vpc.vpc  # type: ignore[union-attr,assignment] # told apart by the tier
    if not check.construct("vpc", network, ec2.Vpc, "pass the SecureVpc or ec2.Vpc object, not its id"):
        return None
    chosen = tier if subnets is None else subnets
    if not isinstance(chosen, ec2.SubnetSelection):
        check.refuse(
            "subnets",
            chosen,
            "an ec2.SubnetSelection, which only a SecureVpc makes unnecessary",
            "pass ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)",
        )
        return None
    try:
        selected = network.select_subnets(
            availability_zones=chosen.availability_zones,
            one_per_az=chosen.one_per_az,
            subnet_filters=chosen.subnet_filters,
            subnet_group_name=chosen.subnet_group_name,
            subnets=chosen.subnets,
            subnet_type=chosen.subnet_type,
        )
    except RuntimeError as error:  # what the CDK raises reaches Python as such
        check.refuse("subnets", str(error), "subnets that the network has", "select others")
        return None
    zones = len(set(selected.availability_zones))
    private = check.check(
        not selected.has_public, "subnets", "public subnets", "subnets without a route in", "select isolated ones"
    )
    several = check.check(
        zones > 1,
        "subnets",
        f"subnets in {zones} zone",
        "at least two zones, or RDS refuses the subnet group",
        "give the network a second zone",
    )
    return Placement(vpc=network, subnets=chosen) if private and several else None


def check_port(check: Validation, vpc: DataTier | ec2.IVpc, port: int, *, proxy: bool) -> None:
    """Record a port that a SecureVpc's data tier keeps shut: peers would wait for an answer until they give up."""
    let_in = getattr(vpc, "database_port", port)
    check.check(
        port == let_in,
        "port",
        port,
        f"{let_in}, the one port that the VPC's data tier lets in",
        "pass the same to SecureVpc as database_port, or leave both out for 5433",
    )
    check.check(
        not proxy or not hasattr(vpc, "database_port") or port == PROXY_PORT,
        "port",
        port,
        f"{PROXY_PORT} beside a proxy, which listens on no other, while the data tier lets in one port only",
        f"pass port={PROXY_PORT}, and database_port={PROXY_PORT} to SecureVpc",
    )


def check_peer(check: Validation, peer: ec2.IConnectable) -> None:
    """Raise :class:`InvalidPropertiesError` for a peer that has no security group, and for one that is everyone."""
    do = "pass what connects: a function in the network, a security group, or ec2.Peer.ipv4 of the operators' range"
    try:
        groups = peer.connections.security_groups
    except AttributeError:
        check.refuse("allow_from", peer, "an ec2.IConnectable", do)
    except RuntimeError as error:
        check.refuse("allow_from", str(error), "something that stands in the network", do)
    else:
        address = getattr(peer, "unique_id", None)
        if not groups and address is None:
            check.refuse("allow_from", "connections without a security group", "something that stands there", do)
        elif not groups and "/" in str(address):
            check.networks("allow_from", [address], do)
    check.raise_problems()
