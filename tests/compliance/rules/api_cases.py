"""Cases of the rules on API Gateway, WAF and Lambda."""

from tests.compliance.rules.case import REMOVED, Case, allow, arn, document, ref, resource

_STAGE_ARN = {"Fn::Join": ["", ["arn:aws:apigateway:eu-central-1::/restapis/", ref("Api"), "/stages/", ref("Stage")]]}
_NETWORKS = {"aws:SourceIp": ["203.0.113.0/24"]}

API = {
    "Api": resource(
        "AWS::ApiGateway::RestApi",
        SecurityPolicy="SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
        EndpointAccessMode="STRICT",
        EndpointConfiguration={"Types": ["REGIONAL"]},
        Policy=document(
            allow("*", "execute-api:Invoke", Condition={"IpAddress": _NETWORKS}),
            allow("*", "execute-api:Invoke", Condition={"NotIpAddress": _NETWORKS}) | {"Effect": "Deny"},
        ),
    ),
    "Authorizer": resource("AWS::ApiGateway::Authorizer", RestApiId=ref("Api"), Type="TOKEN"),
    "Validator": resource("AWS::ApiGateway::RequestValidator", RestApiId=ref("Api"), ValidateRequestBody=True),
    "Post": resource(
        "AWS::ApiGateway::Method",
        RestApiId=ref("Api"),
        HttpMethod="POST",
        AuthorizationType="CUSTOM",
        RequestModels={"application/json": ref("Model")},
        RequestValidatorId=ref("Validator"),
    ),
    "Options": resource(
        "AWS::ApiGateway::Method", RestApiId=ref("Api"), HttpMethod="OPTIONS", AuthorizationType="NONE"
    ),
    "Deployment": resource("AWS::ApiGateway::Deployment", RestApiId=ref("Api")),
    "Stage": resource(
        "AWS::ApiGateway::Stage",
        RestApiId=ref("Api"),
        DeploymentId=ref("Deployment"),
        StageName="v1",
        AccessLogSetting={"DestinationArn": arn("Logs"), "Format": "{}"},
        MethodSettings=[{"HttpMethod": "*", "ResourcePath": "/*", "LoggingLevel": "ERROR"}],
        DependsOn=["Account", "ExecutionLogs"],
    ),
    "Logs": resource("AWS::Logs::LogGroup"),
    "ExecutionLogs": resource("AWS::Logs::LogGroup", LogGroupName={"Fn::Sub": "API-Gateway-Execution-Logs_${Api}/v1"}),
    "Account": resource(
        "AWS::ApiGateway::Account", CloudWatchRoleArn=arn("AccountRole"), DeletionPolicy="RetainExceptOnCreate"
    ),
    "AccountRole": resource(
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=document(allow("apigateway", "sts:AssumeRole")),
        ManagedPolicyArns=[
            {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"}
        ],
        DeletionPolicy="Retain",
    ),
    "Plan": resource("AWS::ApiGateway::UsagePlan", ApiStages=[{"ApiId": ref("Api"), "Stage": ref("Stage")}]),
    "WebAcl": resource("AWS::WAFv2::WebACL", Scope="REGIONAL"),
    "WebAclLogs": resource("AWS::Logs::LogGroup", LogGroupName="aws-waf-logs-api"),
    "WebAclLogging": resource(
        "AWS::WAFv2::LoggingConfiguration",
        ResourceArn=arn("WebAcl"),
        LogDestinationConfigs=[arn("WebAclLogs")],
        DependsOn=["LogPolicy"],
    ),
    "LogPolicy": resource("AWS::Logs::ResourcePolicy"),
    "Association": resource("AWS::WAFv2::WebACLAssociation", WebACLArn=arn("WebAcl"), ResourceArn=_STAGE_ARN),
    "Function": resource(
        "AWS::Lambda::Function",
        Code={"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-eu-central-1"}, "S3Key": "x.zip"},
        CodeSigningConfigArn=ref("Signing"),
    ),
    "Signing": resource(
        "AWS::Lambda::CodeSigningConfig", CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"}
    ),
}

_ACCOUNT_GONE = {"Account": REMOVED, "Stage/DependsOn": "ExecutionLogs"}
_TEXT_ARN = {"Fn::Join": ["", ["arn:aws:apigateway:eu-central-1::/restapis/", ref("Api"), "/stages/v1"]]}

CASES = [
    Case("StageLogsWithoutAccountRole", API, _ACCOUNT_GONE),
    Case("StageLogsWithoutAccountRole", API, _ACCOUNT_GONE | {"Stage/Properties/AccessLogSetting": REMOVED}),
    Case("StageLogsWithoutAccountRole", API, _ACCOUNT_GONE | {"Stage/Properties/MethodSettings": REMOVED}),
    Case("StageBeforeAccountRole", API, {"Stage/DependsOn": "ExecutionLogs"}, "app/Account"),
    Case("AccountRoleWithoutPermissions", API, {"AccountRole/Properties/ManagedPolicyArns": []}, "lacks"),
    Case(
        "AccountRoleWithoutPermissions",
        API,
        {"AccountRole/Properties/AssumeRolePolicyDocument": document(allow("lambda", "sts:AssumeRole"))},
        "does not trust",
    ),
    Case("SeveralAccountRoles", API, {"Second": resource("AWS::ApiGateway::Account")}, "app/Account"),
    Case("AccountRoleNotRetained", API, {"Account/DeletionPolicy": REMOVED}, "app/Account "),
    Case("AccountRoleNotRetained", API, {"AccountRole/DeletionPolicy": "Delete"}, "app/AccountRole"),
    Case("DeploymentWithStage", API, {"Deployment/Properties/StageName": "v1"}),
    Case("UsagePlanBeforeStage", API, {"Plan/Properties/ApiStages/0/Stage": "v1"}, "app/Stage"),
    Case("SecurityPolicyWithoutAccessMode", API, {"Api/Properties/EndpointAccessMode": REMOVED}),
    Case("SecurityPolicyOfOtherEndpoint", API, {"Api/Properties/EndpointConfiguration/Types": ["EDGE"]}, "EDGE"),
    Case("SecurityPolicyOfOtherEndpoint", API, {"Api/Properties/SecurityPolicy": "SecurityPolicy_TLS13_2025_EDGE"}),
    Case("ResourcePolicyThatOnlyAllows", API, {"Api/Properties/Policy/Statement/1": REMOVED}, "app/Authorizer"),
    Case("MethodWithoutAuthorizer", API, {"Post/Properties/AuthorizationType": "NONE"}, "POST"),
    Case("MethodWithUncheckedBody", API, {"Post/Properties/RequestModels": REMOVED}, "no model"),
    Case("MethodWithUncheckedBody", API, {"Post/Properties/RequestValidatorId": REMOVED}, "validate"),
    Case("MethodWithUncheckedBody", API, {"Validator/Properties/ValidateRequestBody": False}, "validate"),
    Case("StageWithoutAccessLog", API, {"Stage/Properties/AccessLogSetting": REMOVED}),
    Case("LogGroupAfterItsWriter", API, {"Stage/DependsOn": "Account"}, "app/ExecutionLogs"),
    Case("SeveralLogResourcePolicies", API, {"Second": resource("Custom::CloudwatchLogResourcePolicy")}, "has 2"),
    Case("WafLogDestinationName", API, {"WebAclLogs/Properties/LogGroupName": "waf"}, "is waf"),
    Case("WafLogDestinationName", API, {"WebAclLogs/Properties/LogGroupName": REMOVED}, "generated"),
    Case(
        "WafLogDestinationName",
        API,
        {
            "WebAclLogging/Properties/LogDestinationConfigs/0": {
                "Fn::Sub": "arn:aws:logs:eu-central-1:${AWS::AccountId}:log-group:api-waf:*"
            }
        },
        "is api-waf",
    ),
    Case("WafLoggingBeforeResourcePolicy", API, {"WebAclLogging/DependsOn": []}, "app/LogPolicy"),
    Case("WebAclBeforeStage", API, {"Association/Properties/ResourceArn": _TEXT_ARN}, "app/Stage"),
    Case("WebAclScope", API, {"WebAcl/Properties/Scope": "CLOUDFRONT"}, "eu-central-1"),
    Case("WebAclScope", API, {"WebAcl/Properties/Scope": "CLOUDFRONT"}, "regional resource", region="us-east-1"),
    Case("WebAclWithoutLogging", API, {"WebAclLogging": REMOVED}),
    Case("ReservedConcurrency", API, {"Function/Properties/ReservedConcurrentExecutions": 5}, "5"),
    Case(
        "CodeSigningOfAssets",
        API,
        {"Signing/Properties/CodeSigningPolicies/UntrustedArtifactOnDeployment": "Enforce"},
    ),
]
