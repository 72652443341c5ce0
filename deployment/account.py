"""The verbs of an account: deploy, diff, redrive and destroy with the caller's own credentials."""

import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

from deployment import cdk
from deployment.caller import Caller, check, who_calls
from deployment.consent import Consent
from deployment.deployed import Deployed, api_url
from deployment.failures import DeploymentError
from deployment.progress import say, show
from deployment.redrive import redrive as send_again
from deployment.remaining import deployed_assembly, held_by, physical_ids, remaining
from deployment.states import ways_out
from deployment.tokens import machine_token
from deployment.walk import Client, walk
from local.folder import ROOT, shown
from profiles.reading import load
from profiles.settings import Settings
from secure_backend.analysis import Assembly, Resource

# The caller's credentials under each name that the SDKs know: one set is left to them, the one that was checked.
_IDENTITY = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Account:
    """One profile in the account of the caller's credentials."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.settings: Settings = load(profile)
        self._session = botocore.session.Session()
        self.caller: Caller = who_calls(self.client("sts"))
        check(self.caller, self.settings, profile=profile)
        self.deployed = Deployed(self.client("cloudformation"), self.settings)

    def client(self, service: str) -> Any:
        """Return a client of the caller's own credentials, for the profile's region."""
        try:
            return self._session.create_client(service, region_name=self.settings.region)
        except botocore.exceptions.ProfileNotFound as error:
            raise DeploymentError(f"{error}; `aws configure list-profiles` lists yours") from None

    @property
    def assembly(self) -> Path:
        """Where the templates are kept between what is shown and what is deployed: nobody else writes there."""
        return ROOT / f"cdk.out.{self.settings.name}"

    @property
    def gateway(self) -> str | None:
        """The address of what plays AWS; None for AWS itself."""
        return self.caller.endpoint.rstrip("/") if self.caller.is_played else None

    def introduce(self) -> None:
        """Show which account, region and profile this is."""
        print(f"profile    {self.profile}\naccount    {self.caller.account}, as {self.caller.arn}")
        print(f"region     {self.settings.region}", flush=True)
        if self.gateway:
            print(f"AWS        is played by {self.gateway}", flush=True)

    def environment(self) -> dict[str, str]:
        """Return what makes the CDK CLI the caller that was checked, whatever else it might find."""
        credentials = self._session.get_credentials().get_frozen_credentials()
        found = {name: value for name, value in os.environ.items() if name not in _IDENTITY}
        found |= {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_REGION": self.settings.region,
        }
        return found | ({"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {})

    def cdk(self, *arguments: str) -> int:
        """Run the CDK CLI on this terminal."""
        return cdk.shown_here(*arguments, environment=self.environment())

    def synthesize(self) -> None:
        """Write the templates, held to the rules."""
        say("synth", "four stacks, held to the rules before anything is changed")
        status, said = cdk.captured(
            "synth", "--quiet", "--context", f"profile={self.profile}", "--output", str(self.assembly),
            environment=self.environment(),
        )  # fmt: skip
        if status != 0:
            raise DeploymentError(f"{said.strip()}\n\nthe templates were refused; nothing was changed")

    def show_diff(self) -> int:
        """Show what a deployment would change, without a trace in the account."""
        return self.cdk("diff", "--app", str(self.assembly), "--method", "template")

    def widens_access(self) -> bool:
        """Tell whether the CDK finds that a deployment widens access; not to know is no reason to go on unasked."""
        status, _ = cdk.captured(
            "diff", "--app", str(self.assembly), "--security-only", "--fail", "--method", "template",
            environment=self.environment(),
        )  # fmt: skip
        return status != 0

    def tls(self) -> ssl.SSLContext:
        """Return whom the walk trusts."""
        return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") if self.gateway else None)


def deploy(profile: str, answer: str) -> int:
    """Show what would change, ask where it widens access, deploy with the CDK CLI, and walk through the API."""
    account = Account(profile)
    account.introduce()
    consent = Consent(account.caller.account, answer)
    stuck = ways_out(account.deployed.stacks().values(), account.settings.region, profile=profile)
    if stuck:
        raise DeploymentError("\n".join(stuck))
    account.synthesize()
    environment = f"aws://{account.caller.account}/{account.settings.region}"
    if not account.deployed.is_bootstrapped():
        consent.to(f"prepare {environment} for the CDK (a bucket, a repository and the deployment's roles)")
        if account.cdk("bootstrap", environment, "--app", "") != 0:
            raise DeploymentError("the CDK could not prepare the account, as told above; run the same command again")
    account.show_diff()
    if account.widens_access():
        consent.to(f"deploy to account {account.caller.account}, with the wider access shown above")
    say("deploy", f"four stacks to {environment}; the first time takes about a quarter of an hour")
    if account.cdk("deploy", "--app", str(account.assembly), "--all", "--require-approval", "never") != 0:
        raise DeploymentError(
            "the deployment ended as told above, and CloudFormation keeps or restores what was there before; mend the "
            f"cause and run `make deploy PROFILE={profile}` again (README, “Deploy it to AWS”, tells of failed first "
            "deployments)"
        )
    outputs = account.deployed.outputs()
    url = api_url(outputs, account.gateway)
    token, why = _token(account, outputs)
    if token is None:
        print(f"the walk through the API is left out: {why}")
    else:
        _walk(account, url, token)
    print(f"\nthe API answers at {url}\nnext: make diff PROFILE={profile}, make destroy PROFILE={profile}")
    return 0


def diff(profile: str) -> int:
    """Show what a deploy would change in the account."""
    account = Account(profile)
    account.introduce()
    account.synthesize()
    return account.show_diff()


def redrive(profile: str) -> int:
    """Send the dead letters again that lie in the account."""
    account = Account(profile)
    account.introduce()
    return send_again(account.client, account.deployed)


def destroy(profile: str, answer: str) -> int:
    """Ask, remove what may go, and tell what stays, why, what it costs, and how to end it."""
    account = Account(profile)
    account.introduce()
    stacks = account.deployed.stacks()
    names = {stack["StackName"]: part for part, stack in stacks.items()}
    if not names:
        print(f"account {account.caller.account} has no stack of profile {profile}")
        return 0
    protected = [stack["StackName"] for stack in stacks.values() if stack.get("EnableTerminationProtection")]
    if protected:
        raise DeploymentError(_protected(protected, account.settings.region))
    consent = Consent(account.caller.account, answer)
    cloudformation = account.deployed.client
    assembly = deployed_assembly(cloudformation, account.settings, names)
    _check_load_balancers(account, assembly)
    held = held_by(assembly)
    going = {name: part for name, part in names.items() if name not in held}
    if not going:
        _tell_held(held, profile)
        return 0
    stays = remaining(assembly, {name: physical_ids(cloudformation, name) for name in going}, account.settings.region)
    print(
        f"goes       {', '.join(going)}\nstays      {len(stays)} resources of theirs that hold data, or that data needs"
    )
    consent.to(f"destroy this in account {account.caller.account}")
    account.synthesize()
    arguments = ("--app", str(account.assembly), "--exclusively", "--force", *going.values())
    failed = account.cdk("destroy", *arguments) != 0
    total = sum(one.dollars for one in stays)
    told = "\n".join(line for one in stays for line in one.lines())
    path = account.assembly / "remaining.txt"
    with path.open("a", encoding="utf-8") as file:
        # After what an earlier destroy left: that is still there, and its stacks no longer tell of it.
        file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {', '.join(going)}\n{told}\n")
    print(
        f"\nwhat stays, in the order to end it: about {total:.0f} dollars a month, and its storage\n{told}\n"
        f"this list is kept in {shown(path)}"
    )
    _tell_held(held, profile)
    if failed:
        raise DeploymentError(
            f"not every stack went, as told above; end what {shown(path)} lists and what stands in those stacks, then "
            f"run `make destroy PROFILE={profile}` again"
        )
    return 0


def _protected(names: Iterable[str], region: str) -> str:
    lift = "aws cloudformation update-termination-protection --no-enable-termination-protection"
    commands = "\n".join(f"  {lift} --stack-name {name} --region {region}" for name in names)
    return f"the stacks are protected against this, and nothing was removed; who means it lifts that first:\n{commands}"


def _check_load_balancers(account: Account, assembly: Assembly) -> None:
    """Refuse what CloudFormation would only find out half-way: it deletes no load balancer that is protected."""
    lift = "aws elbv2 modify-load-balancer-attributes --attributes Key=deletion_protection.enabled,Value=false"
    commands = []
    for one in assembly.resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        arn = physical_ids(account.deployed.client, one.stack.name)[one.logical_id]
        told = account.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        if {"Key": "deletion_protection.enabled", "Value": "true"} in told:
            commands.append(f"  {lift} --load-balancer-arn {arn} --region {account.settings.region}")
    if commands:
        raise DeploymentError(
            "the load balancer is protected against this, and nothing was removed; who means it lifts that first:\n"
            + "\n".join(commands)
        )


def _tell_held(held: dict[str, list[Resource]], profile: str) -> None:
    for name, holders in held.items():
        kinds = sorted({one.type.removeprefix("AWS::").replace("::", " ") for one in holders})
        print(
            f"\nstack {name} stays too: {', '.join(kinds)} that stay stand in it; end those first, then run "
            f"`make destroy PROFILE={profile}` again"
        )


def _token(account: Account, outputs: dict[str, str]) -> tuple[str | None, str]:
    """Return a token for the walk; or None, and why there is none."""
    api = account.settings.api
    if api.load_balancer is not None and not api.load_balancer.internet_facing:
        return None, "the load balancer takes callers of the VPC alone"
    if api.usage_plan is not None:
        return None, "the profile asks each caller for an API key too"
    if api.issuer == "cognito":
        try:
            return machine_token(account.client("cognito-idp"), outputs, tls=account.tls(), gateway=account.gateway), ""
        except DeploymentError as error:
            return None, str(error)
    token = os.environ.get("TOKEN")
    return token, (
        f"only {api.issuer} issues tokens; get one for the audience {api.audience!r} with the scopes documents:read "
        f"and documents:write, and run: TOKEN=… make deploy PROFILE={account.profile}"
    )


def _walk(account: Account, url: str, token: str) -> None:
    print("one caller's token is at hand, so that nobody asks for another's document (proved by tests/services)")
    steps = walk(Client(url, account.tls()), lambda _: token, show, one_caller=True)
    failed = [step for step in steps if not step.passed]
    if failed:
        raise DeploymentError(
            f"deployed, but {len(failed)} of {len(steps)} requests were not answered as they should be; the log groups "
            f"of {account.settings.name}-api tell why"
        )
