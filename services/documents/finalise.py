"""Decides about uploads.

It reads the very version that the event names, compares it with what was announced, and marks the document as stored
or rejected, once, with an audit record in the same transaction. It may be called again for the same event, late, and
out of order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from . import documents_table
from .database import Cursor, Database
from .documents_bucket import DocumentsBucket, StoredVersion, VersionGoneError, document_of
from .environment import UploadTarget
from .observability import logger

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
        return self.decide(announced, upload.version_id, upload.sequencer)

    def decide(self, announced: Mapping[str, Any], version_id: str, sequencer: str) -> str:
        """Compare one version with what was announced, and return what was decided."""
        try:
            version = self._bucket.read(announced["id"], version_id, announced["size"])
        except VersionGoneError:
            return "gone"
        problem = self._problem(announced, version)
        with self._database.transaction() as cursor:
            decided = _decide(cursor, announced, version_id, sequencer, problem)
        if decided in {"stored", "rejected"}:
            logger.info("audit", action=decided, document=str(announced["id"]))
        if decided == "deleted meanwhile":
            self._bucket.hide(announced["id"])
        return decided

    def reject(self, announced: Mapping[str, Any], sequencer: str, reason: str) -> None:
        """Reject a document of which there is no version to compare."""
        with self._database.transaction() as cursor:
            rejected = cursor.execute(_REJECT, [reason, sequencer, announced["id"], sequencer]).fetchone()
            if rejected is not None:
                documents_table.record(cursor, announced["id"], announced["owner"], "rejected")
        if rejected is not None:
            logger.info("audit", action="rejected", document=str(announced["id"]))

    def state(self, document_id: UUID) -> str:
        """Return a document's state now."""
        with self._database.transaction() as cursor:
            found = cursor.execute(_ANNOUNCED, [document_id]).fetchone()
        return str(found["state"]) if found is not None else "never announced"

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


def _decide(cursor: Cursor, announced: Mapping[str, Any], version_id: str, sequencer: str, problem: str | None) -> str:
    document_id: UUID = announced["id"]
    seen = [document_id, version_id, sequencer, problem]
    if cursor.execute(_REMEMBER, seen).fetchone() is None:
        return "seen before"
    if problem is None:
        state, changed = "stored", cursor.execute(_STORE, [version_id, sequencer, document_id])
    else:
        values = [problem, sequencer, document_id, sequencer]
        state, changed = "rejected", cursor.execute(_REJECT, values)
    if changed.fetchone() is not None:
        documents_table.record(cursor, document_id, announced["owner"], state)
        return state
    if problem is None:
        values = [version_id, sequencer, document_id, sequencer]
        if cursor.execute(_FOLLOW, values).fetchone() is not None:
            return "stored again"
    now = cursor.execute(_ANNOUNCED, [document_id]).fetchone()
    return "deleted meanwhile" if now is not None and now["state"] == "deleted" else "decided before"
