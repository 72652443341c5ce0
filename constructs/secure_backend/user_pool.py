"""A Cognito user pool that issues the API's tokens, for whoever has no token issuer yet.

Example::

    pool = ApiUserPool(self, "Callers", domain_prefix="documents-123456789012", scopes={"documents:read": "Read"})
    authorizer = CognitoAuthorizer(user_pool=pool.user_pool, client_ids=[pool.client.user_pool_client_id])
    api = HardenedApi(self, "Api", authorizer=authorizer)
    api.add_method("GET", "/documents/{id}", handler, scopes=[pool.scope("documents:read")])
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from secure_backend.validation import Validation


class ApiUserPool(Construct):
    """A user pool without self sign-up, with a second factor and long passwords, and one machine client of the API.

    The machine client gets its tokens by the client credentials grant, so that a first request can be made without
    a browser. The pool is retained and protected against deletion: it holds the identities that own the data.

    :param domain_prefix: the token endpoint's name, unique among all accounts of the region.
    :param scopes: each scope of the API with its description, at least one; a token carries those that its client asks
        for, and lives for 15 minutes.
    :param resource_server: the identifier that Cognito puts before each scope, ``api`` when left out.
    :raises InvalidPropertiesError: with every problem of these properties at once, and in China, which has no pools.
    """

    user_pool: cognito.UserPool
    """The pool."""
    domain: cognito.UserPoolDomain
    """Where the token endpoint is."""
    resource_server: cognito.UserPoolResourceServer
    """What the scopes belong to."""
    client: cognito.UserPoolClient
    """The machine client, which has a secret."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        domain_prefix: str,
        scopes: Mapping[str, str],
        resource_server: str = "api",
    ) -> None:
        super().__init__(scope, id)
        check = Validation(self, id)
        if not cdk.Token.is_unresolved(domain_prefix):
            check.text(
                "domain_prefix",
                domain_prefix,
                r"(?!.*(aws|amazon|cognito))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
                "1 to 63 lower-case letters, digits and inner hyphens, without aws, amazon or cognito",
                "choose one that carries the account's number",
            )
        check.check(bool(scopes), "scopes", scopes, "at least one scope", "name what a token may allow")
        region = cdk.Stack.of(self).region
        check.check(
            not region.startswith("cn-"),
            "region",
            region,
            "a region that has Cognito user pools",
            "name a token issuer of your own in China",
        )
        check.raise_problems()

        self._scopes = {name: f"{resource_server}/{name}" for name in scopes}
        self.user_pool = cognito.UserPool(
            self,
            "UserPool",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=14,
                require_digits=True,
                require_lowercase=True,
                require_symbols=True,
                require_uppercase=True,
                temp_password_validity=cdk.Duration.days(1),
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=cognito.FeaturePlan.ESSENTIALS,
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.domain = self.user_pool.add_domain(
            "Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=domain_prefix)
        )
        api_scopes = [
            cognito.ResourceServerScope(scope_name=name, scope_description=description)
            for name, description in scopes.items()
        ]
        oauth_scope = cognito.OAuthScope.resource_server
        self.resource_server = self.user_pool.add_resource_server(
            "ResourceServer", identifier=resource_server, scopes=api_scopes
        )
        self.client = self.user_pool.add_client(
            "MachineClient",
            generate_secret=True,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=cdk.Duration.minutes(15),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True),
                scopes=[oauth_scope(self.resource_server, api_scope) for api_scope in api_scopes],
            ),
        )
        client = self.client.node.default_child
        if not isinstance(client, cognito.CfnUserPoolClient):
            raise TypeError(f"{self.client.node.path} has no CfnUserPoolClient")
        # Left out, Cognito allows users' sign-in; the L2 leaves an empty list out. No flow of the client gives a token
        # to refresh, so this allows nothing.
        client.explicit_auth_flows = ["ALLOW_REFRESH_TOKEN_AUTH"]

    def scope(self, name: str) -> str:
        """Return a scope as the tokens carry it: Cognito puts the resource server before it.

        :raises KeyError: for a scope that the pool does not have.
        """
        return self._scopes[name]

    @property
    def issuer(self) -> str:
        """The issuer that the pool's tokens name."""
        stack = cdk.Stack.of(self)
        return f"https://cognito-idp.{stack.region}.{stack.url_suffix}/{self.user_pool.user_pool_id}"

    @property
    def token_endpoint(self) -> str:
        """Where the machine client asks for its tokens."""
        return f"{self.domain.base_url()}/oauth2/token"
