"""Structured logs and metrics, by AWS Lambda Powertools.

No line holds a body, a name, an owner, a token or an address that is signed: what is told is what a line's own keyword
arguments name. Each line carries the request's id as ``correlation_id``, which the caller is told too in
``x-amz-apigw-id``.

Traces are Lambda's own segments: Powertools' tracer stands on the X-Ray SDK, which gets security fixes only since
February 2026 (AWS X-Ray Developer Guide, "X-Ray SDK and daemon support timeline").
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="documents", use_rfc3339=True, utc=True)
metrics = Metrics(namespace="Documents", service="documents")


def count(name: str, number: int = 1) -> None:
    """Count something that happened, in the log as CloudWatch's embedded metric format."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
    metrics.flush_metrics()
