"""Metric filters that never match, and alarms that never go off."""

import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import list_of, number_of, object_of
from secure_backend.analysis.text import certain
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.cloudtrail import TRAIL
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_FILTER = "AWS::Logs::MetricFilter"
#: Fields that every event of a trail carries (MFAUsed: every ConsoleLogin), so that ``!=`` is safe.
_ALWAYS = {
    "additionalEventData.MFAUsed",
    "awsRegion",
    "eventName",
    "eventSource",
    "eventType",
    "eventVersion",
    "sourceIPAddress",
    "userIdentity.type",
}
_NOT_EQUAL = re.compile(r"\$\.([A-Za-z0-9_.]+)\s*!=")


@rule(
    aws=SILENT,
    reason="The filter looks for CloudTrail events in a log group that no trail writes to: its alarm never goes off.",
    fix="set LogGroupName to the log group of the trail's CloudWatchLogsLogGroupArn",
    source="mondoohq/cnspec PR#3675",
)
def metric_filter_off_the_trail(assembly: Assembly) -> Iterator[Finding]:
    """Attach the metric filters on CloudTrail events to the log group that a trail writes to."""
    groups = _trail_groups(assembly)
    if not groups:
        return
    for metric_filter in assembly.resources(_FILTER):
        group = access.resource_at(assembly, metric_filter, "LogGroupName", access.LOG_GROUP)
        pattern = assembly.render(metric_filter.stack, metric_filter.at("FilterPattern") or "")
        about_trail = any(word in pattern for word in ("$.eventName", "$.eventSource", "$.userIdentity"))
        if about_trail and group is not None and group not in groups:
            problem = f"The filter reads {group.address}, and no trail writes there"
            yield Finding(metric_filter, "Properties.LogGroupName", problem)


@rule(
    aws=SILENT,
    reason="A comparison is false for an event that lacks the field, also !=: the events that are meant are missed.",
    fix='write (($.field NOT EXISTS) || ($.field != "value"))',
    source="DataBiosphere/azul#5884; Amazon CloudWatch Logs User Guide, filter pattern syntax",
)
def metric_filter_skips_absent_field(assembly: Assembly) -> Iterator[Finding]:
    """Count the events that lack a field when a filter on a trail asks for another value of it."""
    groups = _trail_groups(assembly)
    for metric_filter in assembly.resources(_FILTER):
        group = access.resource_at(assembly, metric_filter, "LogGroupName", access.LOG_GROUP)
        if group is None or group not in groups:
            continue
        pattern = assembly.render(metric_filter.stack, metric_filter.at("FilterPattern") or "")
        for field in sorted(set(_NOT_EQUAL.findall(pattern)) - _ALWAYS):
            if not re.search(rf"\$\.{re.escape(field)}\s+NOT\s+EXISTS", pattern):
                problem = f"The pattern asks for $.{field} != a value and skips events without $.{field}"
                yield Finding(metric_filter, "Properties.FilterPattern", problem)


@rule(
    aws=SILENT,
    reason="The alarm watches a metric that no filter of its namespace writes, and has INSUFFICIENT_DATA for ever.",
    fix="give the alarm the MetricName of the filter's MetricTransformations",
    source="mondoohq/cnspec PR#3675",
)
def alarm_on_unwritten_metric(assembly: Assembly) -> Iterator[Finding]:
    """Let an alarm on a filter's namespace watch a metric that a filter writes."""
    written = _written_metrics(assembly)
    for alarm in assembly.resources("AWS::CloudWatch::Alarm"):
        namespace, metric = _metric(assembly, alarm)
        if certain(namespace + metric) and namespace in written and metric not in written[namespace]:
            problem = f"No metric filter writes {namespace} {metric}"
            yield Finding(alarm, "Properties.MetricName", problem)


@rule(
    aws=SILENT,
    reason="A filter on a trail writes a datapoint only when an event matches, so several in a row hardly ever come.",
    fix="set EvaluationPeriods and DatapointsToAlarm to 1",
    source="aws-solutions/automated-security-response-on-aws#43",
)
def trail_alarm_waits_for_more(assembly: Assembly) -> Iterator[Finding]:
    """Let an alarm on a trail's events go off at the first datapoint."""
    groups = _trail_groups(assembly)
    written = _written_metrics(assembly, groups)
    for alarm in assembly.resources("AWS::CloudWatch::Alarm"):
        namespace, metric = _metric(assembly, alarm)
        needed = number_of(alarm.at("DatapointsToAlarm") or alarm.at("EvaluationPeriods"))
        if metric in written.get(namespace, ()) and needed is not None and needed > 1:
            problem = f"The alarm waits for {needed:g} datapoints of {namespace} {metric}"
            yield Finding(alarm, "Properties.DatapointsToAlarm", problem)


def _trail_groups(assembly: Assembly) -> list[Resource]:
    groups = []
    for trail in assembly.resources(TRAIL):
        if trail.at("CloudWatchLogsLogGroupArn") is None:
            continue
        group = access.resource_at(assembly, trail, "CloudWatchLogsLogGroupArn", access.LOG_GROUP)
        if group is None:
            return []
        groups.append(group)
    return groups


def _metric(assembly: Assembly, alarm: Resource) -> tuple[str, str]:
    namespace, metric = alarm.at("Namespace"), alarm.at("MetricName")
    return assembly.render(alarm.stack, namespace or ""), assembly.render(alarm.stack, metric or "")


def _written_metrics(assembly: Assembly, groups: list[Resource] | None = None) -> dict[str, set[str]]:
    written: dict[str, set[str]] = {}
    for metric_filter in assembly.resources(_FILTER):
        group = access.resource_at(assembly, metric_filter, "LogGroupName", access.LOG_GROUP)
        if groups is not None and group not in groups:
            continue
        for transformation in list_of(metric_filter.at("MetricTransformations")):
            body = object_of(transformation)
            namespace = assembly.render(metric_filter.stack, body.get("MetricNamespace", ""))
            written.setdefault(namespace, set()).add(assembly.render(metric_filter.stack, body.get("MetricName", "")))
    return written
