"""A bucket that is not empty is not deleted: ministack's CloudFormation would delete it with all that it holds."""

from typing import Any
from xml.etree import ElementTree  # the emulator's own answer is read, nobody else's

BUCKET = "AWS::S3::Bucket"


def register(handlers: dict[str, dict[str, Any]]) -> None:
    """Let a bucket's deletion be S3's own, which refuses."""
    stock = handlers[BUCKET]

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        from ministack.services import s3

        if physical_id in s3._buckets:
            status, _, body = s3._delete_bucket(physical_id)
            if status >= 400:
                error = ElementTree.fromstring(body)  # noqa: S314 - as above
                raise ValueError(f"{error.findtext('Message')} (Service: S3, Status Code: {status})")
        stock["delete"](physical_id, properties)

    handlers[BUCKET] = {**stock, "delete": delete}
