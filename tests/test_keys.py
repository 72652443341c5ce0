"""Each key keeps its administrators, and lets each service in for this account's resources only."""

import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from syrupy.assertion import SnapshotAssertion

from secure_backend import keys
from secure_backend.keys import DataKey
from secure_backend.validation import InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of

REGIONS = {
    "us-east-1": ("aws", "amazonaws.com"),
    "eu-central-1": ("aws", "amazonaws.com"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
}
ACCOUNT = "111122223333"
KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


def new_key(stack: cdk.Stack) -> DataKey:
    return DataKey(stack, "Key", description="Documents")


def statements_of(stack: cdk.Stack) -> list[dict[str, Any]]:
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    return list(key["Properties"]["KeyPolicy"]["Statement"])


def flat(value: Any) -> Any:
    """Resolve Fn::Join, the pseudo parameters included, as CloudFormation would in the stack's account."""
    if isinstance(value, list):
        return [flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return separator.join(flat(part) for part in parts)
    if "Ref" in value:
        return "${" + value["Ref"] + "}"
    return {key: flat(item) for key, item in value.items()}


def test_a_key_at_its_defaults_matches_its_snapshot(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    new_key(stack)
    assert template_of(stack) == template_snapshot(name="defaults")


def test_a_key_rotates_each_year_and_waits_a_month_before_it_is_deleted(stack: cdk.Stack) -> None:
    new_key(stack)
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["Properties"]["RotationPeriodInDays"] == 365
    assert key["Properties"]["PendingWindowInDays"] == 30


@pytest.mark.parametrize(
    ("policy", "deletion", "replacement"),
    [
        (cdk.RemovalPolicy.RETAIN, "Retain", "Retain"),
        (cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate", "Retain"),
        (cdk.RemovalPolicy.DESTROY, "Delete", "Delete"),
    ],
)
def test_a_key_says_both_what_deletion_and_what_replacement_do(
    stack: cdk.Stack, policy: cdk.RemovalPolicy, deletion: str, replacement: str
) -> None:
    DataKey(stack, "Key", description="Documents", removal_policy=policy)
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == (deletion, replacement)


def test_a_key_is_kept_by_default(stack: cdk.Stack) -> None:
    new_key(stack)
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("region", REGIONS)
def test_this_accounts_root_alone_administers_the_key_so_nobody_is_locked_out(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    new_key(stack)
    (statement,) = statements_of(stack)
    assert flat(statement["Principal"]) == {"AWS": f"arn:{REGIONS[region][0]}:iam::${{AWS::AccountId}}:root"}
    assert statement["Action"] == "kms:*"


def test_the_lockout_check_of_kms_is_never_bypassed(stack: cdk.Stack) -> None:
    new_key(stack)
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    assert "BypassPolicyLockoutSafetyCheck" not in key["Properties"]


def test_every_wrong_property_is_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        DataKey(
            stack,
            "Key",
            description="Documents",
            rotation_days=89,
            pending_window_days=31,
            removal_policy=cdk.RemovalPolicy.SNAPSHOT,
        )
    assert str(raised.value).splitlines() == [
        "DataKey 'Key' cannot be built, 3 problems:",
        "  DataKey.rotation_days: got 89; expected 90 to 2560; leave it out for 365",
        "  DataKey.pending_window_days: got 31; expected 7 to 30; leave it out for 30",
        "  DataKey.removal_policy: got SNAPSHOT; expected one of RETAIN, RETAIN_ON_UPDATE_OR_DELETE, DESTROY; "
        "leave it out to keep the key",
    ]


def allow_everything(key: kms.IKey, stack: cdk.Stack) -> None:
    keys.allow_log_groups(key, stack, "/app/documents-*")
    keys.allow_alarms(key, stack)
    keys.allow_eventbridge(key, stack)
    keys.allow_log_delivery(key, stack)


# service -> the condition that binds it to this account
def expected_conditions(region: str) -> dict[str, dict[str, Any]]:
    partition, suffix = REGIONS[region]
    own = {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}
    logs = f"arn:{partition}:logs:{region}:${{AWS::AccountId}}"
    return {
        f"logs.{region}.{suffix}": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"{logs}:log-group:/app/documents-*"}
        },
        "cloudwatch.amazonaws.com": own,
        "events.amazonaws.com": {
            "ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:{partition}:sns:{region}:${{AWS::AccountId}}:*"}
        },
        "delivery.logs.amazonaws.com": {**own, "ArnLike": {"aws:SourceArn": f"{logs}:*"}},
    }


@pytest.mark.parametrize("region", REGIONS)
def test_each_service_is_bound_to_this_accounts_resources_in_every_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    allow_everything(new_key(stack), stack)
    bound = {
        flat(statement["Principal"]["Service"]).replace("${AWS::URLSuffix}", REGIONS[region][1]): flat(
            statement["Condition"]
        )
        for statement in statements_of(stack)
        if "Service" in statement["Principal"]
    }
    assert bound == expected_conditions(region)


def test_no_service_is_let_in_without_a_condition_and_no_other_account_at_all(stack: cdk.Stack) -> None:
    allow_everything(new_key(stack), stack)
    root, *services = statements_of(stack)
    assert root["Action"] == "kms:*"
    assert len(services) == 4
    assert all(statement["Condition"] for statement in services)
    assert all(set(statement["Principal"]) == {"Service"} for statement in services)


def test_eventbridge_is_bound_by_no_source_condition_which_it_does_not_send(stack: cdk.Stack) -> None:
    keys.allow_eventbridge(new_key(stack), stack)
    _, statement = statements_of(stack)
    assert "aws:Source" not in str(statement["Condition"])


@pytest.mark.parametrize(
    ("service", "actions"),
    [
        ("logs", {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}),
        ("cloudwatch", {"kms:Decrypt", "kms:GenerateDataKey*"}),
        ("events", {"kms:Decrypt", "kms:GenerateDataKey*"}),
        ("delivery", {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}),
    ],
)
def test_each_service_gets_the_actions_that_it_needs_and_no_administration(
    stack: cdk.Stack, service: str, actions: set[str]
) -> None:
    allow_everything(new_key(stack), stack)
    (statement,) = (s for s in statements_of(stack)[1:] if re.match(rf"{service}\.", flat(s["Principal"]["Service"])))
    assert set(statement["Action"]) == actions


def test_asking_twice_adds_a_statement_once(stack: cdk.Stack) -> None:
    key = new_key(stack)
    allow_everything(key, stack)
    allow_everything(key, stack)
    assert len(statements_of(stack)) == 5


def test_patterns_that_differ_in_punctuation_alone_get_a_statement_each_with_an_id_of_its_own(
    stack: cdk.Stack,
) -> None:
    key = new_key(stack)
    for pattern in ("/app/a-b", "/app/ab", "/app/a/b", "/app/a.b"):
        keys.allow_log_groups(key, stack, pattern)
    statements = statements_of(stack)[1:]
    assert len(statements) == len({statement["Sid"] for statement in statements}) == 4
    assert all(re.fullmatch("[A-Za-z0-9]+", statement["Sid"]) for statement in statements)


def test_a_pattern_with_a_token_gives_the_same_statement_id_at_every_synthesis() -> None:
    ids: list[str] = []
    for tokens_made_before in (0, 7):
        for number in range(tokens_made_before):
            cdk.Token.as_string({"Ref": f"Unused{number}"})
        stack = cdk.Stack(cdk.App(builtin_cloud_formation_validation=False), "stack")
        pattern = f"{cdk.NestedStack(stack, 'Nested').stack_name}-*"
        keys.allow_log_groups(new_key(stack), stack, pattern)
        ids.append(statements_of(stack)[1]["Sid"])
    assert ids[0] == ids[1]


def test_a_key_policy_never_refers_to_another_stack_which_would_make_a_cycle(new_stack: NewStack) -> None:
    storing, using = new_stack("storing"), new_stack("using")
    allow_everything(new_key(storing), using)
    assert "Fn::ImportValue" not in str(statements_of(storing))
    assert "Fn::GetStackOutput" not in str(statements_of(storing))


def test_an_imported_key_gets_a_warning_with_each_statement_that_its_owner_must_add(stack: cdk.Stack) -> None:
    allow_everything(kms.Key.from_key_arn(stack, "Imported", KEY_ARN), stack)
    found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    warnings = [str(message.entry.data) for message in found]
    assert len(warnings) == 4
    for service in ("logs.eu-central-1.", "cloudwatch.", "events.", "delivery.logs."):
        (warning,) = (w for w in warnings if f'"{service}' in w)
        assert "The imported key stack/Imported must carry this statement" in warning
        assert "Add it to the key's policy, then acknowledge this warning" in warning


def test_an_imported_key_gets_each_warning_once(stack: cdk.Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Imported", KEY_ARN)
    allow_everything(key, stack)
    keys.allow_alarms(key, cdk.Stack(stack, "other"))
    assert len(assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())) == 4


def test_a_key_that_was_made_gets_no_warning(stack: cdk.Stack) -> None:
    allow_everything(new_key(stack), stack)
    assert not assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())


def test_two_keys_stand_in_one_stack(stack: cdk.Stack) -> None:
    for name in ("One", "Two"):
        allow_everything(DataKey(stack, name, description=name), stack)
    made = resources_of(template_of(stack), "AWS::KMS::Key")
    assert [len(key["Properties"]["KeyPolicy"]["Statement"]) for key in made.values()] == [5, 5]


def test_a_statement_without_an_id_is_added_too(stack: cdk.Stack) -> None:
    statement = iam.PolicyStatement(
        principals=[iam.AccountRootPrincipal()], actions=["kms:DescribeKey"], resources=["*"]
    )
    keys.add_statement(new_key(stack), stack, statement)
    assert len(statements_of(stack)) == 2
