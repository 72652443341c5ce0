"""The peer: the same parts from aws-cdk-lib's L2 constructs as they come, with the same six packs.

A three-tier VPC with flow logs, a bucket with a customer key, a PostgreSQL, a REST API with a function, another for
uploads with its dead letters, and a trail: what a team writes in an afternoon. The packs find nearly two hundred faults
in it.
"""

import node  # noqa: F401 - first: names the Node of the requirements to jsii

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
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
cloudtrail.Trail(audit, "Trail", send_to_cloud_watch_logs=True)

cdk.Validations.of(app).add_plugins(*rule_packs(app))
try:
    app.synth()
except RuntimeError as error:
    if "ValidationFailed" not in str(error):
        raise
