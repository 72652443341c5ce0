"""The profile's permissions boundary stands on every role of the four stacks, and limits what each may do."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from profiles.reading import load
from secure_backend.analysis import Assembly, Request, Resource, Statement, decision
from secure_backend.analysis.policies import statements_of
from stacks.application import Application
from tests.app.conftest import STACKS, Synthesized
from tests.app.test_options import COMMON, PROFILES
from tests.conftest import FLAGS

POLICY = "arn:aws:iam::${AWS::AccountId}:policy/"
#: What a profile names, or None for one that an app of somebody's own applies; and the ARN that each role is to have.
BOUNDARIES = {
    "of-the-profile-by-name": ("boundaries/applications", f"{POLICY}boundaries/applications"),
    "of-the-profile-by-arn": ("arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::aws:policy/PowerUserAccess"),
    "of-the-app": (None, f"{POLICY}developers"),
}
CASES = [(case, options) for case in BOUNDARIES for options in PROFILES]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def bounded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Assembly, str]:
    """Return the application with options of a profile, and the boundary that each role is to have."""
    case, name = request.param
    named, boundary = BOUNDARIES[case]
    folder = tmp_path_factory.mktemp("bounded")
    (folder / "options.toml").write_text(f"{COMMON}\n{PROFILES[name]}")
    settings = load(str(folder / "options.toml"))
    access = settings.access.model_copy(update={"permissions_boundary": named})
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    tree = cdk.App(context=context, outdir=str(folder / "cdk.out"), builtin_cloud_formation_validation=False)
    application = Application(tree, settings.model_copy(update={"access": access}))
    if named is None:
        policy = iam.ManagedPolicy.from_managed_policy_name(application.network, "TheirBoundary", "developers")
        iam.PermissionsBoundary.of(tree).apply(policy)
    tree.synth()
    return Assembly.from_directory(folder / "cdk.out"), boundary


def boundary_of(assembly: Assembly, role: Resource) -> str:
    return assembly.render(role.stack, role.at("PermissionsBoundary") or "")


def test_no_role_of_any_stack_is_left_out(bounded: tuple[Assembly, str]) -> None:
    assembly, boundary = bounded
    roles = assembly.resources("AWS::IAM::Role", "AWS::IAM::User")
    assert {role.stack.name.rpartition("-")[2] for role in roles} == set(STACKS)
    assert len(roles) >= 8
    wanted = assembly.render(roles[0].stack, {"Fn::Sub": boundary})
    assert {role.address: boundary_of(assembly, role) for role in roles} == {role.address: wanted for role in roles}


def test_without_the_key_no_role_has_one(profile: Synthesized) -> None:
    roles = profile.assembly.resources("AWS::IAM::Role")
    assert roles
    assert [role.address for role in roles if role.at("PermissionsBoundary") is not None] == []


def _boundary(*actions: str) -> list[Statement]:
    body: Any = {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    return statements_of(body, str)


@pytest.mark.parametrize(
    ("allowed", "action", "said"),
    [
        (("s3:*", "logs:*", "kms:*", "rds-db:connect", "xray:*", "ec2:*"), "s3:PutObject", "Allow"),
        (("logs:*",), "s3:PutObject", None),
        (("s3:*",), "s3:DeleteBucket", None),
        (("*",), "iam:CreateUser", None),
    ],
)
def test_the_handler_may_do_what_its_policy_and_the_boundary_allow(
    allowed: tuple[str, ...], action: str, said: str | None, dev: Synthesized
) -> None:
    assembly = dev.assembly
    (role,) = [role for role in assembly.resources("AWS::IAM::Role") if role.logical_id.startswith("DocumentsRole")]
    policies = [
        *assembly.attached("AWS::IAM::Policy", "Roles", to=role),
        *assembly.attached("AWS::IAM::ManagedPolicy", "Roles", to=role),
    ]
    own = [statement for policy in policies for statement in assembly.policy_statements(policy)]
    puts = next(one for one in own if one.allows and one.covers("s3:PutObject"))
    request = Request(action=action, resource=puts.resources[0].replace("*", "a-document"))
    assert decision(own, request, boundary=_boundary(*allowed)) == said


def test_a_boundary_of_another_account_is_told_with_its_fix(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    boundary = "arn:aws:iam::210987654321:policy/developers"
    profile.write_text(
        f'account = "123456789012"\n{COMMON}\n[access]\npermissions_boundary = "{boundary}"\n'
        '[api]\nissuer = "cognito"\n'
    )
    with pytest.raises(ValueError, match=r"access\.permissions_boundary: got .* a policy of 123456789012, or of AWS"):
        load(str(profile))
