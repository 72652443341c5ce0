"""The questions of an incident, in CloudWatch Logs Insights' query language.

Where a query wants something of the reader, such as a request's id, it stands there in capitals.

Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs Insights query syntax", "Supported logs and discovered
fields".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_logs as logs


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of some logs.

    :param name: what the saved query is called.
    :param lines: its commands, one after the other.
    """

    name: str
    lines: Sequence[str]

    @property
    def text(self) -> str:
        """The query."""
        return "\n| ".join(self.lines)


@dataclass(frozen=True, kw_only=True)
class SavedQuery:
    """A question of an application's own, and the logs that answer it.

    :param name: what the saved query is called.
    :param lines: its commands, one after the other.
    :param log_groups: the log groups that it reads.
    """

    name: str
    lines: Sequence[str]
    log_groups: Sequence[logs.ILogGroup]


# The access log of HardenedApi.
REFUSED_REQUESTS = Question(
    name="Refused requests",
    lines=(
        "fields @timestamp, status, errorType, httpMethod, resourcePath, ip, principal, authorizerStatus, wafStatus, "
        "extendedRequestId",
        "filter status >= 400 and status < 500",
        "sort @timestamp desc",
        "limit 200",
    ),
)
SLOWEST_REQUESTS = Question(
    name="Slowest requests",
    lines=(
        "fields @timestamp, responseLatency, integrationLatency, authorizerLatency, status, httpMethod, resourcePath, "
        "extendedRequestId",
        "filter ispresent(responseLatency)",
        "sort responseLatency desc",
        "limit 50",
    ),
)

# By the id that its caller was told in x-amz-apigw-id. The access log holds the request's other id, requestId, beside
# it: API Gateway's execution log goes by that one.
ONE_REQUEST = Question(
    name="One request",
    lines=(
        "fields @timestamp, @log, @message",
        'filter @message like "REQUEST-ID"',
        "sort @timestamp asc",
        "limit 500",
    ),
)

# What the authorizer writes: the caller is told 401 and no more.
REFUSED_TOKENS = Question(
    name="Refused tokens",
    lines=(
        "filter message like /^refused: /",
        "stats count(*) as times, max(@timestamp) as last by message",
        "sort times desc",
        "limit 50",
    ),
)

# Functions write JSON, Lambda itself does too: a timeout or a crash is a record of its own. The authorizer ends with
# UnauthorizedError for each token that it refuses, which is no error of its.
FUNCTION_ERRORS = Question(
    name="Function errors",
    lines=(
        'filter level in ["ERROR", "CRITICAL"] or record.status in ["error", "failure", "timeout"]',
        'filter not (errorType = "UnauthorizedError" or record.errorType = "UnauthorizedError")',
        "fields coalesce(message, errorMessage, type) as what, "
        "coalesce(error, errorType, record.errorType, record.status) as kind",
        "stats count(*) as times, max(@timestamp) as last by @log, what, kind",
        "sort times desc",
        "limit 50",
    ),
)

BLOCKED_BY_WEB_ACL = Question(
    name="Blocked by the web ACL",
    lines=(
        'filter action = "BLOCK"',
        "stats count(*) as times, count_distinct(httpRequest.clientIp) as addresses, max(@timestamp) as last "
        "by terminatingRuleId, httpRequest.httpMethod, httpRequest.uri",
        "sort times desc",
        "limit 50",
    ),
)

# PostgreSQL's log with RDS's own prefix: time:client(port):user@database:[process]:severity:  text.
_PREFIX = r"(?<client>[^:]*):(?<user>[^:@]*)@(?<database>[^:]*):\[(?<process>\d+)\]:"
DATABASE_ERRORS = Question(
    name="Database errors",
    lines=(
        rf"parse @message /{_PREFIX}(?<severity>ERROR|FATAL|PANIC):\s+(?<text>.*)/",
        "filter ispresent(severity)",
        "stats count(*) as times, max(@timestamp) as last by severity, user, text",
        "sort times desc",
        "limit 50",
    ),
)
SLOW_STATEMENTS = Question(
    name="Slow statements",
    lines=(
        rf"parse @message /{_PREFIX}LOG:\s+duration: (?<milliseconds>[0-9.]+) ms\s+(?<statement>.*)/",
        "filter ispresent(milliseconds)",
        "fields @timestamp, milliseconds, user, statement",
        "sort milliseconds desc",
        "limit 50",
    ),
)
DATABASE_SIGN_INS = Question(
    name="Database sign-ins",
    lines=(
        rf"parse @message /{_PREFIX}(?<severity>LOG|FATAL):\s+(?<text>.*)/",
        'filter text like /^connection authorized: / or (severity = "FATAL" and not (text like /^terminating/))',
        "stats count(*) as times, max(@timestamp) as last by severity, user, database",
        "sort last desc",
        "limit 100",
    ),
)


def rejected_flows(cidr: str) -> Question:
    """Return what a security group or a network ACL refused between two addresses of the VPC.

    :param cidr: the VPC's addresses.
    """
    return Question(
        name="Rejected flows between tiers",
        lines=(
            f'filter action = "REJECT" and isIpv4InSubnet(srcAddr, "{cidr}") and isIpv4InSubnet(dstAddr, "{cidr}")',
            "stats sum(packets) as packets, max(@timestamp) as last by srcAddr, dstAddr, dstPort, protocol",
            "sort packets desc",
            "limit 100",
        ),
    )


# CloudTrail's records.
_WHO = "userIdentity.arn, userIdentity.invokedBy, eventSource, eventName, awsRegion, sourceIPAddress, errorCode"
# On the dashboard: calls whose name says that something is taken away, stopped or opened to others.
DESTRUCTIVE_CALLS = Question(
    name="Destructive calls",
    lines=(
        f"fields @timestamp, {_WHO}",
        "filter eventName like /^(Delete|Terminate|Remove|Disable|Deactivate|Detach|Revoke|Stop|Purge|"
        "Schedule.*Deletion|Put.*Policy|Authorize|Deregister)/",
        "sort @timestamp desc",
        "limit 50",
    ),
)
# What only looks, or proves who somebody is, is left out; a list of the words that change something would never end.
CHANGES_IN_THE_ACCOUNT = Question(
    name="Changes in the account",
    lines=(
        f"fields @timestamp, {_WHO}, eventID",
        'filter eventCategory = "Management"',
        "filter not (eventName like /^(Assume|BatchGet|Check|ConsoleLogin|Decrypt|Describe|Encrypt|Estimate|Filter|"
        "Generate|Get|Head|List|Lookup|Preview|Query|ReEncrypt|Scan|Search|Select|Simulate|Test|Validate|Verify|View)/)",
        "sort @timestamp desc",
        "limit 500",
    ),
)
REFUSED_CALLS = Question(
    name="Refused calls",
    lines=(
        "filter errorCode like /AccessDenied|UnauthorizedOperation/",
        "stats count(*) as times, max(@timestamp) as last "
        "by userIdentity.arn, eventSource, eventName, errorCode, sourceIPAddress",
        "sort times desc",
        "limit 100",
    ),
)
WHO_TOUCHED_AN_OBJECT = Question(
    name="Who read or deleted an object",
    lines=(
        f"fields @timestamp, {_WHO}, requestParameters.bucketName, requestParameters.key, requestParameters.versionId",
        'filter eventSource = "s3.amazonaws.com" and requestParameters.key like "OBJECT-KEY"',
        "sort @timestamp desc",
        "limit 500",
    ),
)
WHAT_ONE_IDENTITY_DID = Question(
    name="What one identity did",
    lines=(
        f"fields @timestamp, {_WHO}, userIdentity.accessKeyId, userAgent, eventID",
        'filter userIdentity.arn like "NAME" or userIdentity.accessKeyId = "NAME"',
        "sort @timestamp desc",
        "limit 500",
    ),
)
SIGN_INS_TO_THE_ACCOUNT = Question(
    name="Sign-ins and the root user",
    lines=(
        "fields @timestamp, userIdentity.type, userIdentity.arn, eventName, responseElements.ConsoleLogin, "
        "additionalEventData.MFAUsed, errorMessage, sourceIPAddress, userAgent",
        'filter eventName = "ConsoleLogin" or (userIdentity.type = "Root" and not ispresent(userIdentity.invokedBy))',
        "sort @timestamp desc",
        "limit 200",
    ),
)
TRAIL_QUESTIONS = (
    CHANGES_IN_THE_ACCOUNT,
    REFUSED_CALLS,
    WHO_TOUCHED_AN_OBJECT,
    WHAT_ONE_IDENTITY_DID,
    SIGN_INS_TO_THE_ACCOUNT,
)
DATABASE_QUESTIONS = (DATABASE_ERRORS, SLOW_STATEMENTS, DATABASE_SIGN_INS)
