"""The traps that synthesise cleanly with the CDK's own L2 constructs, caught by the pack.

One app of faults, as they would be written; the deploy-trap number stands before each.
"""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_wafv2 as wafv2

from secure_backend.compliance.secure_backend_checks import SecureBackendChecks
from tests.compliance.nag_report import new_app, report_of

Found = set[tuple[str, str]]


def report(app: cdk.App) -> Found:
    cdk.Validations.of(app).add_plugins(SecureBackendChecks(app))
    found, _ = report_of(app, "SecureBackend")
    return {(entry.rule.removeprefix("SecureBackend-"), entry.construct) for entry in found}


@pytest.fixture(scope="module")
def found() -> Found:
    app = new_app()
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))

    cloudtrail.Trail(stack, "Trail", encryption_key=kms.Key(stack, "TrailKey"))  # 1
    cloudtrail.CfnTrail(stack, "Global", is_logging=True, s3_bucket_name="logs", is_multi_region_trail=True)  # 5
    everything = cloudtrail.CfnTrail.DataResourceProperty(type="AWS::S3::Object", values=["arn:aws:s3:::*"])
    cloudtrail.CfnTrail(  # 6
        stack,
        "Selectors",
        is_logging=True,
        s3_bucket_name="logs",
        event_selectors=[cloudtrail.CfnTrail.EventSelectorProperty(data_resources=[everything])],
        advanced_event_selectors=[
            cloudtrail.CfnTrail.AdvancedEventSelectorProperty(
                field_selectors=[
                    cloudtrail.CfnTrail.AdvancedFieldSelectorProperty(field="eventCategory", equal_to=["Management"])
                ]
            )
        ],
    )
    topic = sns.Topic(stack, "Topic", master_key=kms.Key(stack, "TopicKey"), enforce_ssl=True)
    metric = cloudwatch.Metric(namespace="AWS/Lambda", metric_name="Errors")
    alarm = cloudwatch.Alarm(stack, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
    alarm.add_alarm_action(cloudwatch_actions.SnsAction(topic))  # 12, 13

    group = logs.LogGroup(stack, "Group", encryption_key=kms.Key(stack, "GroupKey"))  # 16

    locked = s3.CfnBucket(stack, "Locked")
    locked.object_lock_configuration = s3.CfnBucket.ObjectLockConfigurationProperty(object_lock_enabled="Enabled")  # 34

    api = apigateway.RestApi(  # 38
        stack,
        "Api",
        deploy_options=apigateway.StageOptions(
            access_log_destination=apigateway.LogGroupLogDestination(group),
            logging_level=apigateway.MethodLoggingLevel.ERROR,
        ),
    )
    api.root.add_method("GET")
    acl = wafv2.CfnWebACL(
        stack,
        "Acl",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
            cloud_watch_metrics_enabled=True, metric_name="acl", sampled_requests_enabled=True
        ),
    )
    wafv2.CfnLoggingConfiguration(  # 43
        stack, "AclLogs", resource_arn=acl.attr_arn, log_destination_configs=[group.log_group_arn]
    )

    vpc = ec2.Vpc(stack, "Vpc", availability_zones=["eu-central-1a", "eu-central-1b"], nat_gateways=0)
    engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17)
    older = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_16)
    database = rds.DatabaseInstance(
        stack,
        "Database",
        engine=engine,
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        parameter_group=rds.ParameterGroup(stack, "Parameters", engine=older),  # 45
        credentials=rds.Credentials.from_password("admin", cdk.SecretValue.unsafe_plain_text("x")),  # 46
        storage_type=rds.StorageType.GP3,
        allocated_storage=100,
        iops=4000,  # 47
        max_allocated_storage=50,  # 48
    )
    assert database.node.default_child is not None
    rds.CfnDBInstance(  # 49
        stack, "Small", engine="mysql", db_instance_class="db.t3.micro", enable_performance_insights=True
    )
    lambda_.Function(  # 55
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
        reserved_concurrent_executions=5,
    )
    return report(app)


@pytest.mark.parametrize(
    ("trap", "rule", "construct"),
    [
        (1, "TrailKeyPolicy", "stack/TrailKey/Resource"),
        (5, "MultiRegionTrailWithoutGlobalEvents", "stack/Global"),
        (6, "TrailSelectorWildcard", "stack/Selectors"),
        (6, "TrailWithBothSelectorKinds", "stack/Selectors"),
        (12, "AlarmTopicKey", "stack/TopicKey/Resource"),
        (13, "AlarmTopicPolicy", "stack/Topic/Policy/Resource"),
        (16, "LogGroupKeyPolicy", "stack/GroupKey/Resource"),
        (34, "ObjectLockWithoutVersions", "stack/Locked"),
        (38, "StageLogsWithoutAccountRole", "stack/Api/DeploymentStage.prod/Resource"),
        (43, "WafLogDestinationName", "stack/AclLogs"),
        (45, "ParameterGroupFamily", "stack/Parameters/Resource"),
        (46, "ReservedMasterUsername", "stack/Database/Resource"),
        (47, "Gp3Throughput", "stack/Database/Resource"),
        (48, "StorageMaximumTooSmall", "stack/Database/Resource"),
        (49, "InsightsOnSmallClass", "stack/Small"),
        (55, "ReservedConcurrency", "stack/Function/Resource"),
    ],
)
def test_a_trap_that_the_cdk_lets_pass_is_caught(found: Found, trap: int, rule: str, construct: str) -> None:
    assert (rule, construct) in found, sorted(found)


def test_a_flow_log_to_a_bucket_with_a_key_of_ones_own_is_caught_in_either_branch() -> None:
    app = new_app()
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    vpc = ec2.Vpc(stack, "Vpc", availability_zones=["eu-central-1a"], nat_gateways=0)
    made = s3.Bucket(stack, "Made", encryption=s3.BucketEncryption.KMS)
    given = s3.Bucket(stack, "Given", encryption_key=kms.Key(stack, "GivenKey"))
    ec2.FlowLog(
        stack,
        "ToMade",
        resource_type=ec2.FlowLogResourceType.from_vpc(vpc),
        destination=ec2.FlowLogDestination.to_s3(made),
    )
    ec2.FlowLog(
        stack,
        "ToGiven",
        resource_type=ec2.FlowLogResourceType.from_vpc(vpc),
        destination=ec2.FlowLogDestination.to_s3(given),
    )
    found = report(app)
    assert ("FlowLogBucketKey", "stack/Made/Key/Resource") in found
    assert ("FlowLogBucketKey", "stack/GivenKey/Resource") in found


def test_log_delivery_by_access_control_list_is_caught_in_an_app_without_the_flag() -> None:
    app = new_app(**{"@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": False})
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    target = s3.Bucket(stack, "Target")
    s3.Bucket(stack, "Source", server_access_logs_bucket=target)
    assert ("AccessLogTargetPolicy", "stack/Target/Resource") in report(app)


def test_a_name_built_from_a_long_stack_name_is_caught() -> None:
    app = new_app()
    stack = cdk.Stack(app, "a-stack-with-a-name-of-more-than-forty-characters")
    iam.CfnRole(stack, "Role", role_name=f"{stack.stack_name}-documents-handler", assume_role_policy_document={})
    assert ("NameTooLong", f"{stack.node.path}/Role") in report(app)


@pytest.mark.parametrize("version", ["13", "14", "15", "16", "17", "18"])
def test_a_parameter_group_of_another_major_version_is_caught_for_every_major(version: str) -> None:
    app = new_app()
    stack = cdk.Stack(app, "stack")
    for name, family in (("Own", f"postgres{version}"), ("Other", f"postgres{int(version) - 1}")):
        group = rds.CfnDBParameterGroup(
            stack, f"{name}Parameters", family=family, description="d", parameters={"rds.force_ssl": "1"}
        )
        rds.CfnDBInstance(stack, name, engine="postgres", engine_version=version, db_parameter_group_name=group.ref)
    families = {construct for rule, construct in report(app) if rule == "ParameterGroupFamily"}
    assert families == {"stack/OtherParameters"}


def test_zones_left_to_the_account_are_caught_in_a_stack_without_an_account() -> None:
    app = new_app()
    ec2.Vpc(cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1")), "Vpc", max_azs=3, nat_gateways=0)
    assert "ZonesByFunction" in {rule for rule, _ in report(app)}
