"""The bucket's policy, request by request: what would weaken the bucket is refused, and honest requests are not."""

import aws_cdk as cdk
import pytest

from secure_backend.encrypted_bucket import EncryptedBucket
from secure_backend.keys import DataKey
from tests.bucket.cases import OTHER_KEY, OWN_KEY, Template, build, denied_by, policy_in, upload
from tests.conftest import resources_of, template_of


@pytest.fixture(scope="module")
def defaults() -> Template:
    return build()


@pytest.mark.parametrize(
    ("request_", "because"),
    [
        (upload(), "the bucket's default encrypts it"),
        (upload(algorithm="aws:kms", key_id=OWN_KEY), "it names the bucket's key"),
        (upload(service=True, algorithm="aws:kms", key_id=OWN_KEY), "CloudTrail delivers a log file"),
        (upload(service=True, algorithm="AES256"), "CloudTrail delivers a digest"),
        (upload(service=True), "log delivery sends no header"),
        (upload(tls=None), "an AWS service's own call carries no TLS version"),
        (upload(tls="1.3"), "it is newer than asked"),
        (upload(action="s3:PutBucketPolicy"), "the deploying role must be able to change the policy"),
        (upload(action="s3:DeleteBucketPolicy"), "the deploying role must be able to delete the policy"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_honest_request_is_not_refused(defaults: Template, request_: dict[str, str], because: str) -> None:
    assert denied_by(policy_in(defaults), request_) == [], because


@pytest.mark.parametrize(
    ("request_", "refusals"),
    [
        (upload(algorithm="aws:kms", key_id=OTHER_KEY), ["RefuseForeignKeys"]),
        (upload(algorithm="aws:kms", key_id="alias/aws/s3"), ["RefuseForeignKeys"]),
        (upload(key_id=OTHER_KEY), ["RefuseForeignKeys"]),
        (upload(algorithm="aws:kms"), ["RefuseUnnamedKeys"]),
        (upload(algorithm="AES256"), ["RefuseUnnamedKeys", "RefuseOtherAlgorithms"]),
        (upload(algorithm="aws:kms:dsse", key_id=OWN_KEY), ["RefuseOtherAlgorithms"]),
        (upload(customer_algorithm="AES256"), ["RefuseCustomerProvidedKeys"]),
        (upload(service=True, customer_algorithm="AES256"), ["RefuseCustomerProvidedKeys"]),
        (upload(secure=False), [""]),
        (upload(tls="1.1"), [""]),
        (upload(tls="1.1", action="s3:GetObject"), [""]),
        (upload(secure=False, action="s3:GetObject"), [""]),
    ],
    ids=[
        "another key",
        "the AWS-managed key",
        "another key without an algorithm",
        "an algorithm without a key",
        "the keys of S3",
        "two layers",
        "a key of the caller",
        "a key of the caller by a service",
        "plain http",
        "old TLS",
        "old TLS read",
        "plain http read",
    ],
)
def test_a_request_that_would_weaken_the_bucket_is_refused(
    defaults: Template, request_: dict[str, str], refusals: list[str]
) -> None:
    assert denied_by(policy_in(defaults), request_) == refusals


def test_the_policy_refuses_everyone_and_allows_nobody(defaults: Template) -> None:
    for statement in policy_in(defaults):
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == {"AWS": "*"}


def test_whatever_refuses_more_than_uploads_depends_on_transport_alone(defaults: Template) -> None:
    broad = [s for s in policy_in(defaults) if s["Action"] != "s3:PutObject"]
    assert [statement["Condition"] for statement in broad] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ]


def test_the_refusal_of_foreign_keys_names_the_callers_key(stack: cdk.Stack) -> None:
    key = DataKey(stack, "Shared", description="Documents")
    EncryptedBucket(stack, "Documents", key=key)
    template = template_of(stack)
    (shared,) = resources_of(template, "AWS::KMS::Key")
    (statement,) = (s for s in policy_in(template) if s.get("Sid") == "RefuseForeignKeys")
    (named,) = statement["Condition"]["StringNotEquals"].values()
    assert named == {"Fn::GetAtt": [shared, "Arn"]}
