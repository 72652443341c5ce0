"""Write openapi.json, the API as its callers see it, from the service's own models: ``make docs``."""

import json
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from services.documents import models
from services.documents.handler import DEFAULT_PAGE, MAX_PAGE

_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "Something in the request is not right; the detail says what.",
    HTTPStatus.UNAUTHORIZED: "Send a valid, unexpired bearer token.",
    HTTPStatus.FORBIDDEN: "The token has no scope for this, or a firewall rule refused the request.",
    HTTPStatus.NOT_FOUND: "There is no such document of the caller's.",
    HTTPStatus.CONFLICT: "The document that this Idempotency-Key made was deleted.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 8 KiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "This Idempotency-Key was used for another document.",
    HTTPStatus.TOO_MANY_REQUESTS: "Slow down, or make room: a limit of the API, the key or the caller is reached.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away for a moment; Retry-After says when to try again.",
    HTTPStatus.GATEWAY_TIMEOUT: "The service did not answer in time.",
}
_ANY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_ANSWERED = (models.NewDocument, models.Document, models.Page, models.ProblemDetails)


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in _ANSWERED], ref_template="#/components/schemas/{model}"
    )
    after = _parameter("after", "query", {"type": "string", "format": "uuid"}, "The `next` of the page before.")
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
    key = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
    once = _parameter(
        "Idempotency-Key", "header", key, "The same request with the same key makes one document, for a day."
    )
    one = _parameter("id", "path", {"type": "string", "format": "uuid"}, "The document's id.", required=True)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Documents",
            "version": "1",
            "description": "Announce a document, upload it with the form that comes back, and get, list and delete "
            "what is yours. Another caller's document looks like one that never was.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            "/documents": {
                "get": _operation(
                    "listDocuments",
                    "The caller's documents, the newest first.",
                    (HTTPStatus.OK, "Page"),
                    parameters=[_parameter("limit", "query", limit, "How many at most."), after],
                ),
                "post": _operation(
                    "announceDocument",
                    "Announce a document, and get the form to upload it with.",
                    (HTTPStatus.CREATED, "Document"),
                    HTTPStatus.CONFLICT,
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    parameters=[once],
                    body="NewDocument",
                ),
            },
            "/documents/{id}": {
                "get": _operation(
                    "readDocument",
                    "One document; once it is stored, with an address to download it from.",
                    (HTTPStatus.OK, "Document"),
                    HTTPStatus.NOT_FOUND,
                    parameters=[one],
                ),
                "delete": _operation(
                    "deleteDocument",
                    "Delete one document.",
                    (HTTPStatus.NO_CONTENT, None),
                    HTTPStatus.NOT_FOUND,
                    parameters=[one],
                ),
            },
        },
        "components": {
            "schemas": _plain(schemas["$defs"]),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token with the scope `documents:read` or `documents:write`.",
                }
            },
        },
    }


def _operation(
    operation_id: str,
    summary: str,
    good: tuple[HTTPStatus, str | None],
    *problems: HTTPStatus,
    parameters: list[dict[str, Any]],
    body: str | None = None,
) -> dict[str, Any]:
    status, model = good
    answers: dict[str, Any] = {str(int(status)): {"description": status.phrase, **_content(model)}}
    for problem in sorted({*_ANY, *problems}):
        media_type = "application/problem+json"
        answers[str(int(problem))] = {
            "description": _PROBLEMS[problem],
            **_content("ProblemDetails", media_type),
        }
    operation: dict[str, Any] = {"operationId": operation_id, "summary": summary, "parameters": parameters}
    if body is not None:
        operation["requestBody"] = {"required": True, **_content(body)}
    return {**operation, "responses": answers}


def _content(model: str | None, media_type: str = "application/json") -> dict[str, Any]:
    return {"content": {media_type: {"schema": {"$ref": f"#/components/schemas/{model}"}}}} if model else {}


def _parameter(
    name: str, where: str, schema: dict[str, Any], description: str, *, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema, "description": description}


def _plain(schema: Any) -> Any:
    """Return a schema without pydantic's titles, and without the null that stands for a property left out."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    left_out = [name for name in ("title", "default") if name in schema and not isinstance(schema[name], dict)]
    return {name: _plain(part) for name, part in schema.items() if name not in left_out}


def text() -> str:
    """Return the file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
