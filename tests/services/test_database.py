"""The service's way into PostgreSQL: who gets in, over what, and which rows they see."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import botocore.session  # type: ignore[import-untyped]
import psycopg
import pytest

from services.documents import documents_table
from services.documents.database import (
    LEAST_SECONDS,
    READY_SECONDS,
    Connection,
    Database,
    DatabaseUnavailableError,
    connect,
    sign_in_token,
)
from services.documents.environment import RDS_BUNDLE, DatabaseAddress, EnvironmentVariableError
from services.documents.models import NewDocument
from tests.issuer import write_certificates
from tests.postgresql import Server

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'documents_api'"
ALICE, BOB = "https://login.example.com/|alice", "https://login.example.com/|bob"


@pytest.fixture
def address(server: Server, database: str) -> DatabaseAddress:
    return server.address("documents_api", database)


@pytest.fixture
def service_database(address: DatabaseAddress) -> Iterator[Database]:
    made = Database(lambda seconds: connect(address, seconds))
    yield made
    made.close()


def new(name: str = "report.pdf") -> NewDocument:
    return NewDocument(name=name, type="application/pdf", size=12, sha256="0" * 64)


def names(database: Database, owner: str) -> list[str]:
    with database.transaction(owner) as cursor:
        return [row["name"] for row in documents_table.page(cursor, 50, None)]


def put(database: Database, owner: str, name: str) -> Any:
    with database.transaction(owner) as cursor:
        return documents_table.add(cursor, owner, uuid4(), new(name))["id"]


def test_a_connection_is_encrypted_and_signed_in_without_a_password_of_ours(address: DatabaseAddress) -> None:
    with connect(address) as connection:
        row = connection.execute(
            "SELECT ssl, version, current_user::text AS who FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
    assert row == {"ssl": True, "version": "TLSv1.3", "who": "documents_api"}


def test_the_server_refuses_plaintext(server: Server, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no encryption|rejects"):
        psycopg.connect(host="127.0.0.1", port=server.port, dbname=database, user="documents_api", sslmode="disable")


def test_the_service_refuses_a_server_without_tls(address: DatabaseAddress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_no() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(8)
                peer.sendall(b"N")
                assert peer.recv(1024) == b""

        thread = threading.Thread(target=answer_no)
        thread.start()
        plain = DatabaseAddress(**{**vars(address), "host": "127.0.0.1", "port": listener.getsockname()[1]})
        with pytest.raises(psycopg.OperationalError, match="SSL"):
            connect(plain)
        thread.join(timeout=5)


def test_the_service_refuses_a_server_that_another_authority_vouches_for(
    server: Server, database: str, tmp_path: Path
) -> None:
    other, _, _ = write_certificates(tmp_path)
    for ca_file in (other, RDS_BUNDLE):
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            connect(server.address("documents_api", database, ca_file=ca_file))


def test_the_service_refuses_a_server_of_another_name(server: Server, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not match"):
        connect(server.address("documents_api", database, host="127.0.0.1"))


def test_a_role_that_is_not_signed_in_by_token_cannot_get_in(server: Server, database: str) -> None:
    with server.superuser() as connection:
        connection.execute("CREATE ROLE stranger LOGIN")
    for user in ("stranger", "postgres", "documents_owner"):
        with pytest.raises(psycopg.OperationalError, match=r"rejects|not permitted"):
            connect(server.address(user, database))


def test_the_token_is_the_one_that_the_sdk_makes_for_this_host_port_and_user(address: DatabaseAddress) -> None:
    session = botocore.session.get_session()
    rds = session.create_client("rds", region_name=address.region)
    ours = urlsplit("https://" + sign_in_token(address, session))
    theirs = urlsplit(
        "https://" + rds.generate_db_auth_token(DBHostname=address.host, Port=address.port, DBUsername=address.user)
    )
    assert ours.netloc == theirs.netloc == f"localhost:{address.port}"
    values, expected = parse_qs(ours.query), parse_qs(theirs.query)
    if values["X-Amz-Date"] == expected["X-Amz-Date"]:
        assert values == expected
    assert values["DBUser"] == ["documents_api"]
    assert values["X-Amz-Expires"] == ["900"]
    assert values["X-Amz-Security-Token"] == ["example-session"]
    assert sorted(values) == sorted(expected)


def test_every_connection_gets_a_token_of_its_own(address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def record(**arguments: Any) -> None:
        seen.append(arguments)
        raise psycopg.OperationalError

    monkeypatch.setattr(psycopg, "connect", record)
    database = Database(lambda seconds: connect(address, seconds))
    with pytest.raises(DatabaseUnavailableError), database.transaction(ALICE):
        pass
    time.sleep(1.1)
    with pytest.raises(DatabaseUnavailableError), database.transaction(ALICE):
        pass
    # Once more after a refusal, and then no more.
    assert len(seen) == 4
    assert len({arguments["password"] for arguments in seen}) >= 2
    assert all("X-Amz-Signature=" in arguments["password"] for arguments in seen)
    assert {arguments["sslmode"] for arguments in seen} == {"verify-full"}
    assert {arguments["tcp_user_timeout"] for arguments in seen} == {LEAST_SECONDS * 1000}
    assert all(LEAST_SECONDS <= arguments["connect_timeout"] <= READY_SECONDS for arguments in seen)


@pytest.mark.parametrize(
    ("each_takes", "given"),
    [
        pytest.param([0.01, 0.01], [4, 3], id="refused at once: a second try has what is left"),
        pytest.param([1.9, 0.1], [4, 2], id="refused late: so has this one, the least there is"),
        pytest.param([4.0], [4], id="one that took all of the time is not followed by another"),
        pytest.param([2.5], [4], id="nor is one that left too little"),
    ],
)
def test_sign_ins_take_no_longer_than_a_request_can_wait(
    each_takes: list[float], given: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, seen, takes = [1000.0], [], iter(each_takes)
    monkeypatch.setattr("services.documents.database.time.monotonic", lambda: now[0])

    def refused(seconds: int) -> Connection:
        seen.append(seconds)
        now[0] += next(takes)
        raise psycopg.OperationalError

    with pytest.raises(DatabaseUnavailableError), Database(refused).transaction(ALICE):
        pass
    assert seen == given


def test_what_a_dead_connection_took_is_not_there_for_the_next_sign_in(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that went away leaves the first statement unacknowledged for as long as TCP is told to wait."""
    now, seen = [1000.0], []
    monkeypatch.setattr("services.documents.database.time.monotonic", lambda: now[0])

    def opened(seconds: int) -> Connection:
        seen.append(seconds)
        return connect(address)

    def unacknowledged(*_: Any) -> None:
        now[0] += LEAST_SECONDS
        raise psycopg.OperationalError

    database = Database(opened)
    with database.transaction(ALICE) as cursor:
        monkeypatch.setattr(cursor.connection, "execute", unacknowledged)
    assert names(database, ALICE) is not None
    assert seen == [4, 2]


def test_a_server_that_takes_connections_and_says_nothing_is_unavailable_after_one_try(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.documents.database.READY_SECONDS", LEAST_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        there = DatabaseAddress(**{**vars(address), "host": "127.0.0.1", "port": silent.getsockname()[1]})
        database = Database(lambda seconds: connect(there, seconds))
        with pytest.raises(DatabaseUnavailableError), database.transaction(ALICE):
            pass
        silent.accept()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_each_owner_sees_only_their_own_rows_on_one_connection(service_database: Database) -> None:
    for number in range(3):
        put(service_database, ALICE, f"alice-{number}")
        put(service_database, BOB, f"bob-{number}")
        assert all(name.startswith("alice") for name in names(service_database, ALICE))
        assert all(name.startswith("bob") for name in names(service_database, BOB))
    assert len([name for name in names(service_database, ALICE) if name.startswith("alice-")]) == 3


def test_another_owners_document_does_not_exist(service_database: Database) -> None:
    document_id = put(service_database, ALICE, "alice-secret")
    with service_database.transaction(BOB) as cursor:
        assert documents_table.find(cursor, document_id) is None


def test_nobody_and_an_empty_owner_see_and_write_nothing(service_database: Database, address: DatabaseAddress) -> None:
    put(service_database, ALICE, "there")
    assert names(service_database, "") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        put(service_database, "", "nobody's")
    with connect(address) as connection:
        assert connection.execute("SELECT * FROM documents.document").fetchall() == []
        with connection.transaction():
            connection.execute("SELECT set_config('documents.owner', %s, true)", [ALICE])
            assert connection.execute("SELECT * FROM documents.document").fetchall()
        assert connection.execute("SELECT * FROM documents.document").fetchall() == []


def test_a_row_for_another_owner_is_refused(service_database: Database) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        service_database.transaction(ALICE) as cursor,
    ):
        documents_table.add(cursor, BOB, uuid4(), new())
    # Also when nothing is read back, which the policy for reading would refuse.
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        service_database.transaction(ALICE) as cursor,
    ):
        cursor.execute(
            "INSERT INTO documents.document (id, owner, name, type, size, sha256) "
            "VALUES (gen_random_uuid(), 'somebody else', 'n', 'a/b', 1, repeat('0', 64))"
        )


def test_after_a_transaction_the_connection_speaks_for_nobody(service_database: Database) -> None:
    put(service_database, ALICE, "there")
    with service_database.transaction(ALICE) as cursor:
        connection = cursor.connection
    assert connection.execute("SELECT * FROM documents.document").fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE documents.document DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE documents.document ADD COLUMN extra text",
        "DROP TABLE documents.document",
        "DROP POLICY own_documents ON documents.document",
        "TRUNCATE documents.document",
        "DELETE FROM documents.document",
        "UPDATE documents.document SET state = 'stored'",
        "INSERT INTO documents.document (id, owner, name, type, size, sha256, state) "
        "VALUES (gen_random_uuid(), current_setting('documents.owner'), 'n', 'a/b', 1, repeat('0', 64), 'stored')",
        "CREATE TABLE public.mine ()",
        "CREATE TABLE documents.mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SET ROLE documents_owner",
        "SELECT * FROM migrations.applied",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY documents.document TO PROGRAM 'cat'",
    ],
)
def test_the_api_role_cannot(statement: str, service_database: Database) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        service_database.transaction(ALICE) as cursor,
    ):
        cursor.execute(statement.encode())


INJECTIONS = [
    "O'Brien.pdf",
    "'; DROP TABLE documents.document; --",
    "' OR '1'='1",
    '" OR ""="',
    "x'); DELETE FROM documents.document; --",
    "%s %(name)s {0} $1 :name ?",
    "$$; SELECT pg_sleep(9); $$",
    "1 UNION SELECT * FROM migrations.applied",
    "<script>alert(1)",
    "été 文書 🙂.pdf",
]


@pytest.mark.parametrize("name", INJECTIONS)
def test_text_that_looks_like_sql_is_stored_unharmed(name: str, service_database: Database) -> None:
    owner = f"issuer|{name}"
    document_id = put(service_database, owner, name)
    with service_database.transaction(owner) as cursor:
        row = documents_table.find(cursor, document_id)
    assert row is not None
    assert row["name"] == name
    assert names(service_database, owner) == [name]


def test_a_connection_that_was_cut_is_opened_again(
    server: Server, service_database: Database, address: DatabaseAddress
) -> None:
    put(service_database, ALICE, "before")
    with server.superuser() as connection:
        connection.execute(CUT)
    assert "before" in names(service_database, ALICE)


def test_a_connection_that_breaks_within_a_transaction_is_a_503_and_not_used_again(
    server: Server, service_database: Database
) -> None:
    def broken() -> None:
        with service_database.transaction(ALICE) as cursor:
            with server.superuser() as connection:
                connection.execute(CUT)
            cursor.execute("SELECT 1")

    with pytest.raises(DatabaseUnavailableError):
        broken()
    assert names(service_database, ALICE) is not None


def test_a_server_that_has_become_read_only_is_left(server: Server, service_database: Database) -> None:
    opened: list[Connection] = []

    def write_to_it() -> None:
        with service_database.transaction(ALICE) as cursor:
            opened.append(cursor.connection)
            cursor.execute("SET TRANSACTION READ ONLY")
            documents_table.add(cursor, ALICE, uuid4(), new())

    with pytest.raises(DatabaseUnavailableError):
        write_to_it()
    assert opened[0].closed


def test_a_statement_that_runs_away_is_ended(service_database: Database) -> None:
    with service_database.transaction(ALICE) as cursor:
        assert cursor.execute("SHOW statement_timeout").fetchone() == {"statement_timeout": "5s"}


def test_no_room_for_another_connection_is_unavailable_not_a_crash(server: Server, address: DatabaseAddress) -> None:
    with server.superuser() as connection:
        connection.execute("ALTER ROLE documents_api CONNECTION LIMIT 0")
        try:
            with (
                pytest.raises(DatabaseUnavailableError),
                Database(lambda seconds: connect(address, seconds)).transaction(ALICE),
            ):
                pass
        finally:
            connection.execute("ALTER ROLE documents_api CONNECTION LIMIT 40")


@pytest.mark.parametrize("port", ["", "0", "65536", "5432x", "-1", "५४३२"])
def test_a_port_that_is_none_is_an_error(port: str) -> None:
    environment = {"DATABASE_HOST": "h", "DATABASE_PORT": port, "DATABASE_NAME": "n", "DATABASE_USER": "u"}
    with pytest.raises(EnvironmentVariableError, match="DATABASE_PORT"):
        DatabaseAddress.read({**environment, "AWS_REGION": "r"})
