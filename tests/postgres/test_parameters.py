"""The parameter group: in the template, and on a real server."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import psycopg
import pytest

from secure_backend.postgres.properties import OFFERED_MAJORS
from tests.postgres.cases import instance_of, only, template_with
from tests.postgresql import account, programs


def parameters_of(template: dict[str, Any]) -> dict[str, str]:
    parameters: dict[str, str] = only(template, "AWS::RDS::DBParameterGroup")["Properties"]["Parameters"]
    return parameters


@pytest.fixture(scope="module")
def parameters() -> dict[str, str]:
    return parameters_of(template_with())


def test_a_connection_without_tls_is_refused(parameters: dict[str, str]) -> None:
    assert parameters["rds.force_ssl"] == "1"


def test_sessions_slow_statements_and_schema_changes_are_logged(parameters: dict[str, str]) -> None:
    assert parameters["log_connections"] == "1"
    assert parameters["log_disconnections"] == "1"
    assert parameters["log_min_duration_statement"] == "1000"
    assert parameters["log_statement"] == "ddl"


def test_what_is_slow_is_the_callers_to_say() -> None:
    assert parameters_of(template_with(slow_statement=cdk.Duration.millis(250)))["log_min_duration_statement"] == "250"


@pytest.mark.parametrize("major", OFFERED_MAJORS)
def test_the_family_is_that_of_the_engine_and_the_minor_version_is_left_to_rds(major: str) -> None:
    template = template_with(major_version=major)

    assert only(template, "AWS::RDS::DBParameterGroup")["Properties"]["Family"] == f"postgres{major}"
    assert instance_of(template)["EngineVersion"] == major
    assert instance_of(template)["AutoMinorVersionUpgrade"] is True
    assert parameters_of(template)["log_connections"] == ("all" if major == "18" else "1")


class Server:
    """A PostgreSQL of the default major version on a socket of its own."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        self._programs = programs(folder)
        self._account = account()
        if self._account:
            os.chown(folder, self._account["user"], self._account["group"])
        self._run("initdb", "-D", str(folder / "data"), "-U", "dbowner", "-A", "trust", "--no-sync")
        lines = [f"{name} = '{value}'" for name, value in settings.items() if not name.startswith("rds.")]
        lines += [f"unix_socket_directories = '{folder}'", "listen_addresses = ''", "fsync = off"]
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write("\n".join(lines))
        self._run("pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "start")

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(f"host={self._folder} user=dbowner dbname=postgres", autocommit=True)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "fast", "stop")

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - a program of the test environment
            [self._programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._account,
        )


@pytest.fixture(scope="module")
def server(parameters: dict[str, str]) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o711)
        running = Server(Path(folder), {**parameters, "log_min_duration_statement": "0"})
        try:
            yield running
        finally:
            running.stop()


def test_a_real_server_logs_what_was_done_but_neither_bound_values_nor_rows(server: Server) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE people (email text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES (%s)", ["secret@example.com"])
        connection.execute("SELECT * FROM people WHERE email = %s", ["secret@example.com"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES (%s)", ["secret@example.com"])

    assert "CREATE TABLE people" in server.log
    assert "SELECT * FROM people WHERE email = $1" in server.log
    assert "violates unique constraint" in server.log
    assert "connection authorized: user=dbowner" in server.log
    assert "secret@example.com" not in server.log
