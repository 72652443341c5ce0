"""Whatever changes at the edge is deployed: the deployment's logical id depends on it, and nothing else is replaced.

API Gateway serves what was deployed, not what is configured: a template that changes an authorizer and keeps the
deployment leaves the old authorizer in force.
"""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway

from secure_backend.api.authorizers import IamAuthorizer
from secure_backend.api.options import Cors, UsagePlan
from secure_backend.hardened_api import HardenedApi
from tests.api.cases import NewDocument, handler_in, jwt
from tests.conftest import FLAGS, template_of

Change = Callable[[HardenedApi, Any], None]


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def logical_ids(change: Change | None = None, body: Any = NewDocument, **options: Any) -> dict[str, set[str]]:
    """Return the logical ids of an API's resources by type."""
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    handler = handler_in(stack)
    api = HardenedApi(stack, "Api", **{"authorizer": jwt(), "without_web_acl": True, **options})
    api.add_method("POST", "/documents", handler, body=body)
    if change is not None:
        change(api, handler)
    found: dict[str, set[str]] = {}
    for logical_id, resource in template_of(stack)["Resources"].items():
        found.setdefault(resource["Type"], set()).add(logical_id)
    return found


@pytest.fixture(scope="module")
def before() -> dict[str, set[str]]:
    return logical_ids()


CHANGES: dict[str, dict[str, Any]] = {
    "a model": {"body": closed(name={"type": "string", "maxLength": 254})},
    "the authorizer's issuer": {"authorizer": jwt(issuer="https://other.example.com/")},
    "the authorizer's audience": {"authorizer": jwt(audience="other")},
    "the authorizer's algorithms": {"authorizer": jwt(algorithms=("ES256",))},
    "the authorizer's cache": {"authorizer": jwt(cache_ttl=cdk.Duration.minutes(1))},
    "the kind of authorizer": {"authorizer": IamAuthorizer()},
    "the source networks": {"source_networks": ["203.0.113.0/24"]},
    "the responses' origin": {"cors": Cors(origins=["https://app.example.com"])},
    "the need of a key": {"usage_plan": UsagePlan()},
    "another method": {"change": lambda api, handler: api.add_method("GET", "/documents", handler) and None},
    "a response": {
        "change": lambda api, _: (
            api.rest_api.add_gateway_response(
                "Expired", type=apigateway.ResponseType.EXPIRED_TOKEN, templates={"application/json": "{}"}
            )
            and None
        )
    },
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_edge_makes_a_new_deployment(before: dict[str, set[str]], name: str) -> None:
    after = logical_ids(**CHANGES[name])
    assert after["AWS::ApiGateway::Deployment"].isdisjoint(before["AWS::ApiGateway::Deployment"])


@pytest.mark.parametrize(
    "name", ["a model", "the authorizer's issuer", "the authorizer's cache", "the source networks", "another method"]
)
def test_and_replaces_nothing_else(before: dict[str, set[str]], name: str) -> None:
    after = logical_ids(**CHANGES[name])
    gone = {kind: ids - after.get(kind, set()) for kind, ids in before.items() if ids - after.get(kind, set())}
    assert {*gone} == {"AWS::ApiGateway::Deployment"}


def test_scopes_enter_the_deployment() -> None:
    def with_scope(scope: str) -> set[str]:
        def change(api: HardenedApi, handler: Any) -> None:
            api.add_method("GET", "/documents", handler, scopes=[scope])

        app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
        stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
        change(HardenedApi(stack, "Api", authorizer=jwt(), without_web_acl=True), handler_in(stack))
        return {
            logical_id
            for logical_id, resource in template_of(stack)["Resources"].items()
            if resource["Type"] == "AWS::ApiGateway::Deployment"
        }

    assert with_scope("documents:read").isdisjoint(with_scope("documents:list"))


def test_no_change_makes_no_deployment(before: dict[str, set[str]]) -> None:
    assert logical_ids() == before


@pytest.mark.parametrize("options", [{"log_retention": cdk.aws_logs.RetentionDays.TWO_YEARS}, {"throttle": None}])
def test_what_the_stage_alone_needs_makes_no_deployment(before: dict[str, set[str]], options: dict[str, Any]) -> None:
    assert logical_ids(**options)["AWS::ApiGateway::Deployment"] == before["AWS::ApiGateway::Deployment"]


def test_the_deployment_waits_for_all_that_it_deploys() -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    api = HardenedApi(stack, "Api", authorizer=jwt(), without_web_acl=True)
    api.add_method("POST", "/documents", handler_in(stack), body=NewDocument)
    resources = template_of(stack)["Resources"]
    (deployment,) = (each for each in resources.values() if each["Type"] == "AWS::ApiGateway::Deployment")
    deployed = {"Method", "Model", "RequestValidator", "GatewayResponse", "Authorizer"}
    expected = {
        logical_id
        for logical_id, each in resources.items()
        if each["Type"].startswith("AWS::ApiGateway::") and each["Type"].rpartition(":")[2] in deployed
    }
    assert len(expected) > len(deployed)
    assert expected <= {*deployment["DependsOn"]}
