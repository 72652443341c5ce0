"""Decide who may call the API: not written yet, so nobody may."""

from typing import Any


class UnauthorizedError(Exception):
    """API Gateway answers 401 when an authorizer fails with exactly this message."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Refuse every caller."""
    raise UnauthorizedError("Unauthorized")
