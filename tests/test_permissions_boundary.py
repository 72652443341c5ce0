"""A permissions boundary reaches every role and user of every construct, and what it does not allow is not allowed."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from secure_backend import AuditTrail, EncryptedBucket, EncryptedPostgres, RestrictedRole, SecureVpc
from secure_backend.analysis import Assembly, Request, decision
from tests.api.cases import api_in
from tests.conftest import NewStack, resources_of, template_of
from tests.load_balancer.cases import every_option

KINDS = ("AWS::IAM::Role", "AWS::IAM::User")


def unbounded(template: dict[str, Any], boundary: str) -> list[str]:
    """Return the roles and users of a template that have no boundary, or another."""
    made = {name: body for kind in KINDS for name, body in resources_of(template, kind).items()}
    return [
        name
        for name, body in made.items()
        if f':policy/{boundary}"' not in json.dumps(body["Properties"].get("PermissionsBoundary"))
    ]


def named(stack: cdk.Stack, name: str = "developers") -> iam.IManagedPolicy:
    return iam.ManagedPolicy.from_managed_policy_name(stack, f"Boundary{name}", name)


def large_constructs(stack: cdk.Stack) -> None:
    """Make the constructs with the most roles: by services, by L1s, by the CDK's own helper functions."""
    zones = [f"{stack.region}a", f"{stack.region}b"]
    vpc = SecureVpc(stack, "Vpc", cidr="10.30.0.0/16", zones=zones, database_port=5432)
    EncryptedPostgres(stack, "Database", vpc=vpc, proxy=True, port=5432, restore_testing=True)
    documents = EncryptedBucket(stack, "Documents", event_bridge=True, malware_protection=True)
    AuditTrail(stack, "Trail", data_events=[documents], alarms_to="security@example.com")
    api_in(stack)
    every_option(stack)
    iam.User(stack, "TheirUser")


def test_every_role_and_user_is_bounded_those_of_services_and_helper_functions_too(stack: cdk.Stack) -> None:
    iam.PermissionsBoundary.of(stack).apply(named(stack))
    large_constructs(stack)
    template = template_of(stack)
    made = [name for kind in KINDS for name in resources_of(template, kind)]
    assert len(made) >= 12
    assert any(name.startswith("CustomVpcRestrictDefaultSG") for name in made)
    assert unbounded(template, "developers") == []


def test_a_role_without_it_and_one_with_another_are_found(stack: cdk.Stack) -> None:
    iam.PermissionsBoundary.of(stack).apply(named(stack))
    large_constructs(stack)
    template = template_of(stack)
    for kind in KINDS:
        for name, body in resources_of(template, kind).items():
            kept = body["Properties"].pop("PermissionsBoundary")
            assert unbounded(template, "developers") == [name]
            body["Properties"]["PermissionsBoundary"] = kept
    assert unbounded(template, "others")


def test_the_cdks_word_for_a_stack_does_the_same(app: cdk.App) -> None:
    boundary = cdk.PermissionsBoundary.from_name("developers")
    environment = cdk.Environment(region="eu-central-1", account="123456789012")
    stack = cdk.Stack(app, "bounded", env=environment, permissions_boundary=boundary)
    large_constructs(stack)
    assert unbounded(template_of(stack), "developers") == []


def test_the_boundary_nearest_to_a_construct_wins(stack: cdk.Stack) -> None:
    iam.PermissionsBoundary.of(stack).apply(named(stack))
    api = api_in(stack)
    iam.PermissionsBoundary.of(api).apply(named(stack, "authorizers"))
    unlike = unbounded(template_of(stack), "developers")
    assert [name.partition("Function")[0] for name in unlike] == ["ApiAuthorizer"]


def test_a_roles_own_boundary_gives_way_to_one_applied_around_it_and_not_to_none(new_stack: NewStack) -> None:
    """The CDK's rule: who applies one to a tree means every role in it."""
    own, around = new_stack("own"), new_stack("around")
    for stack in (own, around):
        RestrictedRole(
            stack,
            "Role",
            description="Looks after the database",
            assumed_by=iam.AccountRootPrincipal(),
            permissions_boundary=named(stack, "operators"),
        )
    iam.PermissionsBoundary.of(around).apply(named(around))
    assert unbounded(template_of(own), "operators") == []
    assert unbounded(template_of(around), "developers") == []


@pytest.fixture
def bounded(stack: cdk.Stack) -> cdk.Stack:
    """A reader of a bucket, bounded to S3 without deletion."""
    policy = iam.ManagedPolicy(
        stack,
        "Limit",
        statements=[
            iam.PolicyStatement(actions=["s3:*"], resources=["*"]),
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=["s3:Delete*"], resources=["*"]),
        ],
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    for action in ("s3:GetObject", "s3:DeleteObject", "kms:Decrypt"):
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=["*"]))
    iam.PermissionsBoundary.of(role).apply(policy)
    return stack


@pytest.mark.parametrize(
    ("action", "said"),
    [("s3:GetObject", "Allow"), ("s3:DeleteObject", "Deny"), ("kms:Decrypt", None), ("s3:PutObject", None)],
)
def test_a_bounded_role_may_do_what_its_policy_and_its_boundary_allow(
    bounded: cdk.Stack, action: str, said: str | None
) -> None:
    assembly = Assembly.from_templates({"stack": template_of(bounded)})
    (role,) = assembly.resources("AWS::IAM::Role")
    boundary = assembly.follow(role.stack, role.at("PermissionsBoundary"))
    assert boundary is not None
    (policy,) = assembly.attached("AWS::IAM::Policy", "Roles", to=role)
    own = assembly.policy_statements(policy)
    assert decision(own, Request(action=action), boundary=assembly.policy_statements(boundary)) == said
    assert decision(own, Request(action=action)) == (None if action == "s3:PutObject" else "Allow")
