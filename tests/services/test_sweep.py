"""What no event finishes is settled by the sweeper, against a real PostgreSQL."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.documents import uploads
from services.documents.documents_bucket import ListedVersion, StoredVersion
from services.documents.sweep import AT_ONCE, SETTLED_SECONDS, Sweeper, SweepError
from tests.postgresql import Server
from tests.services.conftest import NewDatabase, migrated
from tests.services.test_finalise import CONTENT, OWNER, Bucket, Call, Documents, s3_event


class ListedBucket(Bucket):
    """Stands for S3: its versions can be listed, the newest first, delete markers among them."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: dict[UUID, list[ListedVersion]] = {}
        self.broken: set[UUID] = set()

    def put(self, document_id: UUID, version_id: str, content: bytes = CONTENT, **changes: Any) -> None:
        super().put(document_id, version_id, content, **changes)
        version = ListedVersion(version_id=version_id, is_marker=False)
        self.listed.setdefault(document_id, []).insert(0, version)

    def read(self, document_id: UUID, version_id: str, limit: int) -> StoredVersion:
        if version_id.startswith("marker-"):
            raise PermissionError("S3 answers 405 to who reads a delete marker")
        return super().read(document_id, version_id, limit)

    def versions(self, document_id: UUID) -> list[ListedVersion]:
        if document_id in self.broken:
            raise ConnectionError("S3 is away")
        return self.listed.get(document_id, [])

    def hide(self, document_id: UUID) -> None:
        super().hide(document_id)
        marker = ListedVersion(version_id=f"marker-{uuid4()}", is_marker=True)
        self.listed.setdefault(document_id, []).insert(0, marker)


class Swept(Documents):
    """The service with a bucket that can be listed, and a sweeper."""

    bucket: ListedBucket

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(server, name, ListedBucket())
        self.sweeper = Sweeper(self.database, self.bucket, self.finaliser)

    def sweep(self) -> dict[str, int]:
        """Sweep as if what was announced just now had settled."""
        return self.sweeper.sweep(settled_seconds=0)


@pytest.fixture(scope="module")
def swept_database(server: Server, new_database: NewDatabase) -> str:
    """A database of its own: the sweeper looks after every document in it."""
    return migrated(server, new_database("swept"))


@pytest.fixture
def documents(server: Server, swept_database: str) -> Iterator[Swept]:
    """The service; what an earlier test left is settled first."""
    made = Swept(server, swept_database)
    made.sweep()
    yield made
    made.api.close()
    made.database.close()


def test_an_upload_whose_event_was_lost_is_stored(documents: Swept) -> None:
    pending = documents.announce()
    documents.bucket.put(pending, "v1")
    assert documents.sweep() == {"stored": 1}
    assert documents.row(pending)["version_id"] == "v1"
    assert documents.sweep() == {}


def test_of_several_uploads_the_newest_that_was_announced_is_stored_and_a_late_event_changes_nothing(
    documents: Swept,
) -> None:
    pending = documents.announce()
    documents.bucket.put(pending, "v1")
    documents.bucket.put(pending, "v2")
    documents.bucket.put(pending, "v3", CONTENT + b"!")
    assert documents.sweep() == {"stored": 1}
    assert documents.row(pending)["version_id"] == "v2"
    for number in (3, 1, 2):
        documents.event(pending, f"v{number}", f"{number}")
    assert (documents.row(pending)["state"], documents.row(pending)["version_id"]) == ("stored", "v2")


def test_an_upload_that_somebody_hid_by_hand_is_stored_all_the_same(documents: Swept) -> None:
    pending = documents.announce()
    documents.bucket.put(pending, "v1")
    documents.bucket.hide(pending)
    assert documents.sweep() == {"stored": 1}
    assert documents.row(pending)["version_id"] == "v1"


def test_what_was_never_uploaded_is_rejected_in_the_end_and_counts_no_more(documents: Swept) -> None:
    pending = documents.announce()
    assert documents.sweep() == {"rejected": 1}
    assert documents.row(pending)["reason"] == "nothing was uploaded in time"
    assert documents.bucket.hidden == []
    assert documents.sweep() == {}


def test_a_rejected_upload_is_hidden_once_no_other_can_follow_it(documents: Swept) -> None:
    pending = documents.announce()
    documents.bucket.put(pending, "v1", CONTENT + b"!")
    documents.event(pending)
    assert documents.bucket.hidden == []
    assert documents.sweep() == {"rejected": 1}
    assert documents.bucket.hidden == [pending]
    assert documents.sweep() == {}
    assert documents.bucket.hidden == [pending]


def test_a_deleted_document_that_could_not_be_hidden_is_hidden_and_one_that_was_is_not_hidden_again(
    documents: Swept,
) -> None:
    missed, done = documents.announce(), documents.announce()
    for document_id in (missed, done):
        documents.bucket.put(document_id, "v1")
        documents.event(document_id)
        documents.delete(document_id)
    documents.bucket.hide(done)
    assert documents.sweep() == {"deleted": 2}
    assert documents.bucket.hidden == [done, missed]
    assert documents.sweep() == {}


def test_a_stored_document_is_left_alone(documents: Swept) -> None:
    pending = documents.announce()
    documents.bucket.put(pending, "v1")
    documents.event(pending)
    before = documents.row(pending)
    assert documents.sweep() == {}
    assert documents.row(pending) == before
    assert documents.bucket.hidden == []


def test_what_may_still_be_uploaded_is_left_alone(documents: Swept) -> None:
    pending = documents.announce()
    assert documents.sweeper.sweep() == {}
    assert documents.row(pending)["state"] == "pending"
    assert SETTLED_SECONDS > 300


def test_one_document_that_cannot_be_settled_holds_up_no_other_and_is_told(documents: Swept) -> None:
    broken, fine = documents.announce(), documents.announce()
    documents.bucket.broken.add(broken)
    documents.bucket.put(fine, "v1")
    with pytest.raises(SweepError, match="1 of 2 documents could not be settled"):
        documents.sweep()
    assert documents.row(fine)["state"] == "stored"
    documents.bucket.broken.clear()
    assert documents.sweep() == {"rejected": 1}


def test_more_than_one_call_does_is_done_by_the_next(documents: Swept) -> None:
    for _ in range(AT_ONCE + 1):
        documents.announce()
    assert documents.sweep() == {"rejected": AT_ONCE}
    assert documents.sweep() == {"rejected": 1}


def test_a_call_that_is_cut_off_anywhere_is_made_up_for(documents: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    pending = documents.announce()
    documents.bucket.put(pending, "v1", CONTENT + b"!")
    with monkeypatch.context() as patch:
        patch.setattr(documents.bucket, "hide", lambda _: (_ for _ in ()).throw(ConnectionError()))
        with pytest.raises(SweepError):
            documents.sweep()
    assert documents.row(pending)["state"] == "rejected"
    assert documents.sweep() == {"rejected": 1}
    assert documents.bucket.hidden == [pending]


def test_keys_of_repeated_requests_are_forgotten_after_a_day(
    documents: Swept, server: Server, swept_database: str
) -> None:
    with server.superuser(swept_database) as connection:
        document_id = documents.announce()
        for key, age in (("old", "25 hours"), ("new", "23 hours")):
            connection.execute(
                "INSERT INTO documents.idempotency_key VALUES (%s, %s, repeat('a', 64), %s, now() - %s::interval)",
                [OWNER, key, document_id, age],
            )
        documents.sweep()
        rows = connection.execute("SELECT key FROM documents.idempotency_key").fetchall()
    assert rows == [{"key": "new"}]


def test_usage_is_what_there_is(documents: Swept, server: Server, swept_database: str) -> None:
    kept, rejected, deleted = (documents.announce() for _ in range(3))
    documents.bucket.put(kept, "v1")
    documents.bucket.put(rejected, "v1", CONTENT + b"!")
    documents.event(kept)
    documents.event(rejected)
    documents.delete(deleted)
    documents.announce()
    with server.superuser(swept_database) as connection:
        counted = connection.execute("SELECT pending, bytes FROM documents.usage WHERE owner = %s", [OWNER]).fetchone()
        there = connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'pending')::int AS pending, "
            "sum(size) FILTER (WHERE state IN ('pending', 'stored'))::bigint AS bytes "
            "FROM documents.document WHERE owner = %s",
            [OWNER],
        ).fetchone()
    assert counted == there
    assert counted is not None
    assert counted["pending"] == 1


def test_the_clock_calls_the_sweeper_and_events_do_not(documents: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(documents.sweeper, "sweep", lambda: calls.append("swept"))
    monkeypatch.setattr(uploads, "parts", lambda: (documents.database, documents.finaliser, documents.sweeper))
    uploads.handler(s3_event(key="another/thing"), Call())
    assert calls == []
    uploads.handler({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, Call())
    assert calls == ["swept"]
