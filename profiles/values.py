"""What single values of a profile may be; what an error tells is what was expected."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

# CloudWatch Logs offers these retentions and no others.
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
MonitoringSeconds = Literal[1, 5, 10, 15, 30, 60]


def _refused(expected: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{expected}", {"expected": expected})


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise _refused("a range such as 203.0.113.0/24, without host bits") from None
    if network.prefixlen == 0:
        raise _refused("a range that is not the whole internet")
    return value


def _private_network(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise _refused("an IPv4 range such as 10.20.0.0/16, without host bits") from None
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    if not any(network.subnet_of(ipaddress.IPv4Network(block)) for block in private):
        raise _refused("a private range (RFC 1918 or 100.64.0.0/10)")
    if not 16 <= network.prefixlen <= 24:
        raise _refused("a range from /16 to /24")
    return value


def _issuer(value: str) -> str:
    if value != "cognito" and not (value.startswith("https://") and "*" not in value and len(value) > len("https://")):
        raise _refused('the https:// address of a token issuer, or "cognito" for a user pool of its own')
    return value


def _audience(value: str) -> str:
    if "*" in value:
        raise _refused("the one audience that tokens for this API carry, without *")
    return value


def _zones(values: tuple[str, ...]) -> tuple[str, ...]:
    if any(value.startswith("dummy") for value in values):
        raise _refused("the names of real zones")
    if len(set(values)) != len(values):
        raise _refused("different zones")
    return values


def _different(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise _refused("each name once")
    return values


Email = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}$")
]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
Zones = Annotated[tuple[str, ...], AfterValidator(_zones)]
Network = Annotated[str, AfterValidator(_network)]
PrivateNetwork = Annotated[str, AfterValidator(_private_network)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Audience = Annotated[str, AfterValidator(_audience)]
RoleOrUser = Annotated[str, Field(pattern=r"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]{1,512}$")]
# IAM's own characters for a group's name.
GroupNames = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9+=,.@_-]{1,128}$")], ...], AfterValidator(_different)
]
