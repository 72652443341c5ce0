"""Cases of the rules on CloudTrail, its selectors, metric filters, alarms and topics."""

from tests.compliance.rules.case import REMOVED, Case, allow, arn, document, key, ref, resource

_TRAIL_ARN = {"Fn::Sub": "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/main"}
_OTHER_TRAIL = {"Fn::Sub": "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/other"}
_CONDITION = {"StringEquals": {"aws:SourceArn": _TRAIL_ARN}}


def _selector(**fields: dict[str, list[object]]) -> dict[str, object]:
    return {"FieldSelectors": [{"Field": name.replace("__", "."), **body} for name, body in fields.items()]}


_MANAGEMENT = _selector(eventCategory={"Equals": ["Management"]})
_LOG_BUCKET = {"Fn::Sub": "${Logs.Arn}/"}
_OBJECTS = _selector(
    eventCategory={"Equals": ["Data"]},
    resources__type={"Equals": ["AWS::S3::Object"]},
    resources__ARN={"NotStartsWith": [_LOG_BUCKET]},
)

TRAIL = {
    "Key": key(
        allow("cloudtrail", "kms:GenerateDataKey*", "kms:Decrypt", Condition=_CONDITION),
        allow("cloudtrail", "kms:DescribeKey"),
    ),
    "Logs": resource(
        "AWS::S3::Bucket",
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn("Key")},
                    "BucketKeyEnabled": True,
                }
            ]
        },
    ),
    "LogsPolicy": resource(
        "AWS::S3::BucketPolicy",
        Bucket=ref("Logs"),
        PolicyDocument=document(
            allow("cloudtrail", "s3:GetBucketAcl", Resource=arn("Logs")),
            allow(
                "cloudtrail",
                "s3:PutObject",
                Resource={"Fn::Join": ["", [arn("Logs"), "/AWSLogs/", ref("AWS::AccountId"), "/*"]]},
                Condition=_CONDITION,
            ),
        ),
    ),
    "Group": resource("AWS::Logs::LogGroup"),
    "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=document(allow("cloudtrail", "sts:AssumeRole"))),
    "RolePolicy": resource(
        "AWS::IAM::Policy",
        Roles=[ref("Role")],
        PolicyDocument=document(
            {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn("Group")}
        ),
    ),
    "Trail": resource(
        "AWS::CloudTrail::Trail",
        TrailName="main",
        S3BucketName=ref("Logs"),
        KMSKeyId=arn("Key"),
        CloudWatchLogsLogGroupArn=arn("Group"),
        CloudWatchLogsRoleArn=arn("Role"),
        IsMultiRegionTrail=True,
        IncludeGlobalServiceEvents=True,
        AdvancedEventSelectors=[_MANAGEMENT, _OBJECTS],
        InsightSelectors=[{"InsightType": "ApiCallRateInsight"}],
        DependsOn=["LogsPolicy", "RolePolicy"],
    ),
    "Filter": resource(
        "AWS::Logs::MetricFilter",
        LogGroupName=ref("Group"),
        FilterPattern='{ $.eventName = "X" && ($.a.b NOT EXISTS || $.a.b != "y") && $.eventType != "AwsServiceEvent" }',
        MetricTransformations=[{"MetricNamespace": "Trail", "MetricName": "Root"}],
    ),
    "Alarm": resource(
        "AWS::CloudWatch::Alarm",
        Namespace="Trail",
        MetricName="Root",
        EvaluationPeriods=1,
        AlarmActions=[ref("Topic")],
    ),
    "Topic": resource("AWS::SNS::Topic", KmsMasterKeyId=arn("TopicKey")),
    "TopicKey": key(
        allow("cloudwatch", "kms:Decrypt", "kms:GenerateDataKey*"),
        allow("events", "kms:Decrypt", "kms:GenerateDataKey*"),
    ),
    "TopicPolicy": resource(
        "AWS::SNS::TopicPolicy",
        Topics=[ref("Topic")],
        PolicyDocument=document(allow("cloudwatch", "sns:Publish"), allow("events", "sns:Publish")),
    ),
    "Subscription": resource("AWS::SNS::Subscription", TopicArn=ref("Topic"), Protocol="email", Endpoint="a@b.example"),
    "Rule": resource("AWS::Events::Rule", Targets=[{"Id": "t", "Arn": ref("Topic")}]),
}

_BASIC = "Trail/Properties/EventSelectors"
_ADVANCED = "Trail/Properties/AdvancedEventSelectors"
_S3 = "AWS::S3::Object"

CASES = [
    Case(
        "TrailKeyPolicy",
        TRAIL,
        {"Key/Properties/KeyPolicy/Statement/1": allow("s3", "kms:*")},
        "kms:GenerateDataKey",
    ),
    Case("TrailKeyPolicy", TRAIL, {"Key/Properties/KeyPolicy/Statement/2": REMOVED}, "kms:DescribeKey"),
    Case(
        "TrailKeyPolicy",
        TRAIL,
        {"Key/Properties/KeyPolicy/Statement/1/Action": ["kms:GenerateDataKey*"]},
        "kms:Decrypt",
    ),
    Case(
        "TrailKeyPolicy",
        TRAIL,
        {"Key/Properties/KeyPolicy/Statement/1/Condition/StringEquals/aws:SourceArn": _OTHER_TRAIL},
        "trail/other",
    ),
    Case("TrailBucketPolicy", TRAIL, {"LogsPolicy/Properties/PolicyDocument/Statement/0": REMOVED}, "s3:GetBucketAcl"),
    Case("TrailBucketPolicy", TRAIL, {"Trail/Properties/S3KeyPrefix": "trail"}, "trail/AWSLogs/"),
    Case(
        "TrailBucketPolicy",
        TRAIL,
        {"LogsPolicy/Properties/PolicyDocument/Statement/1/Condition/StringEquals/aws:SourceArn": _OTHER_TRAIL},
        "trail/other",
    ),
    Case("TrailBucketPolicy", TRAIL, {"LogsPolicy": REMOVED, "Trail/DependsOn": "RolePolicy"}, "GetBucketAcl"),
    Case("TrailLogRole", TRAIL, {"Role/Properties/AssumeRolePolicyDocument": document()}, "does not trust"),
    Case("TrailLogRole", TRAIL, {"RolePolicy/Properties/PolicyDocument": document()}, "logs:PutLogEvents"),
    Case("TrailBeforeItsRolePolicy", TRAIL, {"Trail/DependsOn": "LogsPolicy"}, "app/RolePolicy"),
    Case(
        "TrailLogGroupArn",
        TRAIL,
        {"Trail/Properties/CloudWatchLogsLogGroupArn": "arn:aws:logs:eu-central-1:111122223333:log-group:trail"},
    ),
    Case("MultiRegionTrailWithoutGlobalEvents", TRAIL, {"Trail/Properties/IncludeGlobalServiceEvents": REMOVED}),
    Case("MultiRegionTrailWithoutGlobalEvents", TRAIL, {"Trail/Properties/IncludeGlobalServiceEvents": "false"}),
    Case(
        "TrailSelectorWildcard",
        TRAIL,
        {_ADVANCED: REMOVED, _BASIC: [{"DataResources": [{"Type": _S3, "Values": ["arn:aws:s3:::*"]}]}]},
        "arn:aws:s3:::*",
    ),
    Case("TrailWithBothSelectorKinds", TRAIL, {_BASIC: [{"ReadWriteType": "All"}]}),
    Case("TrailRecordsItsOwnBucket", TRAIL, {f"{_ADVANCED}/1/FieldSelectors/2": REMOVED}, "the trail's own log bucket"),
    Case(
        "TrailRecordsItsOwnBucket",
        TRAIL,
        {f"{_ADVANCED}/1/FieldSelectors/2": {"Field": "resources.ARN", "StartsWith": [_LOG_BUCKET]}},
    ),
    Case(
        "TrailRecordsItsOwnBucket",
        TRAIL,
        {_ADVANCED: REMOVED, _BASIC: [{"DataResources": [{"Type": _S3, "Values": ["arn:aws:s3"]}]}]},
        "arn:aws:s3 includes",
    ),
    Case("TrailWithoutManagementEvents", TRAIL, {f"{_ADVANCED}/0": REMOVED}, "No management events"),
    Case(
        "TrailWithoutManagementEvents",
        TRAIL,
        {
            f"{_ADVANCED}/0/FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Management"]},
                {"Field": "readOnly", "Equals": ["true"]},
            ]
        },
        "only read",
    ),
    Case("TrailWithoutManagementEvents", TRAIL, {_ADVANCED: REMOVED, _BASIC: [{"IncludeManagementEvents": False}]}),
    Case("TrailInsightsWithoutEvents", TRAIL, {f"{_ADVANCED}/0": REMOVED}, "ApiCallRateInsight"),
    Case(
        "MetricFilterOffTheTrail",
        TRAIL,
        {"Filter/Properties/LogGroupName": ref("Other"), "Other": resource("AWS::Logs::LogGroup")},
        "app/Other",
    ),
    Case(
        "MetricFilterSkipsAbsentField",
        TRAIL,
        {"Filter/Properties/FilterPattern": '{ $.errorCode = "AccessDenied*" && $.userIdentity.invokedBy != "x" }'},
        "$.userIdentity.invokedBy",
    ),
    Case("AlarmOnUnwrittenMetric", TRAIL, {"Alarm/Properties/MetricName": "Rooot"}, "Trail Rooot"),
    Case("TrailAlarmWaitsForMore", TRAIL, {"Alarm/Properties/EvaluationPeriods": 240}, "240 datapoints"),
    Case("TrailAlarmWaitsForMore", TRAIL, {"Alarm/Properties/DatapointsToAlarm": 2}, "2 datapoints"),
    Case("AlarmTopicKey", TRAIL, {"TopicKey/Properties/KeyPolicy/Statement/1": REMOVED}, "kms:Decrypt"),
    Case(
        "AlarmTopicKey",
        TRAIL,
        {"TopicKey/Properties/KeyPolicy/Statement/1/Action": ["kms:Decrypt"]},
        "CloudWatch kms:GenerateDataKey",
    ),
    Case("AlarmTopicKey", TRAIL, {"Topic/Properties/KmsMasterKeyId": "alias/aws/sns"}, "AWS managed key"),
    Case("AlarmTopicPolicy", TRAIL, {"TopicPolicy/Properties/PolicyDocument/Statement/0": REMOVED}, "CloudWatch"),
    Case("AlarmTopicWithoutSubscriber", TRAIL, {"Subscription": REMOVED}),
    Case("EventRuleTopicKey", TRAIL, {"TopicKey/Properties/KeyPolicy/Statement/2": REMOVED}, "EventBridge"),
    Case(
        "EventRuleTopicKey",
        TRAIL,
        {
            "TopicKey/Properties/KeyPolicy/Statement/2/Condition": {
                "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}
            }
        },
        "without a condition",
    ),
    Case("EventRuleTopicPolicy", TRAIL, {"TopicPolicy/Properties/PolicyDocument/Statement/1": REMOVED}),
    Case("EventRuleTopicPolicy", TRAIL, {"TopicPolicy": REMOVED}),
    Case(
        "EventSubscriptionToEncryptedTopic",
        TRAIL,
        {"Events": resource("AWS::RDS::EventSubscription", SnsTopicArn=ref("Topic"))},
    ),
]
