"""Looks after what no event will finish: uploads whose event was lost or that never came, and objects of no document.

It is called every few minutes, does at most so much in one call, and may be interrupted anywhere.
"""

from typing import Any

from .database import Database
from .documents_bucket import UPLOAD_SECONDS, DocumentsBucket
from .finalise import Finaliser
from .observability import logger

#: No form works any more, and no upload that one let begin is still under way.
SETTLED_SECONDS = UPLOAD_SECONDS + 600
KEY_HOURS = 24
AT_ONCE = 50
NEVER_UPLOADED = "nothing was uploaded in time"
#: After every real one: once a document has settled there is no later upload.
LAST_SEQUENCER = "F" * 64

_UNSWEPT = """
    SELECT id, owner, type, size, sha256, state FROM documents.document
    WHERE swept_at IS NULL AND state <> 'stored' AND created_at < clock_timestamp() - make_interval(secs => %s)
    ORDER BY created_at LIMIT %s
"""
_SWEPT = "UPDATE documents.document SET swept_at = clock_timestamp() WHERE id = %s AND state IN ('rejected', 'deleted')"
_FORGET = """
    DELETE FROM documents.idempotency_key WHERE created_at < clock_timestamp() - make_interval(hours => %s)
"""


class SweepError(RuntimeError):
    """Some documents could not be looked after this time."""


class Sweeper:
    """Settles documents, the oldest first."""

    def __init__(self, database: Database, bucket: DocumentsBucket, finaliser: Finaliser) -> None:
        self._database = database
        self._bucket = bucket
        self._finaliser = finaliser

    def sweep(self, *, settled_seconds: int = SETTLED_SECONDS) -> dict[str, int]:
        """Settle what is old enough, and return how many documents ended how.

        :raises SweepError: when some could not be settled; the others were.
        """
        with self._database.transaction() as cursor:
            cursor.execute(_FORGET, [KEY_HOURS])
            rows = cursor.execute(_UNSWEPT, [settled_seconds, AT_ONCE]).fetchall()
        counts: dict[str, int] = {}
        failures = 0
        for row in rows:
            try:
                state = self._settle(row)
            except Exception as error:  # noqa: BLE001 - one document must not hold up the others
                failures += 1
                logger.warning("not settled", document=str(row["id"]), error=type(error).__name__)
            else:
                counts[state] = counts.get(state, 0) + 1
        logger.info("swept", documents=counts)
        if failures:
            raise SweepError(f"{failures} of {len(rows)} documents could not be settled")
        return counts

    def _settle(self, row: dict[str, Any]) -> str:
        """Decide about a document that still waits, then hide what lies in the bucket of one that is none."""
        state: str = row["state"]
        versions = self._bucket.versions(row["id"])
        if state == "pending":
            state = self._decide(row, [version for version in versions if not version.is_marker])
        if state not in {"rejected", "deleted"}:
            return state
        if versions and not versions[0].is_marker:
            self._bucket.hide(row["id"])
        with self._database.transaction() as cursor:
            cursor.execute(_SWEPT, [row["id"]])
        return state

    def _decide(self, row: dict[str, Any], versions: list[Any]) -> str:
        for version in versions:
            if self._finaliser.decide(row, version.version_id, LAST_SEQUENCER) in {"stored", "stored again"}:
                return "stored"
        if not versions:
            self._finaliser.reject(row, LAST_SEQUENCER, NEVER_UPLOADED)
        return self._finaliser.state(row["id"])
