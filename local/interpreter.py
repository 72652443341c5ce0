"""The Python that the emulator and its functions run on, where the servers' account can reach it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from local.folder import FOLDER, ROOT, LocalError, account

_START = "import runpy, sys; sys.path.insert(0, {root!r}); runpy.run_module('local.emulator', run_name='__main__')"
_NOT_NEEDED = shutil.ignore_patterns("test", "tests", "__pycache__", "site-packages", "idlelib", "*.a")


def emulator_command(environment: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts the emulator, and the variables that its interpreter needs."""
    start = ["-c", _START.format(root=str(ROOT))]
    python = environment / "bin/python"
    if account() is None:
        return [str(python), *start], {}
    if not _can_run(ROOT / "local/emulator/__main__.py"):
        raise LocalError(
            f"the servers run as {account().pw_name}, never as root, and that account cannot enter {ROOT}; "  # type: ignore[union-attr]
            "move the project, or run this as an ordinary user"
        )
    if _can_run(python.resolve()):
        return [str(python), *start], {}
    prefix = readable(Path(sys.base_prefix), FOLDER / "python", ignored=_NOT_NEEDED)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    site = environment / f"lib/python{version}/site-packages"
    variables = {"PYTHONPATH": str(site), "LD_LIBRARY_PATH": str(prefix / "lib")}
    return [str(prefix / f"bin/python{version}"), *start], variables


def readable(folder: Path, copy: Path, *, ignored: Callable[[Any, list[str]], Iterable[str]] | None = None) -> Path:
    """Return the folder, or a copy of it where the servers' account cannot enter the folder itself."""
    if account() is None or _can_run(folder):
        return folder
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}-copying")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder, fresh, symlinks=True, ignore=ignored)
        fresh.rename(copy)
    return copy


def _can_run(path: Path) -> bool:
    """Return whether the servers' account can read a path and run what is there."""
    who = account()
    if who is None:
        return os.access(path, os.R_OK)
    command = ["/bin/sh", "-c", 'test -r "$1"', "sh", str(path)]
    done = subprocess.run(  # noqa: S603 - arguments of ours
        command, user=who.pw_uid, group=who.pw_gid, extra_groups=[], check=False, cwd="/"
    )
    return done.returncode == 0
