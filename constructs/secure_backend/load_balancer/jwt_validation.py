"""The bearer tokens that a load balancer lets through by its own ``jwt-validation`` action.

Example::

    tokens = JwtValidation(issuer="https://login.example.com/", audience="documents")
    pool_tokens = JwtValidation(
        issuer=pool.user_pool_provider_url, audience=client.user_pool_client_id, audience_claim="client_id"
    )
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from secure_backend.validation import Validation

_HTTPS = r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
# What Elastic Load Balancing takes of an address.
_LONGEST = 256
_FORMATS = ("single-string", "string-array", "space-separated-values")
# The load balancer checks these by itself, and refuses a rule that names them.
_OWN_CLAIMS = ("iss", "exp", "nbf", "iat")


@dataclass(frozen=True, kw_only=True)
class JwtValidation:
    """Bearer tokens of one issuer, verified by the load balancer itself: signature, issuer, expiry, audience.

    The load balancer knows RS256 and no other algorithm, and at most 10 keys in 150 KB. It does not know what a token
    may do, nor which of two kinds of token it sees: scopes and token use are the target's to check. A token that does
    not pass is answered with 401.

    It fetches the keys itself. AWS asks for a public address of the key set and does not say that the fetch passes by
    the load balancer's security group. What it documents of the older sign-in actions is that they need HTTPS outwards,
    and the CDK's authors open it for this action too (aws-cdk PR#37494): without the way out no token might ever pass.
    So the group gets HTTPS to ``key_networks``, and an internal load balancer needs a route there, such as NAT; in
    subnets without any it is warned of.
    Source: Elastic Load Balancing, Application Load Balancers, "Verify JWTs using an Application Load Balancer".

    :param issuer: the ``iss`` claim that every token must carry, an https address.
    :param audience: the value that the audience's claim must have.
    :param audience_claim: the claim that says whom a token was issued for, ``aud`` when left out; ``client_id`` for
        Cognito's access tokens, which have no ``aud``. ID tokens of Cognito have no ``client_id``, and do not pass.
    :param audience_format: how the issuer writes the claim: ``single-string`` when left out, ``string-array``, or
        ``space-separated-values``.
    :param jwks_url: where the issuer publishes its keys, ``<issuer>/.well-known/jwks.json`` when left out.
    :param algorithms: RS256, which is all that the load balancer knows: an issuer that signs by another needs
        :class:`~secure_backend.api.authorizers.JwtAuthorizer` and an API.
    :param key_networks: the IPv4 networks that the keys are fetched from, any when left out: few issuers keep theirs.
    """

    issuer: str
    audience: str
    audience_claim: str = "aud"
    audience_format: Literal["single-string", "string-array", "space-separated-values"] = "single-string"
    jwks_url: str | None = None
    algorithms: Sequence[str] = ("RS256",)
    key_networks: Sequence[str] | None = None

    def check(self, check: Validation, name: str) -> None:
        """Record what is wrong with the values."""
        _check_address(check, f"{name}.issuer", self.issuer, "pass the token's iss claim")
        if self.jwks_url is not None:
            _check_address(check, f"{name}.jwks_url", self.jwks_url, "leave it out for the issuer's own")
        elif isinstance(self.issuer, str) and len(self.issuer) <= _LONGEST and not _is_token(self.issuer):
            check.check(
                len(self.keys_address) <= _LONGEST,
                f"{name}.jwks_url",
                self.keys_address,
                f"an address of the keys of at most {_LONGEST} characters",
                "pass where the issuer publishes its keys",
            )
        if not _is_token(self.audience):
            check.text(
                f"{name}.audience",
                self.audience,
                r"(?!\*$)[\x21-\x7e]{1,256}",
                "the one value that tokens for this service carry",
                "name the audience: without it any token of the issuer would pass",
            )
        check.text(
            f"{name}.audience_claim",
            self.audience_claim,
            rf"(?!({'|'.join(_OWN_CLAIMS)})$)[A-Za-z0-9_:/.-]{{1,256}}",
            "a claim that is not checked anyway",
            "leave it out for aud, or pass client_id for Cognito's access tokens",
        )
        check.one_of(f"{name}.audience_format", self.audience_format, _FORMATS, "leave it out for single-string")
        check.check(
            isinstance(self.algorithms, (list, tuple)) and list(self.algorithms) == ["RS256"],
            f"{name}.algorithms",
            self.algorithms,
            "RS256 alone: the load balancer verifies no other signature",
            "let the issuer sign by RS256, or put HardenedApi with JwtAuthorizer before the service",
        )
        if self.key_networks is not None:
            check.networks(
                f"{name}.key_networks",
                self.key_networks,
                "name the issuer's IPv4 networks, or leave it out for any",
                ipv4=True,
            )

    @property
    def keys_address(self) -> str:
        """Where the keys are fetched."""
        return self.jwks_url or f"{self.issuer.rstrip('/')}/.well-known/jwks.json"

    def action(self, order: int) -> elbv2.CfnListenerRule.ActionProperty:
        """Return the listener's action; what comes after it sees only requests with a valid token."""
        return elbv2.CfnListenerRule.ActionProperty(
            type="jwt-validation",
            order=order,
            jwt_validation_config=elbv2.CfnListenerRule.JwtValidationConfigProperty(
                issuer=self.issuer,
                jwks_endpoint=self.keys_address,
                additional_claims=[
                    elbv2.CfnListenerRule.JwtValidationActionAdditionalClaimProperty(
                        name=self.audience_claim, format=self.audience_format, values=[self.audience]
                    )
                ],
            ),
        )


def _check_address(check: Validation, property: str, value: object, do: str) -> None:  # noqa: A002 - the house's word
    # The address of a user pool is known at deployment only, and decides on nothing here.
    if not _is_token(value) and check.text(property, value, _HTTPS, "an https address", do):
        length = len(str(value))
        check.check(length <= _LONGEST, property, f"{length} characters", f"at most {_LONGEST}", do)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and cdk.Token.is_unresolved(value)
