"""Bad inputs of buckets are refused, all at once, each with what to do."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from secure_backend import AccessLogBucket, EncryptedBucket, ObjectLock
from tests.bucket.cases import bucket_in
from tests.conftest import resources_of, template_of
from tests.test_keys import KEY_ARN


def problems_of(stack: cdk.Stack, **properties: Any) -> list[str]:
    with pytest.raises(ValueError, match="cannot be built") as raised:
        EncryptedBucket(stack, "Documents", **properties)
    return [line.strip() for line in str(raised.value).splitlines()[1:]]


days = cdk.Duration.days


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"object_lock": ObjectLock(days=0)}, "object_lock.days: got 0; expected 1 to 36500; pass how long"),
        ({"object_lock": ObjectLock(days=-1)}, "object_lock.days: got -1; expected 1 to 36500"),
        ({"object_lock": 30}, "object_lock: got 30; expected an ObjectLock; pass for example ObjectLock(days=365)"),
        (
            {"object_lock": ObjectLock(mode="compliance", days=30)},
            "object_lock.confirm_compliance: got False; expected True in compliance mode; pass confirm_compliance=True",
        ),
        (
            {"object_lock": ObjectLock(mode="legal", days=30)},  # type: ignore[arg-type]
            "object_lock.mode: got 'legal'; expected one of governance, compliance",
        ),
        (
            {"object_lock": ObjectLock(days=30), "expiration": days(29)},
            "expiration: got 29 days; expected at least the 30 days of the lock; let objects expire after the lock",
        ),
        (
            {"object_lock": ObjectLock(days=30), "removal_policy": cdk.RemovalPolicy.DESTROY},
            "removal_policy: got DESTROY; expected a bucket that is kept while its versions are locked",
        ),
        ({"removal_policy": cdk.RemovalPolicy.SNAPSHOT}, "removal_policy: got SNAPSHOT; expected one of RETAIN_ON"),
        ({"noncurrent_version_expiration": 90}, "noncurrent_version_expiration: got 90; expected a Duration of 1 to"),
        ({"noncurrent_version_expiration": days(0)}, "noncurrent_version_expiration: got 0 days; expected a Duration"),
        ({"abort_incomplete_uploads": days(366)}, "abort_incomplete_uploads: got 366 days; expected a Duration of 1"),
        ({"expiration": days(0)}, "expiration: got 0 days; expected a Duration of 1 to 36500 days; leave it out"),
        ({"access_log_retention": days(4000)}, "access_log_retention: got 4000 days; expected a Duration of 1 to 3650"),
        ({"event_bridge": "false"}, "event_bridge: got 'false'; expected True or False; pass a bool"),
        ({"malware_protection": 1}, "malware_protection: got 1; expected True or False; pass a bool"),
        ({"key": "alias/documents"}, "key: got 'alias/documents'; expected a Key object; pass the key object"),
        ({"access_logs": "logs"}, "access_logs: got 'logs'; expected a Bucket object; pass an AccessLogBucket"),
        ({"cors": "*"}, "cors: got '*'; expected a list of s3.CorsRule"),
        ({"cors": ["*"]}, "cors: got '*'; expected an s3.CorsRule"),
        ({"bucket_name": "Documents"}, "bucket_name: got 'Documents'; expected 3 to 63 lowercase letters, digits and"),
        ({"bucket_name": "x" * 64}, "expected 3 to 63 lowercase letters, digits and hyphens, the ends no hyphen"),
        ({"bucket_name": "ab"}, "bucket_name: got 'ab'; expected 3 to 63 lowercase letters"),
        ({"bucket_name": "-documents"}, "bucket_name: got '-documents'; expected 3 to 63 lowercase letters"),
        ({"bucket_name": "192.168.5.4"}, "bucket_name: got '192.168.5.4'; expected a name, not an IP address"),
        ({"bucket_name": "my.documents"}, "bucket_name: got 'my.documents'; expected a name without dots"),
        ({"bucket_name": "xn--documents"}, "bucket_name: got 'xn--documents'; expected a name that S3 does not"),
        ({"bucket_name": "documents-s3alias"}, "expected a name that S3 does not reserve; leave it out for a name"),
        ({"bucket_name": cdk.Aws.STACK_NAME}, "bucket_name: got a token (a value known only at deployment)"),
    ],
)
def test_a_bad_input_is_refused_with_what_to_do(stack: cdk.Stack, properties: dict[str, Any], problem: str) -> None:
    assert [line for line in problems_of(stack, **properties) if problem in line]


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example.com", "http://app.example.com", "app.example.com", "https://app.example.com/"]
)
def test_an_open_or_plain_origin_is_refused(stack: cdk.Stack, origin: str) -> None:
    rule = s3.CorsRule(allowed_methods=[s3.HttpMethods.POST], allowed_origins=[origin])
    assert problems_of(stack, cors=[rule]) == [
        f"EncryptedBucket.cors: got '{origin}'; expected an https origin without a wildcard; "
        "pass one such as https://app.example.com, without path and slash"
    ]


def test_all_problems_are_told_at_once(stack: cdk.Stack) -> None:
    problems = problems_of(
        stack,
        key="k",
        access_logs="l",
        noncurrent_version_expiration=days(0),
        event_bridge="no",
        object_lock=ObjectLock(mode="compliance", days=0),
        bucket_name="UPPER",
    )
    assert [problem.split(":")[0].removeprefix("EncryptedBucket.") for problem in problems] == [
        "noncurrent_version_expiration",
        "event_bridge",
        "key",
        "bucket_name",
        "access_logs",
        "object_lock.days",
        "object_lock.confirm_compliance",
    ]


def test_an_alias_is_refused_because_policies_compare_the_keys_arn(stack: cdk.Stack) -> None:
    (problem,) = problems_of(stack, key=kms.Alias.from_alias_name(stack, "Alias", "alias/documents"))
    assert "key: got the construct stack/Alias; expected a key, not an alias of one" in problem


def test_an_imported_key_is_taken(stack: cdk.Stack) -> None:
    EncryptedBucket(stack, "Documents", key=kms.Key.from_key_arn(stack, "Imported", KEY_ARN))
    template = template_of(stack)
    assert not resources_of(template, "AWS::KMS::Key")
    (configuration,) = bucket_in(template)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert configuration["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY_ARN


def test_a_log_target_that_delivery_cannot_use_is_refused(stack: cdk.Stack) -> None:
    encrypted = s3.Bucket(stack, "Kms", encryption=s3.BucketEncryption.KMS)
    locked = s3.Bucket(stack, "Locked", object_lock_enabled=True)
    (first,) = problems_of(stack, access_logs=encrypted)
    assert "access_logs: got the construct stack/Kms; expected a bucket encrypted by S3's own keys" in first
    stack.node.try_remove_child("Documents")
    (second,) = problems_of(stack, access_logs=locked)
    assert "access_logs: got the construct stack/Locked; expected a bucket without Object Lock" in second


def test_a_bucket_that_would_log_to_itself_is_refused(stack: cdk.Stack) -> None:
    itself = s3.Bucket.from_bucket_name(stack, "Itself", "documents-111122223333")
    (problem,) = problems_of(stack, bucket_name="documents-111122223333", access_logs=itself)
    assert "expected another bucket: one that logs to itself never stops" in problem


def test_a_retention_for_a_target_that_is_not_made_here_is_refused(stack: cdk.Stack) -> None:
    (problem,) = problems_of(stack, access_logs=AccessLogBucket(stack, "Logs"), access_log_retention=days(30))
    assert "access_log_retention: got 30 days; expected nothing beside access_logs; set the retention on" in problem


def test_a_log_target_tells_its_own_problems(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="AccessLogBucket 'Logs' cannot be built, 2 problems") as raised:
        AccessLogBucket(stack, "Logs", retention=days(0), removal_policy=cdk.RemovalPolicy.SNAPSHOT)
    assert "AccessLogBucket.retention: got 0 days; expected a Duration of 1 to 3650 days" in str(raised.value)
