"""Two variables of API Gateway's own answers that ministack leaves as they stand in the template."""

from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def fill_in(gateway: Any) -> None:
    """Fill in ``$context.httpMethod`` and ``$context.extendedRequestId``."""
    execute, answer = gateway._execute_in_scope, gateway._gateway_error_response

    async def execute_and_remember(request: dict[str, Any], api: str, stage: str, method: str, *rest: Any) -> Any:
        request["http_method"] = method
        return await execute(request, api, stage, method, *rest)

    def answer_in_full(error: Any, request: dict[str, Any]) -> Answer:
        status, headers, body = answer(error, request)
        variables = {"httpMethod": request.get("http_method", ""), "extendedRequestId": request["request_id"]}
        for name, value in variables.items():
            body = body.replace(f"$context.{name}".encode(), value.encode())
        return status, headers, body

    gateway._execute_in_scope, gateway._gateway_error_response = execute_and_remember, answer_in_full
