"""A dashboard shows the parts that it is given, in CloudWatch's words, in every partition, by a name of its own."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from secure_backend import (
    AlarmTopic,
    AuditTrail,
    EncryptedPostgres,
    HardenedApi,
    InvalidPropertiesError,
    MetricGraph,
    OperationsDashboard,
    SecureVpc,
)
from secure_backend.validation import Validation
from tests.api.cases import jwt
from tests.conftest import FLAGS, NewStack, resources_of, template_of
from tests.load_balancer.cases import load_balancer_in
from tests.test_keys import REGIONS, flat

UPLOADS = MetricGraph(title="Uploads", namespace="Orders", metrics=["Stored", "Rejected"], dimensions={"service": "a"})


def all_parts(stack: cdk.Stack) -> dict[str, Any]:
    topic = AlarmTopic(stack, "Topic")
    zones = [f"{stack.region}a", f"{stack.region}b"]
    vpc = SecureVpc(stack, "Vpc", cidr="10.20.0.0/16", zones=zones, s3_prefix_list="pl-0123456789abcdef0")
    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("..."),
    )
    api = HardenedApi(stack, "Api", authorizer=jwt(), alarm_topic=topic)
    api.add_method("GET", "/orders", function)
    return {
        "database": EncryptedPostgres(stack, "Database", vpc=vpc, alarm_topic=topic),
        "api": api,
        "trail": AuditTrail(stack, "Trail", alarm_topic=topic, insights=False),
        "functions": {"orders": function},
        "graphs": [UPLOADS],
        "alarm_topic": topic,
    }


def bodies(template: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the bodies, with references as ``<logical id>``."""
    found = []
    for dashboard in resources_of(template, "AWS::CloudWatch::Dashboard").values():
        body = dashboard["Properties"]["DashboardBody"]
        parts = body["Fn::Join"][1] if isinstance(body, dict) else [body]
        text = "".join(part if isinstance(part, str) else _reference(part) for part in parts)
        found.append(json.loads(text))
    return found


def _reference(part: dict[str, Any]) -> str:
    ((function, argument),) = part.items()
    return f"<{argument}>" if function == "Ref" else f"<{'.'.join(argument)}>"


def lines_of(body: dict[str, Any]) -> list[list[Any]]:
    return [line for widget in body["widgets"] for line in widget["properties"].get("metrics", ())]


def refusal(stack: cdk.Stack, **arguments: Any) -> list[str]:
    with pytest.raises(InvalidPropertiesError) as raised:
        OperationsDashboard(stack, "Dashboard", **arguments)
    return str(raised.value).splitlines()


@pytest.mark.parametrize("region", REGIONS)
def test_all_parts_are_shown_in_every_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    OperationsDashboard(stack, "Dashboard", **all_parts(stack))
    template = template_of(stack)
    (body,) = bodies(template)
    assert set(body) == {"widgets"}
    titles = [widget["properties"]["title"] for widget in body["widgets"]]
    assert titles == [
        "Alarms",
        "API: requests",
        "API: milliseconds",
        "Web ACL: requests",
        "Functions: failures",
        "Functions: milliseconds, all but one call in a hundred",
        "Functions: at once",
        "Database: processor, percent",
        "Database: free storage, bytes",
        "Database: connections",
        "Uploads",
        "Audit: events that an alarm counts",
        "Latest destructive calls",
    ]
    assert {widget["properties"].get("region") for widget in body["widgets"][1:]} == {region}
    arns = body["widgets"][0]["properties"]["alarms"]
    names = [alarm["Properties"]["AlarmName"] for alarm in resources_of(template, "AWS::CloudWatch::Alarm").values()]
    prefix = f"arn:{REGIONS[region][0]}:cloudwatch:{region}:<AWS::AccountId>:alarm:"
    assert sorted(arns) == sorted(f"{prefix}{name}" for name in names)
    assert len(arns) == 22


def test_each_line_shows_the_figure_that_its_label_promises(stack: cdk.Stack) -> None:
    OperationsDashboard(stack, "Dashboard", **all_parts(stack))
    (body,) = bodies(template_of(stack))
    shown = [(line[0], line[1], line[-1]["stat"]) for line in lines_of(body) if line[0].startswith("AWS/")]
    assert shown == [
        ("AWS/ApiGateway", "Count", "Sum"),
        ("AWS/ApiGateway", "4XXError", "Sum"),
        ("AWS/ApiGateway", "5XXError", "Sum"),
        ("AWS/ApiGateway", "Latency", "p50"),
        ("AWS/ApiGateway", "Latency", "p99"),
        ("AWS/ApiGateway", "IntegrationLatency", "p99"),
        ("AWS/WAFV2", "AllowedRequests", "Sum"),
        ("AWS/WAFV2", "BlockedRequests", "Sum"),
        ("AWS/Lambda", "Errors", "Sum"),
        ("AWS/Lambda", "Throttles", "Sum"),
        ("AWS/Lambda", "Duration", "p99"),
        ("AWS/Lambda", "ConcurrentExecutions", "Maximum"),
        ("AWS/RDS", "CPUUtilization", "Average"),
        ("AWS/RDS", "FreeStorageSpace", "Minimum"),
        ("AWS/RDS", "DatabaseConnections", "Maximum"),
    ]


def test_every_widget_stands_on_the_page_and_none_on_another(stack: cdk.Stack) -> None:
    OperationsDashboard(stack, "Dashboard", **all_parts(stack))
    (body,) = bodies(template_of(stack))
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert all(0 <= x < 24 for x, _ in cells)
        assert not taken & cells, widget["properties"]["title"]
        taken |= cells


def test_it_stays_within_the_limits_of_cloudwatch(stack: cdk.Stack) -> None:
    """500 widgets, 500 metrics in one of them, 2,500 in all, 100 alarms in a widget."""
    parts = all_parts(stack)
    parts["alarm_topic"].alarm_names += [f"alarm-{number}" for number in range(130)]
    OperationsDashboard(stack, "Dashboard", **parts)
    (body,) = bodies(template_of(stack))
    assert len(body["widgets"]) <= 500
    assert len(body["widgets"][0]["properties"]["alarms"]) == 100
    assert max(len(widget["properties"].get("metrics", ())) for widget in body["widgets"]) <= 500
    assert len(lines_of(body)) <= 2500


def test_a_load_balancer_is_shown_with_its_web_acl(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack)
    OperationsDashboard(stack, "Dashboard", load_balancer=load_balancer)
    template = template_of(stack)
    (body,) = bodies(template)
    (logical_id,) = resources_of(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    own = [line for line in lines_of(body) if line[0] == "AWS/ApplicationELB"]
    assert {tuple(line[2:4]) for line in own} == {("LoadBalancer", f"<{logical_id}.LoadBalancerFullName>")}
    assert {line[1] for line in own} >= {"RequestCount", "HTTPCode_ELB_5XX_Count", "TargetResponseTime"}
    (web_acl,) = resources_of(template, "AWS::WAFv2::WebACL").values()
    shown = {line[3] for line in lines_of(body) if line[0] == "AWS/WAFV2"}
    assert shown == {web_acl["Properties"]["VisibilityConfig"]["MetricName"]}


def test_the_applications_own_metrics_are_shown_as_it_counts_them(stack: cdk.Stack) -> None:
    OperationsDashboard(stack, "Dashboard", graphs=[UPLOADS])
    (body,) = bodies(template_of(stack))
    assert lines_of(body) == [
        ["Orders", "Stored", "service", "a", {"stat": "Sum"}],
        ["Orders", "Rejected", "service", "a", {"stat": "Sum"}],
    ]


def test_the_trails_own_and_the_watched_log_group_are_asked_for_destructive_calls(stack: cdk.Stack) -> None:
    trail = AuditTrail(stack, "Trail", alarms_to="security@example.com")
    OperationsDashboard(stack, "Dashboard", trail=trail)
    template = template_of(stack)
    (body,) = bodies(template)
    (group,) = resources_of(template, "AWS::Logs::LogGroup")
    query = body["widgets"][-1]["properties"]["query"]
    assert query.startswith(f"SOURCE '<{group}>' | fields @timestamp, ")
    assert len(body["widgets"][0]["properties"]["metrics"]) == 15


def test_its_name_is_one_that_no_other_stack_path_or_region_gives(new_stack: NewStack) -> None:
    """Dashboards belong to the account: one with another's name would overwrite it."""
    stack = new_stack("orders")
    for id in ("One", "Two"):  # noqa: A001 - the CDK's own word
        OperationsDashboard(stack, id, graphs=[UPLOADS])
    found = resources_of(template_of(stack), "AWS::CloudWatch::Dashboard").values()
    names = [dashboard["Properties"]["DashboardName"] for dashboard in found]
    assert names == ["orders-One-eu-central-1", "orders-Two-eu-central-1"]
    same = [
        resources_of(template_of(_with_dashboard(region)), "AWS::CloudWatch::Dashboard")
        for region in ("eu-central-1", "us-east-1")
    ]
    assert [each["Dashboard"]["Properties"]["DashboardName"] for each in same] == [
        "orders-Dashboard-eu-central-1",
        "orders-Dashboard-us-east-1",
    ]


def _with_dashboard(region: str) -> cdk.Stack:
    stack = cdk.Stack(cdk.App(context=FLAGS, analytics_reporting=False), "orders", env=cdk.Environment(region=region))
    OperationsDashboard(stack, "Dashboard", graphs=[UPLOADS])
    return stack


def test_where_the_region_is_known_only_at_deployment_it_is_so_in_name_and_widgets(app: cdk.App) -> None:
    stack = cdk.Stack(app, "orders")
    OperationsDashboard(stack, "Dashboard", graphs=[UPLOADS])
    (dashboard,) = resources_of(template_of(stack), "AWS::CloudWatch::Dashboard").values()
    assert flat(dashboard["Properties"]["DashboardName"]) == "orders-Dashboard-${AWS::Region}"
    (body,) = bodies(template_of(stack))
    assert body["widgets"][0]["properties"]["region"] == "<AWS::Region>"


def test_another_stacks_alarms_api_and_database_are_named_without_a_reference(new_stack: NewStack) -> None:
    parts, audit = new_stack("parts"), new_stack("audit")
    given = all_parts(parts)
    OperationsDashboard(
        audit, "Dashboard", alarm_topic=given["alarm_topic"], api=given["api"], database=given["database"]
    )
    (dashboard,) = resources_of(template_of(audit), "AWS::CloudWatch::Dashboard").values()
    assert "Fn::ImportValue" not in json.dumps(dashboard)
    assert "Fn::GetStackOutput" not in json.dumps(dashboard)


def test_nothing_to_show_is_refused(stack: cdk.Stack) -> None:
    assert refusal(stack)[1:] == [
        "  OperationsDashboard.alarm_topic: got None; expected something to show; "
        "pass alarm_topic=, api=, or another part"
    ]


def test_what_is_no_part_is_told_all_at_once(stack: cdk.Stack) -> None:
    told = refusal(
        stack,
        alarm_topic="topic",
        api="api",
        load_balancer=stack,
        database="database",
        trail="trail",
        functions={"orders": "arn:aws:lambda"},
        graphs=[cloudwatch.Metric(namespace="a", metric_name="b")],
    )
    assert told[0].endswith("7 problems:")
    assert "  OperationsDashboard.api: got 'api'; expected a HardenedApi object; pass the object" in told
    assert "  OperationsDashboard.trail: got 'trail'; expected an AuditTrail object; pass the object" in told
    assert any(line.startswith("  OperationsDashboard.functions['orders']: got 'arn:aws:lambda'") for line in told)


def test_a_part_is_known_by_its_class_or_one_made_of_it() -> None:
    class Another(MetricGraph):
        pass

    check = Validation("", "id")
    graph = Another(title="a", namespace="b", metrics=(), dimensions={})
    assert check.part("graph", graph, "MetricGraph")
    assert check.part("graph", None, "MetricGraph")
    assert not check.part("graph", "MetricGraph", "MetricGraph")
