"""Runs the CDK CLI of the requirements: with its output in a log, or on the terminal."""

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deployment.failures import DeploymentError
from local.folder import ROOT, shown

#: How a stack's line begins that tells its end.
_ENDINGS = (" ✅", "✅", "❌")
_END_SECONDS = 5
_FULL = 1_000_000


def logged(
    *arguments: str,
    environment: Mapping[str, str],
    log: Path,
    told: Callable[[str], None] | None = None,
    alive: Callable[[], bool] = lambda: True,
) -> None:
    """Run the CLI with all that it says in a log.

    :param told: called with each stack that is done.
    :param alive: whether what the CLI talks to still runs; without it the CLI would try again for a minute.
    :raises DeploymentError: with the end of the log.
    """
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603 - the CDK CLI of the requirements
            _command(*arguments), cwd=ROOT, env=dict(environment), stdout=output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            with log.open(encoding="utf-8", errors="replace") as said:
                unfinished = ""
                while True:
                    ended = process.poll() is not None
                    *lines, unfinished = (unfinished + said.read()).split("\n")
                    for line in lines:
                        if told is not None and line.startswith(_ENDINGS):
                            told(line.strip().split(maxsplit=1)[-1])
                    if ended:
                        break
                    if not alive():
                        raise DeploymentError(
                            f"the local AWS ended in the middle of cdk {arguments[0]}; `make logs` shows its last "
                            "words, and make deploy starts it again and goes on"
                        )
                    time.sleep(0.05)
        finally:
            _end(process, os.killpg)
    if process.returncode != 0:
        end = _last_lines(log)
        # A full disk takes no log either.
        if "ENOSPC" in end or "No space left" in end or shutil.disk_usage(log.parent).free < _FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise DeploymentError(f"cdk {arguments[0]} failed; the end of {shown(log)}:\n{end}")


def shown_here(*arguments: str, environment: Mapping[str, str]) -> int:
    """Run the CLI on this terminal; return its exit status."""
    process = subprocess.Popen(_command(*arguments), cwd=ROOT, env=dict(environment))  # noqa: S603 - as above
    try:
        return process.wait()
    finally:
        _end(process, os.kill)


def captured(*arguments: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the CLI without a word; return its exit status and what it said."""
    done = subprocess.run(  # noqa: S603 - as above
        _command(*arguments), cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def _command(*arguments: str) -> list[str]:
    return [os.environ["JSII_NODE"], str(ROOT / "node_modules/aws-cdk/bin/cdk"), "--no-notices", *arguments]


def _end(process: subprocess.Popen[bytes], kill: Callable[[int, int], None]) -> None:
    """End the CLI when this command ends before it.

    :param kill: ``os.killpg`` where the CLI leads a group of its own: the app that it synthesizes is in it.
    """
    if process.poll() is not None:
        return
    kill(process.pid, signal.SIGTERM)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        kill(process.pid, signal.SIGKILL)
        process.wait()


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    return "\n".join(f"  {line}" for line in lines[-12:])
