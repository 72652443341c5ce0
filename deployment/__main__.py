"""The verbs of the local AWS: ``python -m deployment deploy``, ``status``, ``stop``, ``destroy``, ``token``."""

import node  # names the Node of the requirements

import argparse
import fcntl
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

from deployment.not_enforced import NOT_ENFORCED
from deployment.walk import Client, Step, walk
from local import issuer, servers
from local.folder import ACCOUNT, FOLDER, ROOT, Addresses, LocalError, addresses, prepare, shown
from profiles.reading import load
from profiles.settings import Settings

_BEGAN = time.monotonic()


def main() -> int:
    """Run one verb; a failure is one sentence."""
    parser = argparse.ArgumentParser(prog="python -m deployment", description=__doc__)
    parser.add_argument("verb", choices=["deploy", "status", "stop", "destroy", "token"])
    parser.add_argument("--user", default="alice", help="whose token (default alice)")
    options = parser.parse_args()
    verbs: dict[str, Callable[[], int]] = {
        "deploy": deploy,
        "status": status,
        "stop": stop,
        "destroy": destroy,
        "token": lambda: token(options.user),
    }
    try:
        return verbs[options.verb]()
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def deploy() -> int:
    """Start what does not run, deploy the four stacks with the CDK CLI, and walk through the API."""
    prepare()
    with _alone():
        settings, where = load("local"), addresses()
        for name in servers.start(where, settings.region):
            _say("start", name)
        client = _aws(where, settings)
        if not _has_stack(client, "CDKToolkit"):
            _say("bootstrap", f"aws://{ACCOUNT}/{settings.region}")
            _cdk(where, settings, "bootstrap", f"aws://{ACCOUNT}/{settings.region}", "--app", "")
        profile = FOLDER / "profile.toml"
        text = (ROOT / "profiles/local.toml").read_text(encoding="utf-8")
        profile.write_text(text.replace(settings.api.issuer, where.issuer), encoding="utf-8")
        _say("deploy", "four stacks, held to the rules before anything is changed")
        before = _changed(client, settings)
        _cdk(
            where, settings, "deploy", "--all", "--require-approval", "never", "--output", str(FOLDER / "cdk.out"),
            "--context", f"profile={profile}", tell=True,
        )  # fmt: skip
        after = _changed(client, settings)
        changed = [name for name, when in after.items() if before.get(name) != when]
        _say("deployed", ", ".join(changed) if changed else f"no changes in {len(after)} stacks")
        steps = walk(_client(client, where, settings), _tokens(where, settings), _show, keeps=True)
    failed = [step for step in steps if not step.passed]
    if failed:
        raise LocalError(
            f"{len(failed)} of {len(steps)} requests were not answered as they should be; see {servers.LOGS}"
        )
    url = _url(client, where, settings)
    print(
        f"\nthe API answers at {url}\n"
        f'  curl --cacert {shown(FOLDER)}/tls/authority.pem -H "Authorization: Bearer $(make -s token)" '
        f"{url}/documents\n"
        f"logs in {shown(servers.LOGS)}\n{NOT_ENFORCED}\n"
        "next: make status, make token USER=bob, make stop, make destroy"
    )
    return 0


def status() -> int:
    """Tell what runs and where."""
    for name in ("postgresql", "emulator"):
        pid = servers.running(name)
        print(f"{name:12} {'runs, process ' + str(pid) if pid else 'does not run; make deploy starts it'}")
    if servers.running("emulator"):
        where, settings = addresses(), load("local")
        print(f"{'API':12} {_url(_aws(where, settings), where, settings) or 'not deployed; run make deploy'}")
    return 0


def stop() -> int:
    """End both servers; what they hold stays."""
    if not FOLDER.exists():
        print("nothing runs")
        return 0
    with _alone():
        stopped = servers.stop()
    print(f"stopped {' and '.join(stopped)}; make deploy goes on where it was" if stopped else "nothing runs")
    return 0


def destroy() -> int:
    """End both servers and remove all that they held."""
    if not FOLDER.exists():
        print("there is no local AWS")
        return 0
    with _alone():
        servers.stop()
        shutil.rmtree(FOLDER)
    print("the local AWS is gone, with its documents")
    return 0


def token(user: str) -> int:
    """Print an access token of the user for the local API."""
    if not (FOLDER / "issuer.key").exists():
        raise LocalError("there is no local issuer yet; run make deploy")
    print(_tokens(addresses(), load("local"))(user))
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Let one command at a time change the local AWS."""
    with (FOLDER / "lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError("another command is at work on the local AWS; wait until it has ended") from None
        yield


def _say(what: str, detail: str) -> None:
    print(f"{what:10} {detail}  ({time.monotonic() - _BEGAN:.0f} s)", flush=True)


def _show(step: Step) -> None:
    mark = "" if step.passed else f"  EXPECTED {step.expected}"
    print(f"  {step.request:48} {step.status}  {step.detail}{mark}", flush=True)


def _tokens(where: Addresses, settings: Settings) -> Callable[[str], str]:
    return lambda user: issuer.token(
        FOLDER / "issuer.key", issuer=where.issuer, audience=settings.api.audience, user=user
    )


def _environment(where: Addresses, settings: Settings) -> dict[str, str]:
    """Return what points the AWS SDKs at the emulator, and at nothing of the caller's own account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    authority = str(FOLDER / "tls/authority.pem")
    return {
        **kept,
        # The CDK CLI remembers accounts by access key in the home folder.
        "HOME": str(FOLDER),
        "AWS_ENDPOINT_URL": where.gateway,
        "AWS_CA_BUNDLE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def _cdk(where: Addresses, settings: Settings, *arguments: str, tell: bool = False) -> None:
    """Run the CDK CLI; all that it says goes to a log, and each stack's progress to the terminal."""
    command = [os.environ["JSII_NODE"], str(ROOT / "node_modules/aws-cdk/bin/cdk"), "--no-notices", *arguments]
    log = servers.LOGS / f"cdk-{arguments[0]}.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603 - the CDK CLI of the requirements
            command, cwd=ROOT, env=_environment(where, settings), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = []
        for line in process.stdout or ():
            output.write(line)
            said.append(line.rstrip())
            if tell and line.startswith((" ✅", "✅", "❌")):
                _say("", line.strip().split(maxsplit=1)[-1])
        if process.wait() != 0:
            last = "\n".join(f"  {line}" for line in said[-12:])
            raise LocalError(f"cdk {arguments[0]} failed; the end of {log}:\n{last}")


def _aws(where: Addresses, settings: Settings) -> Any:
    session = botocore.session.Session()
    return session.create_client(
        "cloudformation", region_name=settings.region, endpoint_url=where.gateway, aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator's root
        verify=str(FOLDER / "tls/authority.pem"),
    )  # fmt: skip


def _has_stack(client: Any, name: str) -> bool:
    try:
        client.describe_stacks(StackName=name)
    except botocore.exceptions.ClientError:
        return False
    return True


def _changed(client: Any, settings: Settings) -> dict[str, Any]:
    """Return when each of the application's stacks was changed last."""
    stacks = client.describe_stacks()["Stacks"]
    return {
        one["StackName"]: one.get("LastUpdatedTime", one["CreationTime"])
        for one in stacks
        if one["StackName"].startswith(f"{settings.name}-")
    }


def _url(client: Any, where: Addresses, settings: Settings) -> str | None:
    """Return where the emulator serves the API: the output names AWS's own address."""
    try:
        (stack,) = client.describe_stacks(StackName=f"{settings.name}-api")["Stacks"]
    except botocore.exceptions.ClientError:
        return None
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    if "Url" not in outputs:
        return None
    host, _, stage = outputs["Url"].removeprefix("https://").partition("/")
    return f"{where.gateway}/restapis/{host.partition('.')[0]}/{stage.strip('/')}/_user_request_"


def _client(client: Any, where: Addresses, settings: Settings) -> Client:
    url = _url(client, where, settings)
    if url is None:
        raise LocalError(f"the api stack has no Url; see {shown(servers.LOGS)}/cdk-deploy.log")
    return Client(url, ssl.create_default_context(cafile=str(FOLDER / "tls/authority.pem")))


if __name__ == "__main__":
    node.exit_status = main()
