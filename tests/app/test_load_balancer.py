"""The documents behind a load balancer: nothing reaches the handler without a token that the load balancer verified."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from profiles.load_balancer import REST_API_ONLY
from profiles.reading import load
from profiles.settings import Settings
from secure_backend.analysis import Assembly
from secure_backend.analysis.cost import monthly_costs
from stacks.application import Application
from stacks.edge import READ, WRITE
from stacks.summary import _shape, not_built
from tests.app.conftest import Synthesized
from tests.conftest import FLAGS, ROOT, resources_of

SAMPLE = str(ROOT / "tests/profiles/load-balancer.toml")
ELB = "AWS::ElasticLoadBalancingV2::"
ISSUER = "https://127.0.0.1:4567"

Templates = dict[str, dict[str, Any]]


class Balanced:
    """The stacks of one profile."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
        app = cdk.App(
            context=context,
            outdir=str(folder),
            builtin_cloud_formation_validation=False,
            analytics_reporting=False,
        )
        Application(app, settings)
        app.synth()
        self.assembly = Assembly.from_directory(folder)
        (self.api,) = (dict(stack.template) for stack in self.assembly.stacks if stack.name.endswith("-api"))

    def only(self, type_name: str) -> dict[str, Any]:
        (found,) = resources_of(self.api, type_name).values()
        return dict(found["Properties"])

    @property
    def handler(self) -> dict[str, Any]:
        (found,) = (
            function["Properties"]
            for function in resources_of(self.api, "AWS::Lambda::Function").values()
            if function["Properties"]["Handler"] == "documents.handler.handler"
        )
        return dict(found)


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Balanced:
    return Balanced(load(SAMPLE), tmp_path_factory.mktemp("balanced"))


@pytest.fixture(scope="module")
def with_pool(tmp_path_factory: pytest.TempPathFactory) -> Balanced:
    """For the VPC alone, and with a user pool."""
    text = Path(SAMPLE).read_text()
    for old, new in (
        (f'issuer = "{ISSUER}"', 'issuer = "cognito"'),
        ("internet_facing = true", 'internet_facing = false\nkey_networks = ["198.51.100.0/24"]'),
        ("public_subnets = true", 'egress = "nat"'),
    ):
        assert old in text
        text = text.replace(old, new)
    folder = tmp_path_factory.mktemp("pool")
    (folder / "pool.toml").write_text(text)
    return Balanced(load(str(folder / "pool.toml")), folder / "cdk.out")


@pytest.fixture(scope="module")
def for_some(tmp_path_factory: pytest.TempPathFactory) -> Balanced:
    """With every key of the table, and callers from one network."""
    text = Path(SAMPLE).read_text()
    keys = 'redirect = false\naudience_format = "string-array"\nkey_networks = ["198.51.100.0/24"]'
    for old, new in (
        ("internet_facing = true", f"internet_facing = true\ndeletion_protection = false\n{keys}"),
        ("[api]\n", '[api]\nsource_networks = ["203.0.113.0/24"]\n'),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    folder = tmp_path_factory.mktemp("some")
    (folder / "some.toml").write_text(text)
    return Balanced(load(str(folder / "some.toml")), folder / "cdk.out")


def attributes_of(balanced: Balanced) -> dict[str, Any]:
    return {each["Key"]: each["Value"] for each in balanced.only(f"{ELB}LoadBalancer")["LoadBalancerAttributes"]}


def test_each_key_of_the_profile_arrives(balanced: Balanced, for_some: Balanced) -> None:
    ports = [each["Properties"]["Port"] for each in resources_of(for_some.api, f"{ELB}Listener").values()]
    assert ports == [443]
    assert attributes_of(balanced)["deletion_protection.enabled"] == "true"
    assert attributes_of(for_some)["deletion_protection.enabled"] == "false"
    (claim,) = for_some.only(f"{ELB}ListenerRule")["Actions"][0]["JwtValidationConfig"]["AdditionalClaims"]
    assert claim["Format"] == "string-array"
    (group,) = (
        each["Properties"]
        for logical_id, each in resources_of(for_some.api, "AWS::EC2::SecurityGroup").items()
        if logical_id.startswith("LoadBalancer")
    )
    assert [(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]] == [("203.0.113.0/24", 443)]
    out = [rule["CidrIp"] for rule in group["SecurityGroupEgress"] if rule["IpProtocol"] == "tcp"]
    assert out == ["198.51.100.0/24"]


def test_the_access_logs_are_kept_as_long_as_every_log(balanced: Balanced) -> None:
    bucket = balanced.api["Resources"][attributes_of(balanced)["access_logs.s3.bucket"]["Ref"]]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 30


def test_the_load_balancer_stands_instead_of_the_rest_api_before_the_same_handler(balanced: Balanced) -> None:
    types = {resource["Type"] for resource in balanced.api["Resources"].values()}
    assert not [name for name in types if name.startswith("AWS::ApiGateway::")]
    assert f"{ELB}LoadBalancer" in types
    # No authorizer either: the load balancer verifies.
    functions = resources_of(balanced.api, "AWS::Lambda::Function").values()
    assert {function["Properties"]["Handler"] for function in functions} == {
        "documents.handler.handler",
        "documents.migrate.handler",
        "documents.uploads.handler",
    }


def test_every_rule_that_forwards_verifies_the_token_first(balanced: Balanced) -> None:
    rule = balanced.only(f"{ELB}ListenerRule")
    verifies, forwards = sorted(rule["Actions"], key=lambda action: action["Order"])
    assert verifies["Type"] == "jwt-validation"
    assert verifies["JwtValidationConfig"] == {
        "Issuer": ISSUER,
        "JwksEndpoint": f"{ISSUER}/.well-known/jwks.json",
        "AdditionalClaims": [{"Name": "aud", "Format": "single-string", "Values": ["documents"]}],
    }
    assert forwards["Type"] == "forward"
    conditions = {
        condition["Field"]: condition.get("PathPatternConfig", condition.get("HostHeaderConfig"))["Values"]
        for condition in rule["Conditions"]
    }
    assert conditions == {"path-pattern": ["/documents", "/documents/*"], "host-header": ["documents.example.com"]}


def test_what_no_rule_names_is_a_404(balanced: Balanced) -> None:
    (https,) = (
        listener["Properties"]
        for listener in resources_of(balanced.api, f"{ELB}Listener").values()
        if listener["Properties"]["Protocol"] == "HTTPS"
    )
    (action,) = https["DefaultActions"]
    assert (action["Type"], action["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "404")


def test_only_the_one_target_group_may_call_the_handler_and_the_handler_answers_to_it_alone(
    balanced: Balanced,
) -> None:
    handlers = [
        logical_id
        for logical_id, function in resources_of(balanced.api, "AWS::Lambda::Function").items()
        if function["Properties"]["Handler"] == "documents.handler.handler"
    ]
    (permission,) = (
        each["Properties"]
        for each in resources_of(balanced.api, "AWS::Lambda::Permission").values()
        if each["Properties"]["FunctionName"]["Fn::GetAtt"][0] in handlers
    )
    assert permission["Principal"] == "elasticloadbalancing.amazonaws.com"
    assert permission["SourceArn"] == balanced.handler["Environment"]["Variables"]["TARGET_GROUP_ARN"]
    name = balanced.only(f"{ELB}TargetGroup")["Name"]
    assert str(permission["SourceArn"]).endswith(f":targetgroup/{name}/*")


def test_no_role_of_the_application_may_call_the_handler_and_speak_for_anybody(balanced: Balanced) -> None:
    policies = [
        resource
        for type_name in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
        for resource in balanced.assembly.resources(type_name)
    ]
    assert len(policies) > 8
    assert [policy.address for policy in policies if "lambda:Invoke" in str(policy.properties)] == []
    assert [policy.address for policy in policies if "'lambda:*'" in str(policy.properties)] == []


def test_the_handler_is_told_whose_tokens_the_load_balancer_lets_through(
    balanced: Balanced, with_pool: Balanced
) -> None:
    told = balanced.handler["Environment"]["Variables"]
    assert (told["ISSUER"], told["AUDIENCE"], told["AUDIENCE_CLAIM"]) == (ISSUER, "documents", "aud")
    assert "SCOPE_PREFIX" not in told
    told = with_pool.handler["Environment"]["Variables"]
    config = with_pool.only(f"{ELB}ListenerRule")["Actions"][0]["JwtValidationConfig"]
    assert told["ISSUER"] == config["Issuer"]
    (claim,) = config["AdditionalClaims"]
    assert claim == {"Name": "client_id", "Format": "single-string", "Values": [told["AUDIENCE"]]}
    assert (told["AUDIENCE_CLAIM"], told["SCOPE_PREFIX"]) == ("client_id", "api/")


def test_the_scopes_of_the_stack_are_the_services_own() -> None:
    from services.documents import handler

    assert (READ, WRITE) == (handler.READ, handler.WRITE)


def test_it_is_reached_by_https_and_reaches_nothing_but_keys_by_https(balanced: Balanced) -> None:
    (group,) = (
        each["Properties"]
        for logical_id, each in resources_of(balanced.api, "AWS::EC2::SecurityGroup").items()
        if logical_id.startswith("LoadBalancer")
    )
    assert {(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]} == {
        ("0.0.0.0/0", 443),
        ("0.0.0.0/0", 80),
    }
    out = {(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupEgress"] if rule["IpProtocol"] == "tcp"}
    assert out == {("0.0.0.0/0", 443)}
    elsewhere = resources_of(balanced.api, "AWS::EC2::SecurityGroupEgress").values()
    assert not [rule for rule in elsewhere if "LoadBalancer" in str(rule["Properties"]["GroupId"])]


def test_an_internal_one_takes_the_vpc_alone_and_stands_where_a_route_leads_to_the_keys(with_pool: Balanced) -> None:
    load_balancer = with_pool.only(f"{ELB}LoadBalancer")
    assert load_balancer["Scheme"] == "internal"
    (group,) = (
        each["Properties"]
        for logical_id, each in resources_of(with_pool.api, "AWS::EC2::SecurityGroup").items()
        if logical_id.startswith("LoadBalancer")
    )
    assert {rule["CidrIp"] for rule in group["SecurityGroupIngress"]} == {"10.20.0.0/16"}
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"] if rule["IpProtocol"] == "tcp"] == [
        "198.51.100.0/24"
    ]
    assert with_pool.assembly.resources("AWS::EC2::NatGateway")


def test_its_name_has_a_certificate_of_its_own_that_is_proved_in_the_zone(balanced: Balanced) -> None:
    certificate = balanced.only("AWS::CertificateManager::Certificate")
    assert certificate["DomainName"] == "documents.example.com"
    assert certificate["ValidationMethod"] == "DNS"
    record = balanced.only("AWS::Route53::RecordSet")
    assert (record["Name"], record["Type"]) == ("documents.example.com.", "A")
    assert balanced.api["Outputs"]["Url"]["Value"] == "https://documents.example.com/"


def test_the_dashboard_the_alarms_and_the_saved_queries_take_it_in_the_rest_apis_place(balanced: Balanced) -> None:
    assembly = balanced.assembly
    (dashboard,) = assembly.resources("AWS::CloudWatch::Dashboard")
    text = json.dumps(dashboard.at("DashboardBody"))
    assert "Load balancer: requests" in text
    assert "API: requests" not in text
    shown = {reference.resource.type for reference in assembly.references(dashboard.stack, dashboard.properties)}
    assert f"{ELB}LoadBalancer" in shown
    alarms = [str(alarm.at("AlarmName")) for alarm in assembly.resources("AWS::CloudWatch::Alarm")]
    assert {name.rpartition("/")[2] for name in alarms} >= {"LoadBalancerErrors", "CertificateExpiry"}
    assert [name for name in alarms if f":alarm:{name}" not in text] == []
    page = (ROOT / "docs/alarms.md").read_text()
    assert [name for name in alarms if f"### {name.rpartition('/')[2]}\n" not in page] == []
    queries = {str(query.at("Name")).partition("/")[2] for query in assembly.resources("AWS::Logs::QueryDefinition")}
    assert queries >= {"One request", "Blocked by the web ACL", "Function errors"}
    assert not queries & {"Refused requests", "Slowest requests", "Refused tokens"}


def test_its_hours_and_public_addresses_are_part_of_the_costs(balanced: Balanced, with_pool: Balanced) -> None:
    def priced(assembly: Assembly) -> dict[str, float]:
        return {cost.what: cost.dollars or 0 for cost in monthly_costs(assembly)}

    assert priced(balanced.assembly)["load balancers"] == pytest.approx(16.4, abs=0.1)
    assert priced(balanced.assembly)["public addresses"] == pytest.approx(2 * 3.65)
    assert "public addresses" not in priced(with_pool.assembly)


def test_the_summary_does_not_miss_what_a_load_balancer_cannot_have() -> None:
    assert not [line for line in not_built(load(SAMPLE)) if "usage plan" in line]


def test_the_summary_tells_of_the_load_balancer(balanced: Balanced) -> None:
    (api,) = (stack for stack in balanced.assembly.stacks if stack.name.endswith("-api"))
    assert _shape(api, load(SAMPLE)) == f"a load balancer, JWT from {ISSUER}, WAF with 5 rules"


PAGE = (ROOT / "docs" / "load-balancer.md").read_text()


def test_the_tables_that_the_page_shows_stand_in_the_sample() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    shown, sample = tomllib.loads(block), tomllib.loads(Path(SAMPLE).read_text())
    assert shown["network"] == sample["network"]
    assert shown["api"] == {name: sample["api"][name] for name in ("load_balancer", "domain")}


def test_the_costs_that_the_page_tells_are_computed_from_the_templates(balanced: Balanced, dev: Synthesized) -> None:
    total, without = (
        round(sum(cost.dollars or 0 for cost in monthly_costs(assembly)))
        for assembly in (balanced.assembly, dev.assembly)
    )
    told = " ".join(PAGE.split())
    assert f"about {total - without} dollars a month more than `dev`, about {total} in all" in told


def test_each_key_that_the_page_calls_refused_is_and_each_that_is_stands_there() -> None:
    (told,) = re.findall(r"What only a REST API knows\s+\((.*?)\)", PAGE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", told)) == set(REST_API_ONLY)


def test_every_test_of_the_gateways_edge_is_listed_as_one_that_does_not_apply_and_each_that_is_listed_is_there() -> (
    None
):
    listed = re.findall(r"`(tests/\S+?\.py)`", PAGE[PAGE.index("## Tests that do not apply") :])
    assert [path for path in listed if not (ROOT / path).is_file()] == []
    of_the_edge = {*(ROOT / "tests/api").glob("test_*.py"), *(ROOT / "tests/authorizer").glob("test_*.py")}
    assert {str(path.relative_to(ROOT)) for path in of_the_edge} <= set(listed)
