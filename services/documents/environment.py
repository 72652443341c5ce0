"""What the functions are told by their environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RDS_BUNDLE = Path(__file__).with_name("rds-global-bundle.pem")


class EnvironmentVariableError(ValueError):
    """An environment variable of the function is missing or cannot be right."""


@dataclass(frozen=True, kw_only=True)
class DatabaseAddress:
    """Where the database is, as whom to sign in, and which authorities may vouch for it."""

    host: str
    port: int
    name: str
    user: str
    region: str
    ca_file: Path

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "DatabaseAddress":
        """Read ``DATABASE_HOST``, ``_PORT``, ``_NAME``, ``_USER`` and ``AWS_REGION``.

        ``DATABASE_CA_FILE`` names other authorities than those of RDS instances: a proxy's, or another partition's.
        """
        port = required(environment, "DATABASE_PORT")
        if not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65_535:
            raise EnvironmentVariableError("DATABASE_PORT must be a port number")
        return cls(
            host=required(environment, "DATABASE_HOST"),
            port=int(port),
            name=required(environment, "DATABASE_NAME"),
            user=required(environment, "DATABASE_USER"),
            region=required(environment, "AWS_REGION"),
            ca_file=Path(environment.get("DATABASE_CA_FILE") or RDS_BUNDLE),
        )


@dataclass(frozen=True, kw_only=True)
class UploadTarget:
    """The bucket that uploads go to, and the key that encrypts them."""

    bucket: str
    key_arn: str
    region: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "UploadTarget":
        """Read ``BUCKET``, ``KEY_ARN`` and ``AWS_REGION``."""
        return cls(
            bucket=required(environment, "BUCKET"),
            key_arn=required(environment, "KEY_ARN"),
            region=required(environment, "AWS_REGION"),
        )


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable, or raise :class:`EnvironmentVariableError` when it is missing or empty."""
    value = environment.get(name, "")
    if not value:
        raise EnvironmentVariableError(f"{name} is missing")
    return value
