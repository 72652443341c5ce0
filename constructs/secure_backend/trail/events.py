"""What a trail records: the advanced event selectors, and the sources that may be named for data events."""

from collections.abc import Sequence
from typing import TypeAlias, TypeGuard

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import IValidation

from secure_backend.bucket.access_log_bucket import AccessLogBucket
from secure_backend.encrypted_bucket import EncryptedBucket
from secure_backend.validation import Validation

DataEventSource: TypeAlias = EncryptedBucket | s3.IBucket | lambda_.IFunction

# A trail takes 500 values over all its selectors; a function needs two, a bucket one.
_MOST_VALUES = 500

# A service that writes logs into a bucket under its own name; recording those writes feeds the trail with itself.
_LOG_WRITERS = frozenset({"cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com", "logging.s3.amazonaws.com"})


def check_data_events(check: Validation, sources: object) -> None:
    """Record a problem for each source that is no bucket or function, or that is a log bucket."""
    do = 'pass a list of the objects themselves, for example data_events=[documents], never a name, an ARN or "*"'
    if not isinstance(sources, (list, tuple)):
        check.refuse("data_events", sources, "a list of buckets and functions", do)
        return
    values = 0
    for source in sources:
        if isinstance(source, (lambda_.Alias, lambda_.Version)):
            check.refuse("data_events", source.node.path, "a function", "pass the function itself: it covers them all")
        elif _is_function(source):
            values += 2
        elif isinstance(source, EncryptedBucket) or _is_bucket(source):
            values += 1
            check.check(
                not is_log_bucket(_bucket(source)),
                "data_events",
                _bucket(source).node.path,
                "a bucket that no log is delivered to",
                "leave it out: each delivery would be an event of its own, delivered again, and paid for each time",
            )
        else:
            check.refuse("data_events", source, "an EncryptedBucket, a Bucket or a Function", do)
    most = _MOST_VALUES - 10
    check.check(
        values <= most, "data_events", f"{values} values", f"{most} or fewer (a function counts twice)", "name fewer"
    )


def is_log_bucket(bucket: s3.IBucket) -> bool:
    """Say whether the bucket is made for logs, or a service that delivers logs may write to it.

    Of an imported bucket nothing is known.
    """
    policy = bucket.policy
    if isinstance(bucket, AccessLogBucket) or policy is None:
        return isinstance(bucket, AccessLogBucket)
    statements = cdk.Stack.of(bucket).resolve(policy.document.to_json()).get("Statement", [])
    return any(
        statement["Effect"] == "Allow" and bool(_LOG_WRITERS.intersection(_services(statement.get("Principal"))))
        for statement in statements
    )


@jsii.implements(IValidation)
class NoLogBuckets:
    """Refuse, at synthesis, a named bucket that became a log bucket after the trail was made."""

    def __init__(self, sources: Sequence[DataEventSource]) -> None:
        self._sources = tuple(sources)

    def validate(self) -> list[str]:
        """Return a problem for each named bucket that logs are delivered to by now."""
        return [
            f"data_events: got {_bucket(source).node.path}, to which logs are delivered; expected a bucket without; "
            "leave it out of data_events, or deliver the logs elsewhere"
            for source in self._sources
            if not _is_function(source) and is_log_bucket(_bucket(source))
        ]


def event_selectors(
    sources: Sequence[DataEventSource], *, management_events: bool
) -> list[cloudtrail.CfnTrail.AdvancedEventSelectorProperty]:
    """Return the selectors: all management events, reads included, and the data events of the named sources only.

    Nothing is left out of the management events (no ``readOnly``, no excluded source): the CIS alarms need them all.
    """
    # A set without an order would change the template from run to run.
    buckets = list(dict.fromkeys(f"{_bucket(s).bucket_arn}/" for s in sources if not _is_function(s)))
    functions = list(dict.fromkeys(s.function_arn for s in sources if _is_function(s)))
    selectors = []
    if management_events:
        selectors.append(_selector("Management events", _field("eventCategory", equals=["Management"])))
    if buckets:
        selectors.append(
            _selector(
                "Objects of the named buckets",
                _field("eventCategory", equals=["Data"]),
                _field("resources.type", equals=["AWS::S3::Object"]),
                _field("resources.ARN", starts_with=buckets),
            )
        )
    if functions:
        selectors.append(
            _selector(
                "Invocations of the named functions",
                _field("eventCategory", equals=["Data"]),
                _field("resources.type", equals=["AWS::Lambda::Function"]),
                # Versions and aliases follow a colon; a prefix alone would take in "orders-admin" with "orders".
                _field("resources.ARN", equals=functions, starts_with=[f"{arn}:" for arn in functions]),
            )
        )
    return selectors


def _bucket(source: DataEventSource) -> s3.IBucket:
    if isinstance(source, EncryptedBucket):
        return source.bucket
    if not _is_bucket(source):
        raise TypeError(f"{source!r} is not a bucket")
    return source


def _is_bucket(source: object) -> TypeGuard[s3.IBucket]:
    return hasattr(source, "bucket_arn") and hasattr(source, "node")


def _is_function(source: object) -> TypeGuard[lambda_.IFunction]:
    return hasattr(source, "function_arn") and hasattr(source, "node")


def _services(principal: object) -> list[object]:
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return services if isinstance(services, list) else [services]


def _selector(
    name: str, *fields: cloudtrail.CfnTrail.AdvancedFieldSelectorProperty
) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(name=name, field_selectors=list(fields))


def _field(
    name: str, *, equals: Sequence[str] | None = None, starts_with: Sequence[str] | None = None
) -> cloudtrail.CfnTrail.AdvancedFieldSelectorProperty:
    return cloudtrail.CfnTrail.AdvancedFieldSelectorProperty(field=name, equal_to=equals, starts_with=starts_with)
