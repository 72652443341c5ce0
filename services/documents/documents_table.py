"""The statements on the documents table. Row-level security adds the owner to every one of the API's."""

from typing import Any
from uuid import UUID

from .database import Cursor
from .models import NewDocument

_COLUMNS = "id, name, type, size, sha256, state, reason, created_at, stored_at, version_id"
_ADD = f"""
    INSERT INTO documents.document (id, owner, name, type, size, sha256) VALUES (%s, %s, %s, %s, %s, %s)
    RETURNING {_COLUMNS}
"""  # noqa: S608 - columns of ours
_FIND = f"SELECT {_COLUMNS} FROM documents.document WHERE id = %s AND state <> 'deleted'"  # noqa: S608 - columns of ours
# A page may go on after a document that has been deleted since.
_POSITION = "SELECT created_at, id FROM documents.document WHERE id = %s"
_PAGE = f"""
    SELECT {_COLUMNS} FROM documents.document
    WHERE state <> 'deleted' AND (created_at, id) < (%s, %s) ORDER BY created_at DESC, id DESC LIMIT %s
"""  # noqa: S608 - columns of ours
_DELETE = "UPDATE documents.document SET state = 'deleted' WHERE id = %s AND state <> 'deleted' RETURNING id"
_RECORD = "INSERT INTO documents.audit_record (document_id, owner, action) VALUES (%s, %s, %s)"
_BEFORE_THE_FIRST = ("infinity", UUID(int=0))


def add(cursor: Cursor, owner: str, document_id: UUID, document: NewDocument) -> dict[str, Any]:
    """Insert a document in state ``pending`` and return its row."""
    values = [document_id, owner, document.name, document.type, document.size, document.sha256]
    (row,) = cursor.execute(_ADD, values).fetchall()
    record(cursor, document_id, owner, "created")
    return row


def find(cursor: Cursor, document_id: UUID) -> dict[str, Any] | None:
    """Return one document of the caller's; another's does not exist, and a deleted one neither."""
    return cursor.execute(_FIND, [document_id]).fetchone()


def position(cursor: Cursor, document_id: UUID) -> dict[str, Any] | None:
    """Return where in the caller's list a document stands or stood."""
    return cursor.execute(_POSITION, [document_id]).fetchone()


def page(cursor: Cursor, limit: int, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the caller's documents, the newest first, that follow the position ``after``."""
    start = (after["created_at"], after["id"]) if after else _BEFORE_THE_FIRST
    return cursor.execute(_PAGE, [*start, limit]).fetchall()


def delete(cursor: Cursor, owner: str, document_id: UUID) -> bool:
    """Mark one document of the caller's as deleted; return whether there was one."""
    if cursor.execute(_DELETE, [document_id]).fetchone() is None:
        return False
    record(cursor, document_id, owner, "deleted")
    return True


def record(cursor: Cursor, document_id: UUID, owner: str, action: str) -> None:
    """Insert an audit record in the transaction of what it records; nobody can change it.

    Whoever commits the transaction then copies it to the log, whose group is retained.
    """
    cursor.execute(_RECORD, [document_id, owner, action])
