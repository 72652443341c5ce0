"""What each caller may have, and requests that are sent twice."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from . import documents_table
from .answers import Problem
from .database import Cursor
from .documents_bucket import UPLOAD_SECONDS
from .environment import EnvironmentVariableError, required
from .models import NewDocument

_KEEP = """
    INSERT INTO documents.idempotency_key (owner, key, request, document_id) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING document_id
"""
_KEPT = "SELECT request, document_id FROM documents.idempotency_key WHERE key = %s"
_USAGE = """
    SELECT pending, bytes, (
        SELECT count(*) FROM documents.document WHERE created_at > clock_timestamp() - interval '1 minute'
    ) AS announced FROM documents.usage
"""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one caller may have and do."""

    pending: int
    bytes: int
    announced_per_minute: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Limits":
        """Read ``MAX_PENDING``, ``MAX_BYTES`` and ``MAX_ANNOUNCED_PER_MINUTE``."""
        numbers = {
            name: required(environment, name) for name in ("MAX_PENDING", "MAX_BYTES", "MAX_ANNOUNCED_PER_MINUTE")
        }
        for name, text in numbers.items():
            if not text.isascii() or not text.isdigit() or int(text) == 0:
                raise EnvironmentVariableError(f"{name} must be a whole number above 0")
        pending, size, announced = (int(text) for text in numbers.values())
        return cls(pending=pending, bytes=size, announced_per_minute=announced)

    def check(self, cursor: Cursor) -> None:
        """Refuse what the caller's transaction has just added, if it is one too many.

        The caller's usage is locked by then, so no other of their requests counts at the same time.
        """
        usage = cursor.execute(_USAGE).fetchone()
        if usage is None:
            raise LookupError("a document was added and not counted")
        if usage["announced"] > self.announced_per_minute:
            told = f"announce no more than {self.announced_per_minute} documents a minute"
            raise _too_many(told, retry_after=60)
        if usage["pending"] > self.pending:
            told = f"upload or delete some of the {self.pending} documents that you have announced"
            raise _too_many(told, retry_after=UPLOAD_SECONDS)
        if usage["bytes"] > self.bytes:
            raise _too_many(f"delete documents: yours may have {self.bytes} bytes together")


def first_answer(
    cursor: Cursor, owner: str, key: str, document: NewDocument, document_id: UUID
) -> dict[str, Any] | None:
    """Return the document that an earlier request with this key made, or None when this is the first.

    :raises Problem: when the key was used for another document, or for one that has been deleted since.
    """
    request = hashlib.sha256(document.model_dump_json().encode()).hexdigest()
    if cursor.execute(_KEEP, [owner, key, request, document_id]).fetchone() is not None:
        return None
    kept = cursor.execute(_KEPT, [key]).fetchone()
    if kept is None or kept["request"] != request:
        told = "this Idempotency-Key was used for another document; use a new one"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)
    row = documents_table.find(cursor, kept["document_id"])
    if row is None:
        raise Problem(HTTPStatus.CONFLICT, "the document of this Idempotency-Key was deleted; use a new one")
    return row


def _too_many(told: str, *, retry_after: int | None = None) -> Problem:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, told, headers=headers)
