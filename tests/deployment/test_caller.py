"""Who may deploy what: decided from what STS says, before anything is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.stub import Stubber  # type: ignore[import-untyped]

from deployment.caller import Caller, check, who_calls
from deployment.failures import DeploymentError
from profiles.reading import load
from tests.conftest import ROOT

ALICES = "111122223333"
PROD = str(ROOT / "tests/profiles/prod.toml")


def sts(endpoint: str | None = None, key: str = "AKIAIOSFODNN7EXAMPLE") -> Any:
    session = botocore.session.Session()
    return session.create_client(
        "sts",
        region_name="eu-central-1",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key="of nobody",
    )


@contextmanager
def answering(client: Any, account: str) -> Iterator[None]:
    with Stubber(client) as stub:
        identity = {"Account": account, "Arn": f"arn:aws:iam::{account}:user/alice", "UserId": "A"}
        stub.add_response("get_caller_identity", identity, {})
        yield


def caller(account: str, endpoint: str | None = None) -> Caller:
    client = sts(endpoint)
    with answering(client, account):
        return who_calls(client)


def refusal(caller: Caller, profile: str) -> str:
    with pytest.raises(DeploymentError) as caught:
        check(caller, load(profile), profile=profile)
    return str(caught.value)


def test_a_profile_without_an_account_goes_to_the_account_of_the_credentials() -> None:
    who = caller(ALICES)
    check(who, load("dev"), profile="dev")
    assert (who.account, who.is_played) == (ALICES, False)


def test_credentials_of_another_account_than_the_profiles_are_refused() -> None:
    told = refusal(caller(ALICES), PROD)
    assert f"is for account {load(PROD).account}" in told
    assert f"are of account {ALICES}" in told
    assert "sign in to" in told


def test_the_profiles_own_account_may_deploy_it() -> None:
    check(caller(load(PROD).account), load(PROD), profile=PROD)


@pytest.mark.parametrize("endpoint", [None, "https://127.0.0.1:4566"])
def test_the_local_account_is_refused_wherever_it_is_said(endpoint: str | None) -> None:
    told = refusal(caller("000000000000", endpoint), "dev")
    assert "of the local AWS" in told
    assert "run `make deploy` without PROFILE" in told


def test_a_profile_of_the_local_account_is_refused_whoever_calls() -> None:
    assert "`make deploy` without PROFILE deploys to it" in refusal(caller(ALICES), "local")


@pytest.mark.parametrize(
    ("endpoint", "played"),
    [
        ("https://127.0.0.1:4566", True),
        ("http://[::1]:4566", True),
        ("http://localhost:4566", True),
        ("https://10.0.0.1", False),
        ("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com", False),
    ],
)
def test_what_plays_aws_on_this_machine_is_known_by_its_address(endpoint: str, *, played: bool) -> None:
    assert caller(ALICES, endpoint).is_played is played


def test_without_credentials_a_sentence_tells_how_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    client = botocore.session.Session().create_client("sts", region_name="eu-central-1")
    with pytest.raises(DeploymentError, match="no AWS credentials are at hand; sign in"):
        who_calls(client)


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_credentials_that_have_expired_are_told_as_such(code: str) -> None:
    client = sts()
    with Stubber(client) as stub:
        stub.add_client_error("get_caller_identity", code, "The security token is expired")
        with pytest.raises(DeploymentError, match="AWS refuses these credentials: The security token is expired; sign"):
            who_calls(client)
