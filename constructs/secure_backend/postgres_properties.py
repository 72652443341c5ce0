"""What a PostgreSQL instance on RDS can be made of: networks, names, storage, versions and instance types."""

import math
import re
from dataclasses import dataclass
from typing import Protocol

import jsii.errors
from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2

from secure_backend.validation import Validation

# In RDS standard support; 14 leaves it on 2027-02-28, and without paid extended support RDS then refuses to create it.
OFFERED_MAJORS = ("15", "16", "17", "18")
MONITORING_SECONDS = (1, 5, 10, 15, 30, 60)

_LARGEST_GIB = 65_536
_BASELINE_IOPS = 12_000
_MEMORY_GIB_PER_VCPU = {"m": 4, "r": 8}
_BURSTABLE_GIB = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
_RESERVED_WORDS = """
    admin all analyse analyze and any array as asc asymmetric authorization between binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into
    is isnull join lateral leading left like limit localtime localtimestamp natural none not notnull null offset
    on only or order outer overlaps placing postgres primary public rdsadmin references returning right root
    select session_user similar some symmetric system_user table tablesample template0 template1 then to
    trailing true union unique user using variadic verbose when where window with
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


class DataTier(Protocol):
    """What a database needs of a network; :class:`SecureVpc` has it."""

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


def check_network(check: Validation, vpc: object, subnets: object) -> Placement | None:
    """Find the subnets, and record it when they are public, all in one zone, or not there."""
    if hasattr(vpc, "data_subnets") and hasattr(vpc, "vpc"):
        placement = Placement(vpc=vpc.vpc, subnets=vpc.data_subnets if subnets is None else subnets)
    elif not check.construct("vpc", vpc, ec2.Vpc, "pass the SecureVpc or ec2.Vpc object, not its id"):
        return None
    elif subnets is None:
        check.refuse(
            "subnets",
            subnets,
            "an ec2.SubnetSelection, which only a SecureVpc makes unnecessary",
            "pass ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)",
        )
        return None
    else:
        placement = Placement(vpc=vpc, subnets=subnets)  # type: ignore[arg-type] # a construct; jsii checks the rest
    if not isinstance(placement.subnets, ec2.SubnetSelection):
        check.refuse("subnets", subnets, "an ec2.SubnetSelection", "pass one, or leave it out with a SecureVpc")
        return None
    try:
        selected = placement.vpc.select_subnets(**placement.subnets._values)  # noqa: SLF001 - jsii's struct has no other way
    except (jsii.errors.JSIIError, jsii.errors.JavaScriptError) as error:
        check.refuse("subnets", str(error), "subnets that the network has", "select others")
        return None
    zones = set(selected.availability_zones)
    private = check.check(
        not selected.has_public, "subnets", "public subnets", "subnets without a route in", "select isolated subnets"
    )
    several = check.check(
        len(zones) > 1,
        "subnets",
        f"subnets in {len(zones)} zone" + ("" if len(zones) == 1 else "s"),
        "at least two zones, or RDS refuses the subnet group",
        "give the network a second zone",
    )
    return placement if private and several else None


def check_name(check: Validation, property: str, name: object, longest: int) -> None:  # noqa: A002 - the house's word
    """Record it when RDS or PostgreSQL would refuse the name of a user or database."""
    if check.text(
        property,
        name,
        rf"[a-z][a-z0-9_]{{0,{longest - 1}}}",
        f"1 to {longest} lower-case letters, digits and underscores, beginning with a letter",
        "choose such a name",
    ):
        check.check(
            not is_reserved(str(name)),
            property,
            name,
            "a name that neither PostgreSQL nor RDS keeps for itself",
            "choose another, such as dbowner",
        )


def is_reserved(name: str) -> bool:
    """Tell whether PostgreSQL or RDS keeps the name for itself, as a user, a database or a word of SQL."""
    return name in _RESERVED or name.startswith(("pg_", "rds_"))


def check_storage(check: Validation, allocated: object, maximum: object, iops: object, throughput: object) -> None:
    """Record storage that RDS refuses; sizes in GiB, throughput in MiB/s."""
    do = "leave it out for 100"
    if not check.whole_number("allocated_storage_gib", allocated, 20, 59_578, do) or not isinstance(allocated, int):
        return
    if maximum is not None:
        lowest = least_maximum(allocated)
        check.whole_number(
            "max_allocated_storage_gib",
            maximum,
            lowest,
            _LARGEST_GIB,
            f"pass at least 110 % of the allocated storage ({lowest}), or leave it out for twice as much",
        )
    if iops is None and throughput is None:
        return
    if allocated < 400:
        given = "iops" if iops is not None else "storage_throughput"
        check.refuse(
            given,
            iops if iops is not None else throughput,
            "no figure for gp3 storage under 400 GiB, where RDS sets it",
            "leave it out, or allocate 400 GiB or more",
        )
        return
    sound = iops is None or check.whole_number("iops", iops, _BASELINE_IOPS, 64_000, "leave it out for 12000")
    if throughput is None:
        return
    sound &= check.whole_number("storage_throughput", throughput, 500, 4_000, "leave it out for 500")
    total = iops if isinstance(iops, int) else _BASELINE_IOPS
    if sound and isinstance(throughput, int):
        check.check(
            throughput * 4 <= total,
            "storage_throughput",
            throughput,
            f"at most a quarter of the {total} IOPS",
            "raise iops or lower it",
        )


def least_maximum(allocated: int) -> int:
    """Return the least ceiling of storage autoscaling that RDS accepts: 110 %."""
    return math.ceil(allocated * 11 / 10)


def check_instance_type(check: Validation, instance_type: object) -> None:
    """Record an instance type that is none, or one whose memory this library does not know."""
    do = 'pass ec2.InstanceType("m7g.large"), or leave it out for t4g.medium'
    if not isinstance(instance_type, ec2.InstanceType) or Token.is_unresolved(instance_type.to_string()):
        check.refuse("instance_type", instance_type, "an ec2.InstanceType known at synthesis", do)
        return
    check.check(
        memory_gib(instance_type) is not None,
        "instance_type",
        instance_type.to_string(),
        "a t3, t4g, m or r class that RDS for PostgreSQL offers",
        do,
    )


def memory_gib(instance_type: ec2.InstanceType) -> int | None:
    """Return the memory of an RDS class in GiB, or None when it is not of the t3, t4g, m and r families."""
    found = re.fullmatch(
        r"(t3|t4g|m\d+[a-z]*|r\d+[a-z]*)\.(\d*)(micro|small|medium|large|xlarge)", str(instance_type.to_string())
    )
    if found is None:
        return None
    family, multiple, size = found.groups()
    if family in {"t3", "t4g"}:
        return _BURSTABLE_GIB.get(multiple + size)
    if size not in {"large", "xlarge"} or (multiple and size == "large"):
        return None
    vcpus = 2 if size == "large" else 4 * int(multiple or 1)
    return vcpus * _MEMORY_GIB_PER_VCPU[family[0]]
