"""The statements on the documents table. Row-level security adds the owner to every one of them."""

from typing import Any
from uuid import UUID

from .database import Cursor
from .models import NewDocument

_ADD = """
    INSERT INTO documents.document (id, owner, name, type, size, sha256) VALUES (%s, %s, %s, %s, %s, %s)
    RETURNING id, name, type, size, sha256, state, created_at
"""
_FIND = "SELECT id, name, type, size, sha256, state, created_at FROM documents.document WHERE id = %s"
_PAGE = """
    SELECT id, name, type, size, sha256, state, created_at FROM documents.document
    WHERE (created_at, id) < (%s, %s) ORDER BY created_at DESC, id DESC LIMIT %s
"""
_BEFORE_THE_FIRST = ("infinity", UUID(int=0))


def add(cursor: Cursor, owner: str, document_id: UUID, document: NewDocument) -> dict[str, Any]:
    """Insert a document in state ``pending`` and return its row."""
    values = [document_id, owner, document.name, document.type, document.size, document.sha256]
    (row,) = cursor.execute(_ADD, values).fetchall()
    return row


def find(cursor: Cursor, document_id: UUID) -> dict[str, Any] | None:
    """Return one document of the caller's; another's does not exist."""
    return cursor.execute(_FIND, [document_id]).fetchone()


def page(cursor: Cursor, limit: int, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the caller's documents, the newest first, that follow the row ``after``."""
    position = (after["created_at"], after["id"]) if after else _BEFORE_THE_FIRST
    return cursor.execute(_PAGE, [*position, limit]).fetchall()
