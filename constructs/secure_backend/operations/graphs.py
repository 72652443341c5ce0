"""The graphs of each part of a backend, as a dashboard's body spells them.

Source: Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from secure_backend.operations.queries import DESTRUCTIVE_CALLS

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from secure_backend.audit_trail import AuditTrail
    from secure_backend.encrypted_postgres import EncryptedPostgres
    from secure_backend.hardened_api import HardenedApi
    from secure_backend.hardened_load_balancer import HardenedLoadBalancer
    from secure_backend.web_acl import WebAcl

Widget = dict[str, Any]
_PERIOD = 300


@dataclass(frozen=True, kw_only=True)
class MetricGraph:
    """A graph of an application's own metrics.

    :param title: what it shows.
    :param namespace: the metrics' namespace.
    :param metrics: the metrics' names.
    :param dimensions: the dimensions that they all have.
    :param statistic: of five minutes; the sum when left out.
    """

    title: str
    namespace: str
    metrics: Sequence[str]
    dimensions: Mapping[str, str]
    statistic: str = "Sum"

    def widget(self) -> Widget:
        """Return the graph."""
        dimensions = [text for pair in self.dimensions.items() for text in pair]
        lines = [_line(self.namespace, name, *dimensions, stat=self.statistic) for name in self.metrics]
        return _graph(self.title, lines)


def of_api(api: HardenedApi) -> list[Widget]:
    """Return requests and errors, and how long they took."""
    dimensions = ("ApiName", api.rest_api.rest_api_name, "Stage", api.stage_name)

    def line(name: str, stat: str, label: str) -> list[Any]:
        return _line("AWS/ApiGateway", name, *dimensions, stat=stat, label=label)

    return [
        _graph(
            "API: requests",
            [line("Count", "Sum", "all"), line("4XXError", "Sum", "4xx"), line("5XXError", "Sum", "5xx")],
        ),
        _graph(
            "API: milliseconds",
            [
                line("Latency", "p50", "half of the requests"),
                line("Latency", "p99", "all but one in a hundred"),
                line("IntegrationLatency", "p99", "of which in the function"),
            ],
        ),
    ]


def of_load_balancer(load_balancer: HardenedLoadBalancer) -> list[Widget]:
    """Return requests and errors, and how long the targets took."""
    name = load_balancer.load_balancer.load_balancer_full_name

    def line(metric: str, stat: str, label: str) -> list[Any]:
        return _line("AWS/ApplicationELB", metric, "LoadBalancer", name, stat=stat, label=label)

    return [
        _graph(
            "Load balancer: requests",
            [
                line("RequestCount", "Sum", "all"),
                line("HTTPCode_Target_4XX_Count", "Sum", "4xx of the targets"),
                line("HTTPCode_Target_5XX_Count", "Sum", "5xx of the targets"),
                line("HTTPCode_ELB_4XX_Count", "Sum", "4xx of its own"),
                line("HTTPCode_ELB_5XX_Count", "Sum", "5xx of its own"),
            ],
        ),
        _graph(
            "Load balancer: seconds",
            [
                line("TargetResponseTime", "p50", "half of the requests"),
                line("TargetResponseTime", "p99", "all but one in a hundred"),
            ],
        ),
    ]


def of_web_acl(web_acl: WebAcl) -> Widget:
    """Return what the web ACL let through and blocked."""
    dimensions = ("WebACL", web_acl.metric_name, "Region", cdk.Stack.of(web_acl).region, "Rule", "ALL")
    return _graph(
        "Web ACL: requests",
        [
            _line("AWS/WAFV2", "AllowedRequests", *dimensions, stat="Sum", label="allowed"),
            _line("AWS/WAFV2", "BlockedRequests", *dimensions, stat="Sum", label="blocked"),
        ],
    )


def of_functions(functions: Mapping[str, lambda_.IFunction]) -> list[Widget]:
    """Return errors and throttles, durations, and how many run at once."""
    names = {label: function.function_name for label, function in functions.items()}

    def lines(metric: str, stat: str, what: str = "") -> list[list[Any]]:
        return [
            _line("AWS/Lambda", metric, "FunctionName", name, stat=stat, label=f"{label}{what}")
            for label, name in names.items()
        ]

    return [
        _graph("Functions: failures", [*lines("Errors", "Sum"), *lines("Throttles", "Sum", ", throttled")]),
        _graph("Functions: milliseconds, all but one call in a hundred", lines("Duration", "p99")),
        _graph("Functions: at once", lines("ConcurrentExecutions", "Maximum")),
    ]


def of_database(database: EncryptedPostgres) -> list[Widget]:
    """Return processor, storage and connections."""
    return [
        _graph(title, [_line("AWS/RDS", metric, "DBInstanceIdentifier", database.identifier, stat=stat)])
        for title, metric, stat in (
            ("Database: processor, percent", "CPUUtilization", "Average"),
            ("Database: free storage, bytes", "FreeStorageSpace", "Minimum"),
            ("Database: connections", "DatabaseConnections", "Maximum"),
        )
    ]


def of_trail(trail: AuditTrail) -> list[Widget]:
    """Return the events that the CIS alarms count, where there are such alarms, and the latest destructive calls."""
    sources = " | ".join(f"SOURCE '{group.log_group_name}'" for group in trail.log_groups)
    calls = {
        "type": "log",
        "properties": {
            "title": "Latest destructive calls",
            "view": "table",
            "query": f"{sources} | {DESTRUCTIVE_CALLS.text}",
        },
    }
    lines = [_line(trail.metric_namespace, name, stat="Sum") for name in trail.alarms]
    return [_graph("Audit: events that an alarm counts", lines), calls] if lines else [calls]


def of_alarms(arns: Iterable[str]) -> Widget:
    """Return the state of every alarm."""
    return {"type": "alarm", "properties": {"title": "Alarms", "alarms": list(arns)}}


def _line(namespace: str, metric: str, *dimensions: str, stat: str, label: str | None = None) -> list[Any]:
    return [namespace, metric, *dimensions, {"stat": stat, **({"label": label} if label else {})}]


def _graph(title: str, lines: Sequence[Sequence[Any]]) -> Widget:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "view": "timeSeries",
            "period": _PERIOD,
            "metrics": [list(line) for line in lines],
            "yAxis": {"left": {"min": 0, "showUnits": False}},
        },
    }
