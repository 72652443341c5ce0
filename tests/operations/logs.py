"""A few lines of each log that the saved queries read, as the services write them.

Sources: Amazon VPC User Guide, "Flow log records"; AWS WAF Developer Guide, "Log fields"; AWS CloudTrail User Guide,
"CloudTrail record contents"; AWS Lambda Developer Guide, "Lambda event schema".
"""

import json
from typing import Any

#: What CloudWatch calls the fields of a flow log in its default format.
FLOW_LOG = (
    *("version", "accountId", "interfaceId", "srcAddr", "dstAddr", "srcPort", "dstPort", "protocol", "packets"),
    *("bytes", "startTime", "endTime", "action", "logStatus"),
)


def flow(line: str) -> dict[str, Any]:
    return {**dict(zip(FLOW_LOG, line.split(), strict=True)), "@message": line}


FLOWS = {
    "between-tiers": "2 123456789012 eni-1 10.20.32.5 10.20.64.9 41234 22 6 3 180 1764072000 1764072060 REJECT OK",
    "let-through": "2 123456789012 eni-1 10.20.32.5 10.20.64.9 41234 5433 6 9 4200 1764072000 1764072060 ACCEPT OK",
    "from-outside": "2 123456789012 eni-1 198.51.100.7 10.20.64.9 41234 22 6 1 60 1764072000 1764072060 REJECT OK",
}

WEB_ACL = {
    action: json.dumps(
        {
            "timestamp": 1764072000000,
            "formatVersion": 1,
            "webaclId": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/acl/1",
            "terminatingRuleId": rule,
            "terminatingRuleType": "MANAGED_RULE_GROUP",
            "action": action,
            "httpSourceName": "APIGW",
            "httpRequest": {
                "clientIp": "198.51.100.7",
                "country": "DE",
                "headers": [{"name": "Host", "value": "api.example.com"}],
                "uri": "/v1/documents",
                "args": "",
                "httpVersion": "HTTP/2.0",
                "httpMethod": "GET",
                "requestId": "UG9zdA=",
            },
        }
    )
    for action, rule in (("BLOCK", "AWSManagedRulesCommonRuleSet"), ("ALLOW", "Default_Action"))
}

#: What Lambda itself writes beside a function's own lines, and what its runtime makes of an exception.
LAMBDA = {
    "timeout": json.dumps(
        {
            "time": "2026-11-25T12:00:10.000Z",
            "type": "platform.report",
            "record": {"requestId": "r-1", "status": "timeout", "metrics": {"durationMs": 10000.0}},
        }
    ),
    "done": json.dumps(
        {
            "time": "2026-11-25T12:00:10.000Z",
            "type": "platform.report",
            "record": {"requestId": "r-2", "status": "success", "metrics": {"durationMs": 12.0}},
        }
    ),
    "exception": json.dumps(
        {
            "timestamp": "2026-11-25T12:00:00Z",
            "level": "ERROR",
            "message": "3 of 5 documents could not be settled",
            "logger": "root",
            "stackTrace": [],
            "errorType": "SweepError",
            "errorMessage": "3 of 5 documents could not be settled",
            "requestId": "r-3",
        }
    ),
}


def record(**more: Any) -> str:
    """Return a record of CloudTrail."""
    identity = {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::123456789012:assumed-role/Operator/alice",
        "accountId": "123456789012",
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
    }
    return json.dumps(
        {
            "eventVersion": "1.11",
            "userIdentity": {**identity, **more.pop("identity", {})},
            "eventTime": "2026-11-25T12:00:00Z",
            "awsRegion": "eu-central-1",
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2",
            "eventID": "6f1c",
            "readOnly": False,
            "managementEvent": True,
            "eventCategory": "Management",
            **more,
        }
    )


_DATA = {"eventSource": "s3.amazonaws.com", "managementEvent": False, "eventCategory": "Data"}
TRAIL = {
    "key-deletion": record(eventSource="kms.amazonaws.com", eventName="ScheduleKeyDeletion"),
    "policy": record(eventSource="iam.amazonaws.com", eventName="AttachRolePolicy"),
    "security-group": record(eventSource="ec2.amazonaws.com", eventName="AuthorizeSecurityGroupIngress"),
    "look": record(eventSource="ec2.amazonaws.com", eventName="DescribeInstances", readOnly=True),
    "refused": record(eventSource="ec2.amazonaws.com", eventName="DeleteVpc", errorCode="Client.UnauthorizedOperation"),
    "denied": record(eventSource="kms.amazonaws.com", eventName="Decrypt", errorCode="AccessDenied"),
    "upload": record(
        **_DATA,
        eventName="PutObject",
        requestParameters={"bucketName": "documents", "key": "incoming/OBJECT-KEY"},
    ),
    "download": record(
        **_DATA,
        eventName="GetObject",
        requestParameters={"bucketName": "documents", "key": "incoming/OBJECT-KEY", "versionId": "v1"},
    ),
    "download-of-another": record(
        **_DATA, eventName="GetObject", requestParameters={"bucketName": "documents", "key": "incoming/another"}
    ),
    "sign-in": record(
        eventSource="signin.amazonaws.com",
        eventName="ConsoleLogin",
        identity={"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/NAME"},
        additionalEventData={"MFAUsed": "No"},
        responseElements={"ConsoleLogin": "Failure"},
        errorMessage="Failed authentication",
    ),
    "root": record(
        eventSource="iam.amazonaws.com",
        eventName="CreateAccessKey",
        identity={"type": "Root", "arn": "arn:aws:iam::123456789012:root", "accessKeyId": "NAME"},
    ),
    "service-as-root": record(
        eventSource="kms.amazonaws.com",
        eventName="Decrypt",
        identity={"type": "Root", "invokedBy": "secretsmanager.amazonaws.com"},
    ),
}
