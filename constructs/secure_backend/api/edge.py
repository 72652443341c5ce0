"""What stands around an API's stage: its own name, metering, source networks, alarms."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.alarms import Alarms
from secure_backend.api.options import Cors, Domain, UsagePlan
from secure_backend.functions import EncryptedFunction

# What authorizer/handler.py writes when the fault is not the token's: there are no keys, or its own code failed. The
# line that Lambda adds for each refused token has the level ERROR too, and no message.
_AUTHORIZER_FAULTS = (
    '{ ($.message = "refused: keys unavailable") || (($.level = "ERROR") && ($.message = "refused: *")) }'
)


def source_network_policy(networks: Sequence[str], *, preflight: bool, needs_allow: bool) -> iam.PolicyDocument:
    """Return the resource policy that lets requests come from these networks only.

    The explicit Deny is what blocks: beside an authorizer an Allow alone blocks nobody. There is no general Allow
    either. API Gateway takes what the authorizer's or the caller's own policy leaves out from here: an Allow for all
    would open every method to every valid token, whatever its scopes. Source: API Gateway Developer Guide, "How API
    Gateway resource policies affect authorization workflow", table A.

    :param preflight: whether OPTIONS methods have no authorizer, and so need an Allow.
    :param needs_allow: for Cognito's own authorizer, which judges no method and wants an Allow here.
    """

    def statement(
        effect: iam.Effect, resource: str, conditions: dict[str, object] | None = None
    ) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            effect=effect,
            principals=[iam.AnyPrincipal()],
            actions=["execute-api:Invoke"],
            resources=[f"execute-api:/{resource}"],
            conditions=conditions,
        )

    deny = statement(iam.Effect.DENY, "*", {"NotIpAddress": {"aws:SourceIp": list(networks)}})
    allowed = ["*"] if needs_allow else ["*/OPTIONS/*"] if preflight else []
    return iam.PolicyDocument(statements=[deny, *(statement(iam.Effect.ALLOW, each) for each in allowed)])


def add_preflight(resource: apigateway.IResource, cors: Cors, validator: apigateway.IRequestValidator) -> None:
    """Answer a path's preflight requests, which carry no token."""
    preflight = resource.add_cors_preflight(
        allow_origins=list(cors.origins),
        allow_headers=list(cors.headers),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_credentials=cors.credentials or None,
        max_age=cors.max_age or cdk.Duration.hours(1),
    )
    method = preflight.node.default_child
    if not isinstance(method, apigateway.CfnMethod):
        raise TypeError(f"{preflight.node.path} has no CfnMethod")
    method.request_validator_id = validator.request_validator_id


def add_usage_plan(
    scope: Construct, api: apigateway.RestApi, stage: apigateway.Stage, plan: UsagePlan
) -> apigateway.ApiKey:
    """Bind a usage plan to the stage, and return the key that it meters."""
    key = apigateway.ApiKey(scope, "ApiKey", description="Meters the use of the API; authenticates nobody")
    made = apigateway.UsagePlan(
        scope,
        "UsagePlan",
        description=f"Metering for {scope.node.path}",
        api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=stage)],
        throttle=apigateway.ThrottleSettings(rate_limit=plan.rate, burst_limit=plan.burst),
        quota=apigateway.QuotaSettings(limit=plan.daily_quota, period=apigateway.Period.DAY),
    )
    made.add_api_key(key)
    return key


def add_domain(scope: Construct, domain: Domain, api: apigateway.RestApi, stage: apigateway.Stage) -> None:
    """Give the API its own name, with the API's own TLS policy."""
    name = apigateway.DomainName(
        scope,
        "Domain",
        domain_name=domain.name,
        certificate=domain.certificate,
        endpoint_type=apigateway.EndpointType.REGIONAL,
        security_policy=apigateway.SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09,
        endpoint_access_mode=apigateway.EndpointAccessMode.STRICT,
    )
    name.add_base_path_mapping(api, stage=stage)
    route53.ARecord(
        scope,
        "Alias",
        zone=domain.hosted_zone,
        record_name=f"{domain.name}.",
        target=route53.RecordTarget.from_alias(targets.ApiGatewayDomain(name)),
    )


def add_api_alarms(
    scope: Construct, stage: apigateway.Stage, topic: AlarmTopic, authorizer: EncryptedFunction | None
) -> None:
    """Tell the topic when callers get server errors, wait, or are refused because no token can be verified.

    :param authorizer: the function that verifies tokens; whatever fails in it is a 401, which no other alarm counts.
    """
    errors = stage.metric_server_error(period=cdk.Duration.minutes(5), statistic="Sum")
    latency = stage.metric_latency(period=cdk.Duration.minutes(5), statistic="p99")
    alarms = Alarms(scope, topic=topic)
    alarms.add("ApiErrors", errors, threshold=5, happened="The API answered 5xx five times or more in five minutes.")
    alarms.add(
        "ApiLatency",
        latency,
        threshold=5000,
        periods=3,
        happened="One request in a hundred took five seconds or more, for a quarter of an hour.",
    )
    if authorizer is not None:
        faults = logs.MetricFilter(
            scope,
            "AuthorizerFaults",
            log_group=authorizer.log_group,
            filter_pattern=logs.FilterPattern.literal(_AUTHORIZER_FAULTS),
            metric_namespace=f"Api/{stage.rest_api.rest_api_name}",
            metric_name="AuthorizerErrors",
            metric_value="1",
        )
        alarms.add(
            "AuthorizerErrors",
            faults.metric(period=cdk.Duration.minutes(5), statistic="Sum"),
            threshold=5,
            happened="The authorizer could verify no token five times or more in five minutes: the callers got 401.",
        )
