"""The entry that brings uploads to their end: S3's events and the clock, both by EventBridge, asynchronously.

What cannot be done is raised: Lambda calls three times and then tells the operators, and the clock calls every few
minutes for what is still undecided.
"""

import functools
import os
import random
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import psycopg

from .database import Database, DatabaseUnavailableError, connect
from .documents_bucket import DocumentsBucket, document_of
from .environment import DatabaseAddress, UploadTarget
from .finalise import Finaliser, Upload
from .observability import count, logger, traced_entry
from .sweep import Sweeper

Result = TypeVar("Result")

#: What the last try may take: reading and comparing the largest document.
LAST_TRY_MILLISECONDS = 12_000


class Context(Protocol):
    """What is used of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the call may still take."""


class FinaliserError(RuntimeError):
    """The database refused what the finaliser wanted; the message says with which state."""


@functools.cache
def parts() -> tuple[Database, Finaliser, Sweeper]:
    """Return the process's database, finaliser and sweeper."""
    address, target = DatabaseAddress.read(os.environ), UploadTarget.read(os.environ)
    database, bucket = Database(functools.partial(connect, address)), DocumentsBucket(target)
    finaliser = Finaliser(database, bucket, target)
    return database, finaliser, Sweeper(database, bucket, finaliser)


@traced_entry
def handler(event: dict[str, Any], context: Context) -> None:
    """Decide about the upload that the event tells of; at the clock's call, settle what no event has."""
    logger.set_correlation_id(event.get("id"))
    database, finaliser, sweeper = parts()
    try:
        if event.get("detail-type") == "Scheduled Event":
            sweeper.sweep()
            return
        upload = Upload.read(event)
        decided = _patiently(lambda: finaliser.finalise(upload), context)
    except psycopg.Error as error:
        # Lambda logs what is raised, and PostgreSQL's words may hold the row.
        raise FinaliserError(f"{type(error).__name__}, SQLSTATE {error.sqlstate}") from None
    finally:
        # Many uploads at once are many environments, and the role has few connections: none is kept by an idle one.
        database.close()
    logger.info("upload", document=str(document_of(upload.key)), version=upload.version_id, decided=decided)
    if decided in {"stored", "rejected"}:
        count(f"Upload{decided.capitalize()}")


def _patiently(work: Callable[[], Result], context: Context) -> Result:
    """Try again for as long as the call lasts while the database has no room or fails over: nobody waits for this."""
    while True:
        try:
            return work()
        except DatabaseUnavailableError:
            pause = random.uniform(0.5, 2)  # noqa: S311 - only spreads the tries
            if context.get_remaining_time_in_millis() < pause * 1000 + LAST_TRY_MILLISECONDS:
                raise
            time.sleep(pause)
