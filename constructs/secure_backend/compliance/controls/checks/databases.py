"""Databases, their proxies, snapshots and backups."""

from collections.abc import Callable, Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, is_true, list_of, number_of, object_of
from secure_backend.compliance.controls.check import Check, Judgement, control, judge
from secure_backend.compliance.rules import access

_INSTANCE = "AWS::RDS::DBInstance"
_DEFAULT_PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "sqlserver": 1433}
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
control("RDS.25")(_of_instances("MasterUsername", lambda name: bool(name) and str(name).lower() not in _DEFAULT_USERS))


@control("RDS.9", "RDS.36")
def logs_published(assembly: Assembly) -> Iterator[Judgement]:
    """Send PostgreSQL's log to CloudWatch Logs."""
    for instance in assembly.resources(_INSTANCE):
        if str(instance.at("Engine")) == "postgres":
            logs = list_of(instance.at("EnableCloudwatchLogsExports"))
            met = {"postgresql", "upgrade"} <= set(map(str, logs))
            yield judge(instance, met=met, problem=f"EnableCloudwatchLogsExports is {logs}")


@control("RDS.23")
def port_not_the_default(assembly: Assembly) -> Iterator[Judgement]:
    """Listen on another port than the engine's default."""
    for instance in assembly.resources(_INSTANCE):
        engine = str(instance.at("Engine")).partition("-")[0]
        port = number_of(instance.at("Port"))
        met = port is not None and port != _DEFAULT_PORTS.get(engine)
        yield judge(instance, met=met, problem=f"Port is {instance.at('Port')}")


@control("RDS.26")
def in_a_backup_plan(assembly: Assembly) -> Iterator[Judgement]:
    """Name the instance in an AWS Backup plan."""
    for instance in assembly.resources(_INSTANCE):
        named = assembly.attached("AWS::Backup::BackupSelection", "BackupSelection.Resources", instance)
        yield judge(instance, met=bool(named), problem="no backup plan selects it")


@control("RDS.38")
def tls_forced(assembly: Assembly) -> Iterator[Judgement]:
    """Refuse connections without TLS in the parameter group."""
    for instance in assembly.resources(_INSTANCE):
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
        yield judge(vault, met=bool(vault.at("EncryptionKeyArn")), problem="EncryptionKeyArn is missing")


def _leads_out(assembly: Assembly, subnet: Resource) -> bool:
    for association in assembly.attached("AWS::EC2::SubnetRouteTableAssociation", "SubnetId", subnet):
        table = assembly.follow(association.stack, association.at("RouteTableId"))
        if table is None:
            continue
        for route in assembly.attached("AWS::EC2::Route", "RouteTableId", table):
            gateway = assembly.follow(route.stack, route.at("GatewayId"))
            by_gateway = gateway is not None and gateway.type == "AWS::EC2::InternetGateway"
            if by_gateway or str(route.at("GatewayId")).startswith("igw-"):
                return True
    return False
