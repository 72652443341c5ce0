"""API Gateway's request validators: ministack's gateway has them, its CloudFormation makes none and drops their ids."""

import json
from typing import Any

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]

VALIDATOR = "AWS::ApiGateway::RequestValidator"
METHOD = "AWS::ApiGateway::Method"


def register(handlers: dict[str, dict[str, Any]]) -> None:
    """Replace the handler of validators, which makes none, and let methods keep the validator that they name."""
    handlers[VALIDATOR] = {"create": _create, "update": _update, "delete": _delete}
    handlers[METHOD] = _keeping_its_validator(handlers[METHOD])


def _create(_logical_id: str, properties: Properties, _stack: str) -> Created:
    from ministack.services import apigateway_v1

    asked = {
        "name": properties.get("Name", ""),
        "validateRequestBody": _is_true(properties.get("ValidateRequestBody")),
        "validateRequestParameters": _is_true(properties.get("ValidateRequestParameters")),
    }
    status, _, body = apigateway_v1._create_request_validator(properties["RestApiId"], asked)
    found = json.loads(body)
    if status >= 400:
        raise ValueError(found.get("message", ""))
    return found["id"], {"RequestValidatorId": found["id"]}


def _update(physical_id: str, old: Properties, new: Properties, stack: str) -> Created:
    from ministack.services import apigateway_v1

    if any(old.get(name) != new.get(name) for name in ("RestApiId", "Name")):
        return _create("", new, stack)
    flags = {f"/validateRequest{what}": _is_true(new.get(f"ValidateRequest{what}")) for what in ("Body", "Parameters")}
    patch = [{"op": "replace", "path": path, "value": str(value).lower()} for path, value in flags.items()]
    apigateway_v1._update_request_validator(new["RestApiId"], physical_id, {"patchOperations": patch})
    return physical_id, {"RequestValidatorId": physical_id}


def _delete(physical_id: str, properties: Properties) -> None:
    from ministack.services import apigateway_v1

    apigateway_v1._delete_request_validator(properties["RestApiId"], physical_id)


def _keeping_its_validator(stock: dict[str, Any]) -> dict[str, Any]:
    def keep(properties: Properties) -> None:
        from ministack.services import apigateway_v1

        methods = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]]["resourceMethods"]
        method, models = methods[properties["HttpMethod"]], properties.get("RequestModels") or {}
        method["requestValidatorId"] = properties.get("RequestValidatorId")
        if "$default" in models:
            # The model of every content type that is not listed; ministack takes that of JSON for those.
            method["requestModels"] = {"application/json": models["$default"], **models}

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        created: Created = stock["create"](logical_id, properties, stack)
        keep(properties)
        return created

    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> Created:
        updated: Created = stock["update"](physical_id, old, new, stack)
        keep(new)
        return updated

    return {**stock, "create": create, "update": update}


def _is_true(value: Any) -> bool:
    """Read a boolean of a template, which may be a word."""
    return str(value).lower() == "true"
