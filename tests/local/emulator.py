"""Asks the pinned ministack, in its own environment and without what we add; deploys small stacks to a local AWS."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from local.folder import ROOT
from tests.local.conftest import LocalAws

_SECONDS = 30


def ask(question: str, **arguments: Any) -> Any:
    """Ask a question of in_emulator.py."""
    python, script = ROOT / ".venv/emulator/bin/python", Path(__file__).with_name("in_emulator.py")
    answer = subprocess.run(  # noqa: S603 - a script of ours
        [str(python), str(script), question], input=json.dumps(arguments), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


class Stack:
    """A small stack of a test's own."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.name = name
        self._client = aws.client("cloudformation")

    def create(self, resources: dict[str, Any]) -> dict[str, str]:
        """Create it, which must succeed; return the physical ids."""
        self._client.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        assert self.settled() == "CREATE_COMPLETE", self.reasons()
        return self.physical_ids()

    def update(self, resources: dict[str, Any]) -> dict[str, str]:
        """Update it, which must succeed; return the physical ids."""
        self._client.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        assert self.settled() == "UPDATE_COMPLETE", self.reasons()
        return self.physical_ids()

    def fail_to_update(self, resources: dict[str, Any]) -> str:
        """Update it, which must be rolled back; return the reasons."""
        self._client.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        assert self.settled() == "UPDATE_ROLLBACK_COMPLETE", self.reasons()
        return self.reasons()

    def delete(self) -> str:
        """Delete it and return how that ended."""
        self._client.delete_stack(StackName=self.name)
        return self.settled()

    def settled(self) -> str:
        """Wait until nothing is in progress and return the status; DELETE_COMPLETE once it is gone."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                (stack,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError:
                return "DELETE_COMPLETE"
            status = str(stack["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.05)

    def physical_ids(self) -> dict[str, str]:
        """Return the resources' physical ids by logical id."""
        found = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def reasons(self) -> str:
        """Return why something failed, from the stack's events."""
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return "\n".join(event.get("ResourceStatusReason", "") for event in events)


@contextmanager
def stack(aws: LocalAws, name: str) -> Iterator[Stack]:
    """Yield a stack of that name and leave nothing of it."""
    one = Stack(aws, name)
    try:
        yield one
    finally:
        assert one.delete() == "DELETE_COMPLETE", one.reasons()
