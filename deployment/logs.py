"""The end of each log of the local AWS, and what is added to it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

LINES = 15
# What Lambda writes around each call, and a person has not asked for.
_FRAME = ("START RequestId", "END RequestId")


class Log(Protocol):
    """Somewhere lines are written to."""

    name: str

    def new_lines(self) -> list[str]:
        """Return the lines that were written since it was asked last."""


class FileLog:
    """A server's log."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._read = 0

    def new_lines(self) -> list[str]:
        """Return the lines that were written since it was asked last; none where there is no such file."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            # A line that is not finished is left for the next time.
            whole = file.read().rpartition(b"\n")[0]
            self._read += len(whole) + 1 if whole else 0
        return whole.decode(errors="replace").splitlines()


class FunctionLog:
    """A function's log group."""

    def __init__(self, client: Any, name: str, group: str) -> None:
        self.name = name
        self._client = client
        self._group = group
        self._seen: set[tuple[str, int, str]] = set()
        self._since = 0

    def new_lines(self) -> list[str]:
        """Return the lines that were written since it was asked last."""
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=self._group, startTime=self._since
        )
        # By all that tells an event from others: the emulator gives it no eventId.
        told = [
            (event["logStreamName"], event["timestamp"], event["message"]) for page in pages for event in page["events"]
        ]
        found = [event for event in told if event not in self._seen]
        self._seen.update(found)
        self._since = max([self._since, *(when for _, when, _ in found)])
        lines = [line for _, _, message in found for line in message.rstrip().splitlines()]
        return [line for line in lines if not line.startswith(_FRAME)]


def show_ends(logs: Sequence[Log], lines: int = LINES) -> None:
    """Show the last lines of each log."""
    for log in logs:
        print(f"== {log.name}")
        for line in log.new_lines()[-lines:]:
            print(line)


def follow(logs: Sequence[Log]) -> None:
    """Go on showing what is written, until Ctrl-C."""
    while True:
        for log in logs:
            for line in log.new_lines():
                print(f"{log.name}: {line}", flush=True)
        time.sleep(1)
