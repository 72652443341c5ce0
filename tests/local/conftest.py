"""A local AWS of the test session's own, with the four stacks deployed to it: what a test needs of it, and its end."""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from deployment.walk import Client
from local.folder import ROOT
from profiles.reading import load

REGION = load("local").region
SERVERS = ("postgresql", "emulator")
#: The settings of this machine that the CDK CLI and the servers must not need.
_FOREIGN = ("AWS_", "CDK_")


# Many times what any command takes: a command that hangs must fail a test, not stop all of them.
_COMMAND_SECONDS = 300


class LocalAws:
    """One local AWS in a folder of its own, driven by the commands that a person would type."""

    def __init__(self, folder: Path, profile: str = "local") -> None:
        self.folder = folder
        self.profile = profile
        self._url = ""
        self._host: str | None = None
        self._session = botocore.session.Session()
        self._clients: dict[str, Any] = {}

    def start(self, *verb: str) -> subprocess.Popen[str]:
        """Start a command, and do not wait for it."""
        if "deploy" in verb:
            self._url = ""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return subprocess.Popen(  # noqa: S603 - the command of this project
            [sys.executable, "-m", "deployment", *verb, "--profile", self.profile],
            cwd=ROOT,
            env={**kept, "LOCAL_FOLDER": str(self.folder), "PYTHONPATH": str(ROOT / "constructs")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell that runs the tests in the background has its children ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *verb: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, whatever that is."""
        process = self.start(*verb)
        try:
            output, _ = process.communicate(timeout=_COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            # As Ctrl-C does, so that it ends what it has started.
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate()
            pytest.fail(f"{' '.join(verb)} did not end:\n{output}\n{self.logs()}")
        return subprocess.CompletedProcess(verb, process.returncode, output)

    def ask(self, *verb: str) -> str:
        """Run a command that must succeed, and return what it says."""
        done = self.run(*verb)
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def url(self) -> str:
        """Where the API answers."""
        if not self._url:
            (line,) = (line for line in self.ask("status").splitlines() if line.startswith("API"))
            self._url, *named = line.split()[1:]
            self._host = named[-1] if named else None
        return self._url

    @property
    def authority(self) -> Path:
        """The authority that every server's certificate comes from."""
        return self.folder / "tls/authority.pem"

    def token(self, user: str) -> str:
        """Return an access token of the user."""
        return self.ask("token", "--user", user).strip()

    @property
    def api(self) -> Client:
        """The deployed API."""
        return Client(self.url, ssl.create_default_context(cafile=str(self.authority)), host=self._host)

    def client(self, service: str) -> Any:
        """Return the client of the emulator with the account's own credentials."""
        if service not in self._clients:
            self._clients[service] = self._session.create_client(
                service,
                region_name=REGION,
                endpoint_url="/".join(self.url.split("/", 3)[:3]),
                aws_access_key_id="test",
                aws_secret_access_key="test",
                verify=str(self.authority),
            )
        return self._clients[service]

    def written(self) -> list[str]:
        """Return all that the functions have written to CloudWatch Logs, the newest last; each start has its stream."""
        logs = self.client("logs")
        events = [
            event
            for groups in logs.get_paginator("describe_log_groups").paginate()
            for group in groups["logGroups"]
            for streams in logs.get_paginator("describe_log_streams").paginate(logGroupName=group["logGroupName"])
            for stream in streams["logStreams"]
            for event in logs.get_log_events(logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"])[
                "events"
            ]
        ]
        return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]

    def superuser(self) -> psycopg.Connection[DictRow]:
        """Sign in to PostgreSQL as what RDS keeps for itself, by the socket."""
        folder = str(self.folder / "socket")
        return psycopg.connect(host=folder, dbname="documents", user="postgres", autocommit=True, row_factory=dict_row)

    def pid(self, server: str) -> int:
        """Return the process id of a server that was started."""
        return int((self.folder / f"{server}.pid").read_text().split()[0])

    def kill(self, *servers: str) -> None:
        """End servers as a lack of memory or of power would."""
        for server in servers:
            os.kill(self.pid(server), signal.SIGKILL)

    def logs(self) -> str:
        """Return the end of each log, for whoever has to find out why."""
        ends = [f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in self.folder.glob("logs/*")]
        return "\n".join(ends)


def processes_in(folder: Path) -> list[str]:
    """Return the commands of the processes that work in the folder or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            at = str((process / "cwd").readlink())
        except OSError:  # it has ended
            continue
        if str(folder) in command or Path(at).is_relative_to(folder):
            found.append(f"{process.name} {command}")
    return found


def new_local_aws(profile: str = "local") -> Iterator[LocalAws]:
    """Yield a local AWS that nothing has been deployed to, and leave neither process nor folder of it."""
    # Not pytest's own folder: it is too long a path for a socket, and the servers' account cannot enter it.
    parent = Path(tempfile.mkdtemp(prefix="sb-"))
    parent.chmod(0o755)
    aws = LocalAws(parent / "aws", profile)
    try:
        yield aws
    finally:
        ended = aws.run("destroy")
        left = processes_in(aws.folder)
        for line in left:
            os.kill(int(line.split()[0]), signal.SIGKILL)
        shutil.rmtree(parent)
        assert ended.returncode == 0, ended.stdout
        assert not left


@pytest.fixture(scope="session")
def fresh_deploy() -> Iterator[tuple[LocalAws, str]]:
    """A local AWS with the four stacks, and what the deploy said."""
    for aws in new_local_aws():
        done = aws.run("deploy")
        if done.returncode != 0:
            pytest.fail(f"deploy failed:\n{done.stdout}\n{aws.logs()}")
        yield aws, done.stdout


@pytest.fixture(scope="session")
def aws(fresh_deploy: tuple[LocalAws, str]) -> LocalAws:
    """The session's local AWS. Who changes it puts it back."""
    return fresh_deploy[0]
