"""The one folder that holds all of the local AWS: its state, keys, logs and the addresses that it was given."""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: `make destroy` removes it. ``LOCAL_FOLDER`` names another: the tests have one of their own.
FOLDER = Path(os.environ.get("LOCAL_FOLDER") or ROOT / ".local").resolve()
ACCOUNT = "000000000000"
DATABASE_PORT = 5433
#: Megabytes that a first deploy writes, programs that root has to copy among them, and a later one; rounded up.
NEEDED_FIRST, NEEDED_AGAIN = 400, 100
#: Who runs the servers when root starts them.
SERVERS_ACCOUNT = "nobody"
# Twice, since nothing else knows them all.
_REMEMBERED = ("addresses.json", "addresses.saved.json")
# What the operating system takes for the path of a Unix socket.
_LONGEST_SOCKET = 107


class LocalError(RuntimeError):
    """The local AWS cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the servers listen; chosen once, so that URLs and templates stay the same."""

    gateway_port: int
    issuer_port: int
    #: The template fixes the database's port, so a free address of the loopback network is chosen instead.
    database_host: str

    @property
    def gateway(self) -> str:
        """The emulator's address."""
        return f"https://127.0.0.1:{self.gateway_port}"

    @property
    def issuer(self) -> str:
        """The local token issuer's address and name."""
        return f"https://127.0.0.1:{self.issuer_port}"


def addresses() -> Addresses:
    """Return the remembered addresses, or choose free ones and remember them."""
    damaged = False
    for name in _REMEMBERED:
        try:
            return Addresses(**json.loads((FOLDER / name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        except (ValueError, TypeError):
            damaged = True
    if damaged and holds_data():
        raise LocalError(
            f"{' and '.join(shown(FOLDER / name) for name in _REMEMBERED)} are damaged, and the documents are known by "
            "these addresses; put the files back from a copy, or run `make destroy` to begin anew without the documents"
        )
    return _remember(
        Addresses(gateway_port=_free_port(4566), issuer_port=_free_port(4567), database_host=_free_host(DATABASE_PORT))
    )


def free_addresses() -> Addresses:
    """Return the addresses when nobody else listens there; others, while nothing was deployed that knows them."""
    where = addresses()
    wanted = {
        "gateway_port": ("127.0.0.1", where.gateway_port),
        "issuer_port": ("127.0.0.1", where.issuer_port),
        "database_host": (where.database_host, DATABASE_PORT),
    }
    taken = {name: f"{host}:{port}" for name, (host, port) in wanted.items() if not is_free(host, port)}
    if not taken:
        return where
    if holds_data():
        # The issuer's address is part of every owner's name, the gateway's of every queue's: they cannot change.
        raise LocalError(
            f"somebody else listens on {' and '.join(taken.values())}, where what is deployed here is known to be; end "
            f"that process (`lsof -i :{next(iter(taken.values())).rpartition(':')[2]}` names it) and run make deploy "
            "again; or set LOCAL_FOLDER to another folder for a local AWS beside this one"
        )
    for name in _REMEMBERED:
        (FOLDER / name).unlink(missing_ok=True)
    return addresses()


def holds_data() -> bool:
    """Return whether a deployment was ever begun here."""
    return (FOLDER / "logs/cdk-deploy.log").exists()


def _remember(chosen: Addresses) -> Addresses:
    for name in _REMEMBERED:
        # In one step: a full disk or a kill leaves the old file or the new one.
        written = FOLDER / f"{name}.new"
        written.write_text(json.dumps(asdict(chosen), indent=2) + "\n", encoding="utf-8")
        written.replace(FOLDER / name)
    return chosen


def check_space() -> None:
    """Refuse to start on a disk that will be full before the end."""
    free = shutil.disk_usage(FOLDER).free // 1_000_000
    needed = NEEDED_AGAIN if holds_data() else NEEDED_FIRST
    if free < needed:
        raise LocalError(
            f"the disk that holds {shown(FOLDER)} has {free} MB left, and {needed} MB are needed; free some space, or "
            "set LOCAL_FOLDER to a folder on another disk; nothing was changed"
        )


def prepare() -> None:
    """Make the folder, for the account that the servers run under and nobody else."""
    if len(str(FOLDER / "socket/.s.PGSQL.5432")) > _LONGEST_SOCKET:
        raise LocalError(f"{FOLDER} is too long a path for PostgreSQL's socket; set LOCAL_FOLDER to a shorter one")
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    check_space()
    if not may_read(FOLDER):
        with contextlib.suppress(OSError):
            FOLDER.rmdir()
        raise LocalError(
            f"the servers run as {SERVERS_ACCOUNT}, never as root, and that account cannot enter {FOLDER}; run this "
            "as an ordinary user, or set LOCAL_FOLDER to a folder that it can enter, such as /var/tmp/secure-backend"
        )
    owned = [FOLDER / name for name in ("socket", "postgresql", "emulator", "logs", "tls")]
    for path in owned:
        path.mkdir(mode=0o700, exist_ok=True)
    if (who := account()) is not None:
        for path in owned:
            os.chown(path, who.pw_uid, who.pw_gid)


def account() -> pwd.struct_passwd | None:
    """Return the account that the servers run under when it is another: none of them runs as root."""
    return pwd.getpwnam(SERVERS_ACCOUNT) if os.geteuid() == 0 else None


def may_read(path: Path) -> bool:
    """Return whether the servers' account can read a path."""
    who = account()
    if who is None:
        return os.access(path, os.R_OK)
    command = ["/bin/sh", "-c", 'test -r "$1"', "sh", str(path)]
    done = subprocess.run(  # noqa: S603 - arguments of ours
        command, user=who.pw_uid, group=who.pw_gid, extra_groups=[], check=False, cwd="/"
    )
    return done.returncode == 0


def shown(path: Path) -> str:
    """Return a path as a person in the project's folder would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def is_free(host: str, port: int) -> bool:
    """Return whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_port(first: int) -> int:
    free = (port for port in _in_any_order(range(first, first + 2000, 10)) if is_free("127.0.0.1", port))
    found = next(free, None)
    if found is None:
        raise LocalError(f"no free port on 127.0.0.1 from {first} to {first + 2000}; end what listens there")
    return found


def _free_host(port: int) -> str:
    free = (host for host in (f"127.0.0.{last}" for last in _in_any_order(range(1, 255))) if is_free(host, port))
    found = next(free, None)
    if found is None:
        raise LocalError(f"port {port} is taken on every address of the loopback network; end what listens there")
    return found


def _in_any_order(numbers: range) -> list[int]:
    """Return the numbers shuffled: two local AWSs that begin at once would choose the same first free one."""
    return secrets.SystemRandom().sample(numbers, len(numbers))
