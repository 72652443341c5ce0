"""What the pinned ministack's load balancers lack: tokens are verified, and functions get what Lambda lets them have.

Its CloudFormation drops an action's ``JwtValidationConfig``, a target group's ``Targets`` and a new listener's
attributes; its load balancer knows no ``jwt-validation``, hands path and query on decoded, and calls a function whether
or not that one lets it.
"""

import asyncio
import json
import urllib.request
from collections.abc import Mapping
from typing import Any

# PyJWT comes with the functions' packages.
import jwt

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]
Answer = tuple[int, dict[str, str], bytes]

LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
VERIFIES = "jwt-validation"
SERVICE = "elasticloadbalancing.amazonaws.com"
#: What AWS takes of a key set.
MOST_BYTES, MOST_KEYS = 150 * 1024, 10


def register(handlers: dict[str, dict[str, Any]], alb: Any) -> None:
    """Have CloudFormation keep what it drops."""

    def keep_attributes(physical_id: str, properties: Properties) -> None:
        attributes = [{"Key": one["Key"], "Value": str(one["Value"])} for one in properties["ListenerAttributes"]]
        alb._listener_attrs[physical_id] = attributes

    def keep_tokens(physical_id: str, properties: Properties) -> None:
        kept = alb._rules[physical_id]["Actions"]
        for action, asked in zip(kept, properties["Actions"], strict=True):
            if "JwtValidationConfig" in asked:
                action["JwtValidationConfig"] = asked["JwtValidationConfig"]

    def register_targets(physical_id: str, properties: Properties) -> None:
        alb._targets[physical_id] = [{"Id": target["Id"]} for target in properties["Targets"]]

    for name, asked, keep in (
        (LISTENER, "ListenerAttributes", keep_attributes),
        (RULE, "Actions", keep_tokens),
        (TARGET_GROUP, "Targets", register_targets),
    ):
        handlers[name] = _keeping(handlers[name], asked, keep)


def _keeping(stock: dict[str, Any], asked: str, keep: Any) -> dict[str, Any]:
    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        created: Created = stock["create"](logical_id, properties, stack)
        if asked in properties:
            keep(created[0], properties)
        return created

    def update(physical_id: str, old: Properties, new: Properties, *rest: Any, **named: Any) -> Created:
        updated: Created = stock["update"](physical_id, old, new, *rest, **named)
        if asked in new:
            keep(updated[0], new)
        return updated

    return {**stock, "create": create, "update": update}


def serve(alb: Any, aws_lambda: Any, evaluate: Any, context: Any) -> None:
    """Have load balancers verify tokens, and call only functions that let them, with what was sent.

    :param evaluate: ministack's evaluation of a resource's policy.
    :param context: makes what it is evaluated for.
    """
    execute, forward = alb._execute_actions, alb._forward_to_tg

    async def verify_and_execute(
        actions: list[dict[str, Any]], method: str, path: str, headers: dict[str, str], *rest: Any, **named: Any
    ) -> Answer:
        for action in actions:
            asked = action.get("JwtValidationConfig") if action["Type"] == VERIFIES else None
            if action["Type"] == VERIFIES and not await asyncio.to_thread(_passes, asked, headers.get("authorization")):
                return 401, {"Content-Type": "text/html"}, b"<html><body>401 Authorization Required</body></html>"
        left = [action for action in actions if action["Type"] != VERIFIES]
        answer: Answer = await execute(left, method, path, headers, *rest, **named)
        return answer

    async def forward_as_sent(
        group: str, method: str, path: str, headers: dict[str, str], body: bytes, query: Any,
        raw_query: str | None = None, raw_path: str | None = None,
    ) -> Answer:  # fmt: skip
        targets = alb._targets.get(group, [])
        if targets and alb._tgs[group]["TargetType"] == "lambda":
            function, _, _ = aws_lambda._get_func_record_for_ref(targets[0]["Id"])
            if function is None or not _may_call(function["policy"], targets[0]["Id"], group):
                return 502, {"Content-Type": "text/html"}, b"<html><body>502 Bad Gateway</body></html>"
            path, query = raw_path or path, _split(raw_query or "")
        answer: Answer = await forward(group, method, path, headers, body, query, raw_query, raw_path)
        return answer

    def _may_call(policy: Any, function: str, group: str) -> bool:
        _, _, _, region, account, *_ = group.split(":")
        asked = context(
            principal_arn=SERVICE,
            principal_type="Service",
            principal_account=account,
            action="lambda:InvokeFunction",
            resource_arn=function,
            region=region,
            service_context={"aws:sourcearn": group},
        )
        return bool(evaluate(policy, asked, service=SERVICE).decision == "Allow")

    alb._execute_actions, alb._forward_to_tg = verify_and_execute, forward_as_sent


def _split(query: str) -> dict[str, list[str]]:
    """Return the parameters as they were sent: a load balancer decodes nothing."""
    found: dict[str, list[str]] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name:
            found.setdefault(name, []).append(value)
    return found


def _passes(asked: Mapping[str, Any] | None, authorization: str | None) -> bool:
    """Tell whether a bearer token is one that the action lets through."""
    kind, _, token = (authorization or "").partition(" ")
    if asked is None or kind.lower() != "bearer":
        return False
    try:
        with urllib.request.urlopen(asked["JwksEndpoint"], timeout=5) as answer:  # noqa: S310 - AWS takes https only
            keys = json.loads(answer.read(MOST_BYTES))["keys"][:MOST_KEYS]
        key_id = jwt.get_unverified_header(token).get("kid")
        (key,) = [jwt.PyJWK(one, "RS256") for one in keys if one["kid"] == key_id]
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=asked["Issuer"],
            options={"require": ["iss", "exp"], "verify_aud": False},
        )
    except (OSError, ValueError, KeyError, jwt.PyJWTError):
        return False
    return all(_holds(claims.get(one["Name"]), one) for one in asked.get("AdditionalClaims", []))


def _holds(claim: object, asked: Mapping[str, Any]) -> bool:
    match asked["Format"], claim:
        case "single-string", str():
            values = [claim]
        case "space-separated-values", str():
            values = claim.split(" ")
        case "string-array", list():
            values = claim
        case _:
            return False
    return bool(set(asked["Values"]) & {value for value in values if isinstance(value, str)})
