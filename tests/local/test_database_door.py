"""The door lets nobody through to PostgreSQL without TLS and a token that the check accepts."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import psycopg
import pytest

from local import certificates
from local.emulator.database_door import Door
from tests.postgresql import Server
from tests.services.conftest import server  # noqa: F401 - the fixture

GOOD = "good"


@pytest.fixture
def door(server: Server, tmp_path: Path) -> Iterator[tuple[int, Path]]:  # noqa: F811 - the fixture
    """A door in front of a real PostgreSQL that lets ``postgres`` in with the token "good"."""
    certificates.write(tmp_path, ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    socket = server.folder / f".s.PGSQL.{server.port}"
    entrance = Door(socket=socket, tls=tls, check=lambda user, token: (user, token) == ("postgres", GOOD))
    ports: Queue[int] = Queue()
    ended = threading.Event()

    async def listen() -> None:
        listening = await entrance.serve("127.0.0.1", 0)
        ports.put(int(listening.sockets[0].getsockname()[1]))
        await asyncio.to_thread(ended.wait)
        listening.close()

    thread = threading.Thread(target=asyncio.run, args=(listen(),))
    thread.start()
    yield ports.get(timeout=10), tmp_path / "authority.pem"
    ended.set()
    thread.join()


def connect(door: tuple[int, Path], *, token: str = GOOD, user: str = "postgres", sslmode: str = "verify-full") -> None:
    port, authority = door
    with psycopg.connect(
        host="127.0.0.1",
        port=port,
        user=user,
        dbname="postgres",
        password=token,
        sslmode=sslmode,
        sslrootcert=str(authority),
        gssencmode="disable",
        connect_timeout=5,
    ) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (user,)


def test_a_good_token_over_tls_reaches_postgresql_as_its_user(door: tuple[int, Path]) -> None:
    connect(door)


@pytest.mark.parametrize(("user", "token"), [("postgres", "bad"), ("dbowner", GOOD)])
def test_a_bad_token_or_another_user_is_refused_as_rds_refuses_it(
    door: tuple[int, Path], user: str, token: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=f'PAM authentication failed for user "{user}"'):
        connect(door, user=user, token=token)


def test_a_client_without_tls_is_refused_before_it_has_sent_its_token(door: tuple[int, Path]) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(door, sslmode="disable")
