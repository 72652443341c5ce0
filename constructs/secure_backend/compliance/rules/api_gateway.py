"""API Gateway: deployments that fail in a fresh account, and methods that let in more than they seem to."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_true, list_of, object_of, walk
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_ACCOUNT = "AWS::ApiGateway::Account"
_API = "AWS::ApiGateway::RestApi"
_METHOD = "AWS::ApiGateway::Method"
_STAGE = "AWS::ApiGateway::Stage"
_PUSH = "AmazonAPIGatewayPushToCloudWatchLogs"


@rule(
    aws="CloudWatch Logs role ARN must be set in account settings to enable logging",
    reason="Access logs and execution logs need a role of the account, and with the recommended feature flags the CDK "
    "makes none: the first deployment to a fresh account fails.",
    fix="add one AWS::ApiGateway::Account whose role has the managed policy AmazonAPIGatewayPushToCloudWatchLogs, or "
    "acknowledge who owns it in this account and region",
    source="aws-cdk#10722, #13511",
)
def stage_logs_without_account_role(assembly: Assembly) -> Iterator[Finding]:
    """Make the account's logging role when a stage logs."""
    if not assembly.resources(_ACCOUNT):
        for stage in _logging_stages(assembly):
            yield Finding(stage, "Properties", "The stage logs, and no template makes the account's logging role")


@rule(
    aws="CloudWatch Logs role ARN must be set in account settings to enable logging",
    reason="Without an order CloudFormation may make the stage first; it fails in a fresh account only.",
    fix="add the AWS::ApiGateway::Account to the stage's DependsOn",
    source="aws-cdk#10722",
)
def stage_before_account_role(assembly: Assembly) -> Iterator[Finding]:
    """Create a stage that logs after the account's logging role."""
    accounts = assembly.resources(_ACCOUNT)
    for stage in _logging_stages(assembly):
        if accounts and not any(assembly.waits_for(stage, account) for account in accounts):
            yield Finding(stage, "DependsOn", f"The stage does not wait for {accounts[0].address}")


@rule(
    aws="The role ARN does not have required permissions configured",
    reason="API Gateway tries the role when the account's setting is written.",
    fix="attach the managed policy service-role/AmazonAPIGatewayPushToCloudWatchLogs to the role and let "
    "apigateway.amazonaws.com assume it",
    source="tmobile/jazz-installer PR#597",
)
def account_role_without_permissions(assembly: Assembly) -> Iterator[Finding]:
    """Let the account's logging role write logs, and API Gateway assume it."""
    for account in assembly.resources(_ACCOUNT):
        role = access.resource_at(assembly, account, "CloudWatchRoleArn", access.ROLE)
        if role is None:
            continue
        managed = [assembly.render(role.stack, value) for value in list_of(role.at("ManagedPolicyArns"))]
        if not any(_PUSH in name or "${" in name.rpartition("/")[2] for name in managed):
            yield Finding(role, "Properties.ManagedPolicyArns", f"The logging role lacks {_PUSH}")
        trust = assembly.statements(role.stack, role.at("AssumeRolePolicyDocument"))
        if access.missing_for(trust, "apigateway", "sts:AssumeRole"):
            problem = "The logging role does not trust apigateway.amazonaws.com"
            yield Finding(role, "Properties.AssumeRolePolicyDocument", problem)


@rule(
    aws=SILENT,
    reason="The setting belongs to the account and region: the stacks overwrite each other's, and the first that is "
    "deleted ends the logging of every API.",
    fix="keep one AWS::ApiGateway::Account in the app",
    source="aws-cdk#10878, #12769; aws-solutions/workload-discovery-on-aws#81",
)
def several_account_roles(assembly: Assembly) -> Iterator[Finding]:
    """Set the account's logging role once in the whole app."""
    accounts = assembly.resources(_ACCOUNT)
    for account in accounts[1:]:
        if account.stack.region == accounts[0].stack.region:
            yield Finding(account, "Type", f"{accounts[0].address} sets the logging role already")


@rule(
    aws=SILENT,
    reason="When the stack is deleted, so is the setting, and every other API of the account stops logging.",
    fix="set DeletionPolicy: Retain on the AWS::ApiGateway::Account and on its role",
    source="aws-cdk#10878; aws-solutions/aws-waf-security-automations#213",
)
def account_role_not_retained(assembly: Assembly) -> Iterator[Finding]:
    """Retain the account's logging role and its setting."""
    for account in assembly.resources(_ACCOUNT):
        role = access.resource_at(assembly, account, "CloudWatchRoleArn", access.ROLE)
        for resource in (account, role):
            if resource is not None and not (resource.deletion_policy or "").startswith("Retain"):
                yield Finding(resource, "DeletionPolicy", f"{resource.address} goes with its stack")


@rule(
    aws="Active stages pointing to this deployment must be moved or deleted before deleting the deployment",
    reason="A deployment that owns its stage cannot be replaced.",
    fix="remove StageName from the deployment and make an AWS::ApiGateway::Stage",
    source="terraform-provider-aws#19805",
)
def deployment_with_stage(assembly: Assembly) -> Iterator[Finding]:
    """Keep the stage out of the deployment."""
    for deployment in assembly.resources("AWS::ApiGateway::Deployment"):
        if deployment.at("StageName") is not None:
            yield Finding(deployment, "Properties.StageName", "The deployment makes a stage of its own")


@rule(
    aws="API Stage not found",
    reason="A stage that is named as text may not exist yet when the usage plan is made.",
    fix="set ApiStages[].Stage to a Ref of the AWS::ApiGateway::Stage",
    source="serverless-application-model#313",
)
def usage_plan_before_stage(assembly: Assembly) -> Iterator[Finding]:
    """Create a usage plan after its stage."""
    for plan in assembly.resources("AWS::ApiGateway::UsagePlan"):
        for entry in list_of(plan.at("ApiStages")):
            api = assembly.follow(plan.stack, object_of(entry).get("ApiId"))
            stages = [stage for stage in assembly.resources(_STAGE) if _api_of(assembly, stage) is api is not None]
            if stages and not any(assembly.waits_for(plan, stage) for stage in stages):
                yield Finding(plan, "Properties.ApiStages", f"The plan does not wait for {stages[0].address}")


@rule(
    aws="Endpoint access mode is required for the specified security policy",
    reason="The policies named SecurityPolicy_... come with a choice of endpoint access mode; the L2 RestApi knows "
    "neither.",
    fix="set EndpointAccessMode to STRICT beside SecurityPolicy",
    source="serverless/serverless#13332; aws-cdk#36280",
)
def security_policy_without_access_mode(assembly: Assembly) -> Iterator[Finding]:
    """Choose the endpoint access mode beside an enhanced security policy."""
    for resource in assembly.resources(_API, "AWS::ApiGateway::DomainName"):
        policy = str(resource.at("SecurityPolicy"))
        if policy.startswith("SecurityPolicy_") and resource.at("EndpointAccessMode") is None:
            yield Finding(resource, "Properties.EndpointAccessMode", f"{policy} stands without an access mode")


@rule(
    aws="The specified security policy is not supported for this endpoint type (BadRequestException)",
    reason="Policies whose names end in _EDGE are for edge-optimised endpoints, all others are not.",
    fix="use SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09 with REGIONAL and PRIVATE, and a policy of name _EDGE with EDGE",
    source="Amazon API Gateway Developer Guide, Supported security policies",
)
def security_policy_of_other_endpoint(assembly: Assembly) -> Iterator[Finding]:
    """Use a security policy that is made for the type of the endpoint."""
    for resource in assembly.resources(_API, "AWS::ApiGateway::DomainName"):
        policy = str(resource.at("SecurityPolicy"))
        types = list_of(resource.at("EndpointConfiguration.Types"))
        mixed = policy.endswith("_EDGE") is not ("EDGE" in types)
        if policy.startswith("SecurityPolicy_") and types and mixed:
            yield Finding(resource, "Properties.SecurityPolicy", f"{policy} stands on a {types[0]} endpoint")


@rule(
    aws=SILENT,
    reason="Beside a Lambda authorizer the policy blocks only by an explicit Deny; who is not allowed by it still gets "
    "in with a token.",
    fix="replace the Allow by a Deny with NotIpAddress on aws:SourceIp (aws:VpcSourceIp) for the same networks: a "
    "general Allow would let in whom the authorizer neither allows nor denies",
    source="Amazon API Gateway Developer Guide, How resource policies affect authorization workflow",
)
def resource_policy_that_only_allows(assembly: Assembly) -> Iterator[Finding]:
    """Deny other networks explicitly in the resource policy of an API with a Lambda authorizer."""
    keys = ("aws:SourceIp", "aws:VpcSourceIp")
    for api in assembly.resources(_API):
        authorizers = [
            each
            for each in assembly.attached("AWS::ApiGateway::Authorizer", "RestApiId", api)
            if each.at("Type") in ("TOKEN", "REQUEST")
        ]
        statements = assembly.policy_statements(api)
        allowed = any(each.allows and each.condition_values(*keys) for each in statements)
        denied = any(not each.allows and each.condition_values(*keys) for each in statements)
        if authorizers and allowed and not denied:
            problem = f"The policy only allows networks, and {authorizers[0].address} is a Lambda authorizer"
            yield Finding(api, "Properties.Policy", problem)


@rule(
    aws=SILENT,
    reason="Whoever knows the address may call it; an API key is no authentication.",
    fix="set AuthorizationType to CUSTOM, COGNITO_USER_POOLS or AWS_IAM, with the AuthorizerId",
    source="AWS Well-Architected, Serverless Applications Lens",
)
def method_without_authorizer(assembly: Assembly) -> Iterator[Finding]:
    """Put an authorizer before every method but OPTIONS."""
    for method in assembly.resources(_METHOD):
        if method.at("AuthorizationType") in (None, "NONE") and method.at("HttpMethod") != "OPTIONS":
            problem = f"Anyone may call {method.at('HttpMethod')} {method.address}"
            yield Finding(method, "Properties.AuthorizationType", problem)


@rule(
    aws=SILENT,
    reason="Without a model and a validator of bodies, whatever is sent reaches the function.",
    fix="set RequestModels to a closed model and RequestValidatorId to a validator with ValidateRequestBody",
    source="Amazon API Gateway Developer Guide, Request validation for REST APIs",
)
def method_with_unchecked_body(assembly: Assembly) -> Iterator[Finding]:
    """Check the body of every method that takes one against a model."""
    for method in assembly.resources(_METHOD):
        if method.at("HttpMethod") not in ("POST", "PUT", "PATCH"):
            continue
        if not method.at("RequestModels"):
            yield Finding(method, "Properties.RequestModels", f"{method.address} takes a body and has no model")
        validator = assembly.follow(method.stack, method.at("RequestValidatorId"))
        checked = validator is None or is_true(validator.at("ValidateRequestBody"))
        if method.at("RequestValidatorId") is None or not checked:
            problem = f"{method.address} takes a body and does not validate it"
            yield Finding(method, "Properties.RequestValidatorId", problem)


@rule(
    aws=SILENT,
    reason="Nobody can tell afterwards who called what.",
    fix="set AccessLogSetting with DestinationArn and a JSON Format",
    source="AWS Security Hub APIGateway.1, APIGateway.9",
)
def stage_without_access_log(assembly: Assembly) -> Iterator[Finding]:
    """Log the requests to a stage."""
    for type_name, path in ((_STAGE, "AccessLogSetting"), ("AWS::ApiGatewayV2::Stage", "AccessLogSettings")):
        for stage in assembly.resources(type_name):
            if stage.at(f"{path}.DestinationArn") is None:
                yield Finding(stage, f"Properties.{path}", "The stage has no access log")


def _api_of(assembly: Assembly, resource: Resource) -> Resource | None:
    return assembly.follow(resource.stack, resource.at("RestApiId"))


def _logging_stages(assembly: Assembly) -> list[Resource]:
    found = []
    for stage in assembly.resources(_STAGE):
        levels = [value for path, value in walk(stage.at("MethodSettings")) if path.endswith("LoggingLevel")]
        if stage.at("AccessLogSetting") is not None or any(level in ("ERROR", "INFO") for level in levels):
            found.append(stage)
    return found
