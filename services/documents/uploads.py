"""The entry that brings uploads to their end: S3's events, through a queue, and the clock, every few minutes.

What cannot be done now is raised: the queue brings the event again and at last to the operators, and the clock calls
again.
"""

import functools
import json
import os
from typing import Any

from .database import Database, connect
from .documents_bucket import DocumentsBucket, document_of
from .environment import DatabaseAddress, UploadTarget
from .finalise import Finaliser, Upload
from .observability import count, logger
from .sweep import Sweeper


@functools.cache
def parts() -> tuple[Finaliser, Sweeper]:
    """Return the process's finaliser and sweeper; their one connection stays open between calls."""
    address, target = DatabaseAddress.read(os.environ), UploadTarget.read(os.environ)
    database, bucket = Database(lambda: connect(address)), DocumentsBucket(target)
    finaliser = Finaliser(database, bucket, target)
    return finaliser, Sweeper(database, bucket, finaliser)


def handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Decide about the upload of each message; at the clock's call, settle what no event has."""
    finaliser, sweeper = parts()
    if event.get("detail-type") == "Scheduled Event":
        sweeper.sweep()
        return
    for message in event["Records"]:
        logger.set_correlation_id(message.get("messageId"))
        upload = Upload.read(json.loads(message["body"]))
        decided = finaliser.finalise(upload)
        logger.info("upload", document=str(document_of(upload.key)), version=upload.version_id, decided=decided)
        if decided in {"stored", "rejected"}:
            count(f"Upload{decided.capitalize()}")
