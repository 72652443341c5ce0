"""An access token for a deployed API: a machine client's of its user pool, or one that the caller brings."""

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from deployment.failures import DeploymentError
from deployment.walk import TIMEOUT_SECONDS


def machine_token(cognito: Any, outputs: dict[str, str], *, tls: ssl.SSLContext, gateway: str | None = None) -> str:
    """Ask the user pool for a token of its machine client; its secret goes nowhere but there.

    :param gateway: the address of an emulator, which the output cannot name.
    """
    client = cognito.describe_user_pool_client(UserPoolId=outputs["UserPoolId"], ClientId=outputs["ClientId"])
    secret = client["UserPoolClient"]["ClientSecret"]
    basic = base64.b64encode(f"{outputs['ClientId']}:{secret}".encode()).decode()
    address = f"{gateway}/oauth2/token" if gateway else outputs["TokenEndpoint"]
    request = urllib.request.Request(  # noqa: S310 - https
        address,
        data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
        headers={"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=tls) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])
    except urllib.error.HTTPError as error:
        with error:
            raise DeploymentError(f"{address} gave no token: {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DeploymentError(f"{address} does not answer: {error.reason}") from None
