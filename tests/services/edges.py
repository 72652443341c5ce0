"""Both edges that can stand before the handler: each hands on the same request in its own kind of event."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from services.documents.handler import handler

GROUP = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/documents"
SENDER = f"{GROUP}/73e2d6bc24d8a067"
AUDIENCE = "documents"

Answer = dict[str, Any]
Edge = Callable[[dict[str, Any], object], Answer]


def environment(issuer: str) -> dict[str, str]:
    """Return what the function is told behind the load balancer."""
    return {
        "TARGET_GROUP_ARN": f"{GROUP}/*",
        "ISSUER": issuer,
        "AUDIENCE": AUDIENCE,
        "AUDIENCE_CLAIM": "aud",
    }


def rest_api(event: dict[str, Any], context: object) -> Answer:
    """Hand on a REST API's event."""
    return handler(event, context)


def load_balancer(event: dict[str, Any], context: object) -> Answer:
    """Hand on the load balancer's event of the same request, and return the answer in a REST API's form."""
    caller = (event.get("requestContext") or {}).get("authorizer")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment((caller or {}).get("issuer") or "https://login.example.com/").items():
            patch.setenv(name, value)
        answer = handler(as_load_balancer(event, caller), context)
    assert "headers" not in answer
    assert answer["statusDescription"].startswith(f"{answer['statusCode']} ")
    headers = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
    return {**{name: answer[name] for name in ("statusCode", "body", "isBase64Encoded")}, "headers": headers}


def as_load_balancer(event: Mapping[str, Any], caller: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the event that a load balancer with multi-value headers sends: nothing of path and query decoded."""
    path = event["resource"].replace("{id}", quote((event.get("pathParameters") or {}).get("id", ""), safe=""))
    sent = {name.lower(): value for name, value in (event.get("headers") or {}).items() if value is not None}
    sent.pop("authorization", None)
    if caller is not None:
        sent["authorization"] = f"Bearer {token(claims_of(caller))}"
    trace = (event.get("requestContext") or {}).get("extendedRequestId")
    sent |= {"x-amzn-trace-id": f"Root={trace}"} if trace else {}
    query = event.get("queryStringParameters") or {}
    return {
        "requestContext": {"elb": {"targetGroupArn": SENDER}},
        "httpMethod": event["httpMethod"],
        "path": path,
        "multiValueQueryStringParameters": {quote(name): [quote(value)] for name, value in query.items()},
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "body": event.get("body") or "",
        "isBase64Encoded": event["isBase64Encoded"],
    }


def claims_of(caller: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of the token that the authorizer would have told so."""
    claims: dict[str, Any] = {"aud": AUDIENCE, "iat": 1}
    names = {"issuer": "iss", "subject": "sub", "scope": "scope"}
    claims |= {names[name]: value for name, value in caller.items() if name in names}
    if "exp" in caller:
        exp = caller["exp"]
        claims["exp"] = int(exp) if exp.lstrip("-").isdigit() else exp
    return claims


def token(claims: object, **header: Any) -> str:
    """Return a token of these claims. Nobody behind the load balancer looks at the signature."""
    parts = ({"alg": "RS256", "typ": "JWT", "kid": "a", **header}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


EDGES: dict[str, Edge] = {"rest-api": rest_api, "load-balancer": load_balancer}
