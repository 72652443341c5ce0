"""Without a second factor a person destroys nothing and gets around nothing; roles and services work as before."""

import functools
import json
from importlib import resources
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from secure_backend import InvalidPropertiesError, RequireMfaForDestructiveActions
from secure_backend.analysis import Assembly, Request, Statement, decision
from secure_backend.compliance import Gate
from secure_backend.mfa.actions import DESTRUCTIVE, WAYS_AROUND
from tests.conftest import FLAGS, NewStack, resources_of, template_of

ACCESS_KEY = {"aws:PrincipalType": "User", "aws:ViaAWSService": "false"}
WITHOUT_MFA = {**ACCESS_KEY, "aws:MultiFactorAuthPresent": "false"}
WITH_MFA = {**ACCESS_KEY, "aws:MultiFactorAuthPresent": "true"}
FEDERATION_TOKEN = {**ACCESS_KEY, "aws:PrincipalType": "FederatedUser"}
ROLE = {"aws:PrincipalType": "AssumedRole", "aws:ViaAWSService": "false", "aws:MultiFactorAuthPresent": "false"}
BY_A_SERVICE = {**ACCESS_KEY, "aws:ViaAWSService": "true"}

DESTROYING = (
    "ec2:TerminateInstances",
    "s3:DeleteBucket",
    "s3:DeleteObjectVersion",
    "rds:DeleteDBInstance",
    "rds:DeleteDBSnapshot",
    "kms:ScheduleKeyDeletion",
    "logs:DeleteLogGroup",
    "cloudtrail:StopLogging",
    "cloudtrail:DeleteTrail",
    "backup:DeleteRecoveryPoint",
    "lambda:DeleteFunction",
    "apigateway:DELETE",
    "cognito-idp:DeleteUserPool",
    "wafv2:DeleteWebACL",
    "sqs:PurgeQueue",
    "sns:DeleteTopic",
    "elasticloadbalancing:DeleteLoadBalancer",
)
TAKING_PROTECTION_AWAY = (
    "rds:ModifyDBInstance",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutObjectRetention",
    "s3:BypassGovernanceRetention",
    "s3:PutEncryptionConfiguration",
    "logs:PutRetentionPolicy",
    "logs:PutLogGroupDeletionProtection",
    "logs:DisassociateKmsKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:UpdateTrail",
    "cloudwatch:DisableAlarmActions",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:PutAlarmMuteRule",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateRoute",
    "ec2:ModifyVpcEndpoint",
    "wafv2:AssociateWebACL",
    "wafv2:DisassociateWebACL",
    "apigateway:PATCH",
    "backup:UpdateRecoveryPointLifecycle",
    "cognito-idp:SetUserPoolMfaConfig",
    "lambda:UpdateFunctionCode",
    "lambda:AddPermission",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "events:DisableRule",
    "sns:SetTopicAttributes",
    "cloudformation:UpdateTerminationProtection",
    "cognito-idp:AddUserPoolClientSecret",
    "cognito-idp:AdminLinkProviderForUser",
    "ec2:AssociateDhcpOptions",
    "ec2:CreateVpcBlockPublicAccessExclusion",
    "elasticloadbalancing:AddTrustStoreRevocations",
    "elasticloadbalancing:CreateWebACLAssociation",
    "elasticloadbalancing:RegisterTargets",
    "kms:CreateGrant",
    "rds:ApplyPendingMaintenanceAction",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
)
GETTING_AROUND = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoot",
    "iam:PassRole",
    "iam:DeactivateMFADevice",
    "iam:DeleteVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:CreateVirtualMFADevice",
    "iam:ResyncMFADevice",
    "iam:DetachGroupPolicy",
    "iam:CreatePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:DeletePolicyVersion",
    "iam:DeletePolicy",
    "iam:RemoveUserFromGroup",
    "iam:DeleteGroup",
    "iam:UpdateGroup",
    "iam:CreateUser",
    "iam:AttachUserPolicy",
    "iam:PutUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:UpdateAssumeRolePolicy",
    "iam:PutRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "iam:TagUser",
    "cloudformation:CreateStack",
    "cloudformation:DeleteStack",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:DeleteResource",
    "identitystore:CreateGroupMembership",
    "identitystore:CreateUser",
    "rolesanywhere:DeleteCrl",
    "rolesanywhere:DisableCrl",
    "ssm:CreateAssociation",
    "ssm:CreateAssociationBatch",
    "ssm:StartAssociationsOnce",
    "ssm:StartAutomationExecution",
    "ssm:UpdateAssociation",
    "sso:AssociateProfile",
    "sso:CreateAccountAssignment",
    "sso:DeletePermissionsBoundaryFromPermissionSet",
    "sso-directory:AddMemberToGroup",
    "sso-directory:DeleteMfaDeviceForUser",
    "sso-directory:UpdatePassword",
    "servicecatalog:TerminateProvisionedProduct",
)
HARMLESS = (
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "rds:DescribeDBInstances",
    "rds:CreateDBSnapshot",
    "kms:Decrypt",
    "kms:CancelKeyDeletion",
    "kms:EnableKey",
    "cloudtrail:LookupEvents",
    "cloudtrail:StartLogging",
    "cloudwatch:PutMetricData",
    "cloudformation:DescribeStacks",
    "cloudformation:DetectStackDrift",
    "elasticloadbalancing:DescribeLoadBalancers",
    "events:PutEvents",
    "events:DescribeRule",
    "logs:StartQuery",
    "logs:PutLogEvents",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ChangePassword",
    "sts:GetSessionToken",
    "sts:GetCallerIdentity",
)


def add_guard(stack: cdk.Stack, name: str = "Guard", **changes: Any) -> RequireMfaForDestructiveActions:
    if "groups" not in changes:
        changes["groups"] = [iam.Group.from_group_name(stack, f"{name}Operators", "operators")]
    return RequireMfaForDestructiveActions(stack, name, **changes)


def statements_of(stack: cdk.Stack) -> list[Statement]:
    assembly = Assembly.from_templates({"stack": template_of(stack)}, region=stack.region)
    (policy,) = assembly.resources("AWS::IAM::ManagedPolicy")
    return assembly.policy_statements(policy)


@pytest.fixture(scope="module")
def guard() -> list[Statement]:
    """What one guard says."""
    stack = cdk.Stack(cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False))
    add_guard(stack)
    return statements_of(stack)


def refused(guard: list[Statement], action: str, context: dict[str, str]) -> bool:
    return decision(guard, Request(action=action, context=context)) == "Deny"


@functools.cache
def known_actions() -> dict[str, list[str]]:
    """Return every action of IAM by service, in lower case, as cfn-lint knows them."""
    text = (resources.files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text()
    return {service: list(body["Actions"]) for service, body in json.loads(text).items()}


def test_a_guard_matches_its_snapshot(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    add_guard(stack, additional_actions=["dynamodb:DeleteTable"])
    assert template_of(stack) == template_snapshot(name="guard")


@pytest.mark.parametrize("action", DESTROYING + TAKING_PROTECTION_AWAY + GETTING_AROUND)
def test_a_person_needs_mfa_in_the_console_by_access_key_and_by_federation_token(
    guard: list[Statement], action: str
) -> None:
    assert refused(guard, action, WITHOUT_MFA)
    assert refused(guard, action, ACCESS_KEY)
    assert refused(guard, action, FEDERATION_TOKEN)
    assert not refused(guard, action, WITH_MFA)


@pytest.mark.parametrize("action", DESTROYING + TAKING_PROTECTION_AWAY + GETTING_AROUND)
def test_neither_the_deploying_role_nor_a_service_on_somebodys_behalf_is_hindered(
    guard: list[Statement], action: str
) -> None:
    assert not refused(guard, action, ROLE)
    assert not refused(guard, action, BY_A_SERVICE)


def test_a_request_that_says_nothing_of_itself_is_refused(guard: list[Statement]) -> None:
    assert refused(guard, "kms:ScheduleKeyDeletion", {})


@pytest.mark.parametrize("action", HARMLESS)
def test_what_reads_adds_or_restores_needs_no_mfa(guard: list[Statement], action: str) -> None:
    service, name = action.split(":")
    assert name.lower() in known_actions()[service]
    assert not refused(guard, action, ACCESS_KEY)


def test_the_guard_allows_nothing(guard: list[Statement]) -> None:
    assert {one.effect for one in guard} == {"Deny"}
    assert {one.resources for one in guard} == {("*",)}


@pytest.mark.parametrize("service", sorted({**DESTRUCTIVE, **WAYS_AROUND}))
def test_each_pattern_meets_an_action_and_none_that_reads(guard: list[Statement], service: str) -> None:
    actions = known_actions()[service]
    for pattern in {**DESTRUCTIVE, **WAYS_AROUND}[service]:
        single = [one for one in guard if f"{service}:{pattern}" in one.actions]
        assert single, pattern
        found = [
            name
            for name in actions
            if name.startswith(pattern.lower().partition("*")[0]) and refused(guard, f"{service}:{name}", ACCESS_KEY)
        ]
        assert found, f"{service}:{pattern} meets nothing"
    reading = [name for name in actions if name.startswith(("describe", "get", "list", "lookup", "search"))]
    assert [name for name in reading if refused(guard, f"{service}:{name}", ACCESS_KEY)] == []


# Verbs that take something away, in every service that the guard names for its resources.
TAKING_AWAY = (
    "deauthorize", "delete", "deregister", "detach", "disable", "disassociate", "dissociate", "modify", "purge",
    "reject", "release", "remove", "replace", "reset", "revoke", "schedule", "set", "stop", "terminate", "unassign",
    "unsubscribe", "update",
)  # fmt: skip
NOT_TAKEN_AWAY = {
    "apigateway:rejectaccessassociation": "refuses what somebody else asks for",
    "cognito-idp:revoketoken": "a caller's own token, given instead of credentials",
    "logs:stoplivetail": "ends what its caller looks at",
    "logs:stopquery": "ends a query, not what it reads",
}


@pytest.mark.parametrize("service", sorted(DESTRUCTIVE))
def test_no_verb_that_takes_something_away_is_forgotten(guard: list[Statement], service: str) -> None:
    """Of every action that AWS has, so that an upgrade of the list brings the new ones to light."""
    taking = {f"{service}:{name}" for name in known_actions()[service] if name.startswith(TAKING_AWAY)}
    missed = {name for name in taking if not refused(guard, name, ACCESS_KEY)}
    assert missed == {name for name in NOT_TAKEN_AWAY if name.startswith(f"{service}:")}


def test_no_write_of_iam_is_a_way_around_but_the_change_of_ones_own_password(guard: list[Statement]) -> None:
    reading = ("generate", "get", "list", "simulate")
    writing = [name for name in known_actions()["iam"] if not name.startswith(reading)]
    free = {name for name in writing if not refused(guard, f"iam:{name}", ACCESS_KEY)}
    assert free == {"changepassword", "rejectdelegationrequest"}


SERVICES = st.sampled_from(sorted(known_actions()))


@given(SERVICES.flatmap(lambda service: st.sampled_from(known_actions()[service]).map(lambda a: f"{service}:{a}")))
def test_mfa_a_role_and_a_service_are_each_enough_for_any_action_of_aws(guard: list[Statement], action: str) -> None:
    for context in (WITH_MFA, ROLE, BY_A_SERVICE):
        assert not refused(guard, action, context)
    assert refused(guard, action, WITHOUT_MFA) == refused(guard, action, ACCESS_KEY)


def test_further_actions_need_mfa_when_they_are_named(stack: cdk.Stack) -> None:
    add_guard(stack, additional_actions=["dynamodb:Delete*"])
    statements = statements_of(stack)
    assert refused(statements, "dynamodb:DeleteTable", ACCESS_KEY)
    assert not refused(statements, "dynamodb:DeleteTable", WITH_MFA)
    assert not refused(statements, "dynamodb:GetItem", ACCESS_KEY)


def test_it_is_attached_to_the_groups_and_to_nobody_else(stack: cdk.Stack) -> None:
    add_guard(stack)
    (policy,) = resources_of(template_of(stack), "AWS::IAM::ManagedPolicy").values()
    assert policy["Properties"]["Groups"] == ["operators"]
    assert not {"Roles", "Users"} & set(policy["Properties"])


def test_a_policy_with_room_for_the_callers_own_actions_is_within_its_quota(stack: cdk.Stack) -> None:
    add_guard(stack)
    (policy,) = resources_of(template_of(stack), "AWS::IAM::ManagedPolicy").values()
    assert len(json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))) < 5500
    many = [f"dynamodb:Delete{'x' * n}" for n in range(60)]
    with pytest.raises(InvalidPropertiesError, match="characters of policy'; expected at most 6144 characters"):
        add_guard(stack, "Other", additional_actions=many)


def test_every_problem_is_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        add_guard(stack, groups=["operators"], additional_actions=["dynamodb", "*", 3])
    told = str(raised.value)
    assert "RequireMfaForDestructiveActions.groups: got 'operators'; expected a Group object" in told
    for value in ("'dynamodb'", "'*'", "3"):
        assert (
            f"RequireMfaForDestructiveActions.additional_actions: got {value}; expected a service and an action" in told
        )


@pytest.mark.parametrize("groups", [[], "operators", None])
def test_a_guard_that_nobody_has_is_refused(stack: cdk.Stack, groups: Any) -> None:
    with pytest.raises(InvalidPropertiesError, match="expected at least one group; pass for example"):
        add_guard(stack, groups=groups)


def test_actions_as_text_are_refused(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"pass \['dynamodb:DeleteTable'\]"):
        add_guard(stack, additional_actions="dynamodb:DeleteTable")


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1"])
def test_two_stand_in_one_stack_in_every_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    add_guard(stack)
    add_guard(stack, "Other")
    template = template_of(stack)
    assert len(resources_of(template, "AWS::IAM::ManagedPolicy")) == 2
    assert "arn:" not in str(template)


def test_the_rule_packs_find_nothing() -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    gate = Gate(app)
    add_guard(cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1")))
    verdict = gate.synth()
    assert verdict.passed, verdict.text()
