"""The documents behind a load balancer, for a profile that asks for one."""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets

from profiles.settings import ApiSettings, LoadBalancerSettings
from secure_backend import (
    ApiUserPool,
    Domain,
    EncryptedFunction,
    HardenedLoadBalancer,
    JwtValidation,
    WebAcl,
)
from stacks.network import NetworkStack
from stacks.profile_stack import ProfileStack


def load_balancer(
    stack: ProfileStack,
    *,
    settings: ApiSettings,
    options: LoadBalancerSettings,
    domain: Domain,
    network: NetworkStack,
    handler: EncryptedFunction,
    user_pool: ApiUserPool | None,
    web_acl: WebAcl | None,
) -> HardenedLoadBalancer:
    """Put a load balancer before the handler, and tell the handler whose events and tokens to take."""
    subnets = network.vpc.public_subnets if options.internet_facing else network.vpc.app_subnets
    if subnets is None:
        raise ValueError("a load balancer without public subnets; profiles.load_balancer refuses it")
    jwt = _jwt(settings, options, user_pool)
    made = HardenedLoadBalancer(
        stack,
        "LoadBalancer",
        vpc=network.vpc.vpc,
        subnets=subnets,
        certificate=domain.certificate,
        jwt=jwt,
        internet_facing=options.internet_facing,
        source_networks=settings.source_networks,
        web_acl=web_acl,
        without_web_acl=web_acl is None,
        access_log_retention=cdk.Duration.days(stack.log_retention_days),
        without_redirect=not options.redirect,
        without_deletion_protection=not options.deletion_protection,
        alarm_topic=network.alarms,
    )
    group = made.add_function(
        "Documents", function=handler, paths=["/documents", "/documents/*"], host_names=[domain.name], priority=10
    )
    for name, value in {
        # Text with a wildcard: by reference the function would wait for the group, which waits for the function.
        "TARGET_GROUP_ARN": group.arn_pattern,
        "ISSUER": jwt.issuer,
        "AUDIENCE": jwt.audience,
        "AUDIENCE_CLAIM": jwt.audience_claim,
    }.items():
        handler.add_environment(name, value)
    route53.ARecord(
        stack,
        "LoadBalancerRecord",
        zone=domain.hosted_zone,
        record_name=f"{domain.name}.",
        target=route53.RecordTarget.from_alias(targets.LoadBalancerTarget(made.load_balancer)),
    )
    return made


def _jwt(settings: ApiSettings, options: LoadBalancerSettings, user_pool: ApiUserPool | None) -> JwtValidation:
    if user_pool is not None:
        # Its access tokens name the client that they were issued to, and no audience.
        return JwtValidation(
            issuer=user_pool.issuer,
            audience=user_pool.client.user_pool_client_id,
            audience_claim="client_id",
            key_networks=options.key_networks,
        )
    return JwtValidation(
        issuer=settings.issuer,
        audience=settings.audience,
        audience_format=options.audience_format,
        key_networks=options.key_networks,
    )
