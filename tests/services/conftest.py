"""A real PostgreSQL with TLS, shaped like an RDS instance, and the service's functions pointed at it."""

import io
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from services.documents import migrate, observability
from services.documents.database import connect
from services.documents.environment import DatabaseAddress
from tests.issuer import write_certificates
from tests.postgresql import account, programs

MASTER = "dbowner"
REGION = "eu-central-1"
# The AWS documentation's example account and region; no such key exists.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_SESSION_TOKEN": "example-session",
}
# As on RDS: whoever has rds_iam signs in by a token over TLS and in no other way. RDS checks the token by PAM,
# which a test cannot; "trust" stands in for that check alone. Nobody else gets in over the network.
HBA = """
local   all all                        trust
hostssl all +rds_iam     127.0.0.1/32  trust
host    all all          127.0.0.1/32  reject
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL: where it is, and who vouches for it."""

    folder: Path
    port: int
    ca_file: Path

    def superuser(self, database: str = "postgres") -> psycopg.Connection[DictRow]:
        """Sign in as what RDS keeps for itself; the service never does."""
        return psycopg.connect(
            host=str(self.folder),
            port=self.port,
            dbname=database,
            user="postgres",
            autocommit=True,
            row_factory=dict_row,
        )

    def address(self, user: str, database: str, **changes: Any) -> DatabaseAddress:
        values = {
            "host": "localhost",
            "port": self.port,
            "name": database,
            "user": user,
            "region": REGION,
            "ca_file": self.ca_file,
        }
        return DatabaseAddress(**{**values, **changes})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start PostgreSQL on a free loopback port; everything of it is gone afterwards."""
    # Not under pytest's own folder, which only root could enter.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    data = folder / "data"
    ca_file, certificate, key = write_certificates(folder)
    (folder / "hba.conf").write_text(HBA)
    who = account()
    bin_folder = programs(folder)
    if who:
        for path in (folder, certificate, key):
            os.chown(path, who["user"], who["group"])
    key.chmod(0o600)
    quiet: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, **who}
    initdb = [str(bin_folder / "initdb"), "-D", str(data), "-U", "postgres", "-A", "reject", "-E", "UTF8"]
    subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, **quiet)  # noqa: S603 - arguments of ours
    port = _free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "hba_file": str(folder / "hba.conf"),
        "ssl": "on",
        "ssl_cert_file": str(certificate),
        "ssl_key_file": str(key),
        "fsync": "off",
        "max_connections": "60",
        "log_connections": "on",
    }
    command = [
        str(bin_folder / "postgres"),
        "-D",
        str(data),
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **quiet)  # noqa: S603 - arguments of ours
    running = Server(folder, port, ca_file)
    try:
        _wait_for(running, process)
        _shape_like_rds(running)
        yield running
    finally:
        # A "fast" shutdown: connections that a test left open do not hold it up.
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        shutil.rmtree(folder)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            server.superuser().close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((server.folder / "server.log").read_text())
            time.sleep(0.05)
        else:
            return


def _shape_like_rds(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("CREATE ROLE rds_iam NOLOGIN")
        connection.execute(f"CREATE ROLE {MASTER} LOGIN CREATEROLE CREATEDB NOSUPERUSER")
        connection.execute(f"GRANT rds_iam TO {MASTER} WITH ADMIN OPTION")


@pytest.fixture(scope="session", autouse=True)
def aws_credentials() -> Iterator[None]:
    """Sign with example credentials, whatever the machine has."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in {**CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere"}.items():
            patch.setenv(name, value)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        yield


NewDatabase = Callable[[str], str]


@pytest.fixture(scope="session")
def new_database(server: Server) -> NewDatabase:
    """Make an empty database that the master user owns, as RDS does."""

    def make(name: str) -> str:
        with server.superuser() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {MASTER}")
        return name

    return make


@pytest.fixture(scope="session")
def database(server: Server, new_database: NewDatabase) -> str:
    """A database with every migration applied by the master user."""
    return migrated(server, new_database("documents"))


def migrated(server: Server, name: str) -> str:
    """Apply every migration to a database, and return its name."""
    with connect(server.address(MASTER, name)) as connection:
        migrate.migrate(connection, migrate.read_migrations())
    return name


@pytest.fixture
def function(server: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the API's function its environment. Its one service stays between tests, as between requests in Lambda."""
    environment = {
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": database,
        "DATABASE_USER": "documents_api",
        "DATABASE_CA_FILE": str(server.ca_file),
        "BUCKET": "documents-bucket",
        "KEY_ARN": "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555",
        "AWS_REGION": REGION,
        "MAX_PENDING": "1000",
        "MAX_BYTES": str(10 * 1024**3),
        "MAX_ANNOUNCED_PER_MINUTE": "1000",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


class Stdout(io.TextIOBase):
    """Writes to what is standard output just then: pytest has another one for each phase of a test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


class Log:
    """What the functions write: structured lines, as CloudWatch Logs gets them."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._written = ""
        (handler,) = observability.logger.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.stream = Stdout()

    @property
    def text(self) -> str:
        """All that was written."""
        self._written += self._capsys.readouterr().out
        return self._written

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All that was written, line by line."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    """The functions' log."""
    return Log(capsys)
