"""Trails, and the alarms of section 4 of the CIS benchmark."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_false, is_true, list_of, object_of
from secure_backend.compliance.controls.check import Check, Judgement, control, judge
from secure_backend.compliance.rules.trail_selectors import trail_without_management_events

_TRAIL = "AWS::CloudTrail::Trail"
#: What the filter of each recommendation has to look for.
ALARMS: dict[str, tuple[str, ...]] = {
    "4.1": ("UnauthorizedOperation", "AccessDenied"),
    "4.2": ("ConsoleLogin", "MFAUsed"),
    "4.3": ("Root", "invokedBy NOT EXISTS"),
    "4.4": (
        *("DeleteGroupPolicy", "DeleteRolePolicy", "DeleteUserPolicy", "PutGroupPolicy", "PutRolePolicy"),
        *("PutUserPolicy", "CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion"),
        *("AttachRolePolicy", "DetachRolePolicy", "AttachUserPolicy", "DetachUserPolicy"),
        *("AttachGroupPolicy", "DetachGroupPolicy"),
    ),
    "4.5": ("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
    "4.6": ("ConsoleLogin", "Failed authentication"),
    "4.7": ("kms.amazonaws.com", "DisableKey", "ScheduleKeyDeletion"),
    "4.8": (
        *("PutBucketAcl", "PutBucketPolicy", "PutBucketCors", "PutBucketLifecycle", "PutBucketReplication"),
        *("DeleteBucketPolicy", "DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication"),
    ),
    "4.9": (*("StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"),),
    "4.10": (
        *("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
        *("RevokeSecurityGroupEgress", "CreateSecurityGroup", "DeleteSecurityGroup"),
    ),
    "4.11": (
        *("CreateNetworkAcl", "CreateNetworkAclEntry", "DeleteNetworkAcl", "DeleteNetworkAclEntry"),
        *("ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"),
    ),
    "4.12": (
        *("CreateCustomerGateway", "DeleteCustomerGateway", "AttachInternetGateway", "CreateInternetGateway"),
        *("DeleteInternetGateway", "DetachInternetGateway"),
    ),
    "4.13": (
        *("CreateRoute", "CreateRouteTable", "ReplaceRoute", "ReplaceRouteTableAssociation", "DeleteRouteTable"),
        *("DeleteRoute", "DisassociateRouteTable"),
    ),
    "4.14": (
        *("CreateVpc", "DeleteVpc", "ModifyVpcAttribute", "AcceptVpcPeeringConnection"),
        *("CreateVpcPeeringConnection", "DeleteVpcPeeringConnection", "RejectVpcPeeringConnection"),
    ),
    "4.15": ("organizations.amazonaws.com", "AcceptHandshake", "CreateAccount", "LeaveOrganization", "UpdatePolicy"),
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
        yield judge(trail, met=bool(trail.at("KMSKeyId")), problem="KMSKeyId is missing")


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
        met = bool(trail.at("CloudWatchLogsLogGroupArn") and trail.at("CloudWatchLogsRoleArn"))
        yield judge(trail, met=met, problem="CloudWatchLogsLogGroupArn or CloudWatchLogsRoleArn is missing")


def _alarm(words: tuple[str, ...]) -> Check:
    def check(assembly: Assembly) -> Iterator[Judgement]:
        for trail in assembly.resources(_TRAIL):
            group = assembly.follow(trail.stack, trail.at("CloudWatchLogsLogGroupArn"))
            filters = [] if group is None else assembly.attached("AWS::Logs::MetricFilter", "LogGroupName", group)
            counted = [each for each in filters if all(word in str(each.at("FilterPattern")) for word in words)]
            met = any(_told(assembly, each) for each in counted)
            yield judge(trail, met=met, problem="no metric filter counts these events for an alarm that tells somebody")

    return check


def _told(assembly: Assembly, counter: Resource) -> bool:
    metrics = {
        (str(object_of(each).get("MetricNamespace")), str(object_of(each).get("MetricName")))
        for each in list_of(counter.at("MetricTransformations"))
    }
    return any(
        (str(alarm.at("Namespace")), str(alarm.at("MetricName"))) in metrics and bool(list_of(alarm.at("AlarmActions")))
        for alarm in assembly.resources("AWS::CloudWatch::Alarm")
    )


for _number, _words in ALARMS.items():
    control(f"CIS {_number}")(_alarm(_words))
