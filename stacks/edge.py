"""What stands before the documents' handler: a REST API, or a load balancer where the profile asks for one."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53

from profiles.settings import ApiSettings, DomainSettings, LoadBalancerSettings, Settings
from secure_backend import (
    ApiUserPool,
    Certificate,
    CognitoAuthorizer,
    Cors,
    DataKey,
    Domain,
    EncryptedFunction,
    HardenedApi,
    JwtAuthorizer,
    Throttle,
    UsagePlan,
    WebAcl,
)
from services.documents.models import NewDocument
from stacks.network import NetworkStack
from stacks.profile_stack import ProfileStack

if TYPE_CHECKING:
    from secure_backend import HardenedLoadBalancer

#: The service's own words for them are in handler.py.
READ, WRITE = "documents:read", "documents:write"


class Edge:
    """The one way in to the handler."""

    api: HardenedApi | None = None
    """The REST API, unless there is a load balancer."""
    load_balancer: "HardenedLoadBalancer | None" = None
    """The load balancer, where the profile asks for one."""
    url: str
    """Where the service answers."""

    def __init__(
        self,
        stack: ProfileStack,
        *,
        settings: Settings,
        network: NetworkStack,
        handler: EncryptedFunction,
        user_pool: ApiUserPool | None,
        key: DataKey,
    ) -> None:
        self._stack = stack
        self._settings = settings.api
        self._network = network
        self._user_pool = user_pool
        self._key = key
        if user_pool is not None:
            # Cognito puts the resource server before a scope.
            handler.add_environment("SCOPE_PREFIX", user_pool.scope(READ).removesuffix(READ))
        options = settings.api.load_balancer
        if options is None:
            self.api = self._rest_api(handler)
            self.url = self.api.url
        else:
            domain = settings.api.domain
            if domain is None:
                raise ValueError("a load balancer without a name; profiles.contradictions refuses it")
            self.load_balancer = self._load_balancer(options, domain, handler)
            self.url = f"https://{domain.name}/"

    def _rest_api(self, handler: EncryptedFunction) -> HardenedApi:
        settings = self._settings
        api = HardenedApi(
            self._stack,
            "Api",
            authorizer=self._authorizer(),
            key=self._key,
            throttle=Throttle(rate=settings.rate, burst=settings.burst),
            source_networks=settings.source_networks,
            usage_plan=_usage_plan(settings),
            cors=_cors(settings),
            web_acl=self._web_acl(),
            without_web_acl=not settings.web_acl.enabled,
            account_logging_role=settings.account_logging_role,
            domain=self._domain(settings.domain) if settings.domain else None,
            log_retention=self._stack.log_retention,
            alarm_topic=self._network.alarms,
        )
        api.add_method("POST", "/documents", handler, body=NewDocument, scopes=[self._scope(WRITE)])
        api.add_method("GET", "/documents", handler, scopes=[self._scope(READ)])
        api.add_method("GET", "/documents/{id}", handler, scopes=[self._scope(READ)])
        api.add_method("DELETE", "/documents/{id}", handler, scopes=[self._scope(WRITE)])
        return api

    def _load_balancer(
        self, options: LoadBalancerSettings, domain: DomainSettings, handler: EncryptedFunction
    ) -> "HardenedLoadBalancer":
        # Here: no other profile's synth waits for these types to load.
        from stacks.load_balancer import load_balancer

        return load_balancer(
            self._stack,
            settings=self._settings,
            options=options,
            domain=self._domain(domain),
            network=self._network,
            handler=handler,
            user_pool=self._user_pool,
            web_acl=self._web_acl(),
        )

    def _scope(self, name: str) -> str:
        """Return the scope as the tokens carry it."""
        return self._user_pool.scope(name) if self._user_pool else name

    def _authorizer(self) -> JwtAuthorizer | CognitoAuthorizer:
        cache_ttl = cdk.Duration.seconds(self._settings.authorizer_cache_seconds)
        if self._user_pool is not None:
            return CognitoAuthorizer(
                user_pool=self._user_pool.user_pool,
                client_ids=[self._user_pool.client.user_pool_client_id],
                cache_ttl=cache_ttl,
            )
        return JwtAuthorizer(issuer=self._settings.issuer, audience=self._settings.audience, cache_ttl=cache_ttl)

    def _web_acl(self) -> WebAcl | None:
        web_acl = self._settings.web_acl
        if not web_acl.enabled:
            return None
        return WebAcl(
            self._stack,
            "WebAcl",
            key=self._key,
            requests_per_address=web_acl.requests_per_address,
            count=web_acl.count_only,
            log_retention=self._stack.log_retention,
        )

    def _domain(self, domain: DomainSettings) -> Domain:
        hosted_zone = route53.HostedZone.from_hosted_zone_attributes(
            self._stack, "HostedZone", hosted_zone_id=domain.hosted_zone_id, zone_name=domain.hosted_zone_name
        )
        certificate: acm.ICertificate
        if domain.certificate_arn is None:
            certificate = Certificate(
                self._stack,
                "Certificate",
                names=[domain.name],
                hosted_zone=hosted_zone,
                alarm_topic=self._network.alarms,
            )
        else:
            certificate = acm.Certificate.from_certificate_arn(self._stack, "Certificate", domain.certificate_arn)
        return Domain(name=domain.name, certificate=certificate, hosted_zone=hosted_zone)


def _cors(api: ApiSettings) -> Cors | None:
    key = ["X-Api-Key"] if api.usage_plan else []
    return (
        Cors(origins=api.cors_origins, headers=["Authorization", "Content-Type", "Idempotency-Key", *key])
        if api.cors_origins
        else None
    )


def _usage_plan(api: ApiSettings) -> UsagePlan | None:
    plan = api.usage_plan
    return UsagePlan(rate=plan.rate, burst=plan.burst, daily_quota=plan.quota_per_day) if plan else None
