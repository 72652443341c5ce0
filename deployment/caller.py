"""Who calls AWS, and whether a profile may be deployed as them."""

import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions  # type: ignore[import-untyped]

from deployment.failures import DeploymentError
from local.folder import ACCOUNT as LOCAL_ACCOUNT
from profiles.settings import Settings

_REFUSED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "AccessDenied"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who AWS says is calling."""

    account: str
    arn: str
    #: Where AWS was asked.
    endpoint: str

    @property
    def is_played(self) -> bool:
        """Whether something on this machine plays AWS."""
        host = urlsplit(self.endpoint).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def who_calls(sts: Any) -> Caller:
    """Ask STS whose credentials these are."""
    try:
        told = sts.get_caller_identity()
    except botocore.exceptions.NoCredentialsError:
        raise DeploymentError(
            "no AWS credentials are at hand; sign in (`aws sso login`, then export AWS_PROFILE=…) or export "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without an account, `make deploy` deploys to this machine"
        ) from None
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in _REFUSED:
            raise
        raise DeploymentError(
            f"AWS refuses these credentials: {error.response['Error']['Message']}; sign in again, or export others"
        ) from None
    return Caller(account=told["Account"], arn=told["Arn"], endpoint=sts.meta.endpoint_url)


def check(caller: Caller, settings: Settings, *, profile: str) -> None:
    """Refuse whoever is not of the profile's account, and the local account in any case."""
    if settings.account == LOCAL_ACCOUNT:
        raise DeploymentError(
            f"profile {profile} names the local AWS's account, {LOCAL_ACCOUNT}; `make deploy` without PROFILE deploys "
            "to it; for an account of yours write its 12 digits into the profile"
        )
    if caller.account == LOCAL_ACCOUNT:
        raise DeploymentError(
            f"these credentials are of the local AWS, account {LOCAL_ACCOUNT} at {caller.endpoint}; unset "
            "AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID and sign in to your account, or run `make deploy` without PROFILE"
        )
    if settings.account and caller.account != settings.account:
        raise DeploymentError(
            f"profile {profile} is for account {settings.account}, and these credentials are of account "
            f"{caller.account} ({caller.arn}); sign in to {settings.account}, or choose another profile"
        )
