"""A real PostgreSQL with TLS, shaped like an RDS instance, and the service's functions pointed at it."""

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.documents import migrate, observability
from services.documents.database import connect
from tests.postgresql import MASTER, REGION, Server, running_server

# The AWS documentation's example account and region; no such key exists.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_SESSION_TOKEN": "example-session",
}


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start PostgreSQL; everything of it is gone afterwards."""
    with running_server() as running:
        yield running


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
