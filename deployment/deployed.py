"""What CloudFormation tells of the application's stacks."""

from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions  # type: ignore[import-untyped]

from deployment.failures import DeploymentError
from profiles.settings import Settings

#: The application's stacks, in the order in which they are deployed.
PARTS = ("network", "data", "api", "audit")
BOOTSTRAP = "CDKToolkit"


class Deployed:
    """The stacks of one profile, asked from one CloudFormation."""

    def __init__(self, client: Any, settings: Settings) -> None:
        self.client = client
        self.settings = settings

    def stack(self, name: str) -> dict[str, Any] | None:
        """Return what is told of a stack; None when there is none of that name."""
        try:
            found: list[dict[str, Any]] = self.client.describe_stacks(StackName=name)["Stacks"]
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        return found[0]

    def is_bootstrapped(self) -> bool:
        """Tell whether the CDK's own stack is there."""
        found = self.stack(BOOTSTRAP)
        return found is not None and found["StackStatus"] != "REVIEW_IN_PROGRESS"

    def stacks(self) -> dict[str, dict[str, Any]]:
        """Return the application's stacks that exist, by part, in the order in which they are deployed."""
        found = {part: self.stack(f"{self.settings.name}-{part}") for part in PARTS}
        return {part: stack for part, stack in found.items() if stack is not None}

    def changed(self) -> dict[str, Any]:
        """Return when each stack was changed last."""
        return {
            stack["StackName"]: stack.get("LastUpdatedTime", stack.get("CreationTime"))
            for stack in self.stacks().values()
        }

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the api stack; none when it is not there."""
        stack = self.stack(f"{self.settings.name}-api")
        return {one["OutputKey"]: one["OutputValue"] for one in (stack or {}).get("Outputs", [])}


def api_url(outputs: dict[str, str], gateway: str | None = None) -> str:
    """Return where the API answers.

    :param gateway: the address of an emulator, which the output cannot name: it has AWS's own.
    """
    url = outputs.get("Url")
    if url is None:
        raise DeploymentError("the api stack does not tell where the API answers; run make deploy")
    if gateway is None:
        return url.rstrip("/")
    address = outputs.get("LoadBalancerName")
    if address is not None:
        # <name>-<number>.<region>.elb.amazonaws.com
        return f"{gateway}/_alb/{address.partition('.')[0].rpartition('-')[0]}"
    host, _, stage = url.removeprefix("https://").partition("/")
    return f"{gateway}/restapis/{host.partition('.')[0]}/{stage.strip('/')}/_user_request_"


def api_host(outputs: dict[str, str]) -> str | None:
    """Return the name and port to send an emulator's load balancer, which nobody resolves; None for a REST API."""
    return f"{urlsplit(outputs['Url']).hostname}:443" if "LoadBalancerName" in outputs else None
