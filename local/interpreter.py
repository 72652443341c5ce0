"""Puts what the servers run where their account can reach it: root may own a project that nobody else can enter."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.folder import FOLDER, ROOT, account, may_read

_START = "import runpy, sys; sys.path.insert(0, {root!r}); runpy.run_module('local.emulator', run_name='__main__')"
# Its bytecode is needed: no function writes any, and each that starts would compile what it imports.
_NOT_NEEDED = shutil.ignore_patterns("test", "tests", "site-packages", "idlelib", "*.a")
_Ignore = Callable[[Any, list[str]], Iterable[str]]


@dataclass(frozen=True)
class EmulatorProgram:
    """The command that starts the emulator, and what its environment has to name."""

    command: list[str]
    variables: dict[str, str]


def emulator_program(environment: Path) -> EmulatorProgram:
    """Return how to start the emulator as the servers' account."""
    code = reachable(ROOT / "local", FOLDER / "programs/code/local").parent
    packages = reachable(environment, FOLDER / "programs/emulator")
    modules = reachable(ROOT / "node_modules", FOLDER / "programs/node_modules")
    node = reachable(Path(os.environ["JSII_NODE"]).parent, FOLDER / "programs/node")
    variables = {
        "PATH": f"{node}:/usr/bin:/bin",
        "NODE_PATH": str(modules),
        # Where the functions find what the deployed archive holds for another machine and Python.
        "_LAMBDA_LAYERS_DIRS": str(packages / "functions"),
    }
    start = ["-c", _START.format(root=str(code))]
    python = environment / "bin/python"
    if account() is None or (packages == environment and may_read(python.resolve())):
        return EmulatorProgram([str(python), *start], variables)
    prefix = reachable(Path(sys.base_prefix), FOLDER / "programs/python", ignore=_NOT_NEEDED)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    variables |= {
        "PYTHONPATH": str(packages / "lib" / version / "site-packages"),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
    }
    return EmulatorProgram([str(prefix / "bin" / version), *start], variables)


def reachable(folder: Path, copy: Path, *, ignore: _Ignore | None = None) -> Path:
    """Return the folder, or a fresh copy of it where the servers' account cannot enter the folder itself."""
    if account() is None or may_read(folder):
        return folder
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, symlinks=True, ignore=ignore)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            # What its owner may run, the servers' account may run.
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
    return copy
