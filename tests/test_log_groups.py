"""Log groups are encrypted, kept for a bounded time, protected, and named in the key's policy as text."""

import fnmatch
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from syrupy.assertion import SnapshotAssertion

from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.validation import InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of
from tests.test_keys import KEY_ARN, REGIONS, flat, new_key

CONTEXT = "kms:EncryptionContext:aws:logs:arn"


def group_of(stack: cdk.Stack) -> dict[str, Any]:
    (group,) = resources_of(template_of(stack), "AWS::Logs::LogGroup").values()
    return group


def patterns_of(stack: cdk.Stack) -> list[str]:
    """Return the log groups' names that the stack's key may be used for."""
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    arns = [
        flat(statement["Condition"]["ArnLike"][CONTEXT])
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if CONTEXT in str(statement.get("Condition"))
    ]
    return [arn.split(":log-group:")[1] for arn in arns]


def problems_of(stack: cdk.Stack, **properties: Any) -> str:
    with pytest.raises(InvalidPropertiesError) as raised:
        EncryptedLogGroup(stack, "Group", **{"key": new_key(stack), **properties})
    return str(raised.value)


def test_a_group_at_its_defaults_matches_its_snapshot(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    EncryptedLogGroup(stack, "Group", key=new_key(stack))
    assert template_of(stack) == template_snapshot(name="defaults")


def test_a_group_is_encrypted_by_the_key(stack: cdk.Stack) -> None:
    EncryptedLogGroup(stack, "Group", key=new_key(stack))
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key")
    assert group_of(stack)["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


@pytest.mark.parametrize(
    ("retention", "days"),
    [(None, 365), (logs.RetentionDays.ONE_WEEK, 7), (logs.RetentionDays.TEN_YEARS, 3653)],
)
def test_events_are_kept_for_a_year_or_as_long_as_asked(
    stack: cdk.Stack, retention: logs.RetentionDays | None, days: int
) -> None:
    properties: dict[str, Any] = {} if retention is None else {"retention": retention}
    EncryptedLogGroup(stack, "Group", key=new_key(stack), **properties)
    assert group_of(stack)["Properties"]["RetentionInDays"] == days


def test_a_group_is_protected_against_deletion_and_kept(stack: cdk.Stack) -> None:
    EncryptedLogGroup(stack, "Group", key=new_key(stack))
    group = group_of(stack)
    assert group["Properties"]["DeletionProtectionEnabled"] is True
    assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_retention_is_the_groups_own_property_without_a_helper_function(stack: cdk.Stack) -> None:
    EncryptedLogGroup(stack, "Group", key=new_key(stack))
    types = {resource["Type"] for resource in template_of(stack)["Resources"].values()}
    assert types == {"AWS::KMS::Key", "AWS::Logs::LogGroup"}


def test_a_group_has_no_fixed_name_unless_asked_and_the_key_allows_what_cloudformation_will_name_it(
    new_stack: NewStack,
) -> None:
    stack = new_stack("data-prod")
    EncryptedLogGroup(stack, "Group", key=new_key(stack))
    assert "LogGroupName" not in group_of(stack)["Properties"]
    (pattern,) = patterns_of(stack)
    assert fnmatch.fnmatchcase("data-prod-Group0123ABCD-a1B2c3D4e5F6", pattern)
    assert not fnmatch.fnmatchcase("data-dev-Group0123ABCD-a1B2c3D4e5F6", pattern)


def test_the_key_allows_a_fixed_name_and_nothing_else(stack: cdk.Stack) -> None:
    EncryptedLogGroup(stack, "Group", key=new_key(stack), name="/aws/rds/instance/documents/postgresql")
    assert group_of(stack)["Properties"]["LogGroupName"] == "/aws/rds/instance/documents/postgresql"
    assert patterns_of(stack) == ["/aws/rds/instance/documents/postgresql"]


def test_a_name_with_a_token_is_allowed_by_its_pattern(stack: cdk.Stack) -> None:
    EncryptedLogGroup(
        stack,
        "Group",
        key=new_key(stack),
        name=f"API-Gateway-Execution-Logs_{cdk.Token.as_string({'Ref': 'Api'})}/prod",
        name_pattern="API-Gateway-Execution-Logs_*/prod",
    )
    assert patterns_of(stack) == ["API-Gateway-Execution-Logs_*/prod"]


def test_groups_with_generated_names_share_one_statement_of_the_key(stack: cdk.Stack) -> None:
    key = new_key(stack)
    for name in ("One", "Two"):
        EncryptedLogGroup(stack, name, key=key)
    assert patterns_of(stack) == ["stack-*"]
    assert len(resources_of(template_of(stack), "AWS::Logs::LogGroup")) == 2


def test_a_group_may_use_the_key_of_another_stack_without_a_cycle(new_stack: NewStack) -> None:
    storing, using = new_stack("storing"), new_stack("using")
    EncryptedLogGroup(using, "Group", key=new_key(storing))
    assert patterns_of(storing) == ["using-*"]
    assert "Fn::ImportValue" in str(group_of(using))
    assert "Fn::ImportValue" not in str(template_of(storing))


@pytest.mark.parametrize("region", REGIONS)
def test_the_condition_names_this_partition_region_and_account(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    EncryptedLogGroup(stack, "Group", key=new_key(stack))
    (key,) = resources_of(template_of(stack), "AWS::KMS::Key").values()
    statement = key["Properties"]["KeyPolicy"]["Statement"][1]
    assert flat(statement["Condition"]) == {
        "ArnLike": {CONTEXT: f"arn:{REGIONS[region][0]}:logs:{region}:${{AWS::AccountId}}:log-group:stack-*"}
    }


def test_an_imported_key_gets_a_warning_with_the_statement_it_needs(stack: cdk.Stack) -> None:
    EncryptedLogGroup(stack, "Group", key=kms.Key.from_key_arn(stack, "Imported", KEY_ARN))
    assertions.Annotations.from_stack(stack).has_warning(
        "/stack/Group", assertions.Match.string_like_regexp("imported key stack/Imported must carry.*log-group:stack-")
    )


def test_text_for_the_key_and_a_wrong_retention_are_told_together(stack: cdk.Stack) -> None:
    assert problems_of(stack, key="alias/logs", retention=logs.RetentionDays.INFINITE).splitlines() == [
        "EncryptedLogGroup 'Group' cannot be built, 2 problems:",
        "  EncryptedLogGroup.key: got 'alias/logs'; expected a Key object; pass the key object",
        "  EncryptedLogGroup.retention: got INFINITE; expected a bounded aws_logs.RetentionDays; "
        "pass for example aws_logs.RetentionDays.ONE_YEAR",
    ]


@pytest.mark.parametrize("retention", [365, "ONE_YEAR", None])
def test_a_retention_that_logs_does_not_offer_is_refused(stack: cdk.Stack, retention: object) -> None:
    assert "EncryptedLogGroup.retention: got" in problems_of(stack, retention=retention)


@pytest.mark.parametrize("name", ["", "with space", "/app/*", "x" * 513, "/app/ü"])
def test_a_name_that_logs_refuses_is_refused(stack: cdk.Stack, name: str) -> None:
    assert "expected 1 to 512 letters, digits and _ / . # -; leave it out for a name" in problems_of(stack, name=name)


def test_a_name_with_a_token_needs_a_pattern(stack: cdk.Stack) -> None:
    problems = problems_of(stack, name=cdk.Token.as_string({"Ref": "Name"}))
    assert "EncryptedLogGroup.name_pattern: got None; expected a pattern beside a name that holds a token" in problems


@pytest.mark.parametrize("pattern", ["*", "a*", "", "/*", "*/logs"])
def test_a_pattern_that_would_open_the_key_to_other_groups_is_refused(stack: cdk.Stack, pattern: str) -> None:
    problems = problems_of(stack, name=cdk.Token.as_string({"Ref": "Name"}), name_pattern=pattern)
    assert "expected 3 fixed characters or more before the first *; pass the name's fixed part and *" in problems


def test_a_pattern_that_does_not_match_the_name_is_refused(stack: cdk.Stack) -> None:
    problems = problems_of(stack, name="/app/documents", name_pattern="/app/invoices*")
    assert "expected a pattern that matches /app/documents" in problems


def test_a_key_made_for_logs_may_be_any_data_key(stack: cdk.Stack) -> None:
    EncryptedLogGroup(stack, "Group", key=DataKey(stack, "Logs", description="Logs"))
    assert patterns_of(stack) == ["stack-*"]
