"""Questions to the pinned ministack as it is, without what we add; runs in the emulator's own environment.

``python in_emulator.py QUESTION`` reads its arguments as JSON from standard input and writes its answer as JSON.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from ministack.core.responses import request_scope
from ministack.services import alb, apigateway_v1, eventbridge, s3
from ministack.services.cloudformation import provisioners

ACCOUNT, REGION = "000000000000", "eu-central-1"
HANDLERS = provisioners._RESOURCE_HANDLERS


def known_types() -> list[str]:
    """Which CloudFormation types ministack can make."""
    return sorted(HANDLERS)


def refused_replacements(updates: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> list[bool]:
    """Which updates of a type, from properties to others, are refused because of the resource's own name."""
    error = provisioners._custom_named_replacement_error
    return [error(type_name, old, new) is not None for type_name, old, new in updates]


def makes_validators() -> bool:
    """Whether a request validator of a template is one that the gateway has."""
    _, _, body = apigateway_v1._create_rest_api({"name": "x"})
    api = json.loads(body)["id"]
    properties = {"RestApiId": api, "ValidateRequestBody": True}
    physical_id, _ = HANDLERS["AWS::ApiGateway::RequestValidator"]["create"]("Validator", properties, "stack")
    return physical_id in apigateway_v1._request_validators.get(api, {})


def keeps_validator_of_method() -> bool:
    """Whether a method of a template keeps the validator that it names."""
    _, _, body = apigateway_v1._create_rest_api({"name": "x"})
    api = json.loads(body)
    properties = {"RestApiId": api["id"], "ResourceId": api["rootResourceId"], "HttpMethod": "GET"}
    HANDLERS["AWS::ApiGateway::Method"]["create"]("Method", {**properties, "RequestValidatorId": "it"}, "stack")
    methods = apigateway_v1._resources[api["id"]][api["rootResourceId"]]["resourceMethods"]
    return bool(methods["GET"]["requestValidatorId"] == "it")


def refuses_full_bucket() -> bool:
    """Whether CloudFormation's deletion of a bucket that is not empty is refused."""
    name, _ = HANDLERS["AWS::S3::Bucket"]["create"]("Bucket", {"BucketName": "full"}, "stack")
    s3._buckets[name]["objects"]["a"] = {}
    try:
        HANDLERS["AWS::S3::Bucket"]["delete"](name, {})
    except ValueError:
        return True
    return False


def fills_in_method() -> bool:
    """Whether a gateway response's ``$context.httpMethod`` is filled in."""
    found = apigateway_v1._gateway_error_response.__code__.co_consts
    return "context.httpMethod" in found


def calls_functions_of_rules_again() -> bool:
    """Whether a rule's function is called again when it fails."""
    return "invoke_async_with_retry" in eventbridge._dispatch_to_lambda.__code__.co_names


def keeps_targets_of_group() -> bool:
    """Whether a target group of a template has the targets that it names."""
    properties = {"Name": "group", "TargetType": "lambda", "Targets": [{"Id": "arn:aws:lambda:a:1:function:a"}]}
    group, _ = HANDLERS["AWS::ElasticLoadBalancingV2::TargetGroup"]["create"]("Group", properties, "stack")
    return bool(alb._targets[group])


def _listener() -> str:
    create = HANDLERS["AWS::ElasticLoadBalancingV2::LoadBalancer"]["create"]
    load_balancer, _ = create("LoadBalancer", {"Name": "balanced"}, "stack")
    attributes = [{"Key": "routing.http.response.server.enabled", "Value": "false"}]
    properties = {"LoadBalancerArn": load_balancer, "Port": 80, "ListenerAttributes": attributes}
    listener, _ = HANDLERS["AWS::ElasticLoadBalancingV2::Listener"]["create"]("Listener", properties, "stack")
    return str(listener)


def keeps_attributes_of_new_listener() -> bool:
    """Whether a new listener of a template has the attributes that it names."""
    return bool(alb._listener_attrs.get(_listener()))


def keeps_tokens_of_rule() -> bool:
    """Whether a rule of a template keeps whose tokens it is to verify."""
    action = {"Type": "jwt-validation", "JwtValidationConfig": {"Issuer": "https://a", "JwksEndpoint": "https://a/b"}}
    properties = {"ListenerArn": _listener(), "Priority": 1, "Actions": [action], "Conditions": []}
    rule, _ = HANDLERS["AWS::ElasticLoadBalancingV2::ListenerRule"]["create"]("Rule", properties, "stack")
    return "JwtValidationConfig" in alb._rules[rule]["Actions"][0]


def knows_validation_of_tokens() -> bool:
    """Whether a load balancer refuses a request without a token by itself."""
    action = {"Type": "jwt-validation", "Order": 1}
    status, _, _ = asyncio.run(alb._execute_actions([action], "GET", "/", {}, b"", {}))
    return bool(status == HTTPStatus.UNAUTHORIZED)


def asks_functions_permission() -> bool:
    """Whether a load balancer asks what the function's policy says."""
    names = {*alb._forward_to_tg.__code__.co_names, *alb._invoke_lambda_target.__code__.co_names}
    return any("policy" in name for name in names)


def hands_paths_on_as_sent() -> bool:
    """Whether a function that is called by a load balancer gets the path that was sent."""
    return "raw_path" in inspect.signature(alb._invoke_lambda_target).parameters


def decisions(cases: list[tuple[list[Any], list[dict[str, Any]]]]) -> list[list[str]]:
    """Allow, Deny or ImplicitDeny for each case of policies, and each request: principal, action, resource, context."""
    return [
        [_decision([parse_policy_document(policy) for policy in policies], request) for request in requests]
        for policies, requests in cases
    ]


def _decision(policies: list[Any], request: dict[str, Any]) -> str:
    asked = EvalContext(
        principal_arn=request["principal"],
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=request["action"],
        resource_arn=request["resource"],
        region=REGION,
        secure_transport=True,
        service_context={name.lower(): value for name, value in request["context"].items()},
    )
    return str(evaluate(asked, policies).decision)


QUESTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        known_types,
        refused_replacements,
        makes_validators,
        keeps_validator_of_method,
        refuses_full_bucket,
        fills_in_method,
        calls_functions_of_rules_again,
        keeps_targets_of_group,
        keeps_attributes_of_new_listener,
        keeps_tokens_of_rule,
        knows_validation_of_tokens,
        asks_functions_permission,
        hands_paths_on_as_sent,
        decisions,
    )
}

if __name__ == "__main__":
    with request_scope(ACCOUNT, REGION):
        print(json.dumps(QUESTIONS[sys.argv[1]](**json.load(sys.stdin))))
