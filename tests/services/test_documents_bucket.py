"""What a client may do in the bucket with an address that was signed here, and what is read of an upload."""

import base64
import datetime
import functools
import hashlib
import io
import json
import re
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from botocore.response import StreamingBody  # type: ignore[import-untyped]
from botocore.stub import Stubber  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.documents.documents_bucket import (
    DocumentsBucket,
    StoredVersion,
    VersionGoneError,
    attachment,
    document_of,
)
from services.documents.environment import UploadTarget
from services.documents.models import NewDocument

KEY = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
ID = UUID("6f1c0000-0000-4000-8000-000000000000")
DOCUMENT = NewDocument(name="report.pdf", type="application/pdf", size=12, sha256="ab" * 32)


@functools.cache
def shared_session() -> Any:
    """One session for all tests: it keeps what it has read of S3's model."""
    return botocore.session.get_session()


def form(region: str = "eu-central-1") -> dict[str, Any]:
    target = UploadTarget(bucket="documents-bucket", key_arn=KEY, region=region)
    return DocumentsBucket(target, shared_session()).upload_form(ID, DOCUMENT)


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


@pytest.fixture
def bucket() -> DocumentsBucket:
    """The bucket, with a client whose answers a test gives."""
    return DocumentsBucket(
        UploadTarget(bucket="documents-bucket", key_arn=KEY, region="eu-central-1"), shared_session()
    )


def answers(bucket: DocumentsBucket) -> Stubber:
    return Stubber(bucket._client)


def get_object(content: bytes, **changes: Any) -> dict[str, Any]:
    body = StreamingBody(io.BytesIO(content), len(content))
    return {"Body": body, "ContentLength": len(content), "ContentType": "text/plain", "SSEKMSKeyId": KEY, **changes}


WANTED = {"Bucket": "documents-bucket", "Key": f"incoming/{ID}", "VersionId": "v1"}


def test_the_very_version_is_read_to_its_end(bucket: DocumentsBucket) -> None:
    with answers(bucket) as s3:
        s3.add_response("get_object", get_object(b"hello"), WANTED)
        found = bucket.read(ID, "v1", limit=5)
    assert found == StoredVersion(size=5, sha256=hashlib.sha256(b"hello").hexdigest(), type="text/plain", key_arn=KEY)


def test_no_more_is_read_than_was_announced_and_one_byte(bucket: DocumentsBucket) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert size > 0
            self.given += size
            return b"x" * size

    body = Endless()
    with answers(bucket) as s3:
        long = get_object(b"", Body=StreamingBody(body, 10_000_000), ContentLength=10_000_000)
        s3.add_response("get_object", long, WANTED)
        assert bucket.read(ID, "v1", limit=5).size == 10_000_000
    assert body.given == 6


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion"])
def test_a_version_that_is_not_there_is_gone(code: str, bucket: DocumentsBucket) -> None:
    with answers(bucket) as s3:
        s3.add_client_error("get_object", code, http_status_code=404)
        with pytest.raises(VersionGoneError):
            bucket.read(ID, "v1", limit=5)


def test_another_refusal_of_s3_is_no_gone_version(bucket: DocumentsBucket) -> None:
    with answers(bucket) as s3:
        s3.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(ClientError, match="AccessDenied"):
            bucket.read(ID, "v1", limit=5)


def test_an_object_is_hidden_behind_a_delete_marker_and_no_version_is_deleted(bucket: DocumentsBucket) -> None:
    with answers(bucket) as s3:
        s3.add_response("delete_object", {}, {"Bucket": "documents-bucket", "Key": f"incoming/{ID}"})
        bucket.hide(ID)
        s3.assert_no_pending_responses()


@given(name=st.text(min_size=1, max_size=255))
def test_a_name_cannot_break_out_of_the_header(name: str) -> None:
    try:
        named = NewDocument(name=name, type="a/b", size=1, sha256="ab" * 32).name
    except ValidationError:
        return
    header = attachment(named)
    match = re.fullmatch(r"attachment; filename=\"[A-Za-z0-9._ -]+\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)", header)
    assert match is not None
    assert unquote(match[1]) == named


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (f"incoming/{ID}", ID),
        (f"Incoming/{ID}", None),
        (f"incoming/{ID}\n", None),
        (f"incoming/{str(ID).upper()}", None),
    ],
)
def test_a_key_names_its_document(key: str, found: UUID | None) -> None:
    assert document_of(key) == found


def test_versions_and_delete_markers_are_listed_from_the_newest(bucket: DocumentsBucket) -> None:
    def one(key: str, version_id: str, second: int, *, latest: bool = False) -> dict[str, Any]:
        when = datetime.datetime(2026, 1, 1, 0, 0, second, tzinfo=datetime.UTC)
        return {"Key": key, "VersionId": version_id, "LastModified": when, "IsLatest": latest}

    key = f"incoming/{ID}"
    found = {
        "Versions": [one(key, "v1", 1), one(key, "v2", 3, latest=True), one(f"{key}0", "v9", 9, latest=True)],
        "DeleteMarkers": [one(key, "m1", 2), one(key, "m0", 3)],
    }
    with answers(bucket) as s3:
        s3.add_response("list_object_versions", found, {"Bucket": "documents-bucket", "Prefix": key})
        listed = bucket.versions(ID)
    assert [(version.version_id, version.is_marker) for version in listed] == [
        ("v2", False),
        ("m0", True),
        ("m1", True),
        ("v1", False),
    ]
