"""Trails, and the alarms of section 4 of the CIS benchmark."""

from collections.abc import Iterator, Mapping

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.filter_patterns import matches
from secure_backend.analysis.template import is_false, is_set, is_true, list_of, number_of, object_of
from secure_backend.compliance.controls.check import Check, Judgement, control, judge
from secure_backend.compliance.rules.trail_selectors import trail_without_management_events

_TRAIL = "AWS::CloudTrail::Trail"
Event = Mapping[str, object]


def _calls(source: str, *names: str) -> tuple[Event, ...]:
    return tuple({"eventSource": f"{source}.amazonaws.com", "eventName": name} for name in names)


def _sign_in(**more: object) -> Event:
    identity = {"type": "IAMUser"}
    return {"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "userIdentity": identity, **more}


#: An event of each kind that the filter of a recommendation has to count.
ALARMS: dict[str, tuple[Event, ...]] = {
    "4.1": (
        {"eventName": "RunInstances", "errorCode": "Client.UnauthorizedOperation"},
        {"eventName": "GetObject", "errorCode": "AccessDenied"},
        {"eventName": "ListUsers", "errorCode": "AccessDeniedException"},
    ),
    "4.2": (_sign_in(additionalEventData={"MFAUsed": "No"}, responseElements={"ConsoleLogin": "Success"}),),
    "4.3": ({"eventName": "CreateUser", "eventType": "AwsApiCall", "userIdentity": {"type": "Root"}},),
    "4.4": _calls(
        "iam",
        *("DeleteGroupPolicy", "DeleteRolePolicy", "DeleteUserPolicy", "PutGroupPolicy", "PutRolePolicy"),
        *("PutUserPolicy", "CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion"),
        *("AttachRolePolicy", "DetachRolePolicy", "AttachUserPolicy", "DetachUserPolicy"),
        *("AttachGroupPolicy", "DetachGroupPolicy"),
    ),
    "4.5": _calls("cloudtrail", "CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
    "4.6": (_sign_in(errorMessage="Failed authentication"),),
    "4.7": _calls("kms", "DisableKey", "ScheduleKeyDeletion"),
    "4.8": _calls(
        "s3",
        *("PutBucketAcl", "PutBucketPolicy", "PutBucketCors", "PutBucketLifecycle", "PutBucketReplication"),
        *("DeleteBucketPolicy", "DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication"),
    ),
    "4.9": _calls(
        "config",
        *("StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"),
    ),
    "4.10": _calls(
        "ec2",
        *("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
        *("RevokeSecurityGroupEgress", "CreateSecurityGroup", "DeleteSecurityGroup"),
    ),
    "4.11": _calls(
        "ec2",
        *("CreateNetworkAcl", "CreateNetworkAclEntry", "DeleteNetworkAcl", "DeleteNetworkAclEntry"),
        *("ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"),
    ),
    "4.12": _calls(
        "ec2",
        *("CreateCustomerGateway", "DeleteCustomerGateway", "AttachInternetGateway", "CreateInternetGateway"),
        *("DeleteInternetGateway", "DetachInternetGateway"),
    ),
    "4.13": _calls(
        "ec2",
        *("CreateRoute", "CreateRouteTable", "ReplaceRoute", "ReplaceRouteTableAssociation", "DeleteRouteTable"),
        *("DeleteRoute", "DisassociateRouteTable"),
    ),
    "4.14": _calls(
        "ec2",
        *("CreateVpc", "DeleteVpc", "ModifyVpcAttribute", "AcceptVpcPeeringConnection"),
        *("CreateVpcPeeringConnection", "DeleteVpcPeeringConnection", "RejectVpcPeeringConnection"),
    ),
    "4.15": _calls("organizations", "AcceptHandshake", "CreateAccount", "LeaveOrganization", "UpdatePolicy"),
}


@control("CloudTrail.1", "CloudTrail.3")
def every_region_recorded(assembly: Assembly) -> Iterator[Judgement]:
    """Record the management events of every region, reads and writes."""
    partial = {finding.resource for finding in trail_without_management_events.findings(assembly)}
    for trail in assembly.resources(_TRAIL):
        off = [name for name in ("IsMultiRegionTrail", "IsLogging") if not is_true(trail.at(name))]
        if is_false(trail.at("IncludeGlobalServiceEvents")):
            off.append("IncludeGlobalServiceEvents")
        if trail in partial:
            off.append("all management events")
        yield judge(trail, met=not off, problem=f"it does not have {', '.join(off)}")


@control("CloudTrail.2")
def encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt log files by a customer key."""
    for trail in assembly.resources(_TRAIL):
        yield judge(trail, met=is_set(trail.at("KMSKeyId")), problem="KMSKeyId is missing")


@control("CloudTrail.4")
def validated(assembly: Assembly) -> Iterator[Judgement]:
    """Show by digests whether a log file was changed."""
    for trail in assembly.resources(_TRAIL):
        met = is_true(trail.at("EnableLogFileValidation"))
        yield judge(trail, met=met, problem="EnableLogFileValidation is not true")


@control("CloudTrail.5")
def in_a_log_group(assembly: Assembly) -> Iterator[Judgement]:
    """Send events to CloudWatch Logs."""
    for trail in assembly.resources(_TRAIL):
        met = is_set(trail.at("CloudWatchLogsLogGroupArn")) and is_set(trail.at("CloudWatchLogsRoleArn"))
        yield judge(trail, met=met, problem="CloudWatchLogsLogGroupArn or CloudWatchLogsRoleArn is missing")


def _alarm(events: tuple[Event, ...]) -> Check:
    def check(assembly: Assembly) -> Iterator[Judgement]:
        for trail in assembly.resources(_TRAIL):
            group = assembly.follow(trail.stack, trail.at("CloudWatchLogsLogGroupArn"))
            filters = [] if group is None else assembly.attached("AWS::Logs::MetricFilter", "LogGroupName", group)
            met = any(
                _always(each, trail) and _counts(each, events) and _told(assembly, each, trail) for each in filters
            )
            yield judge(trail, met=met, problem="no metric filter counts these events for an alarm that tells somebody")

    return check


def _always(resource: Resource, trail: Resource) -> bool:
    return resource.condition in (None, trail.condition)


def _counts(counter: Resource, events: tuple[Event, ...]) -> bool:
    """Tell whether a filter counts every one of the events; not one whose pattern nobody can be sure of."""
    pattern = counter.at("FilterPattern")
    try:
        return isinstance(pattern, str) and all(matches(pattern, event) for event in events)
    except ValueError:
        return False


def _told(assembly: Assembly, counter: Resource, trail: Resource) -> bool:
    metrics = {
        (str(object_of(each).get("MetricNamespace")), str(object_of(each).get("MetricName")))
        for each in list_of(counter.at("MetricTransformations"))
    }
    return any(
        (str(alarm.at("Namespace")), str(alarm.at("MetricName"))) in metrics
        and _always(alarm, trail)
        and _goes_off_at_once(alarm)
        and any(is_set(action) for action in list_of(alarm.at("AlarmActions")))
        for alarm in assembly.resources("AWS::CloudWatch::Alarm")
    )


def _goes_off_at_once(alarm: Resource) -> bool:
    """Tell whether the first event sets an alarm off, and its actions are not switched off."""
    threshold = number_of(alarm.at("Threshold"))
    operator = alarm.at("ComparisonOperator")
    low = threshold is not None and (
        (operator == "GreaterThanOrEqualToThreshold" and threshold <= 1)
        or (operator == "GreaterThanThreshold" and threshold < 1)
    )
    enabled = alarm.at("ActionsEnabled")
    needed = number_of(alarm.at("DatapointsToAlarm") or alarm.at("EvaluationPeriods"))
    return low and needed == 1 and (enabled is None or is_true(enabled))


for _number, _events in ALARMS.items():
    control(f"CIS {_number}")(_alarm(_events))
