"""Every option that a profile offers passes the gate: its author can acknowledge nothing, and should not have to."""

from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

import app
from profiles.reading import load
from secure_backend.analysis import Assembly
from secure_backend.lambda_packages import LambdaPackagesError
from tests.app.test_log_groups import logs_without_a_group, unprotected
from tests.conftest import FLAGS, ROOT

COMMON = """
name = "options"
region = "eu-central-1"
zones = ["eu-central-1a", "eu-central-1b"]
"""
PROFILES = {
    "what-can-be-added": """
        [network]
        egress = "nat"
        flow_logs = "s3"
        interface_endpoints = ["secretsmanager", "ecr.api"]
        instance_connect = true
        organization_id = "o-abcdefghij"
        [documents]
        object_lock_days = 30
        malware_protection = true
        uploads_at_once = 5
        [database]
        port = 5432
        proxy = true
        restore_testing = true
        [api]
        issuer = "cognito"
        source_networks = ["203.0.113.0/24"]
        cors_origins = ["https://app.example.com"]
        usage_plan = { rate = 10, burst = 20, quota_per_day = 1000 }
        web_acl = { count_only = ["SizeRestrictions_QUERYSTRING"] }
        [audit]
        lock_mode = "compliance"
        confirm_compliance = true
        [access]
        permissions_boundary = "boundaries/applications"
        mfa_groups = ["administrators", "developers"]
        [access.operators]
        principals = ["arn:aws:iam::123456789012:role/on-call", "arn:aws:iam::123456789012:user/alice"]
        source_networks = ["203.0.113.0/24"]
        [alarms]
        email = "security@example.com"
        """,
    "what-can-be-given-up": """
        [network]
        egress = "regional-nat"
        [database]
        backup_plan = false
        multi_az = false
        deletion_protection = false
        generation = 2
        restore_snapshot = "before-the-move"
        [api]
        issuer = "https://login.example.com/"
        authorizer_cache_seconds = 0
        web_acl = { enabled = false }
        [audit]
        existing_trail = true
        """,
    "what-can-be-elsewhere": """
        [access]
        permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
        [network]
        public_subnets = true
        [database]
        generation = 2
        restore_resource_id = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        [api]
        issuer = "https://login.example.com/"
        [api.domain]
        name = "api.example.com"
        certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
        hosted_zone_id = "Z0123456789ABCDEFGHIJ"
        hosted_zone_name = "example.com"
        [audit]
        existing_trail = true
        existing_log_group = "the/other/trail"
        """,
    "load-balancer-for-anyone": """
        [network]
        public_subnets = true
        [api]
        issuer = "cognito"
        [api.load_balancer]
        internet_facing = true
        deletion_protection = false
        [api.domain]
        name = "documents.example.com"
        hosted_zone_id = "Z0123456789ABCDEFGHIJ"
        hosted_zone_name = "example.com"
        [api.web_acl]
        enabled = false
        """,
    "load-balancer-for-some": """
        [network]
        egress = "nat"
        [api]
        issuer = "https://login.example.com/"
        source_networks = ["203.0.113.0/24"]
        [api.load_balancer]
        internet_facing = true
        audience_format = "string-array"
        redirect = false
        key_networks = ["198.51.100.0/24"]
        [api.domain]
        name = "documents.example.com"
        certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
        hosted_zone_id = "Z0123456789ABCDEFGHIJ"
        hosted_zone_name = "example.com"
        """,
    "load-balancer-of-the-vpc": """
        [network]
        egress = "regional-nat"
        [api]
        issuer = "https://login.example.com/"
        [api.load_balancer]
        internet_facing = false
        [api.domain]
        name = "documents.example.com"
        hosted_zone_id = "Z0123456789ABCDEFGHIJ"
        hosted_zone_name = "example.com"
        """,
}


@pytest.mark.parametrize("options", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("account", ["", "123456789012"], ids=["any-account", "one-account"])
def test_every_option_passes_the_gate(options: str, account: str, tmp_path: Path) -> None:
    profile = tmp_path / "options.toml"
    profile.write_text(f'account = "{account}"\n{COMMON}\n{options}')
    tree = cdk.App(context=FLAGS, outdir=str(tmp_path / "cdk.out"), analytics_reporting=False)
    _, gate = app.compose(tree, load(str(profile)))
    verdict = gate.synth()
    assert verdict.passed, verdict.text()
    assembly = Assembly.from_directory(tmp_path / "cdk.out")
    assert unprotected(assembly) == logs_without_a_group(assembly) == []


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> assertions.Template:
    """Return the api stack's template with everything that can be added."""
    folder = tmp_path_factory.mktemp("added")
    (folder / "options.toml").write_text(f"{COMMON}\n{PROFILES['what-can-be-added']}")
    tree = cdk.App(context=FLAGS, outdir=str(folder / "cdk.out"), analytics_reporting=False)
    application, _ = app.compose(tree, load(str(folder / "options.toml")))
    return assertions.Template.from_stack(application.api)


def environments(template: assertions.Template) -> dict[str, dict[str, object]]:
    functions = template.find_resources("AWS::Lambda::Function").values()
    return {each["Properties"]["Handler"]: each["Properties"]["Environment"]["Variables"] for each in functions}


def test_beside_a_proxy_both_functions_trust_its_authorities_and_not_the_instances(
    template: assertions.Template,
) -> None:
    for handler in ("documents.handler.handler", "documents.migrate.handler"):
        path = environments(template)[handler]["DATABASE_CA_FILE"]
        assert path == "/var/task/documents/rds-proxy-roots.pem"
    assert (ROOT / "services" / "documents" / "rds-proxy-roots.pem").is_file()


def test_only_so_many_uploads_are_decided_about_at_once(template: assertions.Template) -> None:
    reserved = {
        each["Properties"]["Handler"]: each["Properties"].get("ReservedConcurrentExecutions")
        for each in template.find_resources("AWS::Lambda::Function").values()
    }
    assert reserved.pop("documents.uploads.handler") == 5
    assert set(reserved.values()) == {None}


def test_a_page_of_a_named_origin_may_send_the_key_and_read_the_answer(template: assertions.Template) -> None:
    assert environments(template)["documents.handler.handler"]["CORS_ORIGINS"] == "https://app.example.com"
    preflights = template.find_resources("AWS::ApiGateway::Method", {"Properties": {"HttpMethod": "OPTIONS"}})
    assert len(preflights) == 2
    for preflight in preflights.values():
        (response,) = preflight["Properties"]["Integration"]["IntegrationResponses"]
        allowed = response["ResponseParameters"]["method.response.header.Access-Control-Allow-Headers"]
        assert allowed == "'Authorization,Content-Type,Idempotency-Key,X-Api-Key'"


def test_what_only_a_construct_can_refuse_is_told_without_a_stack_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "options.toml"
    profile.write_text(f'{COMMON}\n[api]\nissuer = "cognito"\nweb_acl = {{ count_only = ["no-such-rule"] }}\n')
    context = {**FLAGS, "profile": str(profile)}
    monkeypatch.setattr("aws_cdk.App", lambda made=cdk.App: made(context=context, outdir=str(tmp_path / "cdk.out")))
    assert app.main() == 1
    assert capsys.readouterr().err.startswith("WebAcl 'WebAcl' cannot be built, 1 problem:\n  WebAcl.count: got ")


def test_a_function_without_its_packages_is_told_with_what_fetches_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise LambdaPackagesError("site-packages.zip is missing; run: python -m secure_backend.lambda_packages")

    monkeypatch.setattr(app, "compose", missing)
    assert app.main() == 1
    assert capsys.readouterr().err == "site-packages.zip is missing; run: python -m secure_backend.lambda_packages\n"
