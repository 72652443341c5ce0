"""CloudTrail event selectors: those that AWS refuses, and those that record less, or more, than was meant."""

import re
from collections.abc import Iterator, Mapping

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, is_false, is_intrinsic, list_of, object_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.cloudtrail import TRAIL
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_EVERY_BUCKET = re.compile(r"arn:[^:]+:s3(:::)?")


@rule(
    aws="Value arn:aws:s3:::* for DataResources.Values is invalid (InvalidEventSelectorsException)",
    reason="A basic selector takes the beginning of an ARN, never a wildcard.",
    fix="end the value with the bucket's ARN and a slash, or use AdvancedEventSelectors",
    source="aws-samples/aws-security-reference-architecture-examples#335",
)
def trail_selector_wildcard(assembly: Assembly) -> Iterator[Finding]:
    """Use no wildcard in the values of a basic event selector."""
    for trail in assembly.resources(TRAIL):
        for resource in _data_resources(trail):
            for value in list_of(resource.get("Values")):
                text = assembly.render(trail.stack, value)
                if "*" in text:
                    yield Finding(trail, "Properties.EventSelectors", f"A data resource of a selector is {text}")


@rule(
    aws="InvalidEventSelectorsException: a trail takes EventSelectors or AdvancedEventSelectors, not both",
    reason="The two kinds exclude each other.",
    fix="remove EventSelectors and keep AdvancedEventSelectors",
    source="AWS CloudTrail API Reference, PutEventSelectors",
)
def trail_with_both_selector_kinds(assembly: Assembly) -> Iterator[Finding]:
    """Use one kind of event selectors in a trail."""
    for trail in assembly.resources(TRAIL):
        if trail.at("EventSelectors") and trail.at("AdvancedEventSelectors"):
            problem = "The trail has EventSelectors and AdvancedEventSelectors"
            yield Finding(trail, "Properties.EventSelectors", problem)


@rule(
    aws=SILENT,
    reason="Each log file that the trail delivers is an event that it records and delivers again, and each is paid.",
    fix="in the selector of AWS::S3::Object add {Field: resources.ARN, NotStartsWith: [<log bucket's ARN>/]}, or name "
    "the buckets that are meant",
    source="awslabs/landing-zone-accelerator-on-aws PR#1194",
)
def trail_records_its_own_bucket(assembly: Assembly) -> Iterator[Finding]:
    """Leave a trail's own bucket out of the data events that it records."""
    for trail in assembly.resources(TRAIL):
        bucket = access.resource_at(assembly, trail, "S3BucketName", access.BUCKET)
        name = assembly.render(trail.stack, trail.at("S3BucketName") or "")
        for resource in _data_resources(trail):
            for value in list_of(resource.get("Values")):
                text = assembly.render(trail.stack, value)
                own = bucket is not None and assembly.follow(trail.stack, value) is bucket
                if resource.get("Type") == "AWS::S3::Object" and (own or _EVERY_BUCKET.fullmatch(text)):
                    yield Finding(trail, "Properties.EventSelectors", f"The selector {text} includes the log bucket")
        for fields in _advanced(trail):
            if "AWS::S3::Object" not in list_of(fields.get("resources.type", {}).get("Equals")):
                continue
            arn = fields.get("resources.ARN", {})
            if not _leaves_out(assembly, trail, arn, bucket, name):
                problem = "An advanced selector of object events includes the trail's own log bucket"
                yield Finding(trail, "Properties.AdvancedEventSelectors", problem)


@rule(
    aws=SILENT,
    reason="Without management events nobody sees who changed the account; the CIS alarms on the trail never fire.",
    fix="add {FieldSelectors: [{Field: eventCategory, Equals: [Management]}]} without a readOnly field, or acknowledge "
    "that another trail of the account records them",
    source="AWS Security Hub CloudTrail.1; mondoohq/mql PR#10202",
)
def trail_without_management_events(assembly: Assembly) -> Iterator[Finding]:
    """Record all management events, reading and writing, with some trail."""
    trails = assembly.resources(TRAIL)
    if any(_management(trail) == {"read", "write"} for trail in trails):
        return
    for trail in trails:
        kinds = _management(trail)
        problem = f"The trail records only {kinds.pop()} management events" if kinds else "No management events"
        place = "AdvancedEventSelectors" if trail.at("AdvancedEventSelectors") else "EventSelectors"
        yield Finding(trail, f"Properties.{place}", problem)


@rule(
    aws="InvalidInsightSelectorsException: the trail has to log management events",
    reason="ApiCallRateInsight is computed from write events and ApiErrorRateInsight from read or write events.",
    fix="record management events with this trail, or remove InsightSelectors",
    source="AWS CloudTrail API Reference, PutInsightSelectors",
)
def trail_insights_without_events(assembly: Assembly) -> Iterator[Finding]:
    """Record the management events from which the trail's Insights are computed."""
    for trail in assembly.resources(TRAIL):
        kinds = _management(trail)
        for selector in list_of(trail.at("InsightSelectors")):
            body = object_of(selector)
            if "Management" not in list_of(body.get("EventCategories", "Management")):
                continue
            needed = {"write"} if body.get("InsightType") == "ApiCallRateInsight" else {"read", "write"}
            if body and not kinds & needed:
                problem = f"{body.get('InsightType')} needs management events ({' or '.join(sorted(needed))})"
                yield Finding(trail, "Properties.InsightSelectors", problem)


def _data_resources(trail: Resource) -> Iterator[Mapping[str, Value]]:
    for selector in list_of(trail.at("EventSelectors")):
        for resource in list_of(object_of(selector).get("DataResources")):
            yield object_of(resource)


def _advanced(trail: Resource) -> Iterator[Mapping[str, Mapping[str, Value]]]:
    for selector in list_of(trail.at("AdvancedEventSelectors")):
        fields = [object_of(field) for field in list_of(object_of(selector).get("FieldSelectors"))]
        yield {str(field.get("Field")): field for field in fields}


def _leaves_out(
    assembly: Assembly, trail: Resource, arn: Mapping[str, Value], bucket: Resource | None, name: str
) -> bool:
    def names_bucket(value: Value) -> bool:
        text = assembly.render(trail.stack, value)
        found = assembly.follow(trail.stack, value)
        return (bucket is not None and found is bucket) or (bool(name) and f":::{name}" in text)

    excluded = [*list_of(arn.get("NotStartsWith")), *list_of(arn.get("NotEquals"))]
    if any(names_bucket(value) for value in excluded):
        return True
    included = [*list_of(arn.get("StartsWith")), *list_of(arn.get("Equals"))]
    every = any(_EVERY_BUCKET.fullmatch(assembly.render(trail.stack, value)) for value in included)
    return bool(included) and not every and not any(names_bucket(value) for value in included)


def _management(trail: Resource) -> set[str]:
    basic, advanced = trail.at("EventSelectors"), trail.at("AdvancedEventSelectors")
    if is_intrinsic(basic) or is_intrinsic(advanced) or not (basic or advanced):
        return {"read", "write"}
    kinds: set[str] = set()
    for selector in list_of(basic):
        body = object_of(selector)
        if "IncludeManagementEvents" not in body or not is_false(body["IncludeManagementEvents"]):
            kinds |= {"ReadOnly": {"read"}, "WriteOnly": {"write"}}.get(
                str(body.get("ReadWriteType")), {"read", "write"}
            )
    for fields in _advanced(trail):
        if "Management" in list_of(fields.get("eventCategory", {}).get("Equals")):
            only = [str(value).lower() for value in list_of(fields.get("readOnly", {}).get("Equals"))]
            kinds |= {("read" if value == "true" else "write") for value in only} or {"read", "write"}
    return kinds
