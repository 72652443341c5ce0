"""The peer: the same parts from aws-cdk-lib's L2 constructs as they come, with the same six packs.

A three-tier VPC with flow logs, a bucket with a customer key, a PostgreSQL, a REST API with a function, another for
uploads with its dead letters, a trail, a dashboard and saved queries: what a team writes in an afternoon. The packs
find nearly two hundred faults in it.
"""

import node  # noqa: F401 - first: names the Node of the requirements to jsii

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from secure_backend.compliance.packs import rule_packs

app = cdk.App()
environment = cdk.Environment(region="eu-central-1")

network = cdk.Stack(app, "network", env=environment)
vpc = ec2.Vpc(
    network,
    "Vpc",
    availability_zones=["eu-central-1a", "eu-central-1b"],
    nat_gateways=0,
    flow_logs={"All": ec2.FlowLogOptions()},
    gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
    subnet_configuration=[
        ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC),
        ec2.SubnetConfiguration(name="app", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ec2.SubnetConfiguration(name="data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    ],
)

data = cdk.Stack(app, "data", env=environment)
key = kms.Key(data, "Key")
bucket = s3.Bucket(data, "Documents", encryption=s3.BucketEncryption.KMS, encryption_key=key, versioned=True)
database = rds.DatabaseInstance(
    data,
    "Database",
    engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17),
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_group_name="data"),
    storage_encrypted=True,
)

api = cdk.Stack(app, "api", env=environment)
handler = lambda_.Function(
    api,
    "Handler",
    runtime=lambda_.Runtime.PYTHON_3_14,
    handler="index.handler",
    code=lambda_.Code.from_inline("def handler(event, context): return {'statusCode': 200}"),
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_group_name="app"),
)
bucket.grant_read_write(handler)
rest_api = apigateway.RestApi(api, "Api")
documents = rest_api.root.add_resource("documents")
documents.add_method("GET", apigateway.LambdaIntegration(handler))
documents.add_method("POST", apigateway.LambdaIntegration(handler))
document = documents.add_resource("{id}")
document.add_method("GET", apigateway.LambdaIntegration(handler))
document.add_method("DELETE", apigateway.LambdaIntegration(handler))

finaliser = lambda_.Function(
    api,
    "Finaliser",
    runtime=lambda_.Runtime.PYTHON_3_14,
    handler="index.handler",
    code=lambda_.Code.from_inline("def handler(event, context): return None"),
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_group_name="app"),
)
bucket.grant_read(finaliser)
bucket.grant_delete(finaliser)
dead_letters = sqs.Queue(api, "DeadLetters")
finaliser.configure_async_invoke(on_failure=destinations.SqsDestination(dead_letters))
finalises = targets.LambdaFunction(finaliser, dead_letter_queue=dead_letters)
events.Rule(
    api,
    "Uploaded",
    event_pattern=events.EventPattern(source=["aws.s3"], detail_type=["Object Created"]),
    targets=[finalises],
)
events.Rule(api, "Sweep", schedule=events.Schedule.rate(cdk.Duration.minutes(5)), targets=[finalises])

audit = cdk.Stack(app, "audit", env=environment)
trail = cloudtrail.Trail(audit, "Trail", send_to_cloud_watch_logs=True)
events_log = trail.log_group
if events_log is None:
    raise TypeError("a trail that sends to CloudWatch Logs has a log group")


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8)


def _web_acl(name: str) -> cloudwatch.Metric:
    dimensions = {"WebACL": "api", "Region": "eu-central-1", "Rule": "ALL"}
    return cloudwatch.Metric(namespace="AWS/WAFV2", metric_name=name, dimensions_map=dimensions, statistic="Sum")


def _counted(namespace: str, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(namespace=namespace, metric_name=name, statistic="Sum")


functions = (handler, finaliser)
dashboard = cloudwatch.Dashboard(audit, "Dashboard")
dashboard.add_widgets(
    _graph("Requests", rest_api.metric_count(), rest_api.metric_client_error(), rest_api.metric_server_error()),
    _graph("Latency", rest_api.metric_latency(statistic="p50"), rest_api.metric_latency(statistic="p99")),
    _graph("Web ACL", _web_acl("AllowedRequests"), _web_acl("BlockedRequests")),
)
dashboard.add_widgets(
    _graph("Failures", *(f.metric_errors() for f in functions), *(f.metric_throttles() for f in functions)),
    _graph("Duration", *(f.metric_duration(statistic="p99") for f in functions)),
    _graph("At once", *(f.metric("ConcurrentExecutions", statistic="Maximum") for f in functions)),
)
dashboard.add_widgets(
    _graph("Processor", database.metric_cpu_utilization()),
    _graph("Storage", database.metric_free_storage_space()),
    _graph("Connections", database.metric_database_connections()),
)
dashboard.add_widgets(
    _graph("Uploads", _counted("Documents", "UploadStored"), _counted("Documents", "UploadRejected")),
    _graph("Audit", *(_counted("CIS", f"4.{number}") for number in range(1, 16))),
    cloudwatch.LogQueryWidget(
        title="Destructive calls",
        log_group_names=[events_log.log_group_name],
        query_lines=["fields @timestamp, eventName", "filter eventName like /^Delete/", "limit 50"],
        width=8,
    ),
)


def _save(stack: cdk.Stack, name: str, *groups: logs.ILogGroup) -> None:
    logs.QueryDefinition(
        stack,
        name,
        query_definition_name=f"plain/{name}",
        query_string=logs.QueryString(
            fields=["@timestamp", "@message"], filter_statements=["level = 'ERROR'"], sort="@timestamp desc", limit=50
        ),
        log_groups=list(groups),
    )


flow_log = logs.LogGroup.from_log_group_name(network, "FlowLogGroup", "flow-log")
_save(network, "RejectedFlows", flow_log)
postgresql_log = logs.LogGroup.from_log_group_name(data, "PostgresqlLog", "/aws/rds/instance/plain/postgresql")
for name in ("DatabaseErrors", "SlowStatements", "DatabaseSignIns"):
    _save(data, name, postgresql_log)
for name in ("Refused", "Slowest", "OneRequest", "RefusedTokens", "Errors", "Blocked", "NotStored", "History"):
    _save(api, name, handler.log_group, finaliser.log_group)
for name in ("Changes", "RefusedCalls", "OneObject", "OneIdentity", "SignIns"):
    _save(audit, name, events_log)

cdk.Validations.of(app).add_plugins(*rule_packs(app))
try:
    app.synth()
except RuntimeError as error:
    if "ValidationFailed" not in str(error):
        raise
