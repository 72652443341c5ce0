"""What the authorizer is told by its environment; anything doubtful is an error, and an error refuses every caller."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

# The key type that each algorithm needs. Symmetric algorithms and "none" are not here and cannot be configured.
KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}

_METHODS = r"(\*|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"
_METHOD_AND_PATH = re.compile(_METHODS + r"/[A-Za-z0-9._~:{}*/-]{0,200}")


class ConfigurationError(ValueError):
    """An environment variable of the authorizer is missing or cannot be right."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Whose tokens are accepted, for whom, and what their scopes may do."""

    issuer: str
    jwks_url: str
    algorithms: tuple[str, ...]
    audiences: tuple[str, ...]
    client_ids: tuple[str, ...]
    scopes: Mapping[str, tuple[str, ...]] | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Configuration":
        """Read the environment variables.

        ``ISSUER``
            The exact ``iss`` of accepted tokens, an https address.
        ``JWKS_URL``
            The https address of the issuer's keys; ``ISSUER/.well-known/jwks.json`` when left out.
        ``ALGORITHMS``
            ``RS256``, ``ES256`` or both with a comma between; both when left out.
        ``AUDIENCE``
            One or more accepted ``aud`` values with commas between. Not in Cognito mode.
        ``TOKEN_USE``, ``CLIENT_IDS``
            ``access`` and the accepted client ids: Cognito mode. Its access tokens carry ``client_id`` and
            ``token_use`` instead of an audience.
        ``SCOPES``
            JSON: for each scope the methods it opens, ``{"documents:read": ["GET/documents", "GET/documents/*"]}``.
            Left out, every valid token may call the whole stage.
        """
        issuer = _https("ISSUER", environment.get("ISSUER", ""))
        audiences = _listed("AUDIENCE", environment)
        client_ids = _listed("CLIENT_IDS", environment)
        use = environment.get("TOKEN_USE", "")
        if use not in {"", "access"}:
            raise ConfigurationError("TOKEN_USE must be access, or left out")
        if use and (audiences or not client_ids):
            raise ConfigurationError("TOKEN_USE access needs CLIENT_IDS, and no AUDIENCE: these tokens have none")
        if not use and (client_ids or not audiences):
            raise ConfigurationError("AUDIENCE is needed, or TOKEN_USE access with CLIENT_IDS")
        algorithms = _listed("ALGORITHMS", environment) or tuple(KEY_TYPES)
        if not set(algorithms) <= set(KEY_TYPES):
            raise ConfigurationError(f"ALGORITHMS must be of {', '.join(KEY_TYPES)}")
        return cls(
            issuer=issuer,
            jwks_url=_https("JWKS_URL", environment.get("JWKS_URL") or f"{issuer.rstrip('/')}/.well-known/jwks.json"),
            algorithms=algorithms,
            audiences=audiences,
            client_ids=client_ids,
            scopes=_scopes(environment.get("SCOPES", "")),
        )


def _https(name: str, value: str) -> str:
    parts = urlsplit(value)
    plain = not (parts.username or parts.password or parts.query or parts.fragment or "*" in value)
    if parts.scheme != "https" or not parts.hostname or not plain:
        raise ConfigurationError(f"{name} must be an https address without user, query, fragment or *")
    return value


def _listed(name: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    value = environment.get(name, "")
    values = tuple(part.strip() for part in value.split(",")) if value else ()
    if not all(values) or "*" in values:
        raise ConfigurationError(f"{name} must list values with commas between, none of them empty or *")
    return values


def _scopes(text: str) -> Mapping[str, tuple[str, ...]] | None:
    if not text:
        return None
    try:
        scopes = json.loads(text)
    except ValueError as error:
        raise ConfigurationError("SCOPES must be JSON") from error
    if not isinstance(scopes, dict) or not scopes:
        raise ConfigurationError("SCOPES must be an object of scopes, at least one")
    for scope, methods in scopes.items():
        sound = scope and not scope.split()[1:] and isinstance(methods, list) and methods
        if not sound or not all(isinstance(method, str) and _METHOD_AND_PATH.fullmatch(method) for method in methods):
            raise ConfigurationError("SCOPES must give each scope a list of methods such as GET/documents/*")
    return {scope: tuple(methods) for scope, methods in scopes.items()}
