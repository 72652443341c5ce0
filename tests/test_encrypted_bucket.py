"""EncryptedBucket keeps its guarantees in the template, alone, in company and in four regions."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from syrupy.assertion import SnapshotAssertion

from secure_backend.bucket.properties import ObjectLock
from secure_backend.encrypted_bucket import EncryptedBucket
from tests.bucket.cases import Template, bucket_in, build, only
from tests.conftest import NewStack, resources_of, template_of
from tests.test_keys import REGIONS


@pytest.fixture(scope="module")
def defaults() -> Template:
    return build()


def test_a_bucket_at_its_defaults_matches_its_snapshot(
    defaults: Template, template_snapshot: SnapshotAssertion
) -> None:
    assert defaults == template_snapshot(name="defaults")


def test_a_bucket_with_every_option_matches_its_snapshot(template_snapshot: SnapshotAssertion) -> None:
    template = build(
        event_bridge=True,
        object_lock=ObjectLock(days=30),
        expiration=cdk.Duration.days(400),
        cors=[s3.CorsRule(allowed_methods=[s3.HttpMethods.POST], allowed_origins=["https://app.example.com"])],
        malware_protection=True,
    )
    assert template == template_snapshot(name="every-option")


def test_objects_are_encrypted_by_the_key_with_a_bucket_key_and_sse_c_is_blocked(defaults: Template) -> None:
    (key,) = resources_of(defaults, "AWS::KMS::Key")
    assert bucket_in(defaults)["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {
            "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
            "BucketKeyEnabled": True,
            "ServerSideEncryptionByDefault": {
                "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]},
                "SSEAlgorithm": "aws:kms",
            },
        }
    ]


@pytest.mark.parametrize("part", ["DocumentsBucket", "DocumentsAccessLogs"])
def test_bucket_and_log_target_are_closed_to_the_public_owner_enforced_and_versioned(
    defaults: Template, part: str
) -> None:
    properties = only(defaults, "AWS::S3::Bucket", part)["Properties"]
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_old_versions_lone_delete_markers_and_unfinished_uploads_go(defaults: Template) -> None:
    (rule,) = bucket_in(defaults)["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rule["ExpiredObjectDeleteMarker"] is True
    assert "ExpirationInDays" not in rule


def test_the_lifecycle_is_the_callers_when_given() -> None:
    template = build(
        noncurrent_version_expiration=cdk.Duration.days(1),
        abort_incomplete_uploads=cdk.Duration.days(2),
        expiration=cdk.Duration.days(3),
        access_log_retention=cdk.Duration.days(4),
    )
    (rule,) = bucket_in(template)["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert rule["ExpirationInDays"] == 3
    assert "ExpiredObjectDeleteMarker" not in rule  # S3 refuses both in one rule
    logs = only(template, "AWS::S3::Bucket", "AccessLogs")["Properties"]
    assert logs["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 4


def test_everything_that_holds_data_is_kept_but_for_a_failed_first_creation(defaults: Template) -> None:
    kept = {
        name: (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        for name, resource in defaults["Resources"].items()
    }
    assert len(kept) == 5  # key, bucket, log target and a policy for each bucket
    assert set(kept.values()) == {("RetainExceptOnCreate", "Retain")}


def test_giving_up_retention_has_to_be_said() -> None:
    resources = build(removal_policy=cdk.RemovalPolicy.DESTROY)["Resources"].values()
    assert {(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in resources} == {("Delete", "Delete")}


def test_no_name_is_fixed_unless_asked(defaults: Template) -> None:
    assert "BucketName" not in bucket_in(defaults)
    assert bucket_in(build(bucket_name="documents-111122223333"))["BucketName"] == "documents-111122223333"


def test_events_go_to_eventbridge_by_the_native_property_without_a_helper_function(defaults: Template) -> None:
    assert "NotificationConfiguration" not in bucket_in(defaults)
    template = build(event_bridge=True)
    assert bucket_in(template)["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    types = {resource["Type"] for resource in template["Resources"].values()}
    assert types == {"AWS::KMS::Key", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"}


def test_browsers_are_let_in_only_when_asked(defaults: Template) -> None:
    assert "CorsConfiguration" not in bucket_in(defaults)
    rule = s3.CorsRule(
        allowed_methods=[s3.HttpMethods.POST],
        allowed_origins=["https://app.example.com", "http://localhost:8080"],
        max_age=600,
    )
    assert bucket_in(build(cors=[rule]))["CorsConfiguration"]["CorsRules"] == [
        {
            "AllowedMethods": ["POST"],
            "AllowedOrigins": ["https://app.example.com", "http://localhost:8080"],
            "MaxAge": 600,
        }
    ]


@pytest.mark.parametrize(
    ("lock", "rule"),
    [
        (ObjectLock(days=365), {"Mode": "GOVERNANCE", "Days": 365}),
        (ObjectLock(mode="compliance", days=1, confirm_compliance=True), {"Mode": "COMPLIANCE", "Days": 1}),
    ],
)
def test_a_lock_is_enabled_at_creation_on_a_versioned_bucket(lock: ObjectLock, rule: dict[str, object]) -> None:
    bucket = bucket_in(build(object_lock=lock))
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_nothing_is_locked_or_scanned_unless_asked(defaults: Template) -> None:
    assert not {"ObjectLockEnabled", "ObjectLockConfiguration"} & set(bucket_in(defaults))
    assert not resources_of(defaults, "AWS::GuardDuty::MalwareProtectionPlan")


def test_two_buckets_stand_in_one_stack_each_with_a_key_and_a_target(stack: cdk.Stack) -> None:
    one, two = EncryptedBucket(stack, "One"), EncryptedBucket(stack, "Two")
    assert one.key is not two.key
    template = template_of(stack)
    assert len(resources_of(template, "AWS::S3::Bucket")) == 4
    assert len(resources_of(template, "AWS::KMS::Key")) == 2


@pytest.mark.parametrize("region", REGIONS)
def test_a_bucket_names_no_foreign_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    EncryptedBucket(stack, "Documents", event_bridge=True, object_lock=ObjectLock(days=1), malware_protection=True)
    text = str(template_of(stack)).replace('"', "'")
    partitions = {part.split(":")[1] for part in text.split("'") if part.startswith("arn:")}
    assert partitions == {REGIONS[region][0]}


def test_a_long_stack_name_breaks_no_limit(new_stack: NewStack) -> None:
    stack = new_stack("a-stack-with-a-name-of-more-than-forty-characters-in-all")
    EncryptedBucket(stack, "DocumentsOfTheCustomersOfTheWholeCompany", malware_protection=True)
    template = template_of(stack)
    assert not [r for r in template["Resources"].values() if "RoleName" in r.get("Properties", {})]
    (source,) = (
        r["Properties"]
        for r in resources_of(template, "AWS::S3::Bucket").values()
        if "LoggingConfiguration" in r["Properties"]
    )
    assert len(source["LoggingConfiguration"]["LogFilePrefix"]) <= 101
