"""Databases that RDS refuses, or accepts and then serves without what was meant."""

import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_false, is_true, number_of, object_of
from secure_backend.analysis.text import certain
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

INSTANCE = "AWS::RDS::DBInstance"
CLUSTER = "AWS::RDS::DBCluster"
_CURRENT_CA = {"rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}
_RESERVED = {"admin", "rdsadmin", "rdsrepladmin", "rdstopmgr", "rds_superuser"}
#: How many parts of a version make the major one.
_MAJOR_PARTS = {"postgres": 1, "aurora-postgresql": 1, "mysql": 2, "mariadb": 2}
_SMALL = {"db.t2.micro", "db.t2.small", "db.t3.micro", "db.t3.small", "db.t4g.micro", "db.t4g.small"}


@rule(
    aws="The parameter group X with DBParameterGroupFamily Y can't be used for this instance. Please use a Parameter "
    "Group with DBParameterGroupFamily Z",
    reason="A parameter group is made for one major version of one engine.",
    fix="derive Family from the engine's major version (postgres17 for 17.x)",
    source="aws-cdk#32933",
)
def parameter_group_family(assembly: Assembly) -> Iterator[Finding]:
    """Use a parameter group of the engine's own major version."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        group = _parameter_group(assembly, database)
        engine, version = str(database.at("Engine")), str(database.at("EngineVersion"))
        parts = _MAJOR_PARTS.get(engine)
        if group is None or parts is None or not re.match(r"\d", version):
            continue
        wanted = engine + ".".join(version.split(".")[:parts])
        family = group.at("Family")
        if isinstance(family, str) and family != wanted:
            problem = f"{engine} {version} of {database.address} gets a parameter group of {family}, not of {wanted}"
            yield Finding(group, "Properties.Family", problem)


@rule(
    aws="MasterUsername admin cannot be used as it is a reserved word used by the engine",
    reason="PostgreSQL and RDS keep some names for themselves, and all that begin with pg_.",
    fix="set MasterUsername to a name of letters, digits and underscores that is not reserved, such as dbowner",
    source="aws-cdk#10579; aws-cloudformation/cfn-lint PR#4425",
)
def reserved_master_username(assembly: Assembly) -> Iterator[Finding]:
    """Give the master user a name that the engine does not reserve."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        name = database.at("MasterUsername")
        if "postgres" not in str(database.at("Engine")) or not isinstance(name, str) or "{{resolve:" in name:
            continue
        sound = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name) is not None
        if not sound or name.lower() in _RESERVED or name.lower().startswith("pg_"):
            yield Finding(database, "Properties.MasterUsername", f"The master user is called {name}")


@rule(
    aws="You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400",
    reason="Below 400 GiB a gp3 volume has 3000 IOPS and 125 MiB/s; from there on at least 12000 IOPS.",
    fix="leave Iops and StorageThroughput out, or set AllocatedStorage to 400 and Iops to 12000 or more",
    source="cloudtools/troposphere#2141; ministryofjustice/cloud-platform-environments PR#26258",
)
def gp3_throughput(assembly: Assembly) -> Iterator[Finding]:
    """Set IOPS and throughput of gp3 storage only where RDS takes them."""
    for database in assembly.resources(INSTANCE):
        size, iops = number_of(database.at("AllocatedStorage")), number_of(database.at("Iops"))
        if database.at("StorageType") != "gp3" or size is None or str(database.at("Engine")) not in _MAJOR_PARTS:
            continue
        given = [name for name in ("Iops", "StorageThroughput") if database.at(name) is not None]
        if size < 400 and given:
            yield Finding(database, f"Properties.{given[0]}", f"{' and '.join(given)} stand beside {size:g} GiB")
        elif size >= 400 and iops is not None and iops < 12000:
            yield Finding(database, "Properties.Iops", f"{iops:g} IOPS stand beside {size:g} GiB")


@rule(
    aws="InvalidParameterCombination: the maximum storage has to exceed the allocated storage (text not on record)",
    reason="Storage autoscaling needs at least 10 percent to grow into.",
    fix="set MaxAllocatedStorage to at least 110 percent of AllocatedStorage",
    source="Amazon RDS User Guide, Managing capacity automatically with storage autoscaling; aws-cdk#29916",
)
def storage_maximum_too_small(assembly: Assembly) -> Iterator[Finding]:
    """Leave storage autoscaling room to grow."""
    for database in assembly.resources(INSTANCE):
        size, most = number_of(database.at("AllocatedStorage")), number_of(database.at("MaxAllocatedStorage"))
        if size is not None and most is not None and most < size * 1.1:
            problem = f"The maximum is {most:g} GiB and {size:g} GiB are allocated"
            yield Finding(database, "Properties.MaxAllocatedStorage", problem)


@rule(
    aws="To enable the Advanced mode of Database Insights, modify your instance to enable Performance Insights and set "
    "the retention period to at least 465 days",
    reason="The L2 checks this; an L1 attribute or an override does not.",
    fix="set EnablePerformanceInsights to true and PerformanceInsightsRetentionPeriod to 465 or more, or "
    "DatabaseInsightsMode to standard",
    source="Amazon RDS User Guide, Considerations for Database Insights for Amazon RDS",
)
def advanced_insights_retention(assembly: Assembly) -> Iterator[Finding]:
    """Keep insights 465 days when Database Insights runs in its advanced mode."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        if database.at("DatabaseInsightsMode") != "advanced":
            continue
        enabled = database.at("EnablePerformanceInsights") or database.at("PerformanceInsightsEnabled")
        value = database.at("PerformanceInsightsRetentionPeriod")
        kept = number_of(value)
        if is_false(enabled):
            yield Finding(database, "Properties.EnablePerformanceInsights", "Advanced mode without insights")
        elif value is None or (kept is not None and kept < 465):
            problem = f"Advanced mode keeps insights for {value or 7} days"
            yield Finding(database, "Properties.PerformanceInsightsRetentionPeriod", problem)


@rule(
    aws="Performance Insights not supported for this configuration",
    reason="MySQL and MariaDB have no memory to spare for it on the smallest classes; PostgreSQL has it on all.",
    fix="use db.t4g.medium or larger, or leave EnablePerformanceInsights out",
    source="awsdocs/amazon-rds-user-guide#188, #189; Amazon RDS User Guide, engine and class support for Performance "
    "Insights",
)
def insights_on_small_class(assembly: Assembly) -> Iterator[Finding]:
    """Use insights on a class that has them."""
    for database in assembly.resources(INSTANCE):
        size = database.at("DBInstanceClass")
        small = database.at("Engine") in ("mysql", "mariadb") and size in _SMALL
        if small and is_true(database.at("EnablePerformanceInsights")):
            yield Finding(database, "Properties.EnablePerformanceInsights", f"Insights are on for {size}")


@rule(
    aws="Certificate not found: rds-ca-2019",
    reason="Retired certificate authorities stay in the CDK's enumeration.",
    fix="set CACertificateIdentifier to rds-ca-rsa2048-g1, rds-ca-rsa4096-g1 or rds-ca-ecc384-g1, or leave it out",
    source="aws-cdk PR#31387",
)
def retired_database_ca(assembly: Assembly) -> Iterator[Finding]:
    """Use a certificate authority that RDS still has."""
    for database in assembly.resources(INSTANCE):
        authority = database.at("CACertificateIdentifier")
        if isinstance(authority, str) and authority not in _CURRENT_CA:
            yield Finding(database, "Properties.CACertificateIdentifier", f"The authority is {authority}")


@rule(
    aws="Cannot upgrade postgres from 17.6 to 17.5 (at a later update of the stack, which rolls back)",
    reason="RDS upgrades the minor version by itself, and the template asks for the old one again; a retired minor "
    "version cannot be created either.",
    fix='set EngineVersion to the major version ("17"), or AutoMinorVersionUpgrade to false',
    source="widdix/mastodon-on-aws#44; outerbounds/metaflow-tools#64",
)
def minor_version_pinned_and_upgraded(assembly: Assembly) -> Iterator[Finding]:
    """Pin the minor version of an engine, or let RDS upgrade it, but not both."""
    for database in assembly.resources(INSTANCE):
        version = database.at("EngineVersion")
        parts = _MAJOR_PARTS.get(str(database.at("Engine")))
        automatic = database.at("AutoMinorVersionUpgrade")
        pinned = parts is not None and isinstance(version, str) and len(version.split(".")) > parts
        if pinned and (automatic is None or is_true(automatic)):
            problem = f"{version} is pinned and AutoMinorVersionUpgrade is {'on' if automatic else 'left on'}"
            yield Finding(database, "Properties.EngineVersion", problem)


@rule(
    aws=SILENT,
    reason="A client that does not ask for TLS gets none, and its password and data cross the network in clear.",
    fix='attach a parameter group with Parameters {"rds.force_ssl": "1"}',
    source="Amazon RDS User Guide, Using SSL with a PostgreSQL DB instance",
)
def database_without_forced_tls(assembly: Assembly) -> Iterator[Finding]:
    """Force TLS on PostgreSQL by the attached parameter group."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        in_cluster = database.type == INSTANCE and database.at("DBClusterIdentifier") is not None
        if "postgres" not in str(database.at("Engine")) or in_cluster:
            continue
        path = _group_path(database)
        given = database.at(path)
        group = _parameter_group(assembly, database)
        if group is None:
            name = "" if given is None else assembly.render(database.stack, given)
            if given is None or (certain(name) and name.startswith("default.")):
                yield Finding(database, f"Properties.{path}", "The database runs with the default parameter group")
            continue
        value = object_of(group.at("Parameters")).get("rds.force_ssl")
        if value is None or assembly.render(group.stack, value) in ("0", "off", "false"):
            problem = f"The parameter group of {database.address} has rds.force_ssl {value or 'not set'}"
            yield Finding(group, "Properties.Parameters", problem)


def _group_path(database: Resource) -> str:
    return "DBParameterGroupName" if database.type == INSTANCE else "DBClusterParameterGroupName"


def _parameter_group(assembly: Assembly, database: Resource) -> Resource | None:
    found = assembly.follow(database.stack, database.at(_group_path(database)))
    return found if found is not None and found.type.endswith("ParameterGroup") else None
