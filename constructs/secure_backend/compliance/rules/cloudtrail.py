"""CloudTrail: trails that AWS refuses to create."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_false, is_true, list_of, object_of
from secure_backend.analysis.text import could_match
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import Finding, rule

TRAIL = "AWS::CloudTrail::Trail"


@rule(
    aws="Insufficient permissions to access S3 bucket or KMS key (InsufficientEncryptionPolicyException)",
    reason="CloudTrail encrypts with its own principal, and the CDK's Trail adds nothing to the key.",
    fix="in the key's policy allow cloudtrail.amazonaws.com kms:GenerateDataKey* and kms:DescribeKey (kms:Decrypt too "
    "for a bucket with a Bucket Key), with aws:SourceArn of this trail",
    source="aws-cdk#23391; AWS CloudTrail User Guide, Configure AWS KMS key policies for CloudTrail",
)
def trail_key_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let CloudTrail use the key that encrypts its log files."""
    for trail in assembly.resources(TRAIL):
        key = access.key_at(assembly, trail, "KMSKeyId")
        if key is None:
            continue
        statements = assembly.policy_statements(key)
        wanted = ["kms:GenerateDataKey", "kms:DescribeKey"]
        bucket = access.resource_at(assembly, trail, "S3BucketName", access.BUCKET)
        if bucket is not None and _has_bucket_key(bucket):
            wanted.append("kms:Decrypt")
        missing = access.missing_for(statements, "cloudtrail", *wanted)
        if missing:
            yield Finding(
                key, "Properties.KeyPolicy", f"The key of trail {trail.address} does not allow it {', '.join(missing)}"
            )
            continue
        granting = [each for each in statements if each.names_service("cloudtrail") and each.covers(wanted[0])]
        keys = ("aws:SourceArn", "kms:EncryptionContext:aws:cloudtrail:arn")
        for condition in keys:
            other = access.outside(granting, _arn_of(assembly, trail), condition)
            if other:
                problem = f"The key lets CloudTrail in for {condition} {', '.join(other)}, which is not {trail.address}"
                yield Finding(key, "Properties.KeyPolicy", problem)


@rule(
    aws="Incorrect S3 bucket policy is detected for bucket (InsufficientS3BucketPolicyException)",
    reason="CloudTrail reads the bucket's ACL and writes below [prefix/]AWSLogs/<account>/ before the trail exists.",
    fix="in the bucket's policy allow cloudtrail.amazonaws.com s3:GetBucketAcl on the bucket and s3:PutObject on "
    "<bucket>/[S3KeyPrefix/]AWSLogs/<account>/*",
    source="aws-cdk#11602, #27168; AWS CloudTrail User Guide, Amazon S3 bucket policy for CloudTrail",
)
def trail_bucket_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let CloudTrail write into the trail's bucket, at the path that it uses."""
    for trail in assembly.resources(TRAIL):
        bucket = access.resource_at(assembly, trail, "S3BucketName", access.BUCKET)
        if bucket is None or not is_false(trail.at("IsOrganizationTrail")):
            continue
        policies = access.bucket_policies(assembly, bucket)
        allowing = [
            statement
            for statement in access.statements_for(assembly, policies)
            if statement.allows and statement.names_service("cloudtrail")
        ]
        place = policies[0] if policies else bucket
        location = "Properties.PolicyDocument" if policies else "Properties"
        if access.missing_for(allowing, "cloudtrail", "s3:GetBucketAcl"):
            yield Finding(place, location, f"Trail {trail.address} may not s3:GetBucketAcl of its bucket")
        prefix = trail.at("S3KeyPrefix")
        folder = "" if prefix is None else assembly.render(trail.stack, prefix) + "/"
        bucket_arn = assembly.render(bucket.stack, {"Fn::GetAtt": [bucket.logical_id, "Arn"]})
        account = assembly.render(trail.stack, {"Ref": "AWS::AccountId"})
        written = f"{bucket_arn}/{folder}AWSLogs/{account}/CloudTrail/log.json.gz"
        writing = [statement for statement in allowing if statement.covers("s3:PutObject")]
        if not any(could_match(pattern, written) for statement in writing for pattern in statement.resources):
            yield Finding(place, location, f"Trail {trail.address} may not s3:PutObject below {folder}AWSLogs/")
        other = access.outside(writing, _arn_of(assembly, trail), "aws:SourceArn")
        if other:
            problem = f"The bucket lets CloudTrail write for aws:SourceArn {', '.join(other)}, not for {trail.address}"
            yield Finding(place, location, problem)


@rule(
    aws="Access denied. Check the trust relationships for your role. (InvalidCloudWatchLogsRoleArnException)",
    reason="CloudTrail delivers to CloudWatch Logs as the role that the trail names.",
    fix="allow cloudtrail.amazonaws.com sts:AssumeRole in the role's trust policy, and the role "
    "logs:CreateLogStream and logs:PutLogEvents on the log group",
    source="aws-cdk#1963; aws-cli#5098",
)
def trail_log_role(assembly: Assembly) -> Iterator[Finding]:
    """Let CloudTrail assume the role with which it writes to CloudWatch Logs, and let that role write."""
    for trail in assembly.resources(TRAIL):
        role = access.resource_at(assembly, trail, "CloudWatchLogsRoleArn", access.ROLE)
        if role is None:
            continue
        trust = assembly.statements(role.stack, role.at("AssumeRolePolicyDocument"))
        if access.missing_for(trust, "cloudtrail", "sts:AssumeRole"):
            problem = f"The role of trail {trail.address} does not trust cloudtrail.amazonaws.com"
            yield Finding(role, "Properties.AssumeRolePolicyDocument", problem)
        if role.at("ManagedPolicyArns") is not None:
            continue
        granted = access.statements_for(assembly, access.role_policies(assembly, role))
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            if not any(statement.allows and statement.covers(action) for statement in granted):
                yield Finding(role, "Properties.Policies", f"The role of trail {trail.address} may not {action}")


@rule(
    aws="Access denied. Check the permissions for your role. (InvalidCloudWatchLogsLogGroupArnException)",
    reason="CloudTrail tries the role while the trail is created, and CloudFormation attaches a role's policy only "
    "after the role.",
    fix="add the role's policy to the trail's DependsOn (trail.add_dependency(policy))",
    source="aws-cdk#1963; cloudposse/terraform-aws-cloudtrail-cloudwatch-alarms#2",
)
def trail_before_its_role_policy(assembly: Assembly) -> Iterator[Finding]:
    """Create a trail after the policy of the role with which it writes to CloudWatch Logs."""
    for trail in assembly.resources(TRAIL):
        role = access.resource_at(assembly, trail, "CloudWatchLogsRoleArn", access.ROLE)
        if role is None:
            continue
        for policy in access.role_policies(assembly, role)[1:]:
            writes = any(each.covers("logs:PutLogEvents") for each in assembly.policy_statements(policy))
            if writes and policy.stack is trail.stack and not assembly.waits_for(trail, policy):
                yield Finding(trail, "DependsOn", f"The trail does not wait for {policy.address}")


@rule(
    aws="Access denied. Check the permissions for your role. (InvalidCloudWatchLogsLogGroupArnException)",
    reason="CloudTrail takes the ARN of a log group with all its streams.",
    fix="end CloudWatchLogsLogGroupArn with :* (log_group.log_group_arn has it)",
    source="aws-cli#5098",
)
def trail_log_group_arn(assembly: Assembly) -> Iterator[Finding]:
    """Name a trail's log group by an ARN that ends with its streams."""
    for trail in assembly.resources(TRAIL):
        value = trail.at("CloudWatchLogsLogGroupArn")
        text = "" if value is None else assembly.render(trail.stack, value)
        if text.startswith("arn:") and not text.endswith((":*", "}")):
            yield Finding(trail, "Properties.CloudWatchLogsLogGroupArn", f"The log group's ARN is {text}")


@rule(
    aws="Multi-Region trail must include global service events (InvalidParameterCombinationException)",
    reason="IncludeGlobalServiceEvents is false when it is left out of a template.",
    fix="set IncludeGlobalServiceEvents to true (include_global_service_events=True)",
    source="awsdocs/aws-cloudformation-user-guide PR#908",
)
def multi_region_trail_without_global_events(assembly: Assembly) -> Iterator[Finding]:
    """Include the events of global services in a multi-region trail."""
    for trail in assembly.resources(TRAIL):
        if is_true(trail.at("IsMultiRegionTrail")) and is_false(trail.at("IncludeGlobalServiceEvents")):
            problem = "The trail is multi-region and does not include global service events"
            yield Finding(trail, "Properties.IncludeGlobalServiceEvents", problem)


def _has_bucket_key(bucket: Resource) -> bool:
    rules = list_of(bucket.at("BucketEncryption.ServerSideEncryptionConfiguration"))
    return any(is_true(object_of(each).get("BucketKeyEnabled")) for each in rules)


def _arn_of(assembly: Assembly, trail: Resource) -> str:
    name = trail.at("TrailName")
    text = assembly.render(trail.stack, {"Ref": trail.logical_id} if name is None else name)
    return access.arn(assembly, trail, "cloudtrail", f"trail/{text}")
