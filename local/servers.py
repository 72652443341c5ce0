"""Starts and ends the local AWS's two servers, PostgreSQL and the emulator, and tells whether they run."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import certificates, issuer, postgresql
from local.folder import ACCOUNT, DATABASE_PORT, FOLDER, ROOT, Addresses, LocalError, account, shown
from local.interpreter import emulator_program, reachable

EMULATOR = ROOT / ".venv/emulator"
LOGS = FOLDER / "logs"
#: In the order in which they start.
NAMES = ("postgresql", "emulator")
_START_SECONDS = 60
_END_SECONDS = 30


def start(where: Addresses, region: str) -> list[str]:
    """Start what does not run yet; return the names of what was started."""
    certificates.write(FOLDER / "tls", ["127.0.0.1", where.database_host])
    issuer.write_keys(FOLDER / "issuer.key", FOLDER / "jwks.json")
    if (who := account()) is not None:
        for path in (FOLDER / "tls").iterdir():
            os.chown(path, who.pw_uid, who.pw_gid)
    started = []
    if not running("postgresql"):
        _start_postgresql()
        started.append("PostgreSQL")
    if not running("emulator"):
        _start_emulator(where, region)
        started.append("the emulator")
    return started


def stop() -> list[str]:
    """End both servers in order; return the names of those that ran."""
    stopped = []
    for name, called, how in (
        ("emulator", "the emulator", signal.SIGTERM),
        ("postgresql", "PostgreSQL", signal.SIGINT),
    ):
        pid = running(name)
        if pid is None:
            continue
        os.kill(pid, how)
        deadline = time.monotonic() + _END_SECONDS
        while running(name) is not None:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        stopped.append(called)
    for name in NAMES:
        (FOLDER / f"{name}.pid").unlink(missing_ok=True)
    return stopped


def running(name: str) -> int | None:
    """Return the process id of a server that was started here and still runs."""
    pid, begun = _recorded(name)
    return pid if pid is not None and _begun(pid) == begun else None


def died(name: str) -> int | None:
    """Return the process id of a server that ended without being stopped."""
    pid, _ = _recorded(name)
    return pid if running(name) is None else None


def _recorded(name: str) -> tuple[int | None, str]:
    try:
        pid, begun = (FOLDER / f"{name}.pid").read_text(encoding="ascii").split(maxsplit=1)
        return int(pid), begun.strip()
    except (FileNotFoundError, ValueError):
        return None, ""


def _begun(pid: int) -> str | None:
    """Return when a process began, which tells it from a later one with the same number; None when it is gone."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # where it is a child that has ended
    if not Path("/proc/self/stat").exists():
        return _begun_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat[0] == "Z" else stat[19]


def _begun_by_ps(pid: int) -> str | None:
    """Ask `ps`, where there is no /proc: on macOS."""
    command = ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    told = subprocess.run(  # noqa: S603 - arguments of ours
        command, capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    ).stdout.split()
    return " ".join(told[1:]) if told and not told[0].startswith("Z") else None


def _run(name: str, command: list[str], environment: dict[str, str], ready: Callable[[], bool]) -> None:
    log = LOGS / f"{name}.log"
    with log.open("ab") as output:
        begin = output.tell()
        process = subprocess.Popen(  # noqa: S603 - servers of ours
            command, cwd=FOLDER, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, **_as_account(),
        )  # fmt: skip
    (FOLDER / f"{name}.pid").write_text(f"{process.pid} {_begun(process.pid)}\n", encoding="ascii")
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_bytes()[begin:].decode(errors="replace").strip().splitlines()[-5:]
            raise LocalError(
                f"{name} did not start; mend what it says and run make deploy again. The end of {shown(log)}:\n"
                + "\n".join(f"  {line}" for line in last)
            )
        time.sleep(0.05)


def _as_account() -> dict[str, Any]:
    who = account()
    return {} if who is None else {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def _start_postgresql() -> None:
    found = postgresql.programs()
    if found is None:
        raise LocalError("no PostgreSQL is in the Python requirements for this system; install one and put it on PATH")
    programs = reachable(found.parent, FOLDER / "programs/postgresql") / "bin"
    data, quiet = FOLDER / "postgresql/data", {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    if not data.exists():
        # Under another name until it is whole: a command that ends in the middle leaves nothing that looks like one.
        half = data.with_name("half")
        shutil.rmtree(half, ignore_errors=True)
        command = [str(programs / "initdb"), "-D", str(half), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(  # noqa: S603 - arguments of ours
            command, cwd=FOLDER, env=quiet, capture_output=True, text=True, check=False, **_as_account()
        )
        if made.returncode != 0:
            raise LocalError(f"PostgreSQL's data folder could not be made: {made.stderr.strip()}")
        half.rename(data)
    # A socket that only this account can reach: whoever comes over the network has to pass the door.
    settings = {"listen_addresses": "", "port": "5432", "unix_socket_directories": str(FOLDER / "socket")}
    command = [str(programs / "postgres"), "-D", str(data), *(f"--{name}={text}" for name, text in settings.items())]
    path = str(FOLDER / "socket/.s.PGSQL.5432")
    _clear_locks(data, [data / "postmaster.pid", Path(f"{path}.lock")])
    _run("postgresql", command, quiet, lambda: _answers(socket.AF_UNIX, path))


def _clear_locks(data: Path, locks: list[Path]) -> None:
    """Remove what a killed server leaves behind, once the last of its processes has ended.

    PostgreSQL refuses to start beside it: it takes a process that nobody has reaped yet, or another one with the same
    number, for the server. All of its processes work in the data folder.
    """
    deadline = time.monotonic() + _END_SECONDS
    while any(lock.exists() for lock in locks) and time.monotonic() < deadline:
        if not _works_in(data):
            for lock in locks:
                lock.unlink(missing_ok=True)
        time.sleep(0.1)


def _works_in(folder: Path) -> bool:
    if not Path("/proc/self/cwd").exists():  # macOS
        command = ["/usr/sbin/lsof", "-a", "-d", "cwd", "-c", "postgres", "-F", "n"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - as above
        return f"n{folder}" in told.splitlines()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                return True
    return False


def _answers(family: int, address: Any) -> bool:
    with socket.socket(family) as client:
        return client.connect_ex(address) == 0


def _start_emulator(where: Addresses, region: str) -> None:
    if not (EMULATOR / "bin/python").exists():
        raise LocalError("the emulator is not installed yet; `make deploy` installs it")
    state, tls = FOLDER / "emulator", FOLDER / "tls"
    program = emulator_program(EMULATOR)
    environment = {
        **program.variables,
        "HOME": str(state),
        "TMPDIR": str(state),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Whose word the functions take for PostgreSQL; on AWS it is RDS's own authorities.
        "DATABASE_CA_FILE": str(tls / "authority.pem"),
        "GATEWAY_PORT": str(where.gateway_port),
        "MINISTACK_HOST": "127.0.0.1",
        # Requests to a load balancer carry no signature, which would tell the region.
        "MINISTACK_REGION": region,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(tls / "server.pem"),
        "MINISTACK_SSL_KEY": str(tls / "server.key"),
        "AWS_CA_BUNDLE": str(tls / "authority.pem"),
        "SSL_CERT_FILE": str(tls / "authority.pem"),
        "NODE_EXTRA_CA_CERTS": str(tls / "authority.pem"),
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(state / "state"),
        "S3_DATA_DIR": str(state / "s3"),
        # So that it never looks for Docker.
        "DOCKER_HOST": "tcp://127.0.0.1:1",
        "LOCAL_CONFIGURATION": json.dumps(
            {
                "socket_folder": str(FOLDER / "socket"),
                "door_host": where.database_host,
                "door_port": DATABASE_PORT,
                "issuer_port": where.issuer_port,
                "key_set": str(FOLDER / "jwks.json"),
                "scopes": [[ACCOUNT, region]],
            }
        ),
    }
    _run("emulator", program.command, environment, lambda: _answers(socket.AF_INET, ("127.0.0.1", where.gateway_port)))
