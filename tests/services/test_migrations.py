"""The database's migrations, run by a master user that is no superuser."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.documents import migrate
from services.documents.database import Connection, connect
from services.documents.migrate import Migration, MigrationError, handler, read_migrations
from tests.postgresql import MASTER, REGION, Server
from tests.services.conftest import Log, NewDatabase

NUMBERS = [migration.number for migration in read_migrations()]


class Context:
    log_stream_name = "stream"

    def __init__(self, seconds: int = 59) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds * 1000


@pytest.fixture(scope="module")
def empty(new_database: NewDatabase) -> str:
    return new_database("migrated_twice")


def test_a_master_that_is_no_superuser_runs_the_migrations_and_again_finds_nothing_to_do(
    server: Server, database: str, empty: str
) -> None:
    with connect(server.address(MASTER, empty)) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == {"rolsuper": False}
        assert migrate.migrate(connection, read_migrations()) == NUMBERS
        assert migrate.migrate(connection, read_migrations()) == []
    with connect(server.address(MASTER, empty)) as connection:
        assert migrate.migrate(connection, read_migrations()) == []


def test_two_migrators_at_once_apply_each_migration_once(server: Server, new_database: NewDatabase) -> None:
    name, done = new_database("migrated_at_once"), []

    def run() -> None:
        with connect(server.address(MASTER, name)) as connection:
            done.append(migrate.migrate(connection, read_migrations()))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], NUMBERS]


def test_a_migration_that_was_changed_after_it_was_applied_is_an_error(server: Server, database: str) -> None:
    changed = [Migration(number=1, name="documents", sql=read_migrations()[0].sql + "\n-- changed")]
    with (
        connect(server.address(MASTER, database)) as connection,
        pytest.raises(MigrationError, match="0001 was changed"),
    ):
        migrate.migrate(connection, changed)


def test_a_failing_migration_leaves_nothing_behind(server: Server, new_database: NewDatabase) -> None:
    name = new_database("migration_fails")
    broken = [
        *read_migrations(),
        Migration(number=len(NUMBERS) + 1, name="broken", sql="CREATE TABLE migrations.x (); SELECT 1/0"),
    ]
    with connect(server.address(MASTER, name)) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate.migrate(connection, broken)
        row = connection.execute("SELECT to_regnamespace('documents') AS documents").fetchone()
    assert row == {"documents": None}


def test_older_code_leaves_a_newer_database_as_it_is(server: Server, new_database: NewDatabase) -> None:
    name = new_database("rolled_back")
    newer = [
        *read_migrations(),
        Migration(number=len(NUMBERS) + 1, name="newer", sql="CREATE TABLE migrations.newer ()"),
    ]
    with connect(server.address(MASTER, name)) as connection:
        assert migrate.migrate(connection, newer) == [*NUMBERS, len(NUMBERS) + 1]
        assert migrate.migrate(connection, read_migrations()) == []
        row = connection.execute("SELECT to_regclass('migrations.newer') IS NOT NULL AS there").fetchone()
    assert row == {"there": True}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a.sql", "0003_c.sql"], "without a gap"),
        (["0001_a.sql", "0001_b.sql"], "without a gap"),
        (["0002_b.sql"], "without a gap"),
        (["first.sql"], "not named like"),
    ],
)
def test_files_that_are_not_numbered_from_one_are_an_error(names: list[str], message: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match=message):
        read_migrations(tmp_path)


def test_the_owner_of_the_tables_cannot_sign_in_and_the_services_roles_can_do_little(
    server: Server, database: str
) -> None:
    with server.superuser(database) as connection:
        roles = connection.execute(
            "SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls AS strong, "
            "rolconnlimit FROM pg_roles WHERE rolname LIKE 'documents%' ORDER BY 1"
        ).fetchall()
        owner = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'documents'"
        ).fetchall()
        security = connection.execute(
            "SELECT DISTINCT relrowsecurity, relforcerowsecurity FROM pg_class "
            "WHERE relnamespace = 'documents'::regnamespace AND relkind = 'r'"
        ).fetchall()
        open_to_all = connection.execute(
            "SELECT count(*) AS count FROM pg_database, aclexplode(datacl) WHERE datname = %s AND grantee = 0",
            [database],
        ).fetchone()
    assert roles == [
        {"rolname": "documents_api", "rolcanlogin": True, "strong": False, "rolconnlimit": 40},
        {"rolname": "documents_finaliser", "rolcanlogin": True, "strong": False, "rolconnlimit": 10},
        {"rolname": "documents_owner", "rolcanlogin": False, "strong": False, "rolconnlimit": -1},
    ]
    assert owner == [{"tableowner": "documents_owner"}]
    assert security == [{"relrowsecurity": True, "relforcerowsecurity": True}]
    assert open_to_all == {"count": 0}


class Answers:
    """What CloudFormation was told."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.types: list[str | None] = []
        self.failures = 0
        self.url = ""


@pytest.fixture
def cloudformation(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if answers.failures:
                answers.failures -= 1
                self.send_response(503)
            else:
                answers.received.append(json.loads(body))
                answers.types.append(self.headers["Content-Type"])
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(server.folder / "server.pem", server.folder / "server.key")
    listener.socket = served.wrap_socket(listener.socket, server_side=True)
    threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    answers.url = f"https://localhost:{listener.server_port}/answer?signature=secret-signature"
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
    yield answers
    listener.shutdown()
    listener.server_close()


def event(answers: Answers, request_type: str) -> dict[str, Any]:
    return {
        "RequestType": request_type,
        "ResponseURL": answers.url,
        "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/api/1",
        "RequestId": "request",
        "LogicalResourceId": "Migrations",
    }


def use(server: Server, database: str, monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    environment = {
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": database,
        "DATABASE_USER": MASTER,
        "DATABASE_CA_FILE": str(server.ca_file),
        "AWS_REGION": REGION,
    }
    for name, value in {**environment, **changes}.items():
        monkeypatch.setenv(name, value)


def test_cloudformation_is_told_what_was_applied_under_an_id_that_never_changes(
    server: Server,
    new_database: NewDatabase,
    cloudformation: Answers,
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
) -> None:
    use(server, new_database("by_cloudformation"), monkeypatch)
    cloudformation.failures = 1
    handler(event(cloudformation, "Create"), Context())
    handler({**event(cloudformation, "Update"), "PhysicalResourceId": "migrations-of-by_cloudformation"}, Context())
    created, updated = cloudformation.received
    assert created == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "migrations-of-by_cloudformation",
        "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/api/1",
        "RequestId": "request",
        "LogicalResourceId": "Migrations",
        "Data": {"Applied": ", ".join(f"{number:04}" for number in NUMBERS), "Newest": f"{NUMBERS[-1]:04}"},
    }
    assert updated == {**created, "Data": {"Applied": "", "Newest": f"{NUMBERS[-1]:04}"}}
    # The address was signed without a content type.
    assert cloudformation.types == ["", ""]
    assert "secret-signature" not in log.text


def test_delete_does_nothing_not_even_connect(cloudformation: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_NAME", "documents")
    handler({**event(cloudformation, "Delete"), "PhysicalResourceId": "migrations-of-documents"}, Context())
    assert cloudformation.received[0]["Status"] == "SUCCESS"
    assert cloudformation.received[0]["PhysicalResourceId"] == "migrations-of-documents"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"DATABASE_PORT": "1"}, "no connection"),
        ({"DATABASE_NAME": "not_there"}, "PostgreSQL"),
        ({"DATABASE_HOST": ""}, "EnvironmentVariableError"),
    ],
)
def test_cloudformation_is_told_of_a_failure_at_once(
    changes: dict[str, str],
    reason: str,
    server: Server,
    database: str,
    cloudformation: Answers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(server, database, monkeypatch, **changes)
    handler(event(cloudformation, "Create"), Context())
    assert cloudformation.received[0]["Status"] == "FAILED"
    assert reason in cloudformation.received[0]["Reason"]


def test_a_database_that_cannot_be_reached_yet_is_tried_again_while_there_is_time(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, database, monkeypatch, DATABASE_PORT="1")
    context, waits = Context(300), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        context.seconds -= 100

    monkeypatch.setattr("time.sleep", wait)
    with pytest.raises(MigrationError, match="no connection"):
        handler({}, context)
    assert waits == [migrate.RETRY_SECONDS] * 3


def test_statements_are_limited_without_a_start_up_option_which_rds_proxy_refuses(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FATAL: Feature not supported: RDS Proxy currently doesn't support command-line options (psycopg2#1577)."""
    use(server, database, monkeypatch)
    limits: list[Any] = []

    def look(connection: Connection, _: list[Migration]) -> list[int]:
        query = "SELECT setting, source FROM pg_settings WHERE name = 'statement_timeout'"
        limits.append(connection.execute(query).fetchone())
        return []

    monkeypatch.setattr(migrate, "migrate", look)
    handler({}, Context(60))
    assert limits == [{"setting": "50000", "source": "session"}]


def test_an_operator_may_run_it_by_hand(server: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(server, database, monkeypatch)
    assert handler({}, Context())["Data"] == {"Applied": "", "Newest": f"{NUMBERS[-1]:04}"}
    use(server, "not_there", monkeypatch)
    with pytest.raises(MigrationError):
        handler({}, Context())


def test_an_answer_is_sent_to_https_only() -> None:
    plain = {"RequestType": "Delete", "ResponseURL": "http://127.0.0.1:9/answer"}
    with pytest.raises(MigrationError, match="not https"):
        handler(plain, Context())


def test_documents_from_before_there_were_limits_are_counted(server: Server, new_database: NewDatabase) -> None:
    name, all_of_them = new_database("from_before_limits"), read_migrations()
    with connect(server.address(MASTER, name)) as connection:
        migrate.migrate(connection, all_of_them[:2])
    with server.superuser(name) as connection:
        connection.execute(
            "INSERT INTO documents.document (id, owner, name, type, size, sha256, state, version_id, stored_at) "
            "SELECT gen_random_uuid(), 'alice', 'n', 'a/b', size, repeat('a', 64), state, 'v', now() "
            "FROM (VALUES (1, 'pending'), (2, 'stored'), (4, 'stored'), (8, 'deleted')) AS made (size, state)"
        )
    with connect(server.address(MASTER, name)) as connection:
        migrate.migrate(connection, all_of_them)
    with server.superuser(name) as connection:
        counted = connection.execute("SELECT * FROM documents.usage").fetchall()
        forced = connection.execute(
            "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'documents.document'::regclass"
        ).fetchone()
    assert counted == [{"owner": "alice", "pending": 1, "bytes": 7}]
    assert forced == {"relforcerowsecurity": True}
