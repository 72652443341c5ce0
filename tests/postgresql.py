"""Finds the PostgreSQL that the tests start: the wheel's where there is one, else the one on PATH."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Any

import pytest

from local import postgresql


def programs(scratch: Path) -> Path:
    """Return the folder of initdb, pg_ctl and postgres.

    :param scratch: where root gets a copy, because the environment may lie where the server's account cannot enter.
    """
    found = _found()
    if not account():
        return found
    return Path(shutil.copytree(found.parent, scratch / "install", symlinks=True)) / "bin"


def account() -> dict[str, Any]:
    """Return the account to start the server under: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _found() -> Path:
    found = postgresql.programs()
    if found is None:
        pytest.fail("no wheel of PostgreSQL is made for this system: install it, and put its bin folder on PATH")
    return found
