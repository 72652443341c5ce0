"""The CDK CLI is run with its output in a log; a program of ours plays it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployment import cdk
from deployment.failures import DeploymentError

ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "cdk-deploy.log"


def played(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(cdk, "_command", lambda *_: [sys.executable, "-u", "-c", program])


def test_each_stack_that_is_done_is_told_and_all_else_is_logged(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    played(monkeypatch, "print('starting'); print(' \u2705  network (app-network)'); print('Outputs:')")
    told: list[str] = []
    cdk.logged("deploy", environment={**ENVIRONMENT, "PYTHONUTF8": "1"}, log=log, told=told.append)
    assert told == ["network (app-network)"]
    assert log.read_text(encoding="utf-8") == "starting\n \u2705  network (app-network)\nOutputs:\n"


def test_a_failure_shows_the_end_of_the_log(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    played(monkeypatch, "[print('line', n) for n in range(40)]; raise SystemExit(1)")
    with pytest.raises(DeploymentError) as caught:
        cdk.logged("deploy", environment=ENVIRONMENT, log=log)
    assert str(caught.value).startswith("cdk deploy failed; the end of ")
    assert str(caught.value).endswith("  line 38\n  line 39")
    assert "line 20" not in str(caught.value)


@pytest.mark.parametrize("words", ["ENOSPC: no space left on device", "could not write: No space left on device"])
def test_a_disk_that_is_full_for_the_cli_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, log: Path, words: str
) -> None:
    played(monkeypatch, f"print({words!r}); raise SystemExit(1)")
    with pytest.raises(OSError, match="No space left") as caught:
        cdk.logged("deploy", environment=ENVIRONMENT, log=log)
    assert isinstance(caught.value, OSError)


def test_a_disk_that_took_no_log_is_told_as_full(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    played(monkeypatch, "raise SystemExit(1)")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space left"):
        cdk.logged("deploy", environment=ENVIRONMENT, log=log)


def test_it_ends_with_the_local_aws_and_does_not_try_on_without_it(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    played(monkeypatch, "import os, time; print(os.getpid()); time.sleep(600)")

    def alive() -> bool:
        return not log.read_text()

    with pytest.raises(DeploymentError, match=r"ended in the middle of cdk deploy; .*make deploy starts it again"):
        cdk.logged("deploy", environment=ENVIRONMENT, log=log, alive=alive)
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


def test_ctrl_c_leaves_neither_the_cli_nor_the_app_behind(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    app = "import time; time.sleep(600)"
    played(
        monkeypatch,
        "import os, subprocess, sys, time; "
        f"app = subprocess.Popen([sys.executable, '-c', {app!r}]); print(os.getpid(), app.pid); time.sleep(600)",
    )

    def alive() -> bool:
        if log.read_text().endswith("\n"):
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        cdk.logged("deploy", environment=ENVIRONMENT, log=log, alive=alive)
    for pid in log.read_text().split():
        assert _has_ended(int(pid))


def _has_ended(pid: int) -> bool:
    """Wait for the end of a process, which whoever adopted it may reap late."""
    for _ in range(100):
        told = subprocess.run(  # noqa: S603 - a number of ours
            ["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        if not told or told.startswith("Z"):
            return True
        time.sleep(0.05)
    return False
