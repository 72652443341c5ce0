"""The end of each log, and what is added to it."""

from pathlib import Path
from typing import Any

import pytest

from deployment.logs import LINES, FileLog, FunctionLog, show_ends


def test_the_last_lines_of_each_log_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "emulator.log"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    show_ends([FileLog(path), FileLog(tmp_path / "none.log")])
    told = capsys.readouterr().out.splitlines()
    assert told == ["== emulator.log", *(f"line {number}" for number in range(100 - LINES, 100)), "== none.log"]


def test_only_whole_new_lines_are_told_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "emulator.log"
    log = FileLog(path)
    assert log.new_lines() == []
    with path.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert log.new_lines() == ["one"]
        assert log.new_lines() == []
        file.write("o\n")
        file.flush()
    assert log.new_lines() == ["two"]


class Logs:
    """CloudWatch Logs with one group."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> "Logs":
        assert name == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked["logGroupName"] == "group"
        return [{"events": [event for event in self.events if event["timestamp"] >= asked["startTime"]]}]

    def add(self, when: int, message: str) -> None:
        self.events.append({"logStreamName": "stream", "timestamp": when, "message": message})


def test_a_functions_lines_are_told_once_and_without_lambdas_frame() -> None:
    client = Logs()
    client.add(1, "START RequestId: 1 Version: $LATEST")
    client.add(1, "Traceback:\n  line\n")
    client.add(2, "END RequestId: 1")
    log = FunctionLog(client, "Documents", "group")
    assert log.new_lines() == ["Traceback:", "  line"]
    client.add(2, "in the same millisecond")
    assert log.new_lines() == ["in the same millisecond"]
    assert log.new_lines() == []
