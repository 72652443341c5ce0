"""Bring the database up to the service's code: the migrator's entry, a CloudFormation custom resource.

It answers CloudFormation itself, does nothing on Delete, and never goes back: after a roll-back the older
code finds a newer database and leaves it as it is.
"""

import hashlib
import json
import os
import re
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from .database import Connection, connect
from .environment import DatabaseAddress
from .observability import logger, traced, traced_entry

MIGRATIONS = Path(__file__).with_name("migrations")
ADVISORY_LOCK = 6_115_309_042_017_001
ANSWER_SECONDS = 10
# Left for the migrations and the answer when the database could not be reached until then.
RESERVED_SECONDS = 60
RETRY_SECONDS = 3

_FILE = re.compile(r"([0-9]{4})_([a-z0-9_]{1,60})\.sql")


class MigrationError(RuntimeError):
    """The migrations and the database do not fit together; the message says what to do."""


class LambdaContext(Protocol):
    """The part of Lambda's context that is used here."""

    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the function's time."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The digest by which a changed file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Return the folder's files in order; they are numbered from 1 without a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_what_it_does.sql; rename it")
        found.append(Migration(number=int(match[1]), name=match[2], sql=path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError("migrations are numbered from 0001 without a gap or a repetition; renumber the new ones")
    return found


def migrate(connection: Connection, migrations: list[Migration]) -> list[int]:
    """Apply what is missing, all of it or nothing, and return the numbers applied.

    :raises MigrationError: when a file that was applied has been changed since.
    """
    with connection.transaction():
        # Two deployments at once: the second waits here, and then finds nothing to do.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        connection.execute("CREATE SCHEMA IF NOT EXISTS migrations")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations.applied (number int PRIMARY KEY, name text NOT NULL, "
            "sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        rows = connection.execute("SELECT number, sha256 FROM migrations.applied").fetchall()
        applied = {row["number"]: row["sha256"] for row in rows}
        done = []
        for migration in migrations:
            if migration.number in applied:
                if applied[migration.number] != migration.sha256:
                    raise MigrationError(
                        f"migration {migration.number:04} was changed after it was applied; "
                        "restore the file, and put the change into a new one"
                    )
                continue
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO migrations.applied (number, name, sha256) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.sha256],
            )
            done.append(migration.number)
        return done


@traced_entry
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a custom resource's event, or an operator's call with an empty event."""
    address = os.environ.get("DATABASE_NAME", "")
    answer = {
        "Status": "SUCCESS",
        "Reason": "",
        # Always the same: a changed id would make CloudFormation delete the old resource.
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"migrations-of-{address}",
        **{name: event.get(name, "") for name in ("StackId", "RequestId", "LogicalResourceId")},
        "Data": {},
    }
    try:
        if event.get("RequestType") != "Delete":
            answer["Data"] = _run(context)
    except MigrationError as error:
        answer |= {"Status": "FAILED", "Reason": str(error)}
    except psycopg.Error as error:
        shown = error.diag.message_primary or "no connection; see the log group and the security groups"
        answer |= {"Status": "FAILED", "Reason": f"PostgreSQL {error.sqlstate or ''}: {shown}"[:500]}
    except Exception as error:  # noqa: BLE001 - CloudFormation must be answered, or it waits for an hour
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}; see {context.log_stream_name}"}
    told = {name.lower(): answer[name] for name in ("Status", "Reason", "Data")}
    logger.info("migrations", **told)
    if "ResponseURL" in event:
        _tell(event["ResponseURL"], answer)
    elif answer["Status"] == "FAILED":
        raise MigrationError(answer["Reason"])
    return answer


def _run(context: LambdaContext) -> dict[str, Any]:
    migrations = read_migrations()
    with _connection(context) as connection, traced("migrations"):
        done = migrate(connection, migrations)
    return {"Applied": ", ".join(f"{number:04}" for number in done), "Newest": f"{len(migrations):04}"}


def _connection(context: LambdaContext) -> Connection:
    """Connect, however long it takes: in a first deployment the permission to sign in spreads for some seconds."""
    address = DatabaseAddress.read(os.environ)
    while True:
        # Every statement ends in time to tell CloudFormation why.
        milliseconds = max(context.get_remaining_time_in_millis() - ANSWER_SECONDS * 1000, 1000)
        try:
            connection = connect(address)
        except psycopg.OperationalError:
            if context.get_remaining_time_in_millis() < RESERVED_SECONDS * 1000:
                raise
        else:
            # By a statement: RDS Proxy refuses a session that brings settings in its start-up message.
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [str(milliseconds)])
            return connection
        time.sleep(RETRY_SECONDS)


def _tell(url: str, answer: dict[str, Any]) -> None:
    """Put the answer to CloudFormation's address, which is signed: it is never logged."""
    if not url.startswith("https://"):
        raise MigrationError("the address to answer CloudFormation at is not https")
    request = urllib.request.Request(  # noqa: S310 - https, checked above
        url, data=json.dumps(answer).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for attempt in range(3):
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS / 4):  # noqa: S310 - https, checked above
                return
        except OSError as error:
            logger.warning("CloudFormation could not be told", attempt=attempt + 1, error=type(error).__name__)
    raise MigrationError("CloudFormation could not be told; the function needs a way to S3 in this region")
