"""Decides about uploads: the entry that S3's events reach through a queue.

It reads the very version that the event names, compares it with what was announced, and marks the document as stored
or rejected, once, with an audit record in the same transaction. It may be called again for the same event, late, and
out of order. What it cannot do now it raises: the queue brings the event again.
"""

import functools
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from . import documents_table
from .database import Cursor, Database, connect
from .documents_bucket import DocumentsBucket, StoredVersion, VersionGoneError, document_of
from .environment import DatabaseAddress, UploadTarget

_ANNOUNCED = "SELECT id, owner, type, size, sha256, state FROM documents.document WHERE id = %s"
_REMEMBER = """
    INSERT INTO documents.upload (document_id, version_id, sequencer, problem) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING version_id
"""
_STORE = """
    UPDATE documents.document
    SET state = 'stored', version_id = %s, sequencer = %s, stored_at = clock_timestamp(), reason = NULL
    WHERE id = %s AND state IN ('pending', 'rejected') RETURNING id
"""
# The form was used again: the same content, in a newer version. The older is no longer the object's current version,
# and would end when the bucket's lifecycle ends old versions.
_FOLLOW = """
    UPDATE documents.document SET version_id = %s, sequencer = %s
    WHERE id = %s AND state = 'stored' AND sequencer < %s RETURNING id
"""
# Of several rejected uploads the newest has the word, in whichever order their events arrive.
_REJECT = """
    UPDATE documents.document SET state = 'rejected', reason = %s, sequencer = %s
    WHERE id = %s AND (state = 'pending' OR (state = 'rejected' AND sequencer < %s)) RETURNING id
"""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What an event tells of one version of an object."""

    bucket: str
    key: str
    version_id: str
    sequencer: str

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> "Upload":
        """Read EventBridge's event "Object Created" of S3.

        :raises ValueError: for anything else.
        """
        detail = event.get("detail") or {}
        found = detail.get("object") or {}
        sequencer = str(found.get("sequencer", "")).upper()
        if event.get("source") != "aws.s3" or event.get("detail-type") != "Object Created":
            raise ValueError("not an event Object Created of S3")
        if not re.fullmatch(r"[0-9A-F]{1,64}", sequencer) or not found.get("version-id"):
            raise ValueError("an event without sequencer or version: the bucket must be versioned")
        return cls(
            bucket=str((detail.get("bucket") or {}).get("name", "")),
            key=str(found.get("key", "")),
            version_id=str(found["version-id"]),
            # Sequencers of different length compare once the shorter is filled with zeros at its end.
            sequencer=sequencer.ljust(64, "0"),
        )


class Finaliser:
    """Decides about one upload at a time."""

    def __init__(self, database: Database, bucket: DocumentsBucket, target: UploadTarget) -> None:
        self._database = database
        self._bucket = bucket
        self._target = target

    def finalise(self, upload: Upload) -> str:
        """Decide about one upload and return what was decided: a word for the log."""
        document_id = document_of(upload.key)
        if upload.bucket != self._target.bucket or document_id is None:
            return "not a document's"
        with self._database.transaction() as cursor:
            announced = cursor.execute(_ANNOUNCED, [document_id]).fetchone()
        if announced is None:
            self._bucket.hide(document_id)
            return "never announced"
        if announced["state"] == "deleted":
            self._bucket.hide(document_id)
            return "deleted before"
        try:
            version = self._bucket.read(document_id, upload.version_id, announced["size"])
        except VersionGoneError:
            return "gone"
        problem = self._problem(announced, version)
        with self._database.transaction() as cursor:
            decided = _decide(cursor, announced, upload, problem)
        if decided == "deleted meanwhile":
            self._bucket.hide(document_id)
        return decided

    def _problem(self, announced: Mapping[str, Any], version: StoredVersion) -> str | None:
        """Return how the version differs from what was announced, in words for the caller."""
        compared = [
            ("size", announced["size"], version.size),
            ("sha256", announced["sha256"], version.sha256),
            ("type", announced["type"], version.type),
            ("encryption key", self._target.key_arn, version.key_arn),
        ]
        different = [what for what, wanted, found in compared if wanted != found]
        return f"the upload differs from what was announced: {', '.join(different)}" if different else None


def _decide(cursor: Cursor, announced: Mapping[str, Any], upload: Upload, problem: str | None) -> str:
    document_id: UUID = announced["id"]
    seen = [document_id, upload.version_id, upload.sequencer, problem]
    if cursor.execute(_REMEMBER, seen).fetchone() is None:
        return "seen before"
    if problem is None:
        state, changed = "stored", cursor.execute(_STORE, [upload.version_id, upload.sequencer, document_id])
    else:
        values = [problem, upload.sequencer, document_id, upload.sequencer]
        state, changed = "rejected", cursor.execute(_REJECT, values)
    if changed.fetchone() is not None:
        documents_table.record(cursor, document_id, announced["owner"], state)
        return state
    if problem is None:
        values = [upload.version_id, upload.sequencer, document_id, upload.sequencer]
        if cursor.execute(_FOLLOW, values).fetchone() is not None:
            return "stored again"
    now = cursor.execute(_ANNOUNCED, [document_id]).fetchone()
    return "deleted meanwhile" if now is not None and now["state"] == "deleted" else "decided before"


@functools.cache
def finaliser() -> Finaliser:
    """Return the process's one finaliser; its connection stays open between events."""
    address, target = DatabaseAddress.read(os.environ), UploadTarget.read(os.environ)
    return Finaliser(Database(lambda: connect(address)), DocumentsBucket(target), target)


def handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Decide about the upload of each message; raise for what has to come again, and in the end for the operators."""
    for message in event["Records"]:
        upload = Upload.read(json.loads(message["body"]))
        decided = finaliser().finalise(upload)
        logger.info("upload %s version %s: %s", document_of(upload.key), upload.version_id, decided)
