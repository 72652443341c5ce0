"""The operators' role: what an incident asks for, from their networks, in their time, and nothing of the callers'."""

from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest

from profiles.reading import ProfileError, load
from secure_backend.analysis import Assembly, Resource, Statement
from secure_backend.analysis.requests import Request, decision
from stacks import operators
from stacks.application import Application
from tests.app.conftest import Synthesized
from tests.conftest import FLAGS, template_of

PROFILE = """
name = "shop"
region = "eu-central-1"
account = "123456789012"
zones = ["eu-central-1a", "eu-central-1b"]
[api]
issuer = "https://login.example.com/"
"""
OPERATORS = """
[access.operators]
principals = ["arn:aws:iam::123456789012:role/on-call", "arn:aws:iam::123456789012:user/alice"]
source_networks = ["203.0.113.0/24"]
valid_from = 2027-01-04T08:00:00Z
valid_until = 2027-01-29T18:00:00Z
"""
IN_TIME = {"aws:CurrentTime": "2027-01-15T12:00:00Z"}
FROM_WORK = {"aws:SourceIp": "203.0.113.9", "aws:ViaAWSService": "false", **IN_TIME}
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """An app whose profile asks for the role."""
    folder = tmp_path_factory.mktemp("operators")
    (folder / "shop.toml").write_text(PROFILE + OPERATORS)
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, outdir=str(folder / "cdk.out"), builtin_cloud_formation_validation=False)
    Application(app, load(str(folder / "shop.toml")))
    app.synth()
    return Assembly.from_directory(folder / "cdk.out")


def of_operators(assembly: Assembly, type_name: str) -> Iterator[Resource]:
    return (one for one in assembly.resources(type_name) if one.logical_id.startswith("Operators"))


@pytest.fixture(scope="module")
def session(assembly: Assembly) -> list[Statement]:
    """What a session of the role may do."""
    return [
        statement
        for policy in of_operators(assembly, "AWS::IAM::ManagedPolicy")
        for statement in assembly.policy_statements(policy)
    ]


@pytest.fixture(scope="module")
def trust(assembly: Assembly) -> list[Statement]:
    """Who may assume it."""
    (role,) = of_operators(assembly, "AWS::IAM::Role")
    return assembly.statements(role.stack, role.at("AssumeRolePolicyDocument"))


def assuming(principal: str, **context: str) -> Request:
    return Request(
        action="sts:AssumeRole", principal=("AWS", f"arn:aws:iam::123456789012:{principal}"), context=context
    )


def test_the_named_role_assumes_it_and_the_named_user_with_a_second_factor_only(trust: list[Statement]) -> None:
    assert decision(trust, assuming("role/on-call", **FROM_WORK)) == "Allow"
    assert decision(trust, assuming("role/others", **FROM_WORK)) is None
    assert decision(trust, assuming("user/alice", **FROM_WORK)) is None
    second_factor = {"aws:MultiFactorAuthPresent": "true"}
    assert decision(trust, assuming("user/alice", **FROM_WORK, **second_factor)) == "Allow"


@pytest.mark.parametrize(
    "changed",
    [
        {"aws:SourceIp": "198.51.100.1"},
        {"aws:CurrentTime": "2027-01-04T07:59:59Z"},
        {"aws:CurrentTime": "2027-01-29T18:00:00Z"},
    ],
    ids=["from elsewhere", "too early", "too late"],
)
def test_neither_the_role_nor_its_sessions_are_of_use_elsewhere_or_at_another_time(
    changed: dict[str, str], trust: list[Statement], session: list[Statement]
) -> None:
    context = FROM_WORK | changed
    assert decision(trust, assuming("role/on-call", **context)) == "Deny"
    assert decision(session, Request(action="cloudwatch:DescribeAlarms", context=context)) == "Deny"


def test_its_sessions_last_as_long_as_the_profile_says(assembly: Assembly, tmp_path: Path) -> None:
    (role,) = of_operators(assembly, "AWS::IAM::Role")
    assert role.at("MaxSessionDuration") == 3600
    (tmp_path / "shop.toml").write_text(f"{PROFILE}{OPERATORS}session_hours = 4")
    app = cdk.App(context={**FLAGS, "aws:cdk:disable-asset-staging": True}, builtin_cloud_formation_validation=False)
    audit = template_of(Application(app, load(str(tmp_path / "shop.toml"))).audit)
    (role,) = of_operators(Assembly.from_templates({"audit": audit}), "AWS::IAM::Role")
    assert role.at("MaxSessionDuration") == 4 * 3600


def test_it_looks_at_alarms_metrics_traces_and_the_trails_events(session: list[Statement]) -> None:
    for action in operators.LOOKING:
        assert decision(session, Request(action=action, context=FROM_WORK)) == "Allow", action


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("shop-api-DocumentsLogs3F64A040-aaaa", "Allow"),
        ("shop-audit-TrailLogGroup4CBE3AF5-aaaa:log-stream:a", "Allow"),
        ("shops-api-DocumentsLogs3F64A040-aaaa", None),
        ("another-api-Logs-aaaa", None),
        ("/aws/rds/instance/another/postgresql", None),
    ],
)
def test_it_reads_the_logs_of_this_application_only(group: str, said: str | None, session: list[Statement]) -> None:
    for action in operators.READING_LOGS:
        assert decision(session, Request(action=action, resource=f"{LOGS}{group}", context=FROM_WORK)) == said, action


def test_every_log_group_of_the_application_can_be_read(assembly: Assembly, session: list[Statement]) -> None:
    groups = assembly.resources("AWS::Logs::LogGroup")
    assert len(groups) > 10
    for group in groups:
        # CloudFormation begins the names that it makes with the stack's.
        given = group.at("LogGroupName")
        name = f"shop-{group.stack.name}-aaaa" if given is None else assembly.render(group.stack, given)
        request = Request(action="logs:StartQuery", resource=f"{LOGS}{name}", context=FROM_WORK)
        assert decision(session, request) == "Allow", name


def said_by(session: list[Statement], sid: str) -> Statement:
    (found,) = [statement for statement in session if statement.sid == sid]
    return found


def attribute(resource: Resource) -> str:
    return f"${{{resource.address}.Arn}}"


def test_it_empties_the_dead_letter_queues_and_no_other(assembly: Assembly, session: list[Statement]) -> None:
    queues = {attribute(queue) for queue in assembly.resources("AWS::SQS::Queue")}
    assert len(queues) == 2
    assert set(said_by(session, "TakeLetters").resources) == queues
    opened = said_by(session, "OpenLetters")
    conditions = {condition.key: set(condition.values) for condition in opened.conditions}
    assert conditions == {
        "kms:viaservice": {"sqs.eu-central-1.amazonaws.com"},
        "kms:encryptioncontext:aws:sqs:arn": queues,
    }
    assert "*" not in opened.resources
    writing = [one for one in session if one.effect == "Allow" and one.covers("sqs:SendMessage")]
    assert writing == []


@pytest.mark.parametrize(
    "action",
    [
        "dynamodb:GetItem",
        "iam:PassRole",
        "kms:Decrypt",
        "lambda:UpdateFunctionCode",
        "logs:DeleteLogGroup",
        "rds-db:connect",
        "rds:ModifyDBInstance",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
        "sts:AssumeRole",
    ],
)
def test_it_reads_no_document_and_changes_nothing(action: str, session: list[Statement]) -> None:
    assert decision(session, Request(action=action, resource="arn:aws:any:::thing", context=FROM_WORK)) is None


def test_it_finds_the_letters_by_the_api_stack_and_lists_no_other(session: list[Statement]) -> None:
    stacks = "arn:aws:cloudformation:eu-central-1:123456789012:stack/"

    def listing(name: str) -> Request:
        resource = f"{stacks}{name}/0a1b2c3d"
        return Request(action="cloudformation:ListStackResources", resource=resource, context=FROM_WORK)

    assert decision(session, listing("shop-api")) == "Allow"
    assert decision(session, listing("shop-data")) is None


def test_it_sends_a_letter_again_to_the_finaliser_and_calls_no_other_function(
    assembly: Assembly, session: list[Statement]
) -> None:
    (finaliser,) = [
        function
        for function in assembly.resources("AWS::Lambda::Function")
        if function.at("Handler") == "documents.uploads.handler"
    ]
    assert [one.resources for one in session if one.effect == "Allow" and one.covers("lambda:InvokeFunction")] == [
        (attribute(finaliser),)
    ]


def test_without_being_asked_for_there_is_no_such_role(profile: Synthesized) -> None:
    assert profile.application.audit.operators is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (OPERATORS.replace("role/on-call", "root"), "access.operators.principals"),
        (OPERATORS.replace('"arn:aws:iam::123456789012:role/on-call"', '"*"'), "access.operators.principals"),
        (OPERATORS.replace("203.0.113.0/24", "0.0.0.0/0"), "a range that is not the whole internet"),
        (OPERATORS.replace("valid_from", "# "), "access.operators.valid_from: got None; expected both ends"),
        (OPERATORS.replace("2027-01-29", "2026-01-29"), "expected a moment after valid_from"),
        (OPERATORS + "session_hours = 13", "access.operators.session_hours"),
    ],
)
def test_what_cannot_be_is_told_with_its_key(changed: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(PROFILE + changed)
    with pytest.raises(ProfileError) as raised:
        load(str(tmp_path / "shop.toml"))
    assert told in str(raised.value)
