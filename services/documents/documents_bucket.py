"""The documents' bucket: what a client may do there with an address that is signed here, and what an upload holds."""

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from .environment import UploadTarget
from .models import NewDocument
from .observability import traced

UPLOAD_SECONDS = 300
DOWNLOAD_SECONDS = 60
PREFIX = "incoming/"
_CHUNK = 1024 * 1024


class VersionGoneError(LookupError):
    """There is no such version of the object, or not any more."""


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    """One version of an object as it lies in the bucket; its content read again, not what its headers promise."""

    size: int
    sha256: str
    type: str
    key_arn: str


@dataclass(frozen=True, kw_only=True)
class ListedVersion:
    """One version of an object, or a delete marker."""

    version_id: str
    is_marker: bool


class DocumentsBucket:
    """Signs uploads and downloads, without a call to AWS; reads versions, and hides objects behind delete markers."""

    def __init__(self, target: UploadTarget, session: Any | None = None) -> None:
        self._target = target
        self._session = session

    @functools.cached_property
    def _client(self) -> Any:
        """S3's client: its making takes a while, and callers who only list need none."""
        session = self._session or botocore.session.get_session()
        # The region's own address: a client then needs no redirect from us-east-1, and none is signed for.
        style = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
        config = Config(
            signature_version="s3v4",
            s3=style,
            connect_timeout=1,
            read_timeout=3,
            retries={"total_max_attempts": 2},
            # The finaliser compares the content itself.
            response_checksum_validation="when_required",
        )
        return session.create_client("s3", region_name=self._target.region, config=config)

    def upload_form(self, document_id: UUID, document: NewDocument) -> dict[str, Any]:
        """Return address and fields for exactly this key, type, size, checksum and encryption, for five minutes."""
        fields = {
            "Content-Type": document.type,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": self._target.key_arn,
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(document.sha256)).decode(),
        }
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", document.size, document.size])
        form: dict[str, Any] = self._client.generate_presigned_post(
            Bucket=self._target.bucket,
            Key=_key(document_id),
            Fields=fields,
            Conditions=conditions,
            ExpiresIn=UPLOAD_SECONDS,
        )
        return {"url": form["url"], "fields": form["fields"], "expires_in": UPLOAD_SECONDS}

    def download(self, document_id: UUID, version_id: str, name: str) -> dict[str, Any]:
        """Return an address for this very version, as an attachment, for a minute. It is a secret: never log it."""
        parameters = {
            "Bucket": self._target.bucket,
            "Key": _key(document_id),
            "VersionId": version_id,
            "ResponseContentDisposition": attachment(name),
            "ResponseCacheControl": "no-store",
        }
        url = self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=DOWNLOAD_SECONDS)
        return {"url": url, "expires_in": DOWNLOAD_SECONDS}

    @traced("read the upload")
    def read(self, document_id: UUID, version_id: str, limit: int) -> StoredVersion:
        """Read one version from beginning to end, but no more than ``limit`` bytes and one.

        :raises VersionGoneError: when the version is not there.
        """
        try:
            found = self._client.get_object(Bucket=self._target.bucket, Key=_key(document_id), VersionId=version_id)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion"}:
                raise VersionGoneError(str(document_id)) from None
            raise
        digest, size = hashlib.sha256(), 0
        with found["Body"] as body:
            while size <= limit and (chunk := body.read(min(_CHUNK, limit + 1 - size))):
                digest.update(chunk)
                size += len(chunk)
        return StoredVersion(
            size=max(size, found["ContentLength"]),
            sha256=digest.hexdigest(),
            type=found.get("ContentType", ""),
            key_arn=found.get("SSEKMSKeyId", ""),
        )

    @traced("list the versions")
    def versions(self, document_id: UUID) -> list[ListedVersion]:
        """Return the versions and delete markers of an object, the newest first."""
        key = _key(document_id)
        found = self._client.list_object_versions(Bucket=self._target.bucket, Prefix=key)
        listed = [
            (one["LastModified"], one["IsLatest"], ListedVersion(version_id=one["VersionId"], is_marker=is_marker))
            for name, is_marker in (("Versions", False), ("DeleteMarkers", True))
            for one in found.get(name, [])
            if one["Key"] == key
        ]
        # Two within a second: S3 tells at least which of them is the latest.
        return [version for _, _, version in sorted(listed, key=lambda one: (one[1], one[0]), reverse=True)]

    @traced("put a delete marker")
    def hide(self, document_id: UUID) -> None:
        """Put a delete marker on the object: every version stays until the bucket's lifecycle ends it."""
        self._client.delete_object(Bucket=self._target.bucket, Key=_key(document_id))


def attachment(name: str) -> str:
    """Return the Content-Disposition that saves a file under this name, and shows it in no browser (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def document_of(key: str) -> UUID | None:
    """Return which document an object's key belongs to, if any."""
    match = re.fullmatch(re.escape(PREFIX) + r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", key)
    return UUID(match[1]) if match else None


def _key(document_id: UUID) -> str:
    return f"{PREFIX}{document_id}"
