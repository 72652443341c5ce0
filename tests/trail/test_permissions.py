"""AuditTrail: what CloudTrail and nobody else may do, what it would otherwise answer, and what outlives the stack."""

import json
import re

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secure_backend.audit_trail import AuditTrail
from secure_backend.bucket.properties import ObjectLock
from secure_backend.trail.permissions import trail_name
from tests.conftest import FLAGS, NewStack, resources_of, template_of
from tests.trail.cases import (
    ACCOUNT,
    CLOUDTRAIL,
    Template,
    actions_of,
    bucket_policy,
    bucket_statements,
    key_statements,
    only,
    part_of_trail,
    synthesized,
    text_of,
    trail_of,
)


@pytest.fixture(scope="module")
def template() -> Template:
    return synthesized(lambda stack: AuditTrail(stack, "Trail", alarms_to="security@example.com"))


def test_cloudtrail_may_use_the_key_for_this_trail_only(template: Template) -> None:
    arn = f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:trail/{trail_of(template)['TrailName']}"
    own = [statement for statement in key_statements(template) if statement["Principal"] == CLOUDTRAIL]
    assert [(actions_of(statement), statement["Condition"]) for statement in own] == [
        (
            ["kms:GenerateDataKey*"],
            {
                "StringEquals": {"aws:SourceArn": arn},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"},
            },
        ),
        (["kms:Decrypt", "kms:DescribeKey"], {"StringEquals": {"aws:SourceArn": arn}}),
    ]


def test_the_key_stays_administered_by_the_account_and_lets_nobody_else_in(template: Template) -> None:
    key = part_of_trail(template, "KMSKeyId")[1]["Properties"]
    root, *others = key_statements(template)
    assert root["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert root["Action"] == "kms:*"
    assert all(set(statement["Principal"]) == {"Service"} and statement["Condition"] for statement in others)
    assert key["EnableKeyRotation"] is True
    assert "BypassPolicyLockoutSafetyCheck" not in key


def test_the_key_names_trail_and_log_group_as_text_so_that_they_do_not_wait_for_each_other(template: Template) -> None:
    key_id, key = part_of_trail(template, "KMSKeyId")
    policy = json.dumps(key)
    assert "Fn::GetAtt" not in policy
    assert "DependsOn" not in key
    group = only(template, "AWS::Logs::LogGroup")
    assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert "LogGroupName" not in group["Properties"]  # CloudFormation's name starts with the stack's
    (allowed,) = [
        statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        for statement in key_statements(template)
        if "kms:EncryptionContext:aws:logs:arn" in statement.get("Condition", {}).get("ArnLike", {})
    ]
    assert allowed == f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:audit-*"


def test_cloudtrail_may_deliver_this_trail_s_files_to_their_one_path(template: Template) -> None:
    bucket_id, _ = part_of_trail(template, "S3BucketName")
    trail = trail_of(template)
    arn = f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:trail/{trail['TrailName']}"
    assert "S3KeyPrefix" not in trail
    own = [statement for statement in bucket_statements(template) if statement["Principal"] == CLOUDTRAIL]
    assert [
        (statement["Effect"], statement["Action"], text_of(statement["Resource"]), statement["Condition"])
        for statement in own
    ] == [
        ("Allow", "s3:GetBucketAcl", f"<{bucket_id}.Arn>", {"StringEquals": {"aws:SourceArn": arn}}),
        (
            "Allow",
            "s3:PutObject",
            f"<{bucket_id}.Arn>/AWSLogs/{ACCOUNT}/*",
            {"StringEquals": {"aws:SourceArn": arn, "s3:x-amz-acl": "bucket-owner-full-control"}},
        ),
    ]


def test_no_refusal_of_the_bucket_hits_cloudtrail_s_own_writes(template: Template) -> None:
    refusals = [
        statement
        for statement in bucket_statements(template)
        if statement["Effect"] == "Deny" and {"s3:*", "s3:PutObject"} & set(actions_of(statement))
    ]
    assert len(refusals) >= 4
    spared = (
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
        {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
    )
    for statement in refusals:
        condition = statement["Condition"]
        services = condition.get("Bool", {}).get("aws:PrincipalIsAWSService") == "false"
        assert services or condition in spared, statement


def test_nobody_deletes_from_the_bucket_and_everybody_who_deploys_can_still_change_its_policy(
    template: Template,
) -> None:
    bucket_id, _ = part_of_trail(template, "S3BucketName")
    unconditional = [
        (actions_of(statement), text_of(statement["Resource"]), statement["Principal"])
        for statement in bucket_statements(template)
        if statement["Effect"] == "Deny" and "Condition" not in statement
    ]
    assert unconditional == [
        (
            ["s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            f"<{bucket_id}.Arn>/*",
            {"AWS": "*"},
        ),
        (["s3:DeleteBucket"], f"<{bucket_id}.Arn>", {"AWS": "*"}),
    ]
    conditional = [
        statement
        for statement in bucket_statements(template)
        if statement["Effect"] == "Deny" and "s3:*" in actions_of(statement)
    ]
    assert all(
        statement["Condition"]
        in ({"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": 1.2}})
        for statement in conditional
    )


def test_each_file_is_locked_for_a_year_in_governance_mode_by_default(template: Template) -> None:
    bucket = part_of_trail(template, "S3BucketName")[1]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Days": 365, "Mode": "GOVERNANCE"}},
    }
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule


def test_compliance_mode_once_confirmed_and_an_expiration_after_the_lock_reach_the_bucket() -> None:
    lock = ObjectLock(mode="compliance", days=30, confirm_compliance=True)
    template = synthesized(
        lambda stack: AuditTrail(
            stack, "Trail", alarms_to="security@example.com", object_lock=lock, expiration=cdk.Duration.days(30)
        )
    )
    bucket = part_of_trail(template, "S3BucketName")[1]["Properties"]
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Days": 30, "Mode": "COMPLIANCE"}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30


def test_the_bucket_is_private_logged_and_encrypted_by_the_trail_s_key(template: Template) -> None:
    key_id, _ = part_of_trail(template, "KMSKeyId")
    bucket_id, bucket = part_of_trail(template, "S3BucketName")
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    target = bucket["Properties"]["LoggingConfiguration"]["DestinationBucketName"]["Ref"]
    assert target != bucket_id
    assert "ObjectLockEnabled" not in template["Resources"][target]["Properties"]
    (encryption,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {
        "KMSMasterKeyID": {"Fn::GetAtt": [key_id, "Arn"]},
        "SSEAlgorithm": "aws:kms",
    }


def test_bucket_policy_and_role_are_complete_before_the_trail_is_made(template: Template) -> None:
    policy_id, _ = bucket_policy(template)
    role_id, role = part_of_trail(template, "CloudWatchLogsRoleArn")
    depends_on = only(template, "AWS::CloudTrail::Trail")["DependsOn"]
    assert policy_id in depends_on
    assert role_id in depends_on
    ((managed_id, _),) = resources_of(template, "AWS::IAM::ManagedPolicy").items()
    assert role["Properties"]["ManagedPolicyArns"] == [{"Ref": managed_id}]
    assert managed_id in depends_on
    assert resources_of(template, "AWS::IAM::Policy") == {}


def test_cloudtrail_writes_to_its_own_streams_of_the_log_group(template: Template) -> None:
    group_id, _ = part_of_trail(template, "CloudWatchLogsLogGroupArn")
    # The attribute ends in ":*", which CloudTrail insists on.
    assert trail_of(template)["CloudWatchLogsLogGroupArn"] == {"Fn::GetAtt": [group_id, "Arn"]}
    _, role = part_of_trail(template, "CloudWatchLogsRoleArn")
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == CLOUDTRAIL
    (statement,) = only(template, "AWS::IAM::ManagedPolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert text_of(statement["Resource"]) == (
        f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:<{group_id}>:log-stream:{ACCOUNT}_CloudTrail_eu-central-1*"
    )


@pytest.mark.parametrize("property_name", ["S3BucketName", "KMSKeyId", "CloudWatchLogsLogGroupArn"])
def test_what_was_recorded_outlives_the_stack(template: Template, property_name: str) -> None:
    _, resource = part_of_trail(template, property_name)
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_bucket_s_policy_outlives_the_stack_and_the_log_group_is_protected(template: Template) -> None:
    _, policy = bucket_policy(template)
    assert (policy["DeletionPolicy"], policy["UpdateReplacePolicy"]) == ("Retain", "Retain")
    group = only(template, "AWS::Logs::LogGroup")["Properties"]
    assert group["DeletionProtectionEnabled"] is True
    assert group["RetentionInDays"] == 365


def test_without_account_and_region_the_name_in_the_policies_is_still_the_trail_s() -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "audit")
    AuditTrail(stack, "Trail", alarms_to="security@example.com")
    template = template_of(stack)
    name = text_of(trail_of(template)["TrailName"])
    assert name.endswith("-<AWS::Region>")
    arn = f"arn:<AWS::Partition>:cloudtrail:<AWS::Region>:<AWS::AccountId>:trail/{name}"
    own = [statement for statement in key_statements(template) if statement["Principal"] == CLOUDTRAIL]
    assert [text_of(statement["Condition"]["StringEquals"]["aws:SourceArn"]) for statement in own] == [arn, arn]


@example(stack_name="s" * 128, path=["p" * 80, "Trail"])
@settings(max_examples=50, deadline=None)
@given(
    stack_name=st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,127}", fullmatch=True),
    path=st.lists(st.text(min_size=1, max_size=80).filter(lambda text: "/" not in text), min_size=1, max_size=3),
)
def test_a_trail_s_name_is_legal_whatever_the_stack_and_the_construct_are_called(
    stack_name: str, path: list[str]
) -> None:
    scope: Construct = cdk.Stack(cdk.App(), stack_name, env=cdk.Environment(region="ap-southeast-1"))
    for id_ in path:
        scope = Construct(scope, id_)
    name = trail_name(scope)
    assert 3 <= len(name) <= 128
    assert re.fullmatch(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*", name)


def test_an_imported_key_gets_a_warning_with_the_statements_that_its_owner_has_to_add(new_stack: NewStack) -> None:
    stack = new_stack("audit")
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0")
    AuditTrail(stack, "Trail", alarms_to="security@example.com", key=key)
    warnings = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    text = " ".join(str(warning.entry.data) for warning in warnings)
    assert "kms:EncryptionContext:aws:cloudtrail:arn" in text
    assert "kms:DescribeKey" in text
    assert "kms:EncryptionContext:aws:logs:arn" in text


def test_the_log_group_keeps_events_as_long_as_the_caller_says() -> None:
    template = synthesized(
        lambda stack: AuditTrail(
            stack, "Trail", alarms_to="security@example.com", log_retention=logs.RetentionDays.TEN_YEARS
        )
    )
    assert only(template, "AWS::Logs::LogGroup")["Properties"]["RetentionInDays"] == 3653
