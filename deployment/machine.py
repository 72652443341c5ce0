"""The verbs of the local AWS: deploy, status, logs, diff, redrive, stop, destroy, token."""

import fcntl
import os
import re
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import botocore.session  # type: ignore[import-untyped]

from deployment import cdk
from deployment.deployed import Deployed, api_host, api_url
from deployment.failures import DeploymentError
from deployment.logs import FileLog, FunctionLog, Log, follow, show_ends
from deployment.not_enforced import NOT_ENFORCED
from deployment.progress import say, show
from deployment.redrive import redrive as send_again
from deployment.states import PAUSED, is_at_work
from deployment.walk import Client, walk
from local import issuer, servers
from local.folder import (
    ACCOUNT,
    DATABASE_PORT,
    FOLDER,
    Addresses,
    LocalError,
    addresses,
    free_addresses,
    prepare,
    shown,
)
from profiles.reading import load, path_of
from profiles.settings import Settings

PROFILE = "local"
# The longest that a function of a stack's may take: the migrations' five minutes.
_SETTLE_SECONDS = 330
_AUTHORITY = FOLDER / "tls/authority.pem"


def is_local(profile: str) -> bool:
    """Tell whether a profile is the local AWS's: by its name, or by the account that no other AWS has."""
    return profile == PROFILE or load(profile).account == ACCOUNT


def deploy(profile: str = PROFILE) -> int:
    """Start what does not run, deploy the four stacks with the CDK CLI, and walk through the API."""
    prepare()
    with _alone():
        settings = load(profile)
        where = addresses() if servers.running("emulator") else free_addresses()
        for name in servers.start(where, settings.region):
            say("start", name)
        deployed = Deployed(_aws("cloudformation", where, settings), settings)
        if not deployed.is_bootstrapped():
            say("bootstrap", f"aws://{ACCOUNT}/{settings.region}")
            _cdk(where, settings, "bootstrap", f"aws://{ACCOUNT}/{settings.region}", "--app", "")
        filled_in = _profile(where, settings, profile)
        _make_deployable(deployed, where, filled_in)
        say("deploy", "four stacks, held to the rules before anything is changed")
        before = deployed.changed()
        _cdk(
            where, settings, "deploy", "--all", "--require-approval", "never", "--output", str(FOLDER / "cdk.out"),
            "--context", f"profile={filled_in}", told=lambda line: say("", line),
        )  # fmt: skip
        after = deployed.changed()
        changed = [name for name, when in after.items() if before.get(name) != when]
        say("deployed", ", ".join(changed) if changed else f"no changes in {len(after)} stacks")
        url, host = api_url(deployed.outputs(), where.gateway), api_host(deployed.outputs())
        client = Client(url, ssl.create_default_context(cafile=str(_AUTHORITY)), host=host)
        steps = walk(client, _tokens(where, settings), show, keeps=True)
    failed = [step for step in steps if not step.passed]
    if failed:
        raise DeploymentError(
            f"{len(failed)} of {len(steps)} requests were not answered as they should be; `make logs` shows why"
        )
    by_name = f' -H "Host: {host}"' if host else ""
    print(
        f"\nthe API answers at {url}\n"
        f'  curl --cacert {shown(_AUTHORITY)}{by_name} -H "Authorization: Bearer $(make -s token)" {url}/documents\n'
        f"runs   {', '.join(f'{name} (process {servers.running(name)})' for name in servers.NAMES)}\n"
        f"logs   in {shown(servers.LOGS)}; make logs shows the last of each\n"
        f"{NOT_ENFORCED}\n"
        "next: make status, make logs, make token USER=bob, make diff, make stop, make destroy"
    )
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


def token(user: str, profile: str = PROFILE) -> int:
    """Print an access token of the user for the local API."""
    if not (FOLDER / "issuer.key").exists():
        raise LocalError("there is no local issuer yet; run make deploy")
    print(_tokens(addresses(), load(profile))(user))
    return 0


def diff(profile: str = PROFILE) -> int:
    """Show what a deploy would change."""
    where, settings = _running(profile)
    return cdk.shown_here(
        "diff", "--method", "template", "--output", str(FOLDER / "cdk.out"),
        "--context", f"profile={_profile(where, settings, profile)}", environment=_environment(where, settings),
    )  # fmt: skip


def redrive(profile: str = PROFILE) -> int:
    """Send the dead letters again that lie in the local AWS."""
    where, settings = _running(profile)
    deployed = Deployed(_aws("cloudformation", where, settings), settings)
    return send_again(lambda service: _aws(service, where, settings), deployed)


def status(profile: str = PROFILE) -> int:
    """Tell what runs and where, and how the stacks are."""
    for name in servers.NAMES:
        pid, dead = servers.running(name), servers.died(name)
        how = f"does not run: process {dead} died, `make logs` shows its last words" if dead else "does not run"
        print(f"{name:12} {f'runs, process {pid}' if pid else f'{how}; make deploy starts it'}")
    if servers.running("emulator") is None:
        return 0
    where, settings = addresses(), load(profile)
    deployed = Deployed(_aws("cloudformation", where, settings), settings)
    for part, stack in deployed.stacks().items():
        when = stack.get("LastUpdatedTime", stack["CreationTime"])
        print(f"{part:12} {stack['StackStatus']}, changed {when:%Y-%m-%d %H:%M:%S} UTC")
    print(f"{'database':12} {where.database_host}:{DATABASE_PORT}, by TLS and an IAM token")
    print(f"{'AWS':12} {where.gateway}\n{'issuer':12} {where.issuer}")
    outputs = deployed.outputs()
    url = api_url(outputs, where.gateway) if "Url" in outputs else "not deployed; run make deploy"
    host = api_host(outputs)
    print(f"{'API':12} {url}{f' by the name {host}' if host else ''}")
    return 0


def logs(function: str, *, follows: bool, profile: str = PROFILE) -> int:
    """Show the end of the servers' and the functions' logs; or of the functions' of that name alone."""
    if not FOLDER.exists():
        raise LocalError("there is no local AWS; make deploy makes one")
    found: list[Log] = [FileLog(servers.LOGS / f"{name}.log") for name in servers.NAMES] if not function else []
    if servers.running("emulator"):
        found += _function_logs(function, profile)
    elif function:
        raise LocalError("the local AWS does not run, and it keeps the functions' logs; make deploy starts it")
    show_ends(found)
    if follows:
        with suppress(KeyboardInterrupt):
            follow(found)
    return 0


def _function_logs(name: str, profile: str) -> list[Log]:
    """Return the logs of the api stack's functions, or of those whose name begins so."""
    where, settings = addresses(), load(profile)
    client = _aws("logs", where, settings)
    pages = _aws("lambda", where, settings).get_paginator("list_functions").paginate()
    prefix = f"{settings.name}-api-"
    functions = [one for page in pages for one in page["Functions"] if one["FunctionName"].startswith(prefix)]
    groups = {
        # The name as the code has it: without the stack's before it, and what CloudFormation adds behind it.
        re.sub(r"[0-9A-F]{8}-?[0-9A-F]*$", "", one["FunctionName"].removeprefix(prefix)): one["LoggingConfig"]
        for one in functions
    }
    found = {known: group["LogGroup"] for known, group in groups.items() if known.lower().startswith(name.lower())}
    if not found:
        raise LocalError(f"no function is called {name!r}; there are {', '.join(sorted(groups)) or 'none yet'}")
    return [FunctionLog(client, known, group) for known, group in sorted(found.items())]


@contextmanager
def _alone() -> Iterator[None]:
    """Let one command at a time change the local AWS."""
    with (FOLDER / "lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError("another command is at work on the local AWS; wait until it has ended") from None
        yield


def _make_deployable(deployed: Deployed, where: Addresses, profile: Path) -> None:
    """Wait for what an interrupted command left at work, and bring back what stopped half-way.

    :param profile: the profile, filled in.
    """
    end = time.monotonic() + _SETTLE_SECONDS
    while at_work := [part for part, stack in deployed.stacks().items() if is_at_work(stack)]:
        if time.monotonic() > end:
            raise DeploymentError(
                f"an earlier command's operation does not end on {', '.join(at_work)}; `make stop` ends it, and make "
                "deploy then goes on from there"
            )
        time.sleep(0.2)
    paused = [part for part, stack in deployed.stacks().items() if stack["StackStatus"] in PAUSED]
    if paused:
        say("repair", f"stopped half-way back to what they were: {', '.join(paused)}")
        _cdk(where, deployed.settings, "rollback", *paused, "--force", "--context", f"profile={profile}")


def _running(profile: str) -> tuple[Addresses, Settings]:
    """Return where the local AWS is, which has to run."""
    if servers.running("emulator") is None:
        raise LocalError("the local AWS does not run; make deploy starts it")
    return addresses(), load(profile)


def _profile(where: Addresses, settings: Settings, profile: str) -> Path:
    """Write the profile with the issuer's address filled in, and the zone of its domain where it has one."""
    filled_in = FOLDER / "profile.toml"
    text = path_of(profile).read_text(encoding="utf-8").replace(settings.api.issuer, where.issuer)
    if settings.api.domain is not None:
        zone = _zone(_aws("route53", where, settings), settings.api.domain.hosted_zone_name)
        text = text.replace(settings.api.domain.hosted_zone_id, zone)
    filled_in.write_text(text, encoding="utf-8")
    return filled_in


def _zone(route53: Any, name: str) -> str:
    """Return the id of the hosted zone of that name, which is made where there is none."""
    zones = [zone for zone in route53.list_hosted_zones()["HostedZones"] if zone["Name"] == f"{name}."]
    if not zones:
        zones = [route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]]
    return str(zones[0]["Id"]).rpartition("/")[2]


def _tokens(where: Addresses, settings: Settings) -> Callable[[str], str]:
    return lambda user: issuer.token(
        FOLDER / "issuer.key", issuer=where.issuer, audience=settings.api.audience, user=user
    )


def _environment(where: Addresses, settings: Settings) -> dict[str, str]:
    """Return what points the AWS SDKs at the emulator, and at nothing of the caller's own account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return {
        **kept,
        # The CDK CLI remembers accounts by access key, in the home folder of whoever runs it unless told otherwise.
        "HOME": str(FOLDER),
        "CDK_HOME": str(FOLDER / ".cdk"),
        "AWS_ENDPOINT_URL": where.gateway,
        "AWS_CA_BUNDLE": str(_AUTHORITY),
        "NODE_EXTRA_CA_CERTS": str(_AUTHORITY),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def _cdk(where: Addresses, settings: Settings, *arguments: str, told: Callable[[str], None] | None = None) -> None:
    cdk.logged(
        *arguments,
        environment=_environment(where, settings),
        log=servers.LOGS / f"cdk-{arguments[0]}.log",
        told=told,
        alive=lambda: servers.running("emulator") is not None,
    )


def _aws(service: str, where: Addresses, settings: Settings) -> Any:
    session = botocore.session.Session()
    return session.create_client(
        service, region_name=settings.region, endpoint_url=where.gateway, aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator's root
        verify=str(_AUTHORITY),
    )  # fmt: skip
