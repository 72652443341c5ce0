"""What RDS accepts for a PostgreSQL instance: names, storage, times and instance types."""

import math
import re
from dataclasses import dataclass

from aws_cdk import Duration, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds

from secure_backend.validation import Validation

# In RDS standard support; 14 leaves it on 2027-02-28, and without paid extended support RDS then refuses to create it.
OFFERED_MAJORS = ("15", "16", "17", "18")
_MONITORING_SECONDS = (1, 5, 10, 15, 30, 60)

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


@dataclass(frozen=True, kw_only=True)
class Storage:
    """gp3 storage; sizes in GiB, throughput in MiB/s."""

    allocated_gib: int
    maximum_gib: int
    iops: int | None
    throughput: int | None


def storage_of(allocated: int, maximum: int | None, iops: int | None, throughput: int | None) -> Storage:
    """Return the storage; without a ceiling it may grow to twice its size."""
    ceiling = min(2 * allocated, _LARGEST_GIB) if maximum is None else maximum
    return Storage(allocated_gib=allocated, maximum_gib=ceiling, iops=iops, throughput=throughput)


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


def check_grant(check: Validation, grantee: object, db_user: object) -> None:
    """Record a grantee that is only a name, and anything but the name of one user."""
    check.check(
        hasattr(grantee, "grant_principal"),
        "grant_connect",
        grantee,
        "an iam.IGrantable",
        "pass the role or function object, not its name",
    )
    check_name(check, "grant_connect.db_user", db_user, 63)


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
        memory_gib(instance_type) > 0,
        "instance_type",
        instance_type.to_string(),
        "a t3, t4g, m or r class that RDS for PostgreSQL offers",
        do,
    )


def memory_gib(instance_type: ec2.InstanceType) -> int:
    """Return the memory of an RDS class in GiB, or 0 when it is not of the t3, t4g, m and r families."""
    found = re.fullmatch(
        r"(t3|t4g|m\d+[a-z]*|r\d+[a-z]*)\.(\d*)(micro|small|medium|large|xlarge)", str(instance_type.to_string())
    )
    if found is None:
        return 0
    family, multiple, size = found.groups()
    if family in {"t3", "t4g"}:
        return _BURSTABLE_GIB.get(multiple + size, 0)
    if size not in {"large", "xlarge"} or (multiple and size == "large"):
        return 0
    vcpus = 2 if size == "large" else 4 * int(multiple or 1)
    return vcpus * _MEMORY_GIB_PER_VCPU[family[0]]


def check_version(check: Validation, major_version: object) -> None:
    """Record a major version that RDS does not support without extra charge, and minor versions."""
    check.one_of(
        "major_version",
        major_version,
        OFFERED_MAJORS,
        'pass the major version as text, such as "17"; RDS chooses and upgrades the minor one',
    )


def check_insights(check: Validation, insights: object) -> None:
    """Record anything but a mode of Database Insights."""
    check.check(
        isinstance(insights, rds.DatabaseInsightsMode),
        "insights",
        insights,
        "an rds.DatabaseInsightsMode",
        "pass rds.DatabaseInsightsMode.ADVANCED, or leave it out for STANDARD",
    )


def check_switches(check: Validation, **switches: object) -> None:
    """Record switches that are not True or False themselves, and contradictions between them."""
    for property_name, value in switches.items():
        check.boolean(property_name, value)
    check.check(
        not (switches["restore_testing"] is True and switches["backup_plan"] is False),
        "restore_testing",
        True,
        "False without a backup plan",
        "leave backup_plan out",
    )


def check_times(
    check: Validation, *, backup_retention: object, monitoring_interval: object, slow_statement: object
) -> None:
    """Record durations that RDS does not offer."""
    check.days("backup_retention", backup_retention, 1, 35, "pass cdk.Duration.days(7) or more")
    interval = monitoring_interval.to_milliseconds() / 1_000 if isinstance(monitoring_interval, Duration) else None
    check.check(
        interval in _MONITORING_SECONDS,
        "monitoring_interval",
        monitoring_interval,
        "a Duration of 1, 5, 10, 15, 30 or 60 seconds",
        "leave it out for 60",
    )
    slow = slow_statement.to_milliseconds() if isinstance(slow_statement, Duration) else 0
    check.check(
        10 <= slow <= 3_600_000,
        "slow_statement",
        slow_statement,
        "a Duration of 10 milliseconds to 1 hour",
        "leave it out for 1 second",
    )
