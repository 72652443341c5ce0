"""One page over all parts of a backend: what is alarmed, how it is used, and who changed what.

Example::

    uploads = MetricGraph(title="Uploads", namespace="Orders", metrics=["Stored"], dimensions={"service": "orders"})
    OperationsDashboard(
        self, "Dashboard", alarm_topic=topic, functions={"finaliser": finaliser}, graphs=[uploads]
    )
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.operations import graphs as shown
from secure_backend.operations.graphs import MetricGraph, Widget
from secure_backend.validation import Validation

if TYPE_CHECKING:
    from secure_backend.audit_trail import AuditTrail
    from secure_backend.encrypted_postgres import EncryptedPostgres
    from secure_backend.hardened_api import HardenedApi
    from secure_backend.hardened_load_balancer import HardenedLoadBalancer

_COLUMNS = 24
_MOST_ALARMS = 100
_LONGEST_NAME = 255


class OperationsDashboard(cloudwatch.CfnDashboard):
    """A CloudWatch dashboard of the parts that it is given, in the order in which an incident asks for them.

    First every alarm that tells the topic, then requests and errors, the web ACL, functions, database, the
    application's own metrics, and from the trail what was counted and what was lately destroyed.

    It is named after stack, path and region: dashboards belong to the account and not to a region, and one that has
    another's name would overwrite it. Alarms, API, web ACL and database are named as text. The names of functions and
    of a load balancer are references: ``apply_cross_stack_reference_strength(WEAK)`` on them lets their stack replace
    them. Made last, it knows every alarm.

    An account's first three dashboards are free, each further one is 3 dollars a month. The latest destructive calls
    are a log query, run when the page is opened, at about 0.005 dollars a gigabyte.

    :param alarm_topic: shows the state of each alarm that tells this topic, the first 100.
    :param api: shows requests, errors, latency, and its web ACL.
    :param load_balancer: shows requests, errors, latency, and its web ACL.
    :param functions: shows failures, durations and concurrency, by the names to call them.
    :param database: shows processor, storage and connections.
    :param graphs: shows the application's own metrics.
    :param trail: shows the events that its alarms count, and the latest destructive calls.
    :raises InvalidPropertiesError: with every problem of these at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        alarm_topic: AlarmTopic | None = None,
        api: HardenedApi | None = None,
        load_balancer: HardenedLoadBalancer | None = None,
        functions: Mapping[str, lambda_.IFunction] | None = None,
        database: EncryptedPostgres | None = None,
        graphs: Sequence[MetricGraph] = (),
        trail: AuditTrail | None = None,
    ) -> None:
        check = Validation(self, id)
        if alarm_topic is not None:
            check.construct("alarm_topic", alarm_topic, AlarmTopic, "pass an AlarmTopic")
        check.part("api", api, "HardenedApi")
        check.part("load_balancer", load_balancer, "HardenedLoadBalancer")
        check.part("database", database, "EncryptedPostgres")
        check.part("trail", trail, "AuditTrail")
        for name, function in (functions or {}).items():
            check.construct(f"functions[{name!r}]", function, lambda_.Function, "pass the function object")
        for graph in graphs:
            check.check(isinstance(graph, MetricGraph), "graphs", graph, "MetricGraphs", "pass MetricGraph(...)")
        given = (alarm_topic, api, load_balancer, database, trail)
        check.check(
            any(part is not None for part in given) or bool(functions) or bool(graphs),
            "alarm_topic",
            None,
            "something to show",
            "pass alarm_topic=, api=, or another part",
        )
        check.raise_problems()

        stack = cdk.Stack.of(scope)
        page = _Page(stack.region)
        if alarm_topic is not None:
            prefix = stack.format_arn(
                service="cloudwatch", resource="alarm", resource_name="", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
            )
            arns = [f"{prefix}{name}" for name in alarm_topic.alarm_names[:_MOST_ALARMS]]
            page.row([shown.of_alarms(arns)], height=2 + len(arns) // 4)
        for entry, widgets in (
            (api, shown.of_api(api) if api is not None else []),
            (load_balancer, shown.of_load_balancer(load_balancer) if load_balancer is not None else []),
        ):
            if entry is not None:
                page.row([*widgets, *([shown.of_web_acl(entry.web_acl)] if entry.web_acl is not None else [])])
        page.row(shown.of_functions(functions) if functions else [])
        page.row(shown.of_database(database) if database is not None else [])
        page.row([graph.widget() for graph in graphs])
        page.row(shown.of_trail(trail) if trail is not None else [], height=8)
        super().__init__(
            scope, id, dashboard_name=_name(stack, scope, id), dashboard_body=stack.to_json_string(page.body())
        )


class _Page:
    """Rows of widgets, each as wide as the page."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._widgets: list[Widget] = []
        self._height = 0

    def row(self, widgets: Sequence[Widget], *, height: int = 6) -> None:
        if not widgets:
            return
        width = _COLUMNS // len(widgets)
        for column, widget in enumerate(widgets):
            if widget["type"] != "alarm":
                widget["properties"]["region"] = self._region
            place = {"x": column * width, "y": self._height, "width": width, "height": height}
            self._widgets.append({**widget, **place})
        self._height += height

    def body(self) -> dict[str, object]:
        return {"widgets": self._widgets}


def _name(stack: cdk.Stack, scope: Construct, id: str) -> str | None:  # noqa: A002 - the CDK's own word
    """Return a name that no other dashboard of the account has; None leaves it to CloudFormation."""
    within = f"{scope.to_string()}/{id}".removeprefix(f"{stack.to_string()}/")
    name = f"{stack.stack_name}-{re.sub(r'[^A-Za-z0-9_-]', '-', within)}-{stack.region}"
    return name if len(name) <= _LONGEST_NAME else None
