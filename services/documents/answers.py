"""Answers as API Gateway takes them; errors are problem+json (RFC 9457) and tell what to fix, nothing of the inside."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

Answer = dict[str, Any]

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An error that the caller is told about."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors or []
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """Return the answer that tells the problem."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        return _answer(self.status, body, {"Content-Type": "application/problem+json", **self.headers})


def ok(body: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a JSON answer that nothing on the way may keep."""
    return _answer(status, body, {"Content-Type": "application/json", **(headers or {})})


def no_content() -> Answer:
    """Return an answer that holds nothing."""
    return {"statusCode": int(HTTPStatus.NO_CONTENT), "headers": dict(_HEADERS), "body": "", "isBase64Encoded": False}


def _answer(status: HTTPStatus, body: Any, headers: Mapping[str, str]) -> Answer:
    return {
        "statusCode": int(status),
        "headers": {**_HEADERS, **headers},
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }
