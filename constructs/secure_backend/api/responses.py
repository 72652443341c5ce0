"""What API Gateway itself answers: problems (RFC 9457) that tell the caller what to fix and nothing of the inside."""

import json
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway


@dataclass(frozen=True, kw_only=True)
class GatewayProblem:
    """One kind of answer; without a status API Gateway keeps its own."""

    kind: str
    status: int | None
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> str:
        """The answer's JSON; its only variables are ones that no caller can write quotes into.

        ``$context.error.validationErrorString`` is not among them: it quotes the caller's values, API Gateway
        replaces variables as plain text and nowhere promises to escape them. ``requestId`` is not either: callers can
        set it.
        """
        problem: dict[str, object] = {"type": "about:blank", "title": self.title}
        if self.status is not None:
            problem["status"] = self.status
        return json.dumps({**problem, "detail": self.detail, "requestId": "$context.extendedRequestId"})


def gateway_problems(*, signed_requests: bool) -> list[GatewayProblem]:
    """Return every kind that has words of its own, and the two that catch the rest.

    :param signed_requests: whether callers sign with AWS credentials; then an unsigned request and an unknown path
        look the same to API Gateway, and the answer is a 403.
    """
    method = "$context.httpMethod $context.resourcePath"
    return [
        GatewayProblem(
            kind="BAD_REQUEST_BODY",
            status=400,
            title="Bad Request",
            detail=f"The body does not match the published schema of {method}: check that it is JSON, has every "
            "required property and no other, and keeps to their types, lengths, ranges and patterns.",
        ),
        GatewayProblem(
            kind="BAD_REQUEST_PARAMETERS",
            status=400,
            title="Bad Request",
            detail=f"A required path, query or header parameter of {method} is missing or empty.",
        ),
        GatewayProblem(
            kind="UNAUTHORIZED",
            status=401,
            title="Unauthorized",
            detail="Send a valid, unexpired bearer token.",
            headers=(("WWW-Authenticate", "Bearer"),),
        ),
        GatewayProblem(
            kind="ACCESS_DENIED", status=403, title="Forbidden", detail="These credentials do not permit this request."
        ),
        GatewayProblem(
            kind="MISSING_AUTHENTICATION_TOKEN",
            status=403 if signed_requests else 404,
            title="Forbidden" if signed_requests else "Not Found",
            detail="Sign the request, and check its path and method."
            if signed_requests
            else "There is no such path and method.",
        ),
        GatewayProblem(
            kind="INVALID_API_KEY", status=403, title="Forbidden", detail="Send a valid key in the x-api-key header."
        ),
        GatewayProblem(
            kind="WAF_FILTERED", status=403, title="Forbidden", detail="The request was refused by a firewall rule."
        ),
        GatewayProblem(
            kind="REQUEST_TOO_LARGE", status=413, title="Content Too Large", detail="Send a smaller request."
        ),
        GatewayProblem(
            kind="UNSUPPORTED_MEDIA_TYPE",
            status=415,
            title="Unsupported Media Type",
            detail="Send Content-Type: application/json.",
        ),
        GatewayProblem(
            kind="THROTTLED",
            status=429,
            title="Too Many Requests",
            detail="Slow down and try again.",
            headers=(("Retry-After", "1"),),
        ),
        GatewayProblem(
            kind="QUOTA_EXCEEDED", status=429, title="Too Many Requests", detail="The key's quota is used up."
        ),
        GatewayProblem(
            kind="DEFAULT_4XX", status=None, title="Request Refused", detail="The request could not be accepted."
        ),
        GatewayProblem(
            kind="DEFAULT_5XX",
            status=None,
            title="Service Error",
            detail="The request could not be handled. Try again later and report the request id.",
        ),
    ]


def add_gateway_problems(api: apigateway.RestApi, *, signed_requests: bool, allow_origin: str | None) -> None:
    """Add the answers to an API.

    :param allow_origin: whose pages may read them; without it a browser hides even the status from its page.
    """
    for problem in gateway_problems(signed_requests=signed_requests):
        headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store", **dict(problem.headers)}
        if allow_origin is not None:
            headers["Access-Control-Allow-Origin"] = allow_origin
        api.add_gateway_response(
            problem.kind,
            type=apigateway.ResponseType.of(problem.kind),
            status_code=None if problem.status is None else str(problem.status),
            response_headers={name: f"'{value}'" for name, value in headers.items()},
            # The key picks the template, which JSON clients of any kind get; the header above says what it is.
            templates={"application/json": problem.body},
        )
