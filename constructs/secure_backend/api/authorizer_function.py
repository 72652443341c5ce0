"""The Lambda function behind :class:`~secure_backend.api.authorizers.JwtAuthorizer` and ``CognitoAuthorizer``."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend.api.authorizer_asset import AUTHORIZER_HANDLER, authorizer_code
from secure_backend.api.authorizers import CognitoAuthorizer, JwtAuthorizer
from secure_backend.functions import EncryptedFunction

# A header of any other form is a 401 without a call to the function.
BEARER_SCHEME = r"^Bearer [-0-9A-Za-z._~+/]+=*$"


class AuthorizerFunction(Construct):
    """The function that verifies bearer tokens, and the authorizer that calls it.

    It runs outside any VPC, because it has to reach the issuer's key set, and may do nothing in this account but
    read its own settings and write its own log and traces (FSBP Lambda.1, Lambda.2).

    :param options: whose tokens are accepted.
    :param key: encrypts the function's settings and log.
    :param retention: how long the log is kept.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        options: JwtAuthorizer | CognitoAuthorizer,
        key: kms.IKey,
        retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id)
        self.environment = _environment(options)
        self.function = EncryptedFunction(
            self,
            "Function",
            description="Verifies bearer tokens for API Gateway",
            code=authorizer_code(),
            handler=AUTHORIZER_HANDLER,
            environment=self.environment,
            key=key,
            log_retention=retention,
        )
        self.authorizer = apigateway.TokenAuthorizer(
            self,
            "Authorizer",
            handler=self.function,
            validation_regex=BEARER_SCHEME,
            results_cache_ttl=options.cache_ttl,
        )

    def tell_scopes(self, scopes: str) -> None:
        """Tell the function which scope opens which methods; without any, every valid token may call them all."""
        if scopes:
            self.function.add_environment("SCOPES", scopes)


def _environment(options: JwtAuthorizer | CognitoAuthorizer) -> dict[str, str]:
    if isinstance(options, CognitoAuthorizer):
        pool = options.user_pool
        # The pool's own region, wherever the API stands.
        stack = cdk.Stack.of(pool)
        issuer = f"https://cognito-idp.{stack.region}.{stack.url_suffix}/{pool.user_pool_id}"
        return {
            "ISSUER": issuer,
            "JWKS_URL": f"{issuer}/.well-known/jwks.json",
            "ALGORITHMS": "RS256",
            "TOKEN_USE": "access",
            "CLIENT_IDS": ",".join(options.client_ids),
        }
    return {
        "ISSUER": options.issuer,
        "AUDIENCE": ",".join(options.audiences),
        "JWKS_URL": options.jwks_url or f"{options.issuer.rstrip('/')}/.well-known/jwks.json",
        "ALGORITHMS": ",".join(options.algorithms),
    }
