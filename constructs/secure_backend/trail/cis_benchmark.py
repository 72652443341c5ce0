"""Section 4 of the CIS AWS Foundations Benchmark v5 as data: what to look for in a trail, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CisAlarm:
    """One row of the benchmark's section 4.

    :param number: the recommendation's number in the CIS AWS Foundations Benchmark v5.
    :param name: the alarm's id and the metric's name.
    :param security_hub: the Security Hub control that checks it; 4.15 has none.
    :param pattern: the filter pattern, letter by letter what Security Hub accepts.
    :param happened: what the alarm says.
    :param first: what to do first.
    """

    number: str
    name: str
    security_hub: str | None
    pattern: str
    happened: str
    first: str


def _any_event(*names: str) -> str:
    return " || ".join(f"($.eventName={name})" for name in names)


def _event_of(source: str, *names: str) -> str:
    return f"{{($.eventSource={source}) && ({_any_event(*names)})}}"


def _event(*names: str) -> str:
    return f"{{{_any_event(*names)}}}"


# Security Hub compares the text and fails a filter with anything added (CLOUDTRAIL_METRIC_FILTER_NOT_VALID), so each
# pattern is the one of its controls CloudWatch.1 to .14. Where the benchmark's own text narrows more (4.1), an event
# that matches the benchmark's matches this one too. 4.15 has no such control: the benchmark's text.
CIS_ALARMS: tuple[CisAlarm, ...] = (
    CisAlarm(
        number="4.1",
        name="UnauthorizedApiCalls",
        security_hub="CloudWatch.2",
        pattern='{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}',
        happened="An API call was refused for want of permission.",
        first="Find the caller in the trail by errorCode; a role that should have the permission is a fault of "
        "deployment, anything else may be someone who tries doors.",
    ),
    CisAlarm(
        number="4.2",
        name="ConsoleSignInWithoutMfa",
        security_hub="CloudWatch.3",
        pattern='{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && '
        '($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }',
        happened="An IAM user signed in to the console without MFA.",
        first="Ask the user whether it was them; if not, disable the password and the access keys. Then enforce MFA.",
    ),
    CisAlarm(
        number="4.3",
        name="RootUsage",
        security_hub="CloudWatch.1",
        pattern='{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && '
        '$.eventType !="AwsServiceEvent"}',
        happened="The root user of the account was used.",
        first="Confirm with its keeper; if nobody knows of it, change the password, remove its access keys and call "
        "AWS Support.",
    ),
    CisAlarm(
        number="4.4",
        name="IamPolicyChanges",
        security_hub="CloudWatch.4",
        pattern=_event_of(
            "iam.amazonaws.com",
            "DeleteGroupPolicy",
            "DeleteRolePolicy",
            "DeleteUserPolicy",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
            "CreatePolicy",
            "DeletePolicy",
            "CreatePolicyVersion",
            "DeletePolicyVersion",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "AttachUserPolicy",
            "DetachUserPolicy",
            "AttachGroupPolicy",
            "DetachGroupPolicy",
        ),
        happened="An IAM policy was changed, attached or detached.",
        first="Match it with a deployment; if there was none, undo the change and look at what the identity did since.",
    ),
    CisAlarm(
        number="4.5",
        name="CloudTrailChanges",
        security_hub="CloudWatch.5",
        pattern=_event("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
        happened="A trail was created, changed, deleted, started or stopped.",
        first="See that the trail still logs (aws cloudtrail get-trail-status), start it if not, then find out who.",
    ),
    CisAlarm(
        number="4.6",
        name="ConsoleSignInFailures",
        security_hub="CloudWatch.6",
        pattern='{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}',
        happened="A sign-in to the console failed.",
        first="Look at the source address and the count: one is a typing error, many are an attack on a password.",
    ),
    CisAlarm(
        number="4.7",
        name="KeyDisabledOrScheduledForDeletion",
        security_hub="CloudWatch.7",
        pattern=_event_of("kms.amazonaws.com", "DisableKey", "ScheduleKeyDeletion"),
        happened="A customer key was disabled or scheduled for deletion.",
        first="Unless it was planned, enable it or cancel the deletion now: what it encrypts is unreadable until then, "
        "and lost afterwards.",
    ),
    CisAlarm(
        number="4.8",
        name="BucketPolicyChanges",
        security_hub="CloudWatch.8",
        pattern=_event_of(
            "s3.amazonaws.com",
            "PutBucketAcl",
            "PutBucketPolicy",
            "PutBucketCors",
            "PutBucketLifecycle",
            "PutBucketReplication",
            "DeleteBucketPolicy",
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "DeleteBucketReplication",
        ),
        happened="The policy, CORS, lifecycle or replication of a bucket was changed.",
        first="Match it with a deployment; if there was none, put the policy back and see who read the bucket since.",
    ),
    CisAlarm(
        number="4.9",
        name="ConfigChanges",
        security_hub="CloudWatch.9",
        pattern=_event_of(
            "config.amazonaws.com",
            "StopConfigurationRecorder",
            "DeleteDeliveryChannel",
            "PutDeliveryChannel",
            "PutConfigurationRecorder",
        ),
        happened="AWS Config was stopped or its recorder or delivery was changed.",
        first="See that the recorder runs; start it again if not, then find out who.",
    ),
    CisAlarm(
        number="4.10",
        name="SecurityGroupChanges",
        security_hub="CloudWatch.10",
        pattern=_event(
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "CreateSecurityGroup",
            "DeleteSecurityGroup",
        ),
        happened="A security group was created, deleted or given other rules.",
        first="Match it with a deployment; if there was none, revoke the rule.",
    ),
    CisAlarm(
        number="4.11",
        name="NetworkAclChanges",
        security_hub="CloudWatch.11",
        pattern=_event(
            "CreateNetworkAcl",
            "CreateNetworkAclEntry",
            "DeleteNetworkAcl",
            "DeleteNetworkAclEntry",
            "ReplaceNetworkAclEntry",
            "ReplaceNetworkAclAssociation",
        ),
        happened="A network ACL was changed.",
        first="Match it with a deployment; if there was none, put the entries back.",
    ),
    CisAlarm(
        number="4.12",
        name="NetworkGatewayChanges",
        security_hub="CloudWatch.12",
        pattern=_event(
            "CreateCustomerGateway",
            "DeleteCustomerGateway",
            "AttachInternetGateway",
            "CreateInternetGateway",
            "DeleteInternetGateway",
            "DetachInternetGateway",
        ),
        happened="An internet or customer gateway was created, attached, detached or deleted.",
        first="Match it with a deployment; if there was none, detach the gateway: it is a way out.",
    ),
    CisAlarm(
        number="4.13",
        name="RouteTableChanges",
        security_hub="CloudWatch.13",
        pattern=_event_of(
            "ec2.amazonaws.com",
            "CreateRoute",
            "CreateRouteTable",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
            "DeleteRouteTable",
            "DeleteRoute",
            "DisassociateRouteTable",
        ),
        happened="A route or a route table was changed.",
        first="Match it with a deployment; if there was none, put the route back and see where the traffic went.",
    ),
    CisAlarm(
        number="4.14",
        name="VpcChanges",
        security_hub="CloudWatch.14",
        pattern=_event(
            "CreateVpc",
            "DeleteVpc",
            "ModifyVpcAttribute",
            "AcceptVpcPeeringConnection",
            "CreateVpcPeeringConnection",
            "DeleteVpcPeeringConnection",
            "RejectVpcPeeringConnection",
            "AttachClassicLinkVpc",
            "DetachClassicLinkVpc",
            "DisableVpcClassicLink",
            "EnableVpcClassicLink",
        ),
        happened="A VPC or a peering connection was created, changed or deleted.",
        first="Match it with a deployment; if there was none, delete the peering connection first.",
    ),
    CisAlarm(
        number="4.15",
        name="OrganizationChanges",
        security_hub=None,
        pattern="{ ($.eventSource = organizations.amazonaws.com) && ("
        + " || ".join(
            f'($.eventName = "{name}")'
            for name in (
                "AcceptHandshake",
                "AttachPolicy",
                "CreateAccount",
                "CreateOrganizationalUnit",
                "CreatePolicy",
                "DeclineHandshake",
                "DeleteOrganization",
                "DeleteOrganizationalUnit",
                "DeletePolicy",
                "DetachPolicy",
                "DisablePolicyType",
                "EnablePolicyType",
                "InviteAccountToOrganization",
                "LeaveOrganization",
                "MoveAccount",
                "RemoveAccountFromOrganization",
                "UpdatePolicy",
                "UpdateOrganizationalUnit",
            )
        )
        + ") }",
        happened="The organisation, its accounts or its policies were changed.",
        first="Confirm with the organisation's owners; an account that leaves is no longer bound by their policies.",
    ),
)
