"""A token for a deployed API: of the user pool's machine client, whose secret goes nowhere else."""

import base64
import io
import json
import ssl
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import pytest

from deployment.failures import DeploymentError
from deployment.tokens import machine_token

OUTPUTS = {"UserPoolId": "pool", "ClientId": "client", "TokenEndpoint": "https://x.auth.example/oauth2/token"}
SECRET = "kept from every screen"


class Cognito:
    def describe_user_pool_client(self, **asked: str) -> dict[str, Any]:
        assert asked == {"UserPoolId": "pool", "ClientId": "client"}
        return {"UserPoolClient": {"ClientSecret": SECRET}}


def test_the_secret_goes_to_the_token_endpoint_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[urllib.request.Request] = []

    def answer(request: urllib.request.Request, **_: Any) -> io.BytesIO:
        sent.append(request)
        return io.BytesIO(json.dumps({"access_token": "a token"}).encode())

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert machine_token(Cognito(), OUTPUTS, tls=ssl.create_default_context()) == "a token"
    (request,) = sent
    assert request.full_url == OUTPUTS["TokenEndpoint"]
    assert request.data == b"grant_type=client_credentials"
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() == f"client:{SECRET}"
    assert SECRET not in "".join(capsys.readouterr())


def test_a_refusal_is_told_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: urllib.request.Request, **_: Any) -> io.BytesIO:
        raise urllib.error.HTTPError(request.full_url, 400, "Bad Request", Message(), io.BytesIO())

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(DeploymentError) as caught:
        machine_token(Cognito(), OUTPUTS, tls=ssl.create_default_context())
    assert str(caught.value) == f"{OUTPUTS['TokenEndpoint']} gave no token: 400 Bad Request"
