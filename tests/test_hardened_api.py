"""HardenedApi lets nobody in unasked, checks what comes in, and says little when it refuses."""

import json
import re
from typing import Any

import aws_cdk as cdk
import jsonschema  # type: ignore[import-untyped]  # its stubs are no dependency
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from syrupy.assertion import SnapshotAssertion

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.analysis.filter_patterns import matches
from secure_backend.api.authorizers import IamAuthorizer
from secure_backend.api.options import Cors, Domain, Throttle, UsagePlan
from secure_backend.hardened_api import HardenedApi
from secure_backend.keys import DataKey
from secure_backend.validation import InvalidPropertiesError
from secure_backend.web_acl import WebAcl
from tests.api.cases import NewDocument, api_in, handler_in, jwt
from tests.conftest import FLAGS, NewStack, resources_of, template_of

TLS = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"


def template_with(region: str = "eu-central-1", **options: Any) -> dict[str, Any]:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region=region))
    api_in(stack, **options)
    return template_of(stack)


def only(template: dict[str, Any], type_name: str) -> dict[str, Any]:
    (resource,) = resources_of(template, type_name).values()
    return dict(resource)


def method_of(template: dict[str, Any], http_method: str) -> dict[str, Any]:
    (method,) = (
        each["Properties"]
        for each in resources_of(template, "AWS::ApiGateway::Method").values()
        if each["Properties"]["HttpMethod"] == http_method
    )
    return dict(method)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with()


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    """Return the template of an API with every option at once."""
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    certificate = acm.Certificate.from_certificate_arn(
        stack, "Certificate", "arn:aws:acm:eu-central-1:111122223333:certificate/1"
    )
    api_in(
        stack,
        source_networks=["203.0.113.0/24", "2001:db8::/32"],
        usage_plan=UsagePlan(),
        cors=Cors(origins=["https://app.example.com"]),
        domain=Domain(name="api.example.com", certificate=certificate, hosted_zone=zone),
        alarm_topic=AlarmTopic(stack, "Alarms"),
        web_acl=WebAcl(stack, "WebAcl"),
    )
    return template_of(stack)


def test_the_defaults_are_those_of_the_snapshot(template: dict[str, Any], template_snapshot: SnapshotAssertion) -> None:
    assert template == template_snapshot(name="defaults")


def test_it_is_regional_with_strict_access_and_the_post_quantum_tls_policy(template: dict[str, Any]) -> None:
    api = only(template, "AWS::ApiGateway::RestApi")["Properties"]
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert api["SecurityPolicy"] == TLS
    assert api["EndpointAccessMode"] == "STRICT"


def test_every_method_has_the_authorizer(template: dict[str, Any]) -> None:
    (authorizer,) = resources_of(template, "AWS::ApiGateway::Authorizer")
    methods = resources_of(template, "AWS::ApiGateway::Method").values()
    assert len(methods) == 2
    for method in methods:
        assert method["Properties"]["AuthorizationType"] == "CUSTOM"
        assert method["Properties"]["AuthorizerId"] == {"Ref": authorizer}


def test_every_method_has_the_validator_of_body_and_parameters(full: dict[str, Any]) -> None:
    ((validator_id, validator),) = resources_of(full, "AWS::ApiGateway::RequestValidator").items()
    assert validator["Properties"]["ValidateRequestBody"] is True
    assert validator["Properties"]["ValidateRequestParameters"] is True
    methods = resources_of(full, "AWS::ApiGateway::Method").values()
    assert len(methods) == 4
    assert all(method["Properties"]["RequestValidatorId"] == {"Ref": validator_id} for method in methods)


def test_a_body_is_checked_whatever_its_content_type_says(template: dict[str, Any]) -> None:
    ((model_id, model),) = resources_of(template, "AWS::ApiGateway::Model").items()
    assert method_of(template, "POST")["RequestModels"] == {"$default": {"Ref": model_id}}
    schema = model["Properties"]["Schema"]
    jsonschema.Draft4Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert "Name" not in model["Properties"]


def test_models_of_two_methods_with_the_same_body_do_not_clash(stack: cdk.Stack) -> None:
    api = api_in(stack)
    handler = handler_in(stack)
    api.add_method("PUT", "/documents/{id}", handler, body=NewDocument)
    api.add_method("POST", "/other", handler, body=NewDocument)
    template = template_of(stack)
    assert len(resources_of(template, "AWS::ApiGateway::Model")) == 3
    assert method_of(template, "PUT")["RequestModels"]["$default"] in [
        {"Ref": model} for model in resources_of(template, "AWS::ApiGateway::Model")
    ]


def test_path_query_and_header_parameters_are_required(stack: cdk.Stack) -> None:
    api = api_in(stack)
    api.add_method("GET", "/teams/{team}/files/{path+}", handler_in(stack), query=["limit"], headers=["If-Match"])
    (parameters,) = (
        method["Properties"]["RequestParameters"]
        for method in resources_of(template_of(stack), "AWS::ApiGateway::Method").values()
        if "method.request.path.team" in method["Properties"]["RequestParameters"]
    )
    assert parameters == {
        "method.request.path.team": True,
        "method.request.path.path": True,
        "method.request.querystring.limit": True,
        "method.request.header.If-Match": True,
    }


def test_a_method_past_the_authorizer_stops_the_synthesis(stack: cdk.Stack) -> None:
    api = api_in(stack)
    api.rest_api.root.add_method("GET", apigateway.MockIntegration())
    with pytest.raises(RuntimeError, match="without authorizer; expected one on every method; add it by HardenedApi"):
        template_of(stack)


def test_stage_and_methods_are_throttled(stack: cdk.Stack) -> None:
    api = api_in(stack, throttle=Throttle(rate=50, burst=60))
    api.add_method("GET", "/a/{b}", handler_in(stack), throttle=Throttle(rate=1, burst=2))
    api.add_method("GET", "/", handler_in(stack, "Root"), throttle=Throttle(rate=3, burst=4))
    settings = only(template_of(stack), "AWS::ApiGateway::Stage")["Properties"]["MethodSettings"]
    found = {
        (s["HttpMethod"], s["ResourcePath"]): (s["ThrottlingRateLimit"], s["ThrottlingBurstLimit"]) for s in settings
    }
    assert found == {("*", "/*"): (50, 60), ("GET", "/~1a~1{b}"): (1, 2), ("GET", "/"): (3, 4)}
    # A method's settings replace the stage's, they do not add to them.
    assert all(s["LoggingLevel"] == "ERROR" and s["MetricsEnabled"] for s in settings)
    assert not any(s["DataTraceEnabled"] for s in settings)


def test_the_default_throttle_is_the_articles(template: dict[str, Any]) -> None:
    (setting,) = only(template, "AWS::ApiGateway::Stage")["Properties"]["MethodSettings"]
    assert (setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]) == (100, 200)


def test_traces_are_on(template: dict[str, Any]) -> None:
    assert only(template, "AWS::ApiGateway::Stage")["Properties"]["TracingEnabled"] is True


def test_functions_let_in_this_method_of_this_stage_only(template: dict[str, Any]) -> None:
    (stage,) = resources_of(template, "AWS::ApiGateway::Stage")
    sources = [
        permission["Properties"]["SourceArn"]["Fn::Join"][1]
        for permission in resources_of(template, "AWS::Lambda::Permission").values()
    ]
    assert sorted(source[-1] for source in sources if {"Ref": stage} in source) == [
        "/GET/documents/*",
        "/POST/documents",
    ]
    assert "test-invoke-stage" not in str(sources)


def test_a_web_acl_with_a_log_stands_before_the_stage(template: dict[str, Any]) -> None:
    (stage,) = resources_of(template, "AWS::ApiGateway::Stage")
    (acl,) = resources_of(template, "AWS::WAFv2::WebACL")
    association = only(template, "AWS::WAFv2::WebACLAssociation")["Properties"]
    assert {"Ref": stage} in association["ResourceArn"]["Fn::Join"][1]
    assert association["WebACLArn"] == {"Fn::GetAtt": [acl, "Arn"]}
    assert only(template, "AWS::WAFv2::LoggingConfiguration")


def test_the_callers_web_acl_is_used_instead(full: dict[str, Any]) -> None:
    assert len(resources_of(full, "AWS::WAFv2::WebACL")) == 1
    assert only(full, "AWS::WAFv2::WebACLAssociation")


def test_only_a_named_argument_gives_up_the_web_acl() -> None:
    template = template_with(without_web_acl=True)
    assert not resources_of(template, "AWS::WAFv2::WebACL")
    assert not resources_of(template, "AWS::WAFv2::WebACLAssociation")


def test_source_networks_block_by_an_explicit_deny(full: dict[str, Any]) -> None:
    statements = only(full, "AWS::ApiGateway::RestApi")["Properties"]["Policy"]["Statement"]
    assert statements[0] == {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}},
    }


def test_the_resource_policy_never_allows_what_the_authorizer_left_out(full: dict[str, Any]) -> None:
    """Beside a Lambda authorizer or IAM an Allow here is enough on its own (Developer Guide, table A)."""
    policies = [only(full, "AWS::ApiGateway::RestApi")["Properties"]["Policy"]]
    for authorizer in (jwt(), IamAuthorizer()):
        template = template_with(source_networks=["203.0.113.0/24"], authorizer=authorizer)
        policies.append(only(template, "AWS::ApiGateway::RestApi")["Properties"]["Policy"])
    allowed = [s["Resource"] for p in policies for s in p["Statement"] if s["Effect"] == "Allow"]
    assert allowed == ["execute-api:/*/OPTIONS/*"]


def test_there_is_no_resource_policy_unless_networks_are_named(template: dict[str, Any]) -> None:
    assert "Policy" not in only(template, "AWS::ApiGateway::RestApi")["Properties"]


def test_the_usage_plan_is_bound_to_the_stage_with_the_articles_limits(full: dict[str, Any]) -> None:
    (stage,) = resources_of(full, "AWS::ApiGateway::Stage")
    plan = only(full, "AWS::ApiGateway::UsagePlan")["Properties"]
    assert plan["ApiStages"][0]["Stage"] == {"Ref": stage}
    assert plan["Throttle"] == {"RateLimit": 100, "BurstLimit": 200}
    assert plan["Quota"] == {"Limit": 10_000, "Period": "DAY"}
    (key,) = resources_of(full, "AWS::ApiGateway::ApiKey")
    (plan_id,) = resources_of(full, "AWS::ApiGateway::UsagePlan")
    assert only(full, "AWS::ApiGateway::UsagePlanKey")["Properties"] == {
        "KeyId": {"Ref": key},
        "KeyType": "API_KEY",
        "UsagePlanId": {"Ref": plan_id},
    }


def test_an_api_key_comes_on_top_of_the_authorizer_never_instead(full: dict[str, Any]) -> None:
    for http_method in ("GET", "POST"):
        method = method_of(full, http_method)
        assert method["ApiKeyRequired"] is True
        assert method["AuthorizationType"] == "CUSTOM"


def test_the_deployment_names_no_stage_of_its_own(template: dict[str, Any]) -> None:
    assert "StageName" not in only(template, "AWS::ApiGateway::Deployment")["Properties"]


def test_the_domain_has_the_same_tls_policy_and_closes_the_default_endpoint(full: dict[str, Any]) -> None:
    domain = only(full, "AWS::ApiGateway::DomainName")["Properties"]
    assert domain["DomainName"] == "api.example.com"
    assert domain["SecurityPolicy"] == TLS
    assert domain["EndpointAccessMode"] == "STRICT"
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert domain["RegionalCertificateArn"].endswith("certificate/1")
    assert only(full, "AWS::ApiGateway::RestApi")["Properties"]["DisableExecuteApiEndpoint"] is True


def test_the_domain_leads_to_the_stage(full: dict[str, Any]) -> None:
    (stage,) = resources_of(full, "AWS::ApiGateway::Stage")
    assert only(full, "AWS::ApiGateway::BasePathMapping")["Properties"]["Stage"] == {"Ref": stage}
    record = only(full, "AWS::Route53::RecordSet")["Properties"]
    assert (record["Name"], record["Type"], record["HostedZoneId"]) == ("api.example.com.", "A", "Z1")


def test_the_default_endpoint_is_open_without_a_domain_and_no_output_is_made(template: dict[str, Any]) -> None:
    assert only(template, "AWS::ApiGateway::RestApi")["Properties"]["DisableExecuteApiEndpoint"] is False
    assert "Outputs" not in template


def test_alarms_tell_the_topic_about_errors_and_latency(full: dict[str, Any]) -> None:
    (topic,) = resources_of(full, "AWS::SNS::Topic")
    alarms = {
        alarm["Properties"]["MetricName"]: alarm["Properties"]
        for alarm in resources_of(full, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["Namespace"] == "AWS/ApiGateway"
    }
    assert {*alarms} == {"5XXError", "Latency"}
    errors, latency = alarms["5XXError"], alarms["Latency"]
    assert (errors["Statistic"], errors["Threshold"], errors["Period"], errors["EvaluationPeriods"]) == (
        "Sum",
        5,
        300,
        1,
    )
    assert latency["ExtendedStatistic"] == "p99"
    assert (latency["Threshold"], latency["Period"], latency["EvaluationPeriods"]) == (5000, 300, 3)
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms.values())


def test_an_authorizer_that_can_verify_no_token_is_told_and_a_refused_token_is_not(full: dict[str, Any]) -> None:
    """Both are a 401 to the caller, and no alarm counts those."""
    counter = only(full, "AWS::Logs::MetricFilter")["Properties"]
    (function,) = [
        each["Properties"]
        for each in resources_of(full, "AWS::Lambda::Function").values()
        if each["Properties"]["Handler"] == "authorizer.handler.handler"
    ]
    assert counter["LogGroupName"] == function["LoggingConfig"]["LogGroup"]
    (metric,) = counter["MetricTransformations"]
    (alarm,) = [
        each["Properties"]
        for each in resources_of(full, "AWS::CloudWatch::Alarm").values()
        if each["Properties"]["MetricName"] == "AuthorizerErrors"
    ]
    api = only(full, "AWS::ApiGateway::RestApi")["Properties"]["Name"]
    assert metric["MetricNamespace"] == alarm["Namespace"] == f"Api/{api}"
    assert (metric["MetricName"], metric["MetricValue"]) == ("AuthorizerErrors", "1")
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 300, 5)
    assert alarm["AlarmActions"] == [{"Ref": next(iter(resources_of(full, "AWS::SNS::Topic")))}]

    def counted(level: str, **more: str) -> bool:
        return matches(counter["FilterPattern"], {"level": level, **more})

    assert counted("INFO", message="refused: keys unavailable")
    assert counted("ERROR", message="refused: configuration: ISSUER is missing")
    assert counted("ERROR", message="refused: AttributeError")
    assert not counted("INFO", message="refused: unknown key")
    assert not counted("ERROR", errorType="UnauthorizedError", errorMessage="Unauthorized"), (
        "Lambda's own line of a 401"
    )


def test_an_api_without_a_function_that_verifies_tokens_has_no_alarm_on_one(stack: cdk.Stack) -> None:
    api_in(stack, authorizer=IamAuthorizer(), alarm_topic=AlarmTopic(stack, "Alarms"))
    assert not resources_of(template_of(stack), "AWS::Logs::MetricFilter")


def test_preflight_answers_name_the_origin_and_have_no_authorizer(full: dict[str, Any]) -> None:
    preflights = [
        method["Properties"]
        for method in resources_of(full, "AWS::ApiGateway::Method").values()
        if method["Properties"]["HttpMethod"] == "OPTIONS"
    ]
    assert len(preflights) == 2
    for preflight in preflights:
        (response,) = preflight["Integration"]["IntegrationResponses"]
        parameters = response["ResponseParameters"]
        assert parameters["method.response.header.Access-Control-Allow-Origin"] == "'https://app.example.com'"
        assert "method.response.header.Access-Control-Allow-Credentials" not in parameters
        assert preflight["AuthorizationType"] == "NONE"


def test_gateway_responses_are_problems_in_json_without_the_inside(template: dict[str, Any]) -> None:
    responses = [r["Properties"] for r in resources_of(template, "AWS::ApiGateway::GatewayResponse").values()]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "ACCESS_DENIED", "BAD_REQUEST_BODY", "WAF_FILTERED"} <= {
        response["ResponseType"] for response in responses
    }
    for response in responses:
        ((content_type, body),) = response["ResponseTemplates"].items()
        problem = json.loads(body)
        assert content_type == "application/json"
        assert response["ResponseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        assert problem.get("status") == (int(response["StatusCode"]) if "StatusCode" in response else None)
        assert {"type", "title", "detail", "requestId"} <= {*problem}


def test_no_gateway_response_repeats_what_a_caller_can_write(template: dict[str, Any]) -> None:
    """API Gateway replaces variables as plain text: a quote in one would break the JSON, or add to it."""
    bodies = [
        body
        for response in resources_of(template, "AWS::ApiGateway::GatewayResponse").values()
        for body in response["Properties"]["ResponseTemplates"].values()
    ]
    variables = {variable for body in bodies for variable in re.findall(r"\$[A-Za-z.]+", body)}
    assert variables == {"$context.extendedRequestId", "$context.httpMethod", "$context.resourcePath"}


def test_a_refused_body_is_told_which_methods_schema_it_breaks(template: dict[str, Any]) -> None:
    (body,) = (
        response["Properties"]["ResponseTemplates"]["application/json"]
        for response in resources_of(template, "AWS::ApiGateway::GatewayResponse").values()
        if response["Properties"]["ResponseType"] == "BAD_REQUEST_BODY"
    )
    assert "published schema of $context.httpMethod $context.resourcePath" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("cors", "origin"),
    [
        (None, None),
        (Cors(origins=["https://app.example.com"]), "'https://app.example.com'"),
        (Cors(origins=["https://a.example.com", "https://b.example.com"]), "'*'"),
    ],
)
def test_a_page_can_read_gateway_responses_only_with_cors(cors: Cors | None, origin: str | None) -> None:
    responses = resources_of(template_with(cors=cors), "AWS::ApiGateway::GatewayResponse").values()
    header = "gatewayresponse.header.Access-Control-Allow-Origin"
    assert {response["Properties"]["ResponseParameters"].get(header) for response in responses} == {origin}


def test_an_unknown_path_is_not_found_unless_requests_are_signed(template: dict[str, Any]) -> None:
    statuses = []
    for each in (template, template_with(authorizer=IamAuthorizer())):
        statuses += [
            response["Properties"]["StatusCode"]
            for response in resources_of(each, "AWS::ApiGateway::GatewayResponse").values()
            if response["Properties"]["ResponseType"] == "MISSING_AUTHENTICATION_TOKEN"
        ]
    assert statuses == ["404", "403"]


def test_it_makes_one_key_or_takes_the_callers(stack: cdk.Stack, template: dict[str, Any]) -> None:
    assert len(resources_of(template, "AWS::KMS::Key")) == 1
    key = DataKey(stack, "Mine", description="Logs")
    assert api_in(stack, key=key).key is key
    assert len(resources_of(template_of(stack), "AWS::KMS::Key")) == 1


def test_its_parts_are_at_hand(stack: cdk.Stack) -> None:
    api = HardenedApi(stack, "Api", authorizer=jwt())
    assert api.rest_api.rest_api_id
    assert api.stage.stage_name
    assert api.web_acl is not None
    assert api.authorizer is not None
    assert api.access_log_group.log_group_name
    assert api.execution_log_group.log_group_name
    assert cdk.Token.is_unresolved(api.url)
    assert api.api_key is None


def test_two_in_one_stack_do_not_meet(stack: cdk.Stack) -> None:
    key = DataKey(stack, "Mine", description="Logs")
    api_in(stack, "One", key=key)
    api_in(stack, "Two", key=key)
    template = template_of(stack)
    assert len(resources_of(template, "AWS::ApiGateway::RestApi")) == 2
    names = {api["Properties"]["Name"] for api in resources_of(template, "AWS::ApiGateway::RestApi").values()}
    assert len(names) == 2, "the metrics of two APIs with one name would be one metric"
    assert len(resources_of(template, "AWS::ApiGateway::Account")) == 1


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_it_builds_in_every_partition_without_anothers_arn(region: str) -> None:
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    text = json.dumps(template_with(region, cors=Cors(origins=["*"]), usage_plan=UsagePlan()))
    assert "arn:aws" not in text.replace(f"arn:{partition}:", "")


def test_long_names_of_stack_and_construct_stay_within_the_limits(new_stack: NewStack) -> None:
    stack = new_stack("s" * 60)
    api_in(stack, "A" * 60)
    template = template_of(stack)
    roles = resources_of(template, "AWS::IAM::Role").values()
    assert not any("RoleName" in role["Properties"] for role in roles)
    assert len(only(template, "AWS::ApiGateway::RestApi")["Properties"]["Name"]) <= 128


def test_an_integration_that_hands_on_other_content_types_is_refused(stack: cdk.Stack) -> None:
    api = api_in(stack)
    lax = apigateway.HttpIntegration("https://backend.example.com/", proxy=False)
    with pytest.raises(InvalidPropertiesError, match="an HTTP integration that passes other content types on"):
        api.add_method("POST", "/lax", lax, body=NewDocument)
    strict = apigateway.HttpIntegration(
        "https://backend.example.com/",
        proxy=False,
        options=apigateway.IntegrationOptions(
            passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
            request_templates={"application/json": "$input.json('$')"},
        ),
    )
    assert api.add_method("POST", "/strict", strict, body=NewDocument).http_method == "POST"
