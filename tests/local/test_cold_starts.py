"""Callers who come at once while no function has started yet are all answered, and no acknowledged document is lost."""

import importlib.util
import json
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.local.conftest import LocalAws
from tests.local.documents import Caller
from tests.local.roles import end_functions, roles_of

CALLERS, REQUESTS = 4, 32


def test_thirty_two_first_requests_at_once_are_all_answered_and_every_document_is_listed(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it takes: two processors start some sixty processes."""
    monkeypatch.setattr("deployment.walk.TIMEOUT_SECONDS", 300)
    callers = [Caller.named(aws, f"cold-{uuid.uuid4().hex[:8]}") for _ in range(CALLERS)]
    end_functions(aws)
    with ThreadPoolExecutor(REQUESTS) as pool:
        answers = list(pool.map(lambda number: callers[number % CALLERS].create(b"first"), range(REQUESTS)))
    assert Counter(answer.status for answer in answers) == {HTTPStatus.CREATED: REQUESTS}, aws.logs()
    listed = {document["id"] for caller in callers for document in caller.list().json["documents"]}
    assert {answer.json["id"] for answer in answers} == listed


def test_a_starting_function_unpacks_its_own_code_and_not_the_packages_for_lambdas_processor(aws: LocalAws) -> None:
    """It finds them beside the emulator, for this machine; a second copy for each process would take its time."""
    function = roles_of(aws)["Documents"].configuration["FunctionName"]
    unpacked = [at for at in map(_works_in, Path("/proc").glob("[0-9]*")) if f"{aws.folder}/" in at and function in at]
    assert unpacked
    assert {path.name for at in unpacked for path in Path(at).iterdir()} == {"documents"}


def test_a_starting_function_finds_what_its_python_has_compiled(aws: LocalAws) -> None:
    """Where the servers' account cannot enter this Python's folder, they run on a copy of it."""
    compiled = Path(importlib.util.cache_from_source(json.__file__))
    theirs = Path(f"/proc/{aws.pid('emulator')}/exe").resolve().parents[1] / compiled.relative_to(sys.base_prefix)
    assert theirs.exists() or not compiled.exists()


def _works_in(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:  # it has ended
        return ""
