"""What an app costs a month before its first request: the resources that are paid for by the hour or the month.

US East (N. Virginia) list prices of November 2026 in dollars, without free tiers, discounts and traffic; other
regions differ by some tens of percent. It is an estimate for a person, not a bill.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from secure_backend.analysis.assembly import Assembly
from secure_backend.analysis.template import Resource, is_true, list_of, number_of

HOURS = 730

# Single-AZ dollars an hour of RDS for PostgreSQL, on demand.
DATABASE_CLASSES = {
    "db.t4g.micro": 0.016,
    "db.t4g.small": 0.032,
    "db.t4g.medium": 0.065,
    "db.t4g.large": 0.129,
    "db.m7g.large": 0.168,
    "db.m7g.xlarge": 0.337,
    "db.r7g.large": 0.239,
    "db.r7g.xlarge": 0.478,
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one resource costs.

    :param dollars: a month; None when the price list here does not know it.
    """

    resource: Resource
    what: str
    dollars: float | None


def monthly_costs(assembly: Assembly) -> list[Cost]:
    """Return the fixed costs of the assembly's resources."""
    return [
        Cost(resource=resource, what=what, dollars=dollars)
        for type_name, price in _PRICES.items()
        for resource in assembly.resources(type_name)
        for what, dollars in price(resource)
    ]


def _key(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "KMS keys", 1.0


def _web_acl(resource: Resource) -> Iterator[tuple[str, float | None]]:
    yield "WAF", 5.0 + len(list_of(resource.at("Rules")))


def _database(resource: Resource) -> Iterator[tuple[str, float | None]]:
    copies = 2 if is_true(resource.at("MultiAZ")) else 1
    hourly = DATABASE_CLASSES.get(str(resource.at("DBInstanceClass")))
    yield "RDS instance", None if hourly is None else hourly * HOURS * copies
    storage = number_of(resource.at("AllocatedStorage"))
    yield "RDS storage", None if storage is None else 0.115 * storage * copies


def _database_proxy(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "RDS Proxy", 0.015 * 2 * HOURS


def _nat_gateway(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "NAT gateways", 0.045 * HOURS


def _endpoint(resource: Resource) -> Iterator[tuple[str, float | None]]:
    if resource.at("VpcEndpointType") == "Interface":
        yield "interface endpoints", 0.01 * HOURS * len(list_of(resource.at("SubnetIds")))


def _load_balancer(resource: Resource) -> Iterator[tuple[str, float | None]]:
    # Without the capacity units, which follow the traffic.
    yield "load balancers", 0.0225 * HOURS
    if resource.at("Scheme") == "internet-facing":
        yield "public addresses", 0.005 * HOURS * len(list_of(resource.at("Subnets")))


def _alarm(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "alarms", 0.10


def _metric_filter(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "custom metrics", 0.30


def _dashboard(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "dashboards (an account has three free)", 3.0


def _secret(_: Resource) -> Iterator[tuple[str, float | None]]:
    yield "secrets", 0.40


_PRICES: dict[str, Callable[[Resource], Iterator[tuple[str, float | None]]]] = {
    "AWS::KMS::Key": _key,
    "AWS::WAFv2::WebACL": _web_acl,
    "AWS::RDS::DBInstance": _database,
    "AWS::RDS::DBProxy": _database_proxy,
    "AWS::EC2::NatGateway": _nat_gateway,
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::SecretsManager::Secret": _secret,
}
