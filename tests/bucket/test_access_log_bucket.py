"""Access logs reach their target whatever the app's flags, and nobody else writes there."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_s3 as s3

from secure_backend import AccessLogBucket, EncryptedBucket, ObjectLock
from tests.bucket.cases import Template, bucket_in, build, only, policy_in
from tests.conftest import FLAGS, NewStack, resources_of, template_of


@pytest.fixture(scope="module")
def defaults() -> Template:
    return build()


def log_statement(template: Template, part: str) -> dict[str, Any]:
    (statement,) = (s for s in policy_in(template, part) if s["Effect"] == "Allow")
    return statement


def test_every_request_is_logged_to_the_target_below_a_prefix_of_the_buckets_own(defaults: Template) -> None:
    (target,) = (name for name in resources_of(defaults, "AWS::S3::Bucket") if "AccessLogs" in name)
    logging = bucket_in(defaults)["LoggingConfiguration"]
    assert logging["DestinationBucketName"] == {"Ref": target}
    assert logging["LogFilePrefix"].startswith("stack-Documents-")
    assert logging["LogFilePrefix"].endswith("/")


def test_log_delivery_may_write_there_for_this_bucket_and_account_only(defaults: Template) -> None:
    (source,) = (name for name in resources_of(defaults, "AWS::S3::Bucket") if "DocumentsBucket" in name)
    statement = log_statement(defaults, "AccessLogsPolicy")
    assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert statement["Action"] == "s3:PutObject"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": {"Fn::GetAtt": [source, "Arn"]}},
    }
    prefix = bucket_in(defaults)["LoggingConfiguration"]["LogFilePrefix"]
    assert statement["Resource"]["Fn::Join"][1][1] == f"/{prefix}*"


def test_the_log_target_uses_keys_of_s3_without_object_lock_and_does_not_log_itself(defaults: Template) -> None:
    target = only(defaults, "AWS::S3::Bucket", "AccessLogs")["Properties"]
    assert target["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {
            "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        }
    ]
    assert not {"ObjectLockEnabled", "ObjectLockConfiguration", "LoggingConfiguration"} & set(target)


def test_the_log_target_refuses_plain_http_and_old_tls_and_keeps_logs_for_a_year(defaults: Template) -> None:
    refusals = [s["Condition"] for s in policy_in(defaults, "AccessLogsPolicy") if s["Effect"] == "Deny"]
    assert refusals == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ]
    (rule,) = only(defaults, "AWS::S3::Bucket", "AccessLogs")["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 365
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {flag: False for flag in FLAGS if "aws-s3" in flag},
        {flag: True for flag in FLAGS if "aws-s3" in flag},
    ],
    ids=["no flags", "S3 flags off", "S3 flags on"],
)
def test_no_acl_is_set_and_delivery_is_let_in_by_the_policy_whatever_the_apps_flags(flags: dict[str, bool]) -> None:
    app = cdk.App(context=flags, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack")
    EncryptedBucket(stack, "Documents")
    template = template_of(stack)
    assert "AccessControl" not in str(template)
    assert log_statement(template, "AccessLogsPolicy")["Principal"] == {"Service": "logging.s3.amazonaws.com"}


def test_the_attribute_is_the_target_really_used_in_every_branch(stack: cdk.Stack) -> None:
    own = AccessLogBucket(stack, "Logs")
    imported = s3.Bucket.from_bucket_name(stack, "Imported", "somebody-elses-logs")
    made = {
        "Made": EncryptedBucket(stack, "Made"),
        "Locked": EncryptedBucket(stack, "Locked", object_lock=ObjectLock(days=1)),
        "Given": EncryptedBucket(stack, "Given", access_logs=own),
        "GivenImported": EncryptedBucket(stack, "GivenImported", access_logs=imported),
    }
    assert made["Given"].access_logs is own
    assert made["GivenImported"].access_logs is imported
    template = template_of(stack)
    for name, bucket in made.items():
        properties = only(template, "AWS::S3::Bucket", f"{name}Bucket")["Properties"]
        used = properties["LoggingConfiguration"]["DestinationBucketName"]
        assert used == stack.resolve(bucket.access_logs.bucket_name), name


def test_two_buckets_share_the_callers_target_each_below_a_prefix_of_its_own(stack: cdk.Stack) -> None:
    logs = AccessLogBucket(stack, "Logs")
    for name in ("One", "Two"):
        EncryptedBucket(stack, name, access_logs=logs)
    template = template_of(stack)
    allowed = [s for s in policy_in(template, "LogsPolicy") if s["Effect"] == "Allow"]
    assert len({s["Sid"] for s in allowed}) == len({str(s["Resource"]) for s in allowed}) == 2
    assert len(resources_of(template, "AWS::S3::Bucket")) == 3


def test_the_target_may_stand_in_another_stack_without_a_cycle_bound_to_the_account(new_stack: NewStack) -> None:
    logging, data = new_stack("logging"), new_stack("data")
    logs = AccessLogBucket(logging, "Logs")
    EncryptedBucket(data, "Documents", access_logs=logs)
    assert "Fn::ImportValue" in str(template_of(data))
    assert "Fn::ImportValue" not in str(template_of(logging))
    assert log_statement(template_of(logging), "LogsPolicy")["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_an_imported_target_gets_a_warning_with_the_statement_that_its_owner_must_add(stack: cdk.Stack) -> None:
    EncryptedBucket(stack, "Documents", access_logs=s3.Bucket.from_bucket_name(stack, "Imported", "somebody-elses"))
    assertions.Annotations.from_stack(stack).has_warning(
        "*", assertions.Match.string_like_regexp("imported bucket stack/Imported must carry.*logging.s3.amazonaws.com")
    )
