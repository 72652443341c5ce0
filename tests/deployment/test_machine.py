"""What the local deploy does before it deploys: it waits for what is at work, and brings back what stopped half-way."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment import machine as subject
from deployment.deployed import Deployed, api_host, api_url
from deployment.failures import DeploymentError
from local.folder import FOLDER, Addresses
from profiles.reading import load

WHERE = Addresses(gateway_port=4566, issuer_port=4567, database_host="127.0.0.2")


class Waits(list[float]):
    """The seconds that were waited; ``clock`` goes on by them."""


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waited = Waits()
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(waited))
    return waited


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return what was asked of the CDK CLI."""
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(subject, "_cdk", lambda _, __, *arguments: commands.append(arguments))
    return commands


def deployed(monkeypatch: pytest.MonkeyPatch, states: Iterator[str]) -> Deployed:
    """Return the stacks, of which api tells the next state each time that it is asked for."""
    monkeypatch.setattr(Deployed, "stacks", lambda _: {"api": {"StackName": "local-api", "StackStatus": next(states)}})
    return Deployed(None, load("local"))


def test_what_an_interrupted_command_left_at_work_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, waits: Waits, ran: list[Any]
) -> None:
    states = iter(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_COMPLETE"])
    subject._make_deployable(deployed(monkeypatch, states), WHERE, Path("profile.toml"))
    assert len(waits) == 2
    assert ran == []


def test_what_never_ends_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, waits: Waits, ran: list[Any]
) -> None:
    def for_ever() -> Iterator[str]:
        while True:
            yield "UPDATE_IN_PROGRESS"

    with pytest.raises(DeploymentError, match="does not end on api; `make stop` ends it"):
        subject._make_deployable(deployed(monkeypatch, for_ever()), WHERE, Path("profile.toml"))
    assert sum(waits) > subject._SETTLE_SECONDS


def test_what_stopped_half_way_back_is_brought_back(
    monkeypatch: pytest.MonkeyPatch, waits: Waits, ran: list[tuple[str, ...]]
) -> None:
    subject._make_deployable(deployed(monkeypatch, iter(["UPDATE_ROLLBACK_FAILED"] * 2)), WHERE, Path("profile.toml"))
    assert ran == [("rollback", "api", "--force", "--context", "profile=profile.toml")]


def test_the_cli_gets_nothing_of_the_callers_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "CDK_DEFAULT_ACCOUNT"):
        monkeypatch.setenv(name, "the caller's")
    environment = subject._environment(WHERE, load("local"))
    assert "the caller's" not in environment.values()
    assert environment["AWS_ENDPOINT_URL"] == WHERE.gateway
    assert environment["HOME"] == str(FOLDER)


def test_the_api_is_where_the_emulator_serves_it_and_on_aws_where_the_output_says() -> None:
    outputs = {"Url": "https://abc.execute-api.eu-central-1.amazonaws.com/v1/"}
    assert api_url(outputs) == "https://abc.execute-api.eu-central-1.amazonaws.com/v1"
    assert api_url(outputs, WHERE.gateway) == "https://127.0.0.1:4566/restapis/abc/v1/_user_request_"
    assert api_host(outputs) is None
    with pytest.raises(DeploymentError, match="run make deploy"):
        api_url({})


def test_a_load_balancer_is_asked_by_its_own_name() -> None:
    outputs = {
        "Url": "https://documents.example.com/",
        "LoadBalancerName": "api-loadb-1a2b-12345678.eu-central-1.elb.amazonaws.com",
    }
    assert api_url(outputs) == "https://documents.example.com"
    assert api_url(outputs, WHERE.gateway) == "https://127.0.0.1:4566/_alb/api-loadb-1a2b"
    assert api_host(outputs) == "documents.example.com:443"


@pytest.mark.parametrize(
    ("profile", "local"), [("local", True), ("tests/profiles/load-balancer.toml", True), ("dev", False)]
)
def test_a_profile_of_the_local_account_is_this_machines(profile: str, local: bool) -> None:
    assert subject.is_local(profile) is local
