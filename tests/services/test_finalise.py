"""What becomes of an upload, against a real PostgreSQL: decided once, whatever events come, and in whichever order."""

import datetime
import hashlib
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.documents import documents_table, uploads
from services.documents.database import Connection, Database, DatabaseUnavailableError, connect
from services.documents.documents_bucket import DocumentsBucket, StoredVersion, VersionGoneError
from services.documents.environment import UploadTarget
from services.documents.finalise import Finaliser, Upload
from services.documents.models import NewDocument
from tests.postgresql import REGION, Server
from tests.services.conftest import Log

KEY = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
TARGET = UploadTarget(bucket="documents-bucket", key_arn=KEY, region=REGION)
CONTENT = b"a document\n"
DOCUMENT = NewDocument(
    name="report.pdf", type="application/pdf", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()
)
OWNER = "https://login.example.com/|alice"


class Bucket(DocumentsBucket):
    """Stands for S3: versions by document, and which documents were hidden."""

    def __init__(self) -> None:
        super().__init__(TARGET)
        self.stored: dict[tuple[UUID, str], StoredVersion] = {}
        self.hidden: list[UUID] = []
        self.failures = 0

    def put(self, document_id: UUID, version_id: str, content: bytes = CONTENT, **changes: Any) -> None:
        found = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "type": DOCUMENT.type}
        self.stored[document_id, version_id] = StoredVersion(**{**found, "key_arn": KEY, **changes})

    def read(self, document_id: UUID, version_id: str, limit: int) -> StoredVersion:
        assert limit == DOCUMENT.size
        if self.failures:
            self.failures -= 1
            raise ConnectionError("S3 is away")
        try:
            return self.stored[document_id, version_id]
        except KeyError:
            raise VersionGoneError from None

    def hide(self, document_id: UUID) -> None:
        self.hidden.append(document_id)


class Documents:
    """The service's two roles on one database, and the bucket beside it."""

    def __init__(self, server: Server, name: str, bucket: Bucket | None = None) -> None:
        self._server, self._name = server, name
        self.api = Database(lambda seconds: connect(server.address("documents_api", name), seconds))
        self.database = Database(lambda seconds: connect(server.address("documents_finaliser", name), seconds))
        self.bucket = bucket or Bucket()
        self.finaliser = Finaliser(self.database, self.bucket, TARGET)

    def announce(self) -> UUID:
        document_id = uuid4()
        with self.api.transaction(OWNER) as cursor:
            documents_table.add(cursor, OWNER, document_id, DOCUMENT)
        return document_id

    def delete(self, document_id: UUID) -> None:
        with self.api.transaction(OWNER) as cursor:
            documents_table.delete(cursor, OWNER, document_id)

    def event(self, document_id: UUID, version_id: str = "v1", sequencer: str = "1") -> str:
        key = f"incoming/{document_id}"
        return self.finaliser.finalise(Upload.read(s3_event(key=key, version_id=version_id, sequencer=sequencer)))

    def row(self, document_id: UUID) -> dict[str, Any]:
        with self._server.superuser(self._name) as connection:
            found = connection.execute(
                "SELECT state, version_id, reason, stored_at FROM documents.document WHERE id = %s", [document_id]
            ).fetchone()
        assert found is not None
        return found

    def audit(self, document_id: UUID) -> list[tuple[str, str]]:
        with self._server.superuser(self._name) as connection:
            rows = connection.execute(
                "SELECT action, role, owner FROM documents.audit_record WHERE document_id = %s ORDER BY id",
                [document_id],
            ).fetchall()
        assert {row["owner"] for row in rows} <= {OWNER}
        return [(row["action"], row["role"]) for row in rows]


def s3_event(
    *, key: str, version_id: str | None = "v1", sequencer: str = "1", bucket: str = "documents-bucket"
) -> dict[str, Any]:
    """Return what EventBridge tells of an upload."""
    found = {"key": key, "size": 1, "etag": "e", "sequencer": sequencer}
    if version_id is not None:
        found["version-id"] = version_id
    return {
        "version": "0",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": found, "reason": "PutObject"},
    }


class Call:
    """Lambda's context of a call that may take so long."""

    def __init__(self, seconds: float = 30) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


def in_lambda(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the entry use these documents."""
    monkeypatch.setattr(uploads, "parts", lambda: (documents.database, documents.finaliser, None))


@pytest.fixture(scope="module")
def documents(server: Server, database: str) -> Iterator[Documents]:
    """The service, its connections open from test to test as from event to event."""
    made = Documents(server, database)
    yield made
    made.api.close()
    made.database.close()


@pytest.fixture
def pending(documents: Documents) -> UUID:
    """A document that was announced."""
    return documents.announce()


def test_an_upload_as_announced_is_stored_once_with_one_audit_record(documents: Documents, pending: UUID) -> None:
    documents.bucket.put(pending, "v1")
    assert documents.event(pending) == "stored"
    row = documents.row(pending)
    assert (row["state"], row["version_id"], row["reason"]) == ("stored", "v1", None)
    assert datetime.datetime.now(datetime.UTC) - row["stored_at"] < datetime.timedelta(minutes=1)
    assert documents.event(pending) == "seen before"
    assert documents.row(pending) == row
    assert documents.audit(pending) == [("created", "documents_api"), ("stored", "documents_finaliser")]


@pytest.mark.parametrize(
    ("content", "changes", "different"),
    [
        (CONTENT + b"more", {}, "size, sha256"),
        (CONTENT[:-1] + b"x", {}, "sha256"),
        (CONTENT, {"type": "text/html"}, "type"),
        (CONTENT, {"key_arn": ""}, "encryption key"),
        (CONTENT, {"key_arn": KEY[:-1]}, "encryption key"),
        (b"", {"type": ""}, "size, sha256, type"),
    ],
)
def test_an_upload_that_differs_is_rejected_and_its_owner_is_told_how(
    content: bytes, changes: dict[str, Any], different: str, documents: Documents, pending: UUID
) -> None:
    documents.bucket.put(pending, "v1", content, **changes)
    assert documents.event(pending) == "rejected"
    row = documents.row(pending)
    assert (row["state"], row["version_id"]) == ("rejected", None)
    assert row["reason"] == f"the upload differs from what was announced: {different}"
    assert documents.audit(pending)[-1] == ("rejected", "documents_finaliser")


def test_an_event_for_a_deleted_document_brings_nothing_back_and_hides_the_object(
    documents: Documents, pending: UUID
) -> None:
    documents.bucket.put(pending, "v1")
    documents.delete(pending)
    assert documents.event(pending) == "deleted before"
    assert documents.row(pending)["state"] == "deleted"
    assert documents.bucket.hidden[-1] == pending


def test_a_document_that_is_deleted_while_its_upload_is_read_stays_deleted(
    documents: Documents, pending: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents.bucket.put(pending, "v1")
    read = documents.bucket.read

    def read_late(document_id: UUID, version_id: str, limit: int) -> StoredVersion:
        documents.delete(document_id)
        return read(document_id, version_id, limit)

    monkeypatch.setattr(documents.bucket, "read", read_late)
    assert documents.event(pending) == "deleted meanwhile"
    assert documents.row(pending)["state"] == "deleted"
    assert documents.bucket.hidden[-1] == pending


def test_an_object_that_was_never_announced_is_hidden(documents: Documents) -> None:
    stranger = uuid4()
    documents.bucket.put(stranger, "v1")
    assert documents.event(stranger) == "never announced"
    assert documents.bucket.hidden[-1] == stranger


@pytest.mark.parametrize(
    ("key", "bucket"),
    [
        ("incoming/not-an-id", "documents-bucket"),
        ("other/00000000-0000-4000-8000-000000000000", "documents-bucket"),
        ("incoming/00000000-0000-4000-8000-000000000000/x", "documents-bucket"),
        ("incoming/00000000-0000-4000-8000-000000000000", "another-bucket"),
    ],
)
def test_another_bucket_and_another_key_are_left_alone(key: str, bucket: str, documents: Documents) -> None:
    hidden = list(documents.bucket.hidden)
    assert documents.finaliser.finalise(Upload.read(s3_event(key=key, bucket=bucket))) == "not a document's"
    assert documents.bucket.hidden == hidden


def test_a_version_that_is_gone_decides_nothing(documents: Documents, pending: UUID) -> None:
    assert documents.event(pending, "never-there") == "gone"
    assert documents.row(pending)["state"] == "pending"


def test_the_same_content_in_a_newer_version_is_followed_because_the_older_one_will_expire(
    documents: Documents, pending: UUID
) -> None:
    documents.bucket.put(pending, "v1")
    documents.bucket.put(pending, "v2")
    documents.event(pending, "v1", "1")
    stored_at = documents.row(pending)["stored_at"]
    assert documents.event(pending, "v2", "2") == "stored again"
    row = documents.row(pending)
    assert (row["state"], row["version_id"], row["stored_at"]) == ("stored", "v2", stored_at)
    assert [action for action, _ in documents.audit(pending)] == ["created", "stored"]


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_of_several_rejected_uploads_the_newest_has_the_word(
    order: tuple[str, str], documents: Documents, pending: UUID
) -> None:
    documents.bucket.put(pending, "v1", CONTENT, type="text/html")
    documents.bucket.put(pending, "v2", CONTENT.swapcase())
    for number in order:
        documents.event(pending, f"v{number}", number)
    assert documents.row(pending)["reason"] == "the upload differs from what was announced: sha256"


def test_sequencers_are_filled_with_zeros_at_their_end_before_they_are_compared() -> None:
    shorter, longer = (
        Upload.read(s3_event(key="k", sequencer=text)).sequencer for text in ("0055AED6DCD9", "0055AED6DCD90281")
    )
    assert shorter < longer
    assert Upload.read(s3_event(key="k", sequencer="0055aed7")).sequencer > longer


def test_what_fails_comes_again_and_is_then_decided_once(documents: Documents, pending: UUID) -> None:
    documents.bucket.put(pending, "v1")
    documents.bucket.failures = 1
    with pytest.raises(ConnectionError):
        documents.event(pending)
    assert documents.row(pending)["state"] == "pending"
    assert documents.event(pending) == "stored"
    assert len(documents.audit(pending)) == 2


def test_a_crash_between_the_steps_leaves_none_of_them(
    documents: Documents, pending: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents.bucket.put(pending, "v1")

    def crash(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(documents_table, "record", crash)
        with pytest.raises(MemoryError):
            documents.event(pending)
    assert documents.row(pending)["state"] == "pending"
    assert documents.event(pending) == "stored"


def test_the_same_event_many_times_at_once_is_dealt_with_once(
    server: Server, database: str, documents: Documents, pending: UUID
) -> None:
    documents.bucket.put(pending, "v1")
    others = [Documents(server, database) for _ in range(6)]
    for other in others:
        other.bucket = documents.bucket
        other.finaliser = Finaliser(other.database, documents.bucket, TARGET)
    with ThreadPoolExecutor(len(others)) as pool:
        decided = list(pool.map(lambda other: other.event(pending), others))
    for other in others:
        other.database.close()
    assert sorted(decided) == ["seen before"] * 5 + ["stored"]
    assert len(documents.audit(pending)) == 2


VERSIONS = st.lists(st.booleans(), min_size=1, max_size=4)


@given(good=VERSIONS, order=st.randoms(use_true_random=False), repeated=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_order_the_events_come_in_the_end_is_the_same(
    good: list[bool], order: Any, repeated: bool, documents: Documents
) -> None:
    ends = set()
    events = list(enumerate(good)) * (2 if repeated else 1)
    orders = list(permutations(range(len(good)))) if not repeated else []
    for arrangement in [*orders[:6], None, None]:
        document_id = documents.announce()
        for number, right in enumerate(good):
            documents.bucket.put(document_id, f"v{number}", CONTENT if right else CONTENT + b"!")
        shuffled = events[:]
        if arrangement is None:
            order.shuffle(shuffled)
        else:
            shuffled = [events[index] for index in arrangement]
        for number, _ in shuffled:
            documents.event(document_id, f"v{number}", f"{number + 1:x}")
        row = documents.row(document_id)
        ends.add((row["state"], row["version_id"]))
        actions = [action for action, _ in documents.audit(document_id)]
        assert actions.count("stored") == (1 if any(good) else 0)
    newest = max((number for number, right in enumerate(good) if right), default=None)
    assert ends == {("rejected", None) if newest is None else ("stored", f"v{newest}")}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO documents.document (id, owner, name, type, size, sha256) "
        "VALUES (gen_random_uuid(), 'x', 'n', 'a/b', 1, repeat('a', 64))",
        "UPDATE documents.document SET name = 'x'",
        "UPDATE documents.document SET owner = 'x'",
        "UPDATE documents.document SET size = 2",
        "UPDATE documents.document SET state = 'deleted'",
        "UPDATE documents.document SET state = 'deleted', swept_at = now()",
        "UPDATE documents.document SET state = 'pending'",
        "UPDATE documents.document SET swept_at = now() WHERE state = 'pending'",
        "DELETE FROM documents.document",
        "TRUNCATE documents.document",
        "DELETE FROM documents.upload",
        "UPDATE documents.upload SET problem = 'x'",
        "SELECT * FROM documents.audit_record",
        "UPDATE documents.audit_record SET action = 'created'",
        "DELETE FROM documents.audit_record",
        "INSERT INTO documents.audit_record (document_id, owner, action) "
        "SELECT id, owner, 'deleted' FROM documents.document LIMIT 1",
        "INSERT INTO documents.audit_record (document_id, owner, action) "
        "SELECT id, 'somebody else', 'stored' FROM documents.document LIMIT 1",
        "INSERT INTO documents.audit_record (document_id, owner, action, role) "
        "SELECT id, owner, 'stored', 'dbowner' FROM documents.document LIMIT 1",
        "CREATE TABLE documents.mine ()",
        "ALTER TABLE documents.document DISABLE TRIGGER check_state",
        "SET ROLE documents_owner",
        "SET ROLE documents_api",
        "SELECT * FROM migrations.applied",
    ],
)
def test_the_finalisers_role_cannot(statement: str, documents: Documents, pending: UUID) -> None:
    assert documents.row(pending)["state"] == "pending"
    with (
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)),
        documents.database.transaction() as cursor,
    ):
        cursor.execute(statement.encode())


@pytest.mark.parametrize("state", ["pending", "stored", "rejected"])
def test_the_api_role_can_only_delete(state: str, documents: Documents, pending: UUID) -> None:
    with (
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)),
        documents.api.transaction(OWNER) as cursor,
    ):
        cursor.execute("UPDATE documents.document SET state = %s WHERE id = %s", [state, pending])


def test_nothing_comes_back_from_deleted_and_nothing_goes_back_from_stored_not_even_for_the_owner(
    server: Server, database: str, documents: Documents
) -> None:
    stored, deleted = documents.announce(), documents.announce()
    documents.bucket.put(stored, "v1")
    documents.event(stored)
    documents.delete(deleted)
    with server.superuser(database) as connection:
        for document_id, states in ((stored, ["pending", "rejected"]), (deleted, ["pending", "stored", "rejected"])):
            for state in states:
                with pytest.raises(psycopg.errors.CheckViolation):
                    connection.execute(
                        "UPDATE documents.document SET state = %s, reason = 'x', version_id = 'v', "
                        "stored_at = now() WHERE id = %s",
                        [state, document_id],
                    )


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "aws.ec2"},
        s3_event(key="incoming/x", version_id=None),
        s3_event(key="incoming/x", version_id=""),
        s3_event(key="incoming/x", sequencer=""),
        s3_event(key="incoming/x", sequencer="not hexadecimal"),
        s3_event(key="incoming/x", sequencer="1" * 65),
        {**s3_event(key="incoming/x"), "detail-type": "Object Deleted"},
    ],
)
def test_an_event_that_cannot_be_is_left_to_the_dead_letter_queue(
    event: dict[str, Any], documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_lambda(documents, monkeypatch)
    with pytest.raises(ValueError, match="event"):
        uploads.handler(event, Call())


def test_the_handler_reads_the_event_and_logs_no_name(
    documents: Documents, pending: UUID, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    documents.bucket.put(pending, "v1")
    in_lambda(documents, monkeypatch)
    uploads.handler({"id": "event-1", **s3_event(key=f"incoming/{pending}")}, Call())
    assert documents.row(pending)["state"] == "stored"
    audit, told, counted = log.lines
    assert (audit["message"], audit["action"], audit["document"]) == ("audit", "stored", str(pending))
    assert {name: told[name] for name in ("message", "document", "version", "decided", "correlation_id")} == {
        "message": "upload",
        "document": str(pending),
        "version": "v1",
        "decided": "stored",
        "correlation_id": "event-1",
    }
    assert counted["UploadStored"] == [1.0]


def connections_of_finalisers(server: Server) -> int:
    with server.superuser() as connection:
        counted = connection.execute(
            "SELECT count(*)::int AS number FROM pg_stat_activity WHERE usename = 'documents_finaliser'"
        ).fetchone()
    assert counted is not None
    return int(counted["number"])


def test_an_environment_that_waits_for_the_next_event_keeps_no_connection(
    server: Server, documents: Documents, pending: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents.bucket.put(pending, "v1")
    in_lambda(documents, monkeypatch)
    uploads.handler(s3_event(key=f"incoming/{pending}"), Call())
    deadline = time.monotonic() + 5
    while connections_of_finalisers(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert connections_of_finalisers(server) == 0
    with pytest.raises(ValueError, match="not an event"):
        uploads.handler({}, Call())
    assert connections_of_finalisers(server) == 0


def test_more_uploads_at_once_than_the_role_has_connections_are_all_decided(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every environment waits until another has given its connection back."""
    bucket = Bucket()
    environments = [Documents(server, database, bucket) for _ in range(24)]
    announced = [environments[0].announce() for _ in environments]
    busy = [connect(server.address("documents_finaliser", database)) for _ in range(8)]
    for document_id in announced:
        bucket.put(document_id, "v1")
    own = threading.local()
    monkeypatch.setattr(uploads, "parts", lambda: (own.documents.database, own.documents.finaliser, None))

    def called(documents: Documents, document_id: UUID) -> None:
        own.documents = documents
        uploads.handler(s3_event(key=f"incoming/{document_id}"), Call())

    with ThreadPoolExecutor(len(environments)) as pool:
        futures = [pool.submit(called, *one) for one in zip(environments, announced, strict=True)]
        for one in futures:
            one.result()
    for connection in busy:
        connection.close()
    assert {environments[0].row(document_id)["state"] for document_id in announced} == {"stored"}


def test_a_database_that_stays_away_is_told_to_lambda_before_the_call_ends(
    documents: Documents, pending: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[None] = []

    def away(_: int) -> Connection:
        tries.append(None)
        raise psycopg.OperationalError("the database is away")

    database = Database(away)
    finaliser = Finaliser(database, documents.bucket, TARGET)
    monkeypatch.setattr(uploads, "parts", lambda: (database, finaliser, None))
    monkeypatch.setattr("random.uniform", lambda *_: 0.1)
    call = Call(uploads.LAST_TRY_MILLISECONDS / 1000 + 1)
    with pytest.raises(DatabaseUnavailableError):
        uploads.handler(s3_event(key=f"incoming/{pending}"), call)
    assert len(tries) > 4, "each try opens a connection twice"
    assert call.get_remaining_time_in_millis() > uploads.LAST_TRY_MILLISECONDS - 1000


def test_what_postgresql_says_of_a_row_is_neither_raised_nor_logged(
    documents: Documents, pending: UUID, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """Lambda logs what a function raises, with what it was raised from."""

    def refused(_: Upload) -> str:
        raise psycopg.errors.CheckViolation("DETAIL: Failing row contains (secret-name)")

    in_lambda(documents, monkeypatch)
    monkeypatch.setattr(documents.finaliser, "finalise", refused)
    with pytest.raises(uploads.FinaliserError) as raised:
        uploads.handler(s3_event(key=f"incoming/{pending}"), Call())
    assert "secret-name" not in "".join(traceback.format_exception(raised.value)) + log.text
    assert str(raised.value).startswith("CheckViolation")
