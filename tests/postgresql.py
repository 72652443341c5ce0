"""A real PostgreSQL with TLS, shaped like an RDS instance: the wheel's where there is one, else the one on PATH."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from local import postgresql
from services.documents.environment import DatabaseAddress
from tests.issuer import write_certificates

MASTER = "dbowner"
REGION = "eu-central-1"
# As on RDS: whoever has rds_iam signs in by a token over TLS and in no other way. RDS checks the token by PAM,
# which a test cannot; "trust" stands in for that check alone. Nobody else gets in over the network.
HBA = """
local   all all                        trust
hostssl all +rds_iam     127.0.0.1/32  trust
host    all all          127.0.0.1/32  reject
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL: where it is, and who vouches for it."""

    folder: Path
    port: int
    ca_file: Path

    def superuser(self, database: str = "postgres") -> psycopg.Connection[DictRow]:
        """Sign in as what RDS keeps for itself; the service never does."""
        return psycopg.connect(
            host=str(self.folder),
            port=self.port,
            dbname=database,
            user="postgres",
            autocommit=True,
            row_factory=dict_row,
        )

    def address(self, user: str, database: str, **changes: Any) -> DatabaseAddress:
        values = {
            "host": "localhost",
            "port": self.port,
            "name": database,
            "user": user,
            "region": REGION,
            "ca_file": self.ca_file,
        }
        return DatabaseAddress(**{**values, **changes})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server() -> Iterator[Server]:
    """Start PostgreSQL on a free loopback port; everything of it is gone afterwards."""
    # Not under pytest's own folder, which only root could enter.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    data = folder / "data"
    ca_file, certificate, key = write_certificates(folder)
    (folder / "hba.conf").write_text(HBA)
    who = account()
    bin_folder = programs(folder)
    if who:
        for path in (folder, certificate, key):
            os.chown(path, who["user"], who["group"])
    key.chmod(0o600)
    quiet: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, **who}
    initdb = [str(bin_folder / "initdb"), "-D", str(data), "-U", "postgres", "-A", "reject", "-E", "UTF8"]
    subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, **quiet)  # noqa: S603 - arguments of ours
    port = _free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "hba_file": str(folder / "hba.conf"),
        "ssl": "on",
        "ssl_cert_file": str(certificate),
        "ssl_key_file": str(key),
        "fsync": "off",
        "max_connections": "60",
        "log_connections": "on",
    }
    command = [
        str(bin_folder / "postgres"),
        "-D",
        str(data),
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **quiet)  # noqa: S603 - arguments of ours
    running = Server(folder, port, ca_file)
    try:
        _wait_for(running, process)
        _shape_like_rds(running)
        yield running
    finally:
        # A "fast" shutdown: connections that a test left open do not hold it up.
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        shutil.rmtree(folder)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            server.superuser().close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((server.folder / "server.log").read_text()) from None
            time.sleep(0.05)
        else:
            return


def _shape_like_rds(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("CREATE ROLE rds_iam NOLOGIN")
        connection.execute(f"CREATE ROLE {MASTER} LOGIN CREATEROLE CREATEDB NOSUPERUSER")
        connection.execute(f"GRANT rds_iam TO {MASTER} WITH ADMIN OPTION")


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
        raise RuntimeError("no wheel of PostgreSQL is made for this system: install it, and put its bin folder on PATH")
    return found
