"""Structured logs, metrics and traces, by AWS Lambda Powertools.

No line and no trace holds a body, a name, an owner, a token or an address that is signed: what is told is what a line's
own keyword arguments name. Each line carries the request's id as ``correlation_id``: what the caller is told too in
``x-amz-apigw-id``, or, behind a load balancer, the trace id in its access log.

Traces go by UDP to the daemon that runs in Lambda's own environment and sends them on: the VPC needs no way out for
them. Outside Lambda there are none. The tracer stands on the X-Ray SDK, which gets security fixes only since February
2026 and none after February 2027 (AWS X-Ray Developer Guide, "X-Ray SDK and daemon support timeline"). Nothing but this
module knows of it, so that another provider of Powertools can take its place.
"""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="documents", use_rfc3339=True, utc=True)
metrics = Metrics(namespace="Documents", service="documents")
# The X-Ray SDK logs whole segments, every one that it could not send, and what it misses while it is loaded.
logging.getLogger("aws_xray_sdk").setLevel(logging.CRITICAL)
# Patched libraries would put statements and signed addresses into the trace.
tracer = Tracer(service="documents", auto_patch=False)

Event = TypeVar("Event")
Returned = TypeVar("Returned")


def traced_entry(entry: Callable[[Event, Any], Returned]) -> Callable[[Event, Any], Returned]:
    """Time a function's entry, and tell of its cold start and of an error's type: not of what it returns or raises.

    Lambda itself puts the message of what is raised here into the log and into its own segment.
    """

    @functools.wraps(entry)
    def inside(event: Event, context: Any) -> tuple[Returned | None, Exception | None]:
        try:
            return entry(event, context), None
        except Exception as error:  # noqa: BLE001 - raised again once the segment is closed, which would keep the message
            tracer.put_annotation("Error", type(error).__name__)
            return None, error

    timed = tracer.capture_lambda_handler(inside, capture_response=False, capture_error=False)

    @functools.wraps(entry)
    def outside(event: Event, context: Any) -> Any:
        # The SDK holds on to a call's parent and sampling for as long as calls come with the same root, as retries do.
        tracer.provider.clear_trace_entities()  # type: ignore[attr-defined]  # the SDK's recorder has it
        returned, raised = timed(event, context)
        if raised is not None:
            raise raised
        return returned

    return outside


@contextmanager
def traced(name: str) -> Iterator[None]:
    """Time a part of the work, and tell of an error its type alone: its message may hold values."""
    failed: Exception | None = None
    with tracer.provider.in_subsegment(name=name) as subsegment:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again once the segment is closed, which would keep the message
            subsegment.put_annotation(key="Error", value=type(error).__name__)
            failed = error
    if failed is not None:
        raise failed


def count(name: str, number: int = 1) -> None:
    """Count something that happened, in the log as CloudWatch's embedded metric format."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
    metrics.flush_metrics()
