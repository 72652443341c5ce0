"""Who may call the API: the kinds of authorizer that :class:`~secure_backend.hardened_api.HardenedApi` accepts.

Example::

    tokens = JwtAuthorizer(issuer="https://login.example.com/", audience="documents")
    pool_tokens = CognitoAuthorizer(user_pool=pool, client_ids=[client.user_pool_client_id])
    signed_requests = IamAuthorizer()
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito

from secure_backend.authorizer.configuration import KEY_TYPES
from secure_backend.validation import Validation

# What the function knows: signatures by a key pair only. With a shared secret, whoever can verify can also sign.
ALGORITHMS = tuple(KEY_TYPES)
_HTTPS = r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]{0,512})?"


def _five_minutes() -> cdk.Duration:
    return cdk.Duration.minutes(5)


@dataclass(frozen=True, kw_only=True)
class JwtAuthorizer:
    """Bearer tokens of one issuer, verified by a Lambda function of this library: signature, issuer, audience, expiry.

    :param issuer: the ``iss`` claim that every token must carry, an https address.
    :param audience: the ``aud`` value that a token must have been issued for, or several of which one must match.
    :param jwks_url: where the issuer publishes its keys, ``<issuer>/.well-known/jwks.json`` when left out.
    :param algorithms: the signature algorithms accepted, RS256 when left out; nothing a token says can widen them.
    :param cache_ttl: how long a verdict is reused for the same token, 0 to 1 hour, 5 minutes when left out.
    """

    issuer: str
    audience: str | Sequence[str]
    jwks_url: str | None = None
    algorithms: Sequence[str] = ("RS256",)
    cache_ttl: cdk.Duration = field(default_factory=_five_minutes)

    def check(self, check: Validation) -> None:
        """Record what is wrong with the values."""
        check.text("authorizer.issuer", self.issuer, _HTTPS, "the issuer's https address", "pass the token's iss claim")
        for audience in self.audiences or [""]:
            check.text(
                "authorizer.audience",
                audience,
                r"(?!\*$)[\x21-\x2b\x2d-\x7e]{1,256}",
                "the aud value that tokens for this API carry",
                "name the audience: * would take any service's token",
            )
        if self.jwks_url is not None:
            check.text(
                "authorizer.jwks_url", self.jwks_url, _HTTPS, "an https address", "leave it out for the issuer's own"
            )
        check.check(
            isinstance(self.algorithms, (list, tuple))
            and bool(self.algorithms)
            and set(self.algorithms) <= set(ALGORITHMS),
            "authorizer.algorithms",
            self.algorithms,
            "some of " + ", ".join(ALGORITHMS),
            "leave it out for RS256; none and shared-secret algorithms let callers make tokens",
        )
        _check_cache_ttl(check, self.cache_ttl)

    @property
    def audiences(self) -> list[str]:
        """The audiences as a list."""
        return [self.audience] if isinstance(self.audience, str) else list(self.audience)


@dataclass(frozen=True, kw_only=True)
class CognitoAuthorizer:
    """Access tokens of a Cognito user pool for named app clients, verified by the same function as other tokens.

    API Gateway's own Cognito authorizer takes ID tokens too, and knows no app client: a token made for another client
    of the pool would be let in. Here ``token_use`` must be ``access`` and ``client_id`` one of yours.

    :param user_pool: the pool; regions in China have none.
    :param client_ids: the app clients whose tokens are accepted.
    :param cache_ttl: how long a verdict is reused for the same token, 0 to 1 hour, 5 minutes when left out.
    """

    user_pool: cognito.IUserPool
    client_ids: Sequence[str]
    cache_ttl: cdk.Duration = field(default_factory=_five_minutes)

    def check(self, check: Validation, region: str) -> None:
        """Record what is wrong with the values."""
        check.construct("authorizer.user_pool", self.user_pool, cognito.UserPool, "pass the pool object, not its id")
        check.check(
            isinstance(self.client_ids, (list, tuple))
            and bool(self.client_ids)
            and all(isinstance(each, str) and each not in {"", "*"} for each in self.client_ids),
            "authorizer.client_ids",
            self.client_ids,
            "at least one app client's id",
            "pass [client.user_pool_client_id]",
        )
        check.check(
            not region.startswith("cn-"),
            "authorizer",
            f"CognitoAuthorizer in {region}",
            "a region with user pools",
            "pass JwtAuthorizer with another issuer",
        )
        _check_cache_ttl(check, self.cache_ttl)


@dataclass(frozen=True, kw_only=True)
class IamAuthorizer:
    """Requests signed with AWS credentials; who may call which method is said by the callers' IAM policies."""


Authorizer = JwtAuthorizer | CognitoAuthorizer | IamAuthorizer | apigateway.IAuthorizer


def check_authorizer(check: Validation, authorizer: object, region: str) -> None:
    """Record what is wrong with an authorizer of any kind."""
    if isinstance(authorizer, JwtAuthorizer):
        authorizer.check(check)
    elif isinstance(authorizer, CognitoAuthorizer):
        authorizer.check(check, region)
    elif not isinstance(authorizer, IamAuthorizer):
        check.construct(
            "authorizer",
            authorizer,
            (JwtAuthorizer, CognitoAuthorizer, IamAuthorizer, apigateway.Authorizer),
            "pass one: no method of this API goes without",
        )


def _check_cache_ttl(check: Validation, ttl: object) -> None:
    do = "leave it out for 5 minutes: a cached verdict outlives a revoked token"
    check.seconds("authorizer.cache_ttl", ttl, 0, 3600, do)
