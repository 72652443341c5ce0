"""The upload form: what a client may put into the bucket with it, and for how long."""

import base64
import datetime
import functools
import json
from typing import Any
from uuid import UUID

import botocore.session  # type: ignore[import-untyped]
import pytest

from services.documents.environment import UploadTarget
from services.documents.models import NewDocument
from services.documents.uploads import UploadForms

KEY = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
ID = UUID("6f1c0000-0000-4000-8000-000000000000")
DOCUMENT = NewDocument(name="report.pdf", type="application/pdf", size=12, sha256="ab" * 32)


@functools.cache
def shared_session() -> Any:
    """One session for all tests: it keeps what it has read of S3's model."""
    return botocore.session.get_session()


def form(region: str = "eu-central-1") -> dict[str, Any]:
    target = UploadTarget(bucket="documents-bucket", key_arn=KEY, region=region)
    return UploadForms(target, shared_session()).form(ID, DOCUMENT)


def policy(made: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(made["fields"]["policy"])))


def test_the_form_is_good_for_one_key_size_type_checksum_and_encryption() -> None:
    made = form()
    checksum = base64.b64encode(bytes.fromhex("ab" * 32)).decode()
    fixed = {
        "key": f"incoming/{ID}",
        "Content-Type": "application/pdf",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": KEY,
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-sha256": checksum,
        "x-amz-security-token": "example-session",
    }
    assert {name: made["fields"][name] for name in fixed} == fixed
    conditions = policy(made)["conditions"]
    for name, value in fixed.items():
        assert {name: value} in conditions
    assert {"bucket": "documents-bucket"} in conditions
    assert ["content-length-range", 12, 12] in conditions
    assert not [condition for condition in conditions if isinstance(condition, list) and condition[0] == "starts-with"]


def test_the_form_ends_after_five_minutes() -> None:
    made = form()
    ends = datetime.datetime.fromisoformat(policy(made)["expiration"].replace("Z", "+00:00"))
    left = (ends - datetime.datetime.now(datetime.UTC)).total_seconds()
    assert 290 < left <= 300
    assert made["expires_in"] == 300


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("eu-central-1", "amazonaws.com"),
        ("us-east-1", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
    ],
)
def test_the_form_goes_to_the_buckets_own_address_in_its_region(region: str, suffix: str) -> None:
    assert form(region)["url"] == f"https://documents-bucket.s3.{region}.{suffix}/"
