"""Who is woken at night finds what happened, where to look and what to do: alarms, dashboard, saved queries, docs."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import aws_route53 as route53

from secure_backend import AlarmTopic, Certificate
from secure_backend.analysis import Resource
from secure_backend.postgres.alarms import connection_limit
from services.documents import observability
from stacks.service_queries import UPLOADS
from tests.app.conftest import Synthesized
from tests.conftest import ROOT, resources_of, template_of
from tests.load_balancer.cases import every_option, new_stack_in
from tests.operations.insights import DISCOVERED, discovered, read
from tests.operations.logs import LAMBDA
from tests.postgres.cases import template_with

PAGE = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([\w ]+)\n\n(.*?)(?=\n##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
#: The sections of events, which are headed by their detail-type: several words, and an alarm's title is one.
EVENTS = [heading for heading in SECTIONS if " " in heading]
#: AWS's own metrics that the dashboard shows, as the services' user guides list them.
DOCUMENTED = {
    "AWS/ApiGateway": {"Count", "4XXError", "5XXError", "Latency", "IntegrationLatency"},
    "AWS/Lambda": {"Errors", "Throttles", "Duration", "ConcurrentExecutions"},
    "AWS/RDS": {"CPUUtilization", "FreeStorageSpace", "DatabaseConnections"},
    "AWS/WAFV2": {"AllowedRequests", "BlockedRequests"},
}


LOAD_BALANCER_GRAPHS = {"Load balancer: requests", "Load balancer: seconds"}


def alarms(profile: Synthesized) -> list[Resource]:
    return profile.assembly.resources("AWS::CloudWatch::Alarm")


def title(alarm: dict[str, Any]) -> str:
    return str(alarm["AlarmName"]).rpartition("/")[2]


def body(profile: Synthesized) -> dict[str, Any]:
    """Return the dashboard's body, with the logical id of what it refers to in place of each reference."""
    (dashboard,) = profile.assembly.resources("AWS::CloudWatch::Dashboard")
    text = dashboard.at("DashboardBody")
    assert isinstance(text, dict)
    parts = [part if isinstance(part, str) else _shown(profile, dashboard, part) for part in list(text["Fn::Join"][1])]
    read_back: dict[str, Any] = json.loads("".join(parts))
    return read_back


def _shown(profile: Synthesized, dashboard: Resource, part: Any) -> str:
    found = profile.assembly.follow(dashboard.stack, part)
    return found.logical_id if found is not None else str(part["Ref"])


def lines(profile: Synthesized) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of each metric that the dashboard shows."""
    for widget in body(profile)["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            namespace, name, *pairs = [part for part in line if isinstance(part, str)]
            yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def of(profile: Synthesized, type_name: str, path: str) -> set[Any]:
    return {resource.at(path) for resource in profile.assembly.resources(type_name)}


def saved(profile: Synthesized) -> dict[str, Resource]:
    found = profile.assembly.resources("AWS::Logs::QueryDefinition")
    return {str(query.at("Name")): query for query in found}


@pytest.fixture(scope="module")
def others() -> list[dict[str, Any]]:
    """Return the alarms of the constructs that these profiles do not make."""
    stack = new_stack_in()
    every_option(stack)
    zone = route53.HostedZone(stack, "Zone", zone_name="example.com")
    Certificate(stack, "Own", names=["api.example.com"], hosted_zone=zone, alarm_topic=AlarmTopic(stack, "OwnAlarms"))
    return [alarm["Properties"] for alarm in resources_of(template_of(stack), "AWS::CloudWatch::Alarm").values()]


def test_every_alarm_names_its_stack_and_place_and_ends_with_its_section(profile: Synthesized) -> None:
    assert len(alarms(profile)) >= 20
    for alarm in alarms(profile):
        name, description = str(alarm.at("AlarmName")), str(alarm.at("AlarmDescription"))
        assert name.startswith(f"{alarm.stack.name}/")
        assert description.endswith(f" What to do: docs/alarms.md, {name.rpartition('/')[2]}")
        assert len(description) <= 1024
    assert len({alarm.at("AlarmName") for alarm in alarms(profile)}) == len(alarms(profile))


def test_alarms_share_a_section_only_where_they_watch_the_same(
    dev: Synthesized, prod: Synthesized, others: list[dict[str, Any]]
) -> None:
    made = [dict(alarm.properties) for profile in (dev, prod) for alarm in alarms(profile)]
    watched = {(title(alarm), alarm["Namespace"].partition("/secure")[0], alarm["MetricName"]) for alarm in made}
    watched |= {(title(alarm), alarm["Namespace"], alarm["MetricName"]) for alarm in others}
    assert len({name for name, _, _ in watched}) == len(watched)


def test_every_alarm_has_its_section_and_every_section_its_alarm(
    dev: Synthesized, prod: Synthesized, others: list[dict[str, Any]]
) -> None:
    made = {title(dict(alarm.properties)) for profile in (dev, prod) for alarm in alarms(profile)}
    assert made | {title(alarm) for alarm in others} == set(SECTIONS) - set(EVENTS)


def test_every_event_that_is_mailed_has_its_section_and_every_such_section_its_event(prod: Synthesized) -> None:
    """Such a mail is JSON without a word about what to do: its detail-type leads there."""
    (topic,) = prod.assembly.resources("AWS::SNS::Topic")
    mailed = {
        kind
        for rule in prod.assembly.resources("AWS::Events::Rule")
        if any(prod.assembly.follow(rule.stack, target["Arn"]) is topic for target in rule.at("Targets"))
        for kind in rule.at("EventPattern")["detail-type"]
    }
    tested = template_with(restore_testing=True)
    mailed |= {
        kind
        for rule in resources_of(tested, "AWS::Events::Rule").values()
        for kind in rule["Properties"]["EventPattern"]["detail-type"]
    }
    assert mailed == set(EVENTS)
    assert len(mailed) == 4


def test_the_page_names_the_connections_that_the_migrations_give_the_services_users() -> None:
    """They run out long before the instance does: another alarm goes off then."""
    scripts = "".join(path.read_text() for path in (ROOT / "services/documents/migrations").glob("*.sql"))
    limits = dict(re.findall(r"ALTER ROLE (\w+) CONNECTION LIMIT (\d+)", scripts))
    section = " ".join(SECTIONS["DatabaseConnections"].split())
    smallest = connection_limit(1) * 7 // 10
    assert sum(map(int, limits.values())) < smallest, "together they do not set the alarm off in any class"
    assert f"`documents_api` has {limits.pop('documents_api')} of them" in section
    assert f"`documents_finaliser` {limits.pop('documents_finaliser')}" in section
    assert not limits


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_says_what_it_means_where_to_look_first_and_what_to_do(section: str, prod: Synthesized) -> None:
    parts = dict(re.findall(r"^\*\*([\w ]+):\*\* (.*?)(?=\n\*\*|\Z)", SECTIONS[section], re.MULTILINE | re.DOTALL))
    assert list(parts) == ["Means", "Look first", "Do"]
    queries = {name.partition("/")[2] for name in saved(prod)}
    graphs = {widget["properties"]["title"] for widget in body(prod)["widgets"]} | LOAD_BALANCER_GRAPHS
    text = SECTIONS[section].replace("\n", " ")
    first = parts["Look first"].replace("\n", " ")
    assert set(re.findall(r"`([A-Z][a-z]+(?:[ -][\w-]+)+)`", text)) <= queries
    assert {name for name in re.findall(r'"([^"]+)"', text) if ":" in name} <= graphs
    if section not in EVENTS:
        assert any(f"`{name}`" in first for name in queries) or any(f'"{name}"' in first for name in graphs)


def test_the_dashboard_shows_the_state_of_every_alarm_of_all_stacks(profile: Synthesized) -> None:
    status = body(profile)["widgets"][0]
    assert status["type"] == "alarm"
    account = "123456789012" if profile.profile == "prod" else "AWS::AccountId"
    prefix = f"arn:aws:cloudwatch:eu-central-1:{account}:alarm:"
    assert sorted(status["properties"]["alarms"]) == sorted(
        f"{prefix}{alarm.at('AlarmName')}" for alarm in alarms(profile)
    )


def test_there_is_one_dashboard_and_it_refers_to_functions_and_the_trails_log_alone(profile: Synthesized) -> None:
    (dashboard,) = profile.assembly.resources("AWS::CloudWatch::Dashboard")
    assert dashboard.stack.name.endswith("-audit")
    found = {
        reference.resource.type for reference in profile.assembly.references(dashboard.stack, dashboard.properties)
    }
    assert found == {"AWS::Lambda::Function", "AWS::Logs::LogGroup"}
    # An export would keep a function from being replaced while the page shows it.
    assert "Fn::ImportValue" not in json.dumps(dashboard.properties)


def test_every_metric_of_the_dashboard_is_one_that_something_in_the_templates_writes(profile: Synthesized) -> None:
    shown = list(lines(profile))
    assert {namespace for namespace, _, _ in shown} >= {*DOCUMENTED, "Documents"}
    for namespace, name, dimensions in shown:
        if namespace in DOCUMENTED:
            assert name in DOCUMENTED[namespace], (namespace, name)
            assert dimensions in _dimensions(profile, namespace), (namespace, dimensions)
        elif namespace.startswith("CIS/"):
            assert (namespace, name) in _counted(profile)
        else:
            assert (namespace, dimensions) == (UPLOADS.namespace, UPLOADS.dimensions)
            assert name in UPLOADS.metrics


def _dimensions(profile: Synthesized, namespace: str) -> list[dict[str, Any]]:
    functions = [one.logical_id for one in profile.assembly.resources("AWS::Lambda::Function")]
    written: dict[str, list[dict[str, Any]]] = {
        "AWS/ApiGateway": [
            {"ApiName": api, "Stage": stage}
            for api in of(profile, "AWS::ApiGateway::RestApi", "Name")
            for stage in of(profile, "AWS::ApiGateway::Stage", "StageName")
        ],
        "AWS/Lambda": [{"FunctionName": function} for function in functions],
        "AWS/RDS": [
            {"DBInstanceIdentifier": name} for name in of(profile, "AWS::RDS::DBInstance", "DBInstanceIdentifier")
        ],
        "AWS/WAFV2": [
            {"WebACL": name, "Region": "eu-central-1", "Rule": "ALL"}
            for name in of(profile, "AWS::WAFv2::WebACL", "VisibilityConfig.MetricName")
        ],
    }
    return written[namespace]


def _counted(profile: Synthesized) -> set[tuple[str, str]]:
    return {
        (transformation["MetricNamespace"], transformation["MetricName"])
        for each in profile.assembly.resources("AWS::Logs::MetricFilter")
        for transformation in each.at("MetricTransformations")
    }


def _uploads() -> set[str]:
    """Return the names that the service counts: what follows "Upload" in its call of count."""
    tree = ast.parse((ROOT / "services/documents/uploads.py").read_text())
    (branch,) = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "count(" in ast.unparse(node.body[-1])]
    (decided,) = [node for node in ast.walk(branch.test) if isinstance(node, ast.Set)]
    return {f"Upload{str(word).capitalize()}" for word in ast.literal_eval(decided)}


def test_the_services_own_graph_shows_what_it_counts_in_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    observability.count("UploadStored")
    written = json.loads(capsys.readouterr().out)
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert UPLOADS.namespace == directive["Namespace"]
    assert directive["Dimensions"] == [list(UPLOADS.dimensions)]
    assert {name: written[name] for name in UPLOADS.dimensions} == UPLOADS.dimensions
    assert set(UPLOADS.metrics) == _uploads()


def test_saved_queries_are_listed_in_the_applications_folder_and_refer_to_no_other_stack(profile: Synthesized) -> None:
    queries = saved(profile)
    assert len(queries) == len(profile.assembly.resources("AWS::Logs::QueryDefinition")) >= 15
    assert {name.partition("/")[0] for name in queries} == {profile.application.settings.name}
    for query in queries.values():
        groups = [profile.assembly.follow(query.stack, name) for name in query.at("LogGroupNames")]
        assert groups
        assert all(group is not None and group.type == "AWS::Logs::LogGroup" for group in groups), query.address
        assert {group.stack for group in groups if group is not None} == {query.stack}
        assert len(groups) <= 50


def test_every_saved_query_is_one_that_cloudwatch_takes(profile: Synthesized) -> None:
    for query in saved(profile).values():
        assert read(str(query.at("QueryString"))).commands


def test_what_is_asked_of_the_access_log_is_in_its_format(profile: Synthesized) -> None:
    (stage,) = profile.assembly.resources("AWS::ApiGateway::Stage")
    written = set(json.loads(str(stage.at("AccessLogSetting.Format"))))
    asked = [query for name, query in saved(profile).items() if name.endswith(" requests")]
    assert len(asked) == 2
    for query in asked:
        assert read(str(query.at("QueryString"))).reads <= written | DISCOVERED


def _service_fields() -> set[str]:
    """Return the keys that the service's own lines have: those of its calls, and those of every line."""
    keys: set[str] = set()
    for path in (ROOT / "services/documents").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger."):
                keys |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return keys | {"level", "message", "timestamp", "service", "correlation_id"}


@pytest.mark.parametrize("name", ["Function errors", "Uploads that were not stored", "History of a document"])
def test_what_is_asked_of_the_functions_is_in_their_lines(name: str, prod: Synthesized) -> None:
    (query,) = [query for full, query in saved(prod).items() if full.endswith(f"/{name}")]
    lambdas = {field for line in LAMBDA.values() for field in discovered(line)} | {"record.errorType"}
    assert read(str(query.at("QueryString"))).reads <= _service_fields() | lambdas | DISCOVERED


def test_a_rejected_upload_is_found_and_a_stored_one_is_not(prod: Synthesized) -> None:
    (query,) = [query for name, query in saved(prod).items() if name.endswith("not stored")]
    events = [{"message": "upload", "decided": decided} for decided in ("rejected", "never announced", "stored")]
    found = read(str(query.at("QueryString"))).matching([*events, {"message": "swept"}])
    assert [event["decided"] for event in found] == ["rejected", "never announced"]


def test_the_history_of_a_document_is_every_line_that_names_it(prod: Synthesized) -> None:
    (query,) = [query for name, query in saved(prod).items() if name.endswith("History of a document")]
    events = [{"message": word, "document": "DOCUMENT-ID"} for word in ("audit", "upload")]
    assert len(read(str(query.at("QueryString"))).matching([*events, {"message": "audit", "document": "other"}])) == 2


def test_rejected_flows_are_those_within_this_vpc(profile: Synthesized) -> None:
    (query,) = [query for name, query in saved(profile).items() if name.endswith("Rejected flows between tiers")]
    (vpc,) = profile.assembly.resources("AWS::EC2::VPC")
    assert str(query.at("QueryString")).count(f'"{vpc.at("CidrBlock")}"') == 2


def test_the_stack_of_the_dashboard_is_deployed_after_the_others_and_no_other_waits_for_it(dev: Synthesized) -> None:
    manifest = json.loads((dev.directory / "manifest.json").read_text())["artifacts"]
    assert "api" in manifest["audit"]["dependencies"]
    assert all("audit" not in manifest[stack].get("dependencies", ()) for stack in ("network", "data", "api"))
