"""The saved queries find in PostgreSQL's own log, written with RDS's prefix, what they ask for."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from secure_backend.operations import queries
from secure_backend.operations.queries import Question
from tests.conftest import resources_of
from tests.operations.insights import read
from tests.postgres.cases import template_with
from tests.postgresql import Server

#: RDS's default, which cannot be changed. Source: Amazon RDS User Guide, "Working with parameters".
PREFIX = "%t:%r:%u@%d:[%p]:"


@pytest.fixture(scope="module")
def lines(server: Server) -> Iterator[list[str]]:
    """Return what PostgreSQL logs of a sign-in, an error, a slow statement and a refused sign-in."""
    (group,) = resources_of(template_with(), "AWS::RDS::DBParameterGroup").values()
    parameters = {name: value for name, value in group["Properties"]["Parameters"].items() if name.startswith("log_")}
    assert parameters["log_min_duration_statement"] == "1000"
    began = (server.folder / "server.log").stat().st_size
    with server.superuser() as connection:
        for name, value in {**parameters, "log_line_prefix": PREFIX, "log_min_duration_statement": "100"}.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
    address: dict[str, Any] = {"host": "localhost", "port": server.port, "dbname": "postgres", "sslmode": "require"}
    _told(server, began, "log_line_prefix")
    with psycopg.connect(**address, user="dbowner", autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nothing_of_this_name")
        connection.execute("SELECT pg_sleep(0.2)")
        connection.execute("SELECT pg_sleep(%s)", [0.15])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**address, user="nobody_of_this_name")
    yield _told(server, began, "nobody_of_this_name")
    with server.superuser() as connection:
        connection.execute("ALTER SYSTEM RESET ALL")
        connection.execute("SELECT pg_reload_conf()")


def _told(server: Server, began: int, word: str) -> list[str]:
    for _ in range(100):
        text = (server.folder / "server.log").read_bytes()[began:].decode()
        if word in text:
            return text.splitlines()
        time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not log {word}: {text}")


def found(question: Question, lines: list[str]) -> list[dict[str, Any]]:
    return read(question.text).matching({"@message": line} for line in lines)


def test_an_error_is_found_with_its_user_and_text(lines: list[str]) -> None:
    errors = [(event["severity"], event["user"], event["text"]) for event in found(queries.DATABASE_ERRORS, lines)]
    assert ("ERROR", "dbowner", 'relation "nothing_of_this_name" does not exist at character 15') in errors
    assert {severity for severity, _, _ in errors} == {"ERROR", "FATAL"}


def test_slow_statements_are_found_without_the_values_that_they_were_given(lines: list[str]) -> None:
    slow = found(queries.SLOW_STATEMENTS, lines)
    assert [event["user"] for event in slow] == ["dbowner"] * 2
    assert all(float(event["milliseconds"]) >= 100 for event in slow)
    assert "pg_sleep(0.2)" in slow[0]["statement"]
    assert "pg_sleep($1)" in slow[1]["statement"]


def test_sign_ins_and_refused_ones_are_found_with_their_user(lines: list[str]) -> None:
    outcomes = {(event["severity"], event["user"]) for event in found(queries.DATABASE_SIGN_INS, lines)}
    assert {("LOG", "dbowner"), ("FATAL", "nobody_of_this_name")} <= outcomes
    assert {severity for severity, user in outcomes if user == "dbowner"} == {"LOG"}
