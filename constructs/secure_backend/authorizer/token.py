"""Verify a bearer token: form, algorithm, key, signature, and every claim that decides."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from .configuration import KEY_TYPES, Configuration
from .refusal import RefusedError

MAX_CHARACTERS = 8192
MAX_SUBJECT = 255
SKEW_SECONDS = 30
REQUIRED_CLAIMS = ("iss", "sub", "exp", "iat")

_BEARER = re.compile(r"[Bb]earer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
# Tokens for other purposes (logout, DPoP proofs, security events) say so here, and are not for calling an API.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
# Half of a surrogate pair is no character: JSON can hold it, the database cannot.
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")

_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not yet valid"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.MissingRequiredClaimError, "claim missing"),
    (jwt.InvalidSignatureError, "signature"),
)


class SigningKeys(Protocol):
    """Where the key for a token's header comes from."""

    def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """Return the key, or raise :class:`RefusedError`."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whom a valid token speaks for, until when, and with which scopes."""

    issuer: str
    subject: str
    expires: int
    scopes: tuple[str, ...]


def verify(authorization: object, configuration: Configuration, keys: SigningKeys) -> Caller:
    """Return the caller of an ``Authorization`` header, or raise :class:`RefusedError`."""
    if not isinstance(authorization, str) or len(authorization) > MAX_CHARACTERS:
        raise RefusedError("too long or no text")
    bearer = _BEARER.fullmatch(authorization)
    if bearer is None:
        raise RefusedError("no bearer token")
    try:
        claims = _verified_claims(bearer[1], configuration, keys)
    except jwt.PyJWTError as error:
        reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), "malformed")
        raise RefusedError(reason) from None
    _check_token_use(claims, configuration)
    return Caller(
        issuer=configuration.issuer,
        subject=_subject(claims),
        expires=int(claims["exp"]),
        scopes=_scopes(claims),
    )


def _verified_claims(token: str, configuration: Configuration, keys: SigningKeys) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    # The allow-list comes first and from the configuration: "none" and HS256 end here, before any key is looked up.
    if algorithm not in configuration.algorithms:
        raise RefusedError("algorithm")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_SUBJECT:
        raise RefusedError("key id")
    if "crit" in header or str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise RefusedError("kind of token")
    key = keys.key(kid, algorithm)
    if key.key_type != KEY_TYPES[algorithm]:
        raise RefusedError("key type")
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer=configuration.issuer,
        audience=configuration.audiences or None,
        leeway=SKEW_SECONDS,
        options={"require": list(REQUIRED_CLAIMS), "verify_aud": bool(configuration.audiences)},
    )
    for name in ("exp", "iat", "nbf"):
        if name in claims and type(claims[name]) not in {int, float}:
            raise RefusedError("time is no number")
    return claims


def _check_token_use(claims: Mapping[str, Any], configuration: Configuration) -> None:
    if configuration.client_ids:
        if claims.get("token_use") != "access":
            raise RefusedError("token use")
        if claims.get("client_id") not in configuration.client_ids:
            raise RefusedError("client")
    elif claims.get("token_use", "access") != "access":
        raise RefusedError("token use")


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or len(subject) > MAX_SUBJECT or not _PRINTABLE.fullmatch(subject):
        raise RefusedError("subject")
    return subject


def _scopes(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the scopes of ``scope`` (RFC 9068, Cognito) or ``scp`` (a list or text, other issuers)."""
    value = claims.get("scope", claims.get("scp", ""))
    scopes = value.split(" ") if isinstance(value, str) else value
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise RefusedError("scopes")
    return tuple(scope for scope in scopes if scope)
