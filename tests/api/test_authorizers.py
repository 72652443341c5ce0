"""The authorizer's function is told whose tokens to accept, may do next to nothing, and is called for bearer tokens."""

import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_

from secure_backend.api.authorizers import Authorizer, CognitoAuthorizer, IamAuthorizer
from secure_backend.authorizer.configuration import Configuration
from secure_backend.hardened_api import HardenedApi
from tests.api.cases import ISSUER, api_in, handler_in, jwt
from tests.conftest import FLAGS, resources_of, template_of


def new_stack() -> cdk.Stack:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    return cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))


def template_with(authorizer: Authorizer, stack: cdk.Stack, **options: Any) -> dict[str, Any]:
    api = HardenedApi(stack, "Api", authorizer=authorizer, without_web_acl=True, **options)
    api.add_method("GET", "/documents/{id}", handler_in(stack))
    return template_of(stack)


def function_of(template: dict[str, Any]) -> dict[str, Any]:
    (function,) = (
        each
        for each in resources_of(template, "AWS::Lambda::Function").values()
        if each["Properties"].get("Description") == "Verifies bearer tokens for API Gateway"
    )
    return dict(function["Properties"])


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with(jwt(audience=["documents", "reports"]), new_stack())


def test_the_function_understands_what_it_is_told(template: dict[str, Any]) -> None:
    configuration = Configuration.read(function_of(template)["Environment"]["Variables"])
    assert configuration.issuer == ISSUER
    assert configuration.jwks_url == "https://login.example.com/.well-known/jwks.json"
    assert configuration.audiences == ("documents", "reports")
    assert configuration.algorithms == ("RS256",)
    assert configuration.scopes is None


def test_scopes_reach_the_function() -> None:
    stack = new_stack()
    api = HardenedApi(stack, "Api", authorizer=jwt(), without_web_acl=True)
    handler = handler_in(stack)
    api.add_method("GET", "/documents/{id}", handler, scopes=["documents:read"])
    api.add_method("DELETE", "/documents/{id}", handler, scopes=["documents:write"])
    configuration = Configuration.read(function_of(template_of(stack))["Environment"]["Variables"])
    assert configuration.scopes == {
        "documents:read": ("GET/documents/*",),
        "documents:write": ("DELETE/documents/*",),
    }


def test_it_runs_on_arm_with_the_newest_python_outside_a_vpc(template: dict[str, Any]) -> None:
    function = function_of(template)
    assert function["Architectures"] == ["arm64"]
    newest = max(
        (int(r.name.removeprefix("python3.")) for r in lambda_.Runtime.ALL if r.name.startswith("python3.")), default=0
    )
    assert function["Runtime"] == f"python3.{newest}"
    assert function["Handler"] == "authorizer.handler.handler"
    assert "VpcConfig" not in function
    assert "ReservedConcurrentExecutions" not in function
    assert function["TracingConfig"] == {"Mode": "Active"}


def test_its_settings_are_encrypted_and_it_may_write_its_log_and_traces_and_nothing_else(
    template: dict[str, Any],
) -> None:
    function = function_of(template)
    role_id = function["Role"]["Fn::GetAtt"][0]
    (statements,) = (
        each["Properties"]["PolicyDocument"]["Statement"]
        for each in resources_of(template, "AWS::IAM::Policy").values()
        if {"Ref": role_id} in each["Properties"]["Roles"]
    )
    (key,) = resources_of(template, "AWS::KMS::Key")
    group = function["LoggingConfig"]["LogGroup"]["Ref"]
    assert function["KmsKeyArn"] == {"Fn::GetAtt": [key, "Arn"]}
    # For its settings Lambda makes a grant on the key itself, as it is created.
    assert {str(statement["Resource"]): statement["Action"] for statement in statements} == {
        str({"Fn::GetAtt": [group, "Arn"]}): ["logs:CreateLogStream", "logs:PutLogEvents"],
        "*": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    }
    assert "ManagedPolicyArns" not in template["Resources"][role_id]["Properties"]


def test_only_api_gateways_authorizer_may_call_it(template: dict[str, Any]) -> None:
    (authorizer,) = resources_of(template, "AWS::ApiGateway::Authorizer")
    sources = [
        permission["Properties"]["SourceArn"]["Fn::Join"][1]
        for permission in resources_of(template, "AWS::Lambda::Permission").values()
    ]
    assert [source[-2:] for source in sources if "/authorizers/" in source] == [["/authorizers/", {"Ref": authorizer}]]


def test_verdicts_are_kept_for_five_minutes_or_as_asked(template: dict[str, Any]) -> None:
    def ttl(of: dict[str, Any]) -> int:
        (authorizer,) = resources_of(of, "AWS::ApiGateway::Authorizer").values()
        return int(authorizer["Properties"]["AuthorizerResultTtlInSeconds"])

    assert ttl(template) == 300
    assert ttl(template_with(jwt(cache_ttl=cdk.Duration.seconds(0)), new_stack())) == 0


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        ("Bearer eyJhbGciOi.eyJpc3Mi.c2ln-_", True),
        ("Bearer abc==", True),
        ("bearer abc", False),
        ("Bearer ", False),
        ("Bearer a b", False),
        ("Bearer abc\n", False),
        ("Basic abc", False),
        ("x Bearer abc", False),
    ],
)
def test_only_bearer_tokens_reach_the_function(template: dict[str, Any], header: str, passes: bool) -> None:
    (authorizer,) = resources_of(template, "AWS::ApiGateway::Authorizer").values()
    assert authorizer["Properties"]["Type"] == "TOKEN"
    assert authorizer["Properties"]["IdentitySource"] == "method.request.header.Authorization"
    expression = authorizer["Properties"]["IdentityValidationExpression"]
    assert (re.fullmatch(expression.removesuffix("$"), header) is not None) == passes


def test_cognito_accepts_access_tokens_of_the_named_clients_only() -> None:
    stack = new_stack()
    pool = cognito.UserPool(stack, "Pool")
    client = pool.add_client("Client")
    authorizer = CognitoAuthorizer(user_pool=pool, client_ids=[client.user_pool_client_id, "other"])
    variables = function_of(template_with(authorizer, stack))["Environment"]["Variables"]
    (pool_id,) = resources_of(template_of(stack), "AWS::Cognito::UserPool")
    assert variables["TOKEN_USE"] == "access"
    assert "AUDIENCE" not in variables
    issuer = variables["ISSUER"]["Fn::Join"][1]
    assert issuer[0] == "https://cognito-idp.eu-central-1."
    assert issuer[-1] == {"Ref": pool_id}
    assert variables["CLIENT_IDS"]["Fn::Join"][1][-1] == ",other"
    # The function understands it, once CloudFormation has put the values in.
    resolved = {**variables, "ISSUER": ISSUER, "JWKS_URL": ISSUER, "CLIENT_IDS": "one,other"}
    assert Configuration.read(resolved).client_ids == ("one", "other")


def test_iam_needs_no_function_and_signs_every_method() -> None:
    template = template_with(IamAuthorizer(), new_stack())
    assert not resources_of(template, "AWS::ApiGateway::Authorizer")
    methods = resources_of(template, "AWS::ApiGateway::Method").values()
    assert [method["Properties"]["AuthorizationType"] for method in methods] == ["AWS_IAM"]


def test_an_authorizer_of_the_callers_is_used_as_it_is() -> None:
    stack = new_stack()
    own = apigateway.TokenAuthorizer(stack, "Own", handler=handler_in(stack, "OwnHandler"))
    template = template_with(own, stack)
    ((own_id, _),) = resources_of(template, "AWS::ApiGateway::Authorizer").items()
    methods = resources_of(template, "AWS::ApiGateway::Method").values()
    assert [method["Properties"]["AuthorizerId"] for method in methods] == [{"Ref": own_id}]


def test_cognitos_own_authorizer_gets_scopes_and_the_allow_that_it_needs() -> None:
    stack = new_stack()
    own = apigateway.CognitoUserPoolsAuthorizer(stack, "Own", cognito_user_pools=[cognito.UserPool(stack, "Pool")])
    api = HardenedApi(stack, "Api", authorizer=own, without_web_acl=True, source_networks=["203.0.113.0/24"])
    api.add_method("GET", "/a", handler_in(stack), scopes=["documents/read"])
    template = template_of(stack)
    (method,) = resources_of(template, "AWS::ApiGateway::Method").values()
    assert method["Properties"]["AuthorizationScopes"] == ["documents/read"]
    (rest_api,) = resources_of(template, "AWS::ApiGateway::RestApi").values()
    statements = rest_api["Properties"]["Policy"]["Statement"]
    assert [(each["Effect"], each["Resource"]) for each in statements] == [
        ("Deny", "execute-api:/*"),
        ("Allow", "execute-api:/*"),
    ]


def test_every_kind_takes_a_body_model() -> None:
    for authorizer in (jwt(), IamAuthorizer()):
        stack = new_stack()
        api_in(stack, authorizer=authorizer)
        assert len(resources_of(template_of(stack), "AWS::ApiGateway::Model")) == 1
