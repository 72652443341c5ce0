"""The version in S3's events to EventBridge, which the pinned ministack leaves out."""

import contextvars
import json
from typing import Any

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)


def name_versions(s3: Any, eventbridge: Any) -> None:
    """Add ``version-id`` to the events, as AWS does for a bucket with versions."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*arguments: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*arguments, version_id=version_id, **named)
        finally:
            _version.reset(token)

    def dispatch_with_version(event: dict[str, Any]) -> Any:
        version = _version.get()
        if version is not None and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"].setdefault("version-id", version)
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_with_version, dispatch_with_version
