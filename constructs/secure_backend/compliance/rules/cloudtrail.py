"""CloudTrail: trails that cannot be created, and trails that record less than they seem to."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import is_false, is_true
from secure_backend.compliance.rules.rule import Finding, rule

TRAIL = "AWS::CloudTrail::Trail"


@rule(
    aws="Multi-Region trail must include global service events (InvalidParameterCombinationException)",
    reason="IncludeGlobalServiceEvents is false when it is left out of a template.",
    fix="set IncludeGlobalServiceEvents: true (include_global_service_events=True)",
    source="awsdocs/aws-cloudformation-user-guide PR#908",
)
def multi_region_trail_without_global_events(assembly: Assembly) -> Iterator[Finding]:
    """Include the events of global services in a multi-region trail."""
    for trail in assembly.resources(TRAIL):
        if is_true(trail.at("IsMultiRegionTrail")) and is_false(trail.at("IncludeGlobalServiceEvents")):
            yield Finding(
                resource=trail,
                location="Properties.IncludeGlobalServiceEvents",
                problem="The trail is multi-region and does not include global service events",
            )
