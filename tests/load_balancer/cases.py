"""Stacks with a load balancer, for the tests of HardenedLoadBalancer."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from secure_backend import AlarmTopic, HardenedLoadBalancer, JwtValidation, SecureVpc, WebAcl
from tests.conftest import FLAGS, template_of

ISSUER = "https://login.example.com/"


def jwt(**changes: Any) -> JwtValidation:
    return JwtValidation(**{"issuer": ISSUER, "audience": "documents", **changes})


def network_in(stack: cdk.Stack) -> SecureVpc:
    network = stack.node.try_find_child("Network")
    if isinstance(network, SecureVpc):
        return network
    zones = [f"{stack.region}{letter}" for letter in "ab"]
    # The prefix list is known for few regions, and none of these tests is about it.
    return SecureVpc(
        stack, "Network", cidr="10.20.0.0/16", zones=zones, public_subnets=True, s3_prefix_list="pl-0123456789abcdef0"
    )


def function_in(stack: cdk.Stack, id: str = "Handler") -> lambda_.Function:  # noqa: A002 - the CDK's own word
    return lambda_.Function(
        stack,
        id,
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )


def certificate_in(stack: cdk.Stack, region: str | None = None) -> acm.ICertificate:
    arn = f"arn:{stack.partition}:acm:{region or stack.region}:111122223333:certificate/1"
    name = f"Certificate{region or ''}"
    found = stack.node.try_find_child(name)
    known: Any = found or acm.Certificate.from_certificate_arn(stack, name, arn)
    certificate: acm.ICertificate = known
    return certificate


def load_balancer_in(
    stack: cdk.Stack,
    id: str = "LoadBalancer",  # noqa: A002 - the CDK's own word
    **options: Any,
) -> HardenedLoadBalancer:
    """Make a load balancer without targets."""
    network = network_in(stack)
    facing = options.get("internet_facing") is True
    arguments: dict[str, Any] = {
        "vpc": network.vpc,
        "subnets": network.public_subnets if facing else network.app_subnets,
        "certificate": certificate_in(stack),
        "jwt": jwt(),
        **options,
    }
    return HardenedLoadBalancer(stack, id, **arguments)


def every_option(stack: cdk.Stack) -> HardenedLoadBalancer:
    """Make an internet-facing load balancer with every option, a function and containers behind it."""
    network = network_in(stack)
    bundle = s3.Bucket.from_bucket_name(stack, "Bundles", "certificate-bundles")
    load_balancer = load_balancer_in(
        stack,
        internet_facing=True,
        source_networks=["203.0.113.0/24"],
        jwt=jwt(
            audience_claim="client_id",
            audience_format="string-array",
            jwks_url="https://keys.example.com/jwks",
            key_networks=["198.51.100.0/24"],
        ),
        trust_store=elbv2.TrustStore(stack, "Authorities", bucket=bundle, key="authorities.pem"),
        web_acl=WebAcl(stack, "WebAcl"),
        access_log_retention=cdk.Duration.days(30),
        alarm_topic=AlarmTopic(stack, "Alarms"),
    )
    load_balancer.add_function(
        "Documents",
        function=function_in(stack),
        paths=["/documents", "/documents/*"],
        host_names=["api.example.com"],
        priority=10,
        multi_value_headers=False,
    )
    load_balancer.add_https_targets(
        "Pages",
        security_group=network.security_group(stack, "PagesGroup", description="The containers of the pages"),
        paths=["/pages/*"],
        priority=20,
        port=9443,
        health_check_path="/pages/health",
    )
    return load_balancer


def new_stack_in(region: str = "eu-central-1") -> cdk.Stack:
    """Make a stack in an app of its own."""
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, builtin_cloud_formation_validation=False, analytics_reporting=False)
    return cdk.Stack(app, "stack", env=cdk.Environment(region=region))


def template_with(region: str = "eu-central-1", **options: Any) -> dict[str, Any]:
    """Return the template of a load balancer with one function behind it."""
    stack = new_stack_in(region)
    load_balancer = load_balancer_in(stack, **options)
    load_balancer.add_function("Documents", function=function_in(stack), paths=["/documents/*"], priority=10)
    return template_of(stack)
