"""What stays of the api stack's findings, with either edge."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from profiles.settings import ApiSettings
from stacks.acknowledgements.registry import (
    HIPAA,
    INLINE,
    NIST4,
    NIST5,
    PCI,
    SERVERLESS,
    SERVICE_POLICY,
    SOLUTIONS,
    Registry,
    dead_letters,
    log_target,
    managed_policy,
    no_replica,
    of,
    rule_ids,
)
from stacks.application import Application

if TYPE_CHECKING:
    from secure_backend import HardenedLoadBalancer


def api(registry: Registry, application: Application) -> None:
    """Acknowledge what stays of the api stack."""
    api = application.api
    if api.api is not None:
        _stage(registry, api.api.stage, web_acl=application.settings.api.web_acl.enabled)
    if api.load_balancer is not None:
        _load_balancer(registry, api.load_balancer, application.settings.api)
    constructs = api.node.find_all()
    for method in of(constructs, apigateway.CfnMethod):
        if method.authorization_type == "CUSTOM":
            registry.add(
                method,
                *rule_ids("COG4", SOLUTIONS),
                reason="The methods have a Lambda authorizer, which verifies signature, issuer, audience or client, "
                "expiry and scope of an access token; API Gateway's own would take ID tokens too.",
            )
    bound = "The stage's throttling" if api.api is not None else "The account's quota"
    for function in of(constructs, lambda_.CfnFunction):
        if function.reserved_concurrent_executions is None:
            registry.add(
                function,
                *rule_ids("LambdaConcurrency", HIPAA, NIST5),
                reason="Reserved concurrency takes from the account's quota, which is 10 in a fresh account: the "
                f"deployment would fail. {bound} bounds the calls, the database's roles the connections.",
            )
        else:
            registry.add(
                function,
                *rule_ids("ReservedConcurrency", "SecureBackend"),
                reason="The profile asks for it, by documents.uploads_at_once: its author knows the account's quota.",
            )
        registry.add(
            function,
            *rule_ids("LambdaDLQ", HIPAA, NIST5, SERVERLESS),
            reason="Who calls waits for the answer: the edge tells it the caller, CloudFormation waits for the "
            "migrator's. Only the finaliser's caller goes away, and its failures have a destination, which tells more.",
        )
        if function.vpc_config is None:
            registry.add(
                function,
                *rule_ids("LambdaInsideVPC", HIPAA, NIST4, NIST5, PCI),
                reason="The authorizer has to fetch the issuer's keys, and the VPC has no way out. It holds no secret "
                "and may do nothing in the account but write its log.",
            )
    bucket = application.data.export_value(application.data.documents.bucket.bucket_arn)
    documents = cdk.Stack.of(api).resolve(bucket)["Fn::ImportValue"]
    of_documents = tuple(f"{function.node.path}Role/" for function in (api.handler, api.finaliser))
    for policy in of(constructs, iam.CfnPolicy):
        registry.add(policy, *rule_ids("IAMNoInlinePolicy", HIPAA, NIST4, NIST5, PCI), reason=INLINE)
        registry.add(
            policy,
            *rule_ids("IAM5[Resource::*]", SOLUTIONS),
            reason="X-Ray's actions know no resource, nor do those by which Lambda makes a function's network "
            "interfaces; a Deny keeps the function's own code from the latter.",
        )
        if policy.to_string().startswith(of_documents):
            registry.add(
                policy,
                *rule_ids(f"IAM5[Resource::{documents}/incoming/*]", SOLUTIONS),
                reason="The keys of documents are made at run time; the wildcard is their common prefix.",
            )
    dead_letters(registry, api.dead_letters)
    for role in of(constructs, iam.CfnRole):
        if "AmazonAPIGatewayPushToCloudWatchLogs" in str(cdk.Stack.of(api).resolve(role.managed_policy_arns)):
            registry.add(
                role, managed_policy("service-role/AmazonAPIGatewayPushToCloudWatchLogs"), reason=SERVICE_POLICY
            )
    if api.user_pool is not None:
        registry.add(
            api.user_pool.user_pool,
            *rule_ids("COG8", SOLUTIONS),
            reason="Threat protection is a plan that is paid for each user. The pool has no self sign-up, requires a "
            "second factor, and its one client is a machine.",
        )


def _stage(registry: Registry, stage: IConstruct, *, web_acl: bool) -> None:
    registry.add(
        stage,
        *rule_ids("APIGWCacheEnabledAndEncrypted", HIPAA, NIST4, NIST5, PCI),
        reason="Every answer belongs to one caller. A cache in front of the handler could give it to another.",
    )
    registry.add(
        stage,
        *rule_ids("APIGWSSLEnabled", HIPAA, NIST5, PCI),
        reason="A client certificate proves the gateway to an HTTP backend. The backend here is Lambda, which is "
        "called by IAM and never sees a certificate.",
    )
    if not web_acl:
        registry.add(
            stage,
            *rule_ids("APIG3", SOLUTIONS),
            *rule_ids("APIGWAssociatedWithWAF", NIST5, PCI),
            reason="A development profile saves the ten dollars of a web ACL; authorizer, models and throttling stay. "
            "Production refuses web_acl.enabled = false.",
        )


def _load_balancer(registry: Registry, made: "HardenedLoadBalancer", settings: ApiSettings) -> None:
    if made.http_listener is not None:
        registry.add(
            made.http_listener,
            *rule_ids("ELBv2ACMCertificateRequired", HIPAA, NIST5, PCI),
            reason="The listener of port 80 answers with a redirect to HTTPS and with nothing else; there is no TLS "
            "that a certificate could be for.",
        )
    facing = settings.load_balancer is not None and settings.load_balancer.internet_facing
    if facing and settings.source_networks is None:
        registry.add(
            made.security_group,
            *rule_ids("EC23", SOLUTIONS),
            reason="The profile asks for a service that anyone may call. Only HTTPS and its redirect are open, and no "
            "request gets past the web ACL and the token's validation; api.source_networks narrows it.",
        )
    registry.add(
        made.access_logs,
        *rule_ids("S3DefaultEncryptionKMS", HIPAA, NIST5, PCI),
        reason="Elastic Load Balancing delivers its logs to a bucket with SSE-S3 only, and is not made with one that "
        "has a KMS key.",
    )
    registry.add(
        made.access_logs,
        *rule_ids("S3BucketDefaultLockEnabled", NIST4),
        reason="Elastic Load Balancing delivers no logs to a bucket with a default retention; they would be lost.",
    )
    no_replica(registry, made.access_logs)
    reads = made.node.find_child("AccessLogsReads")
    no_replica(registry, reads)
    log_target(registry, reads)
    if not settings.web_acl.enabled:
        registry.add(
            made.load_balancer,
            *rule_ids("ALBWAFEnabled", NIST4, NIST5, PCI),
            reason="A development profile saves the ten dollars of a web ACL; the token's validation and the handler's "
            "own stay. Production refuses web_acl.enabled = false.",
        )
    if settings.load_balancer is not None and not settings.load_balancer.deletion_protection:
        registry.add(
            made.load_balancer,
            *rule_ids("ELBDeletionProtectionEnabled", HIPAA, NIST4, NIST5),
            reason="A development profile's load balancer may end with its stack: it holds nothing. Production refuses "
            "load_balancer.deletion_protection = false.",
        )
