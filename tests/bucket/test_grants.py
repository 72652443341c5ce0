"""Grants stop at the prefix, use the key through S3 only, and stand in the grantee's own policy."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from secure_backend.encrypted_bucket import EncryptedBucket
from tests.bucket.cases import new_role, policy_in
from tests.conftest import NewStack, resources_of, template_of
from tests.test_keys import REGIONS, flat


def granted(stack: cdk.Stack) -> dict[str, dict[str, Any]]:
    """Return the statements of the stack's one identity policy by their first action."""
    (policy,) = resources_of(template_of(stack), "AWS::IAM::Policy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    return {s["Action"][0] if isinstance(s["Action"], list) else s["Action"]: s for s in statements}


def test_reading_is_limited_to_the_prefix_and_to_the_key_through_s3(stack: cdk.Stack) -> None:
    bucket = EncryptedBucket(stack, "Documents")
    bucket.grant_read(new_role(stack), prefix="incoming/")
    arn = stack.resolve(bucket.bucket.bucket_arn)
    below = stack.resolve(bucket.bucket.arn_for_objects("incoming/*"))
    statements = granted(stack)
    assert set(statements) == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}
    assert statements["s3:ListBucket"]["Action"] == ["s3:ListBucket", "s3:ListBucketVersions"]
    assert statements["s3:GetObject"]["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert statements["s3:GetObject"]["Resource"] == below
    assert statements["s3:ListBucket"]["Resource"] == arn
    assert statements["s3:ListBucket"]["Condition"] == {"StringLike": {"s3:prefix": "incoming/*"}}
    assert statements["kms:Decrypt"]["Resource"] == stack.resolve(bucket.key.key_arn)
    assert statements["kms:Decrypt"]["Condition"]["StringLike"] == {"kms:EncryptionContext:aws:s3:arn": [arn, below]}


@pytest.mark.parametrize("region", REGIONS)
def test_the_key_is_granted_through_s3_of_this_region_and_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    EncryptedBucket(stack, "Documents").grant_read(new_role(stack), prefix="incoming/")
    condition = flat(granted(stack)["kms:Decrypt"]["Condition"]["StringEquals"])
    suffix = REGIONS[region][1]
    assert condition["kms:ViaService"].replace("${AWS::URLSuffix}", suffix) == f"s3.{region}.{suffix}"


def test_writing_is_limited_to_the_prefix_and_can_neither_read_nor_list_nor_delete(stack: cdk.Stack) -> None:
    bucket = EncryptedBucket(stack, "Documents")
    bucket.grant_write(new_role(stack), prefix="incoming/")
    statements = granted(stack)
    assert {frozenset(s["Action"]) for s in statements.values()} == {
        frozenset({"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}),
        frozenset({"kms:Decrypt", "kms:GenerateDataKey"}),
    }
    objects = next(s for s in statements.values() if "s3:PutObject" in s["Action"])
    assert objects["Resource"] == stack.resolve(bucket.bucket.arn_for_objects("incoming/*"))


def test_deleting_leaves_a_marker_and_never_touches_a_version(stack: cdk.Stack) -> None:
    bucket = EncryptedBucket(stack, "Documents")
    bucket.grant_delete(new_role(stack), prefix="incoming/")
    (statement,) = granted(stack).values()
    assert statement["Action"] == "s3:DeleteObject"
    assert statement["Resource"] == stack.resolve(bucket.bucket.arn_for_objects("incoming/*"))


def test_no_grant_gives_version_deletion_bypass_tagging_or_the_policy(stack: cdk.Stack) -> None:
    bucket, role = EncryptedBucket(stack, "Documents"), new_role(stack)
    for grant in (bucket.grant_read, bucket.grant_write, bucket.grant_delete):
        grant(role, prefix="incoming/")
    actions = {
        action
        for s in granted(stack).values()
        for action in (s["Action"] if isinstance(s["Action"], list) else [s["Action"]])
    }
    assert actions == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
        "s3:DeleteObject",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }


def test_who_knows_the_keys_needs_no_list_of_names(stack: cdk.Stack) -> None:
    EncryptedBucket(stack, "Documents").grant_read(new_role(stack), prefix="incoming/", list_names=False)
    assert set(granted(stack)) == {"s3:GetObject", "kms:Decrypt"}


def test_reading_may_wait_for_guarddutys_verdict(stack: cdk.Stack) -> None:
    bucket = EncryptedBucket(stack, "Documents", malware_protection=True)
    bucket.grant_read(new_role(stack), prefix="incoming/", clean_only=True)
    assert granted(stack)["s3:GetObject"]["Condition"] == {
        "StringEquals": {"s3:ExistingObjectTag/GuardDutyMalwareScanStatus": "NO_THREATS_FOUND"}
    }


def test_the_grantee_may_stand_in_another_stack_and_no_policy_of_the_bucket_or_key_names_it(
    new_stack: NewStack,
) -> None:
    data, api = new_stack("data"), new_stack("api")
    bucket = EncryptedBucket(data, "Documents")
    for number, grant in enumerate((bucket.grant_read, bucket.grant_write, bucket.grant_delete)):
        grant(new_role(api, f"Role{number}"), prefix="incoming/")
    assert "Fn::ImportValue" in str(template_of(api))
    assert "Fn::ImportValue" not in str(template_of(data))
    assert "Role" not in str(policy_in(template_of(data)))


@pytest.mark.parametrize("prefix", ["incoming/", "a/b/c/", "tenant=1/", "Ünïcode/"])
def test_a_prefix_that_ends_in_a_slash_is_taken(stack: cdk.Stack, prefix: str) -> None:
    EncryptedBucket(stack, "Documents").grant_delete(new_role(stack), prefix=prefix)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "/",
        "*",
        "incoming",
        "incoming/*",
        "/incoming/",
        "in?/",
        "${aws:name}/",
        "a//",
        "a/\n",
        5,
        cdk.Aws.STACK_NAME,
    ],
)
def test_a_prefix_that_is_empty_open_or_a_pattern_is_refused_with_what_to_do(stack: cdk.Stack, prefix: Any) -> None:
    bucket, role = EncryptedBucket(stack, "Documents"), new_role(stack)
    for grant in (bucket.grant_read, bucket.grant_write, bucket.grant_delete):
        with pytest.raises(ValueError, match=r"EncryptedBucket\.prefix: got") as raised:
            grant(role, prefix=prefix)
        assert 'pass for example "incoming/"; for the whole bucket use the grants of .bucket' in str(raised.value)


@pytest.mark.parametrize("grantee", ["arn:aws:iam::111122223333:role/it", None])
def test_text_for_the_grantee_gets_our_message(stack: cdk.Stack, grantee: Any) -> None:
    with pytest.raises(ValueError, match=r"EncryptedBucket\.grantee: got .*; expected an identity with a policy of"):
        EncryptedBucket(stack, "Documents").grant_read(grantee, prefix="incoming/")


def test_a_grantee_without_a_policy_of_its_own_is_refused_because_nothing_would_be_granted(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="pass a role, a user or a function of this account"):
        EncryptedBucket(stack, "Documents").grant_read(
            iam.ServicePrincipal("delivery.logs.amazonaws.com"), prefix="incoming/"
        )


def test_waiting_for_a_verdict_that_never_comes_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="build the bucket with malware_protection=True"):
        EncryptedBucket(stack, "Documents").grant_read(new_role(stack), prefix="incoming/", clean_only=True)
