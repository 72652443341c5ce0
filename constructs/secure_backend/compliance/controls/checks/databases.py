"""Databases, their proxies, snapshots and backups."""

from collections.abc import Callable, Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, alternatives, is_set, is_true, list_of, number_of, object_of
from secure_backend.compliance.controls.check import Check, Judgement, control, judge, surely_attached
from secure_backend.compliance.rules import access

_INSTANCE = "AWS::RDS::DBInstance"
_DEFAULT_PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "sqlserver": 1433, "db2": 50000}
#: What RDS.9 wants of each engine. The logs of Aurora are its cluster's.
_LOGS = {
    "postgres": {"postgresql", "upgrade"},
    "mysql": {"audit", "error", "general", "slowquery"},
    "mariadb": {"audit", "error", "general", "slowquery"},
    "oracle": {"alert", "audit", "listener", "trace"},
    "sqlserver": {"agent", "error"},
}
_DEFAULT_USERS = ("admin", "postgres")


def _of_instances(path: str, wanted: Callable[[Value], bool]) -> Check:
    """Return a check of one property of each instance."""

    def check(assembly: Assembly) -> Iterator[Judgement]:
        for instance in assembly.resources(_INSTANCE):
            value = instance.at(path)
            yield judge(instance, met=wanted(value), problem=f"{path} is {value}")

    return check


def _explicitly_false(value: Value) -> bool:
    return value is False or str(value).lower() == "false"


def _days(value: Value) -> bool:
    return (number_of(value) or 0) >= 7


def _own_name(value: Value) -> bool:
    # Of a parameter, or of what is looked up at deployment, nobody knows whether it is the default one.
    return isinstance(value, str) and value.lower() not in ("", *_DEFAULT_USERS) and "{{resolve:" not in value


def _engine(instance: Resource) -> str:
    """Return the engine without its edition, such as ``oracle``; "" when it is known only at deployment."""
    engine = instance.at("Engine")
    return engine.removeprefix("custom-").partition("-")[0] if isinstance(engine, str) else ""


def _some_seconds(value: Value) -> bool:
    return number_of(value) in (1, 5, 10, 15, 30, 60)


# RDS.1 and RDS.4 are about snapshots: one of an encrypted instance is encrypted, and RDS shares none such with all.
control("RDS.1", "RDS.3", "RDS.4")(_of_instances("StorageEncrypted", is_true))
control("RDS.2")(_of_instances("PubliclyAccessible", _explicitly_false))
control("RDS.5")(_of_instances("MultiAZ", is_true))
control("RDS.6")(_of_instances("MonitoringInterval", _some_seconds))
control("RDS.8")(_of_instances("DeletionProtection", is_true))
control("RDS.10")(_of_instances("EnableIAMDatabaseAuthentication", is_true))
control("RDS.11")(_of_instances("BackupRetentionPeriod", _days))
control("RDS.13")(_of_instances("AutoMinorVersionUpgrade", is_true))
control("RDS.17")(_of_instances("CopyTagsToSnapshot", is_true))
control("RDS.25")(_of_instances("MasterUsername", _own_name))


@control("RDS.9")
def logs_published(assembly: Assembly) -> Iterator[Judgement]:
    """Send the engine's logs to CloudWatch Logs."""
    for instance in assembly.resources(_INSTANCE):
        if _engine(instance) != "aurora":
            yield _publishes(instance, _LOGS.get(_engine(instance)))


@control("RDS.36")
def postgresql_logs_published(assembly: Assembly) -> Iterator[Judgement]:
    """Send PostgreSQL's log to CloudWatch Logs."""
    for instance in _postgresql(assembly):
        yield _publishes(instance, _LOGS["postgres"])


@control("RDS.23")
def port_not_the_default(assembly: Assembly) -> Iterator[Judgement]:
    """Listen on another port than the engine's default."""
    for instance in assembly.resources(_INSTANCE):
        port = number_of(instance.at("Port"))
        known = _DEFAULT_PORTS.get(_engine(instance))
        met = port is not None and port not in ({known} if known else set(_DEFAULT_PORTS.values()))
        yield judge(instance, met=met, problem=f"Port is {instance.at('Port')}")


@control("RDS.26")
def in_a_backup_plan(assembly: Assembly) -> Iterator[Judgement]:
    """Name the instance in an AWS Backup plan."""
    for instance in assembly.resources(_INSTANCE):
        named = surely_attached(assembly, "AWS::Backup::BackupSelection", "BackupSelection.Resources", instance)
        yield judge(instance, met=bool(named), problem="no backup plan selects it")


@control("RDS.38")
def tls_forced(assembly: Assembly) -> Iterator[Judgement]:
    """Refuse connections without TLS in the parameter group."""
    for instance in _postgresql(assembly):
        group = access.resource_at(assembly, instance, "DBParameterGroupName", "AWS::RDS::DBParameterGroup")
        forced = None if group is None else object_of(group.at("Parameters")).get("rds.force_ssl")
        yield judge(instance, met=str(forced) == "1", problem=f"rds.force_ssl is {forced}")


@control("RDS.46")
def not_in_public_subnets(assembly: Assembly) -> Iterator[Judgement]:
    """Keep an instance out of subnets with a route to an internet gateway."""
    for instance in assembly.resources(_INSTANCE):
        group = access.resource_at(assembly, instance, "DBSubnetGroupName", "AWS::RDS::DBSubnetGroup")
        values = [] if group is None else list_of(group.at("SubnetIds"))
        subnets = [assembly.follow(group.stack, value) for value in values] if group is not None else []
        public = [each.address for each in subnets if each is not None and _leads_out(assembly, each)]
        known = bool(subnets) and None not in subnets
        problem = f"its subnets lead to the internet: {', '.join(public)}" if public else "its subnets are not known"
        yield judge(instance, met=known and not public, problem=problem)


@control("RDS.43")
def proxies_want_tls(assembly: Assembly) -> Iterator[Judgement]:
    """Take TLS only in a proxy."""
    for proxy in assembly.resources("AWS::RDS::DBProxy"):
        yield judge(proxy, met=is_true(proxy.at("RequireTLS")), problem="RequireTLS is not true")


@control("Backup.1")
def recovery_points_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt the recovery points of a vault."""
    for vault in assembly.resources("AWS::Backup::BackupVault"):
        yield judge(vault, met=is_set(vault.at("EncryptionKeyArn")), problem="EncryptionKeyArn is missing")


def _postgresql(assembly: Assembly) -> list[Resource]:
    """Return the instances of RDS for PostgreSQL, and those that may turn out to be some."""
    return [each for each in assembly.resources(_INSTANCE) if _engine(each) in ("postgres", "")]


def _publishes(instance: Resource, wanted: set[str] | None) -> Judgement:
    logs = list_of(instance.at("EnableCloudwatchLogsExports"))
    met = wanted is not None and wanted <= set(map(str, logs))
    return judge(instance, met=met, problem=f"EnableCloudwatchLogsExports is {logs}")


def _leads_out(assembly: Assembly, subnet: Resource) -> bool:
    """Tell whether a subnet leads to the internet, or may: by a table or a gateway that is not known."""
    for association in assembly.attached("AWS::EC2::SubnetRouteTableAssociation", "SubnetId", subnet):
        table = assembly.follow(association.stack, association.at("RouteTableId"))
        if table is None:
            return True
        for route in assembly.attached("AWS::EC2::Route", "RouteTableId", table):
            if any(_may_lead_out(assembly, route, each) for each in alternatives(route.at("GatewayId"))):
                return True
    return False


def _may_lead_out(assembly: Assembly, route: Resource, gateway: Value) -> bool:
    if isinstance(gateway, str):
        return gateway.startswith("igw-")
    found = assembly.follow(route.stack, gateway)
    return found is None or found.type == "AWS::EC2::InternetGateway"
