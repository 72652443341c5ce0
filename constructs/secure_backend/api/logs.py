"""What an API logs, and the one role by which API Gateway may log at all."""

import json

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from secure_backend.api.options import Throttle
from secure_backend.log_groups import EncryptedLogGroup

# Who called what with which result: no body, token, query string or path value.
_ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "extendedRequestId": "$context.extendedRequestId",
    "requestTime": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "protocol": "$context.protocol",
    "status": "$context.status",
    "errorType": "$context.error.responseType",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationStatus": "$context.integrationStatus",
    "integrationLatency": "$context.integrationLatency",
    "authorizerStatus": "$context.authorizer.status",
    "authorizerLatency": "$context.authorizer.latency",
    "principal": "$context.authorizer.principalId",
    "apiKeyId": "$context.identity.apiKeyId",
    "wafStatus": "$context.waf.status",
    "tlsVersion": "$context.tlsVersion",
    "cipherSuite": "$context.cipherSuite",
    "xrayTraceId": "$context.xrayTraceId",
}


def access_log_format() -> apigateway.AccessLogFormat:
    """Return the access log's format: a line of JSON for each request."""
    return apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG_FIELDS))


def method_setting(http_method: str, path: str, throttle: Throttle) -> apigateway.CfnStage.MethodSettingProperty:
    """Return the stage's settings for a method, or for all of them (``*`` and ``/*``): each stands alone, whole."""
    return apigateway.CfnStage.MethodSettingProperty(
        http_method=http_method,
        resource_path=path if path in {"/*", "/"} else "/" + path.replace("/", "~1"),
        data_trace_enabled=False,
        logging_level="ERROR",
        metrics_enabled=True,
        throttling_rate_limit=throttle.rate,
        throttling_burst_limit=throttle.burst,
    )


def execution_log_group(
    scope: Construct, api: apigateway.RestApi, stage_name: str, key: kms.IKey, retention: logs.RetentionDays
) -> EncryptedLogGroup:
    """Make the group that API Gateway writes execution logs to, before API Gateway makes one without key and end."""
    return EncryptedLogGroup(
        scope,
        "ExecutionLog",
        key=key,
        retention=retention,
        name=f"API-Gateway-Execution-Logs_{api.rest_api_id}/{stage_name}",
        name_pattern=f"API-Gateway-Execution-Logs_*/{stage_name}",
    )


def logging_account(scope: Construct) -> IConstruct:
    """Return the resource that lets API Gateway log in this account and region, made by the first stack that asks.

    The setting belongs to the account and the region, not to an API: a second resource of its kind would overwrite
    the first, and deleting either would end the logging of every API there. So one stack owns it, the others wait for
    that stack, and it is retained (aws-cdk#10878). The Stages of an app are deployed apart, and have an owner each.
    """
    stack = _outermost(cdk.Stack.of(scope))
    assembly = cdk.Stage.of(scope)
    if assembly is None:
        raise TypeError(f"{scope.node.path} is in no app")
    marker_id = f"ApiGatewayLogging({stack.environment.replace('/', '|')})"
    marker = assembly.node.try_find_child(marker_id)
    if marker is not None:
        account: IConstruct = assembly
        for name in str(marker.node.metadata[0].data).split("/"):
            account = account.node.find_child(name)
        return account

    owner = Construct(stack, "ApiGatewayLogging")
    role = iam.Role(
        owner,
        "Role",
        assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        description="Lets API Gateway write the logs of every API in this account and region",
        # Must be this managed policy: API Gateway refuses a role whose own statements say the same.
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
        ],
    )
    role.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    made = apigateway.CfnAccount(owner, "Account", cloud_watch_role_arn=role.role_arn)
    made.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    path = made.node.path.removeprefix(f"{assembly.node.path}/" if assembly.node.path else "")
    Construct(assembly, marker_id).node.add_metadata("secure-backend:owner", path)
    return made


def _outermost(stack: cdk.Stack) -> cdk.Stack:
    return _outermost(stack.nested_stack_parent) if stack.nested_stack_parent else stack
