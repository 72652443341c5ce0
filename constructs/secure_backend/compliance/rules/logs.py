"""Log groups and their writers."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.text import certain
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

RESOURCE_POLICIES = ("AWS::Logs::ResourcePolicy", "Custom::CloudwatchLogResourcePolicy")
#: Names that a service insists on, so that a group can have no generated one.
_INSISTED = ("/aws/", "aws-waf-logs-", "API-Gateway-Execution-Logs_")


@rule(
    severity="warning",
    aws="Resource limit exceeded (at the eleventh log resource policy of the account and region)",
    reason="An account has 10 in a region and cannot have more; each stack that brings its own comes nearer to it.",
    fix="keep one policy for all deliveries, and name vended groups /aws/vendedlogs/<name>",
    source="aws-cdk#22307, #20567, #28577",
)
def several_log_resource_policies(assembly: Assembly) -> Iterator[Finding]:
    """Make one log resource policy in the whole app."""
    for policy in assembly.resources(*RESOURCE_POLICIES)[1:]:
        problem = f"The app has {len(assembly.resources(*RESOURCE_POLICIES))} log resource policies"
        yield Finding(policy, "Type", problem)


@rule(
    aws="OperationAbortedException: a conflicting operation is currently in progress against this resource",
    reason="The LogRetention custom resource sets retentions by API calls, which fail when several run in parallel.",
    fix="make an AWS::Logs::LogGroup with RetentionInDays and pass it to the writer (log_group=)",
    source="aws-cdk#17546",
)
def log_retention_by_custom_resource(assembly: Assembly) -> Iterator[Finding]:
    """Set retention on the log group itself."""
    for resource in assembly.resources("Custom::LogRetention"):
        yield Finding(resource, "Type", "A custom resource sets the retention of a log group")


@rule(
    severity="warning",
    aws="Resource of type 'AWS::Logs::LogGroup' already exists (when the stack is deployed again)",
    reason="The group outlives its stack, and its fixed name stands in the way of the next.",
    fix="leave LogGroupName out, so that CloudFormation makes a name",
    source="aws-solutions/amazon-marketing-cloud-uploader-from-aws#167",
)
def retained_log_group_with_fixed_name(assembly: Assembly) -> Iterator[Finding]:
    """Leave the name of a retained log group to CloudFormation, unless its writer insists on one."""
    for group in assembly.resources(access.LOG_GROUP):
        name = assembly.render(group.stack, group.at("LogGroupName") or "")
        retained = (group.deletion_policy or "").startswith("Retain")
        if name and certain(name) and retained and not name.startswith(_INSISTED):
            yield Finding(group, "Properties.LogGroupName", f"The retained log group has the fixed name {name}")


@rule(
    aws="Resource of type 'AWS::Logs::LogGroup' already exists",
    reason="The writer makes the group itself, unencrypted and kept for ever, if it writes before the group exists.",
    fix="add the log group to the writer's DependsOn (writer.node.add_dependency(log_group))",
    source="serverless/serverless#3237; aws-solutions/amazon-marketing-cloud-uploader-from-aws#167",
)
def log_group_after_its_writer(assembly: Assembly) -> Iterator[Finding]:
    """Create a log group before the function, database or stage that writes to it."""
    groups = {
        assembly.render(group.stack, group.at("LogGroupName")): group
        for group in assembly.resources(access.LOG_GROUP)
        if group.at("LogGroupName") is not None
    }
    for writer, prefix in _writers(assembly):
        for name, group in groups.items():
            if (name == prefix or name.startswith(f"{prefix}/")) and not assembly.waits_for(writer, group):
                yield Finding(writer, "DependsOn", f"{writer.address} does not wait for its log group {group.address}")


@rule(
    aws=SILENT,
    reason="Events are kept, and paid, for ever.",
    fix="set RetentionInDays",
    source="CIS AWS Foundations Benchmark; AWS Security Hub CloudWatch.16",
)
def log_group_without_retention(assembly: Assembly) -> Iterator[Finding]:
    """Bound how long a log group keeps its events."""
    for group in assembly.resources(access.LOG_GROUP):
        if group.at("RetentionInDays") is None:
            yield Finding(group, "Properties.RetentionInDays", "The log group has no retention")


@rule(
    aws=SILENT,
    reason="Who may read the log group may read its events; a key of one's own is a second lock and leaves a record.",
    fix="set KmsKeyId to a key that allows CloudWatch Logs",
    source="Amazon CloudWatch Logs User Guide, Encrypt log data using KMS",
)
def log_group_without_key(assembly: Assembly) -> Iterator[Finding]:
    """Encrypt a log group by a key of one's own."""
    for group in assembly.resources(access.LOG_GROUP):
        if group.at("KmsKeyId") is None:
            yield Finding(group, "Properties.KmsKeyId", "The log group is not encrypted by a customer managed key")


def _writers(assembly: Assembly) -> Iterator[tuple[Resource, str]]:
    """Yield each writer that makes its own log group, with the name of the group or its beginning."""
    for function in assembly.resources("AWS::Lambda::Function"):
        if function.at("FunctionName") is not None and function.at("LoggingConfig.LogGroup") is None:
            yield function, f"/aws/lambda/{assembly.render(function.stack, function.at('FunctionName'))}"
    for kind, name in (("instance", "DBInstanceIdentifier"), ("cluster", "DBClusterIdentifier")):
        for database in assembly.resources(f"AWS::RDS::DB{kind.capitalize()}"):
            if database.at(name) is not None and database.at("EnableCloudwatchLogsExports"):
                yield database, f"/aws/rds/{kind}/{assembly.render(database.stack, database.at(name))}"
    for stage in assembly.resources("AWS::ApiGateway::Stage"):
        if stage.at("StageName") is not None and stage.at("MethodSettings"):
            api = assembly.render(stage.stack, stage.at("RestApiId"))
            yield stage, f"API-Gateway-Execution-Logs_{api}/{assembly.render(stage.stack, stage.at('StageName'))}"
