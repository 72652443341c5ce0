"""The form with which a client uploads one announced document straight to the bucket."""

import base64
import functools
from typing import Any
from uuid import UUID

import botocore.session  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from .environment import UploadTarget
from .models import NewDocument

EXPIRES_SECONDS = 300
PREFIX = "incoming/"


class UploadForms:
    """Makes presigned POST forms; computed here, without a call to AWS."""

    def __init__(self, target: UploadTarget, session: Any | None = None) -> None:
        self._target = target
        self._session = session

    @functools.cached_property
    def _client(self) -> Any:
        """S3's client: its making takes a while, and callers who only read need none."""
        session = self._session or botocore.session.get_session()
        # The region's own address: a client then needs no redirect from us-east-1, and none is signed for.
        style = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
        config = Config(signature_version="s3v4", s3=style)
        return session.create_client("s3", region_name=self._target.region, config=config)

    def form(self, document_id: UUID, document: NewDocument) -> dict[str, Any]:
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
            Key=f"{PREFIX}{document_id}",
            Fields=fields,
            Conditions=conditions,
            ExpiresIn=EXPIRES_SECONDS,
        )
        return {"url": form["url"], "fields": form["fields"], "expires_in": EXPIRES_SECONDS}
