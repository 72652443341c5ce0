"""Both logs of a load balancer arrive in their bucket, in every region, and nobody else's do."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3

from secure_backend import AccessLogBucket, HardenedLoadBalancer
from tests.conftest import NewStack, resources_of, template_of
from tests.load_balancer.cases import certificate_in, load_balancer_in, template_with


def attributes_of(template: dict[str, Any]) -> dict[str, Any]:
    (load_balancer,) = resources_of(template, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    return {each["Key"]: each["Value"] for each in load_balancer["Properties"]["LoadBalancerAttributes"]}


def policies_of(template: dict[str, Any], bucket: object) -> list[dict[str, Any]]:
    return [
        each
        for each in resources_of(template, "AWS::S3::BucketPolicy").values()
        if each["Properties"]["Bucket"] == bucket
    ]


def delivery(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and "elasticloadbalancing" in str(statement["Principal"])
    ]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-5", "us-gov-west-1", "cn-north-1"])
def test_elastic_load_balancing_itself_may_write_the_logs_of_this_account_in_every_region(region: str) -> None:
    template = template_with(region)
    attributes = attributes_of(template)
    bucket = attributes["access_logs.s3.bucket"]
    (policy,) = policies_of(template, bucket)
    (statement,) = delivery(policy)
    assert statement["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert statement["Action"] == "s3:PutObject"
    assert "Condition" not in statement
    folders = [
        {
            "Fn::Join": [
                "",
                [
                    {"Fn::GetAtt": [bucket["Ref"], "Arn"]},
                    f"/{attributes[f'{log}.s3.prefix']}/AWSLogs/",
                    {"Ref": "AWS::AccountId"},
                    "/*",
                ],
            ]
        }
        for log in ("access_logs", "connection_logs")
    ]
    assert statement["Resource"] == folders


def test_requests_and_connections_are_logged_in_a_folder_each() -> None:
    attributes = attributes_of(template_with())
    assert attributes["access_logs.s3.enabled"] == attributes["connection_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == attributes["connection_logs.s3.bucket"]
    assert attributes["access_logs.s3.prefix"].endswith("/access")
    assert attributes["connection_logs.s3.prefix"].endswith("/connections")
    assert "AWSLogs" not in attributes["access_logs.s3.prefix"]


def test_the_load_balancer_waits_for_the_policy_that_its_test_file_needs() -> None:
    template = template_with()
    bucket = attributes_of(template)["access_logs.s3.bucket"]
    (policy,) = (
        name
        for name, each in resources_of(template, "AWS::S3::BucketPolicy").items()
        if each["Properties"]["Bucket"] == bucket
    )
    (load_balancer,) = resources_of(template, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    assert policy in load_balancer["DependsOn"]


def test_the_bucket_has_the_only_encryption_that_logs_are_delivered_to_and_is_retained() -> None:
    template = template_with()
    bucket = template["Resources"][attributes_of(template)["access_logs.s3.bucket"]["Ref"]]
    (default,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert default["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert "ObjectLockEnabled" not in bucket["Properties"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"


def test_who_reads_the_logs_is_logged_in_a_bucket_of_its_own() -> None:
    template = template_with()
    read = template["Resources"][attributes_of(template)["access_logs.s3.bucket"]["Ref"]]["Properties"]
    target = read["LoggingConfiguration"]["DestinationBucketName"]
    assert target != attributes_of(template)["access_logs.s3.bucket"]
    assert policies_of(template, target)


def test_logs_are_kept_as_long_as_asked() -> None:
    template = template_with(access_log_retention=cdk.Duration.days(30))
    bucket = template["Resources"][attributes_of(template)["access_logs.s3.bucket"]["Ref"]]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 30


def test_two_load_balancers_share_a_bucket_in_folders_of_their_own(stack: cdk.Stack) -> None:
    bucket = AccessLogBucket(stack, "Logs")
    load_balancer_in(stack, "One", access_logs=bucket)
    load_balancer_in(stack, "Two", access_logs=bucket)
    template = template_of(stack)
    (name,) = (each for each in resources_of(template, "AWS::S3::Bucket") if each.startswith("Logs"))
    (policy,) = policies_of(template, {"Ref": name})
    first, second = delivery(policy)
    assert first["Sid"] != second["Sid"]
    assert not {str(each) for each in first["Resource"]} & {str(each) for each in second["Resource"]}


def test_a_bucket_of_another_stack_of_the_app_is_let_in_without_a_cycle(new_stack: NewStack) -> None:
    logs, edge = new_stack("logs"), new_stack("edge")
    load_balancer_in(edge, access_logs=AccessLogBucket(logs, "Logs"))
    (policy,) = (each for each in resources_of(template_of(logs), "AWS::S3::BucketPolicy").values() if delivery(each))
    assert "edge" in str(delivery(policy)[0]["Resource"])
    assert "Fn::ImportValue" not in str(policy)


def test_an_imported_buckets_missing_statement_is_told(stack: cdk.Stack) -> None:
    load_balancer_in(stack, access_logs=s3.Bucket.from_bucket_name(stack, "Theirs", "their-logs"))
    told = assertions.Annotations.from_stack(stack).find_warning(
        "*", assertions.Match.string_like_regexp("logdelivery.elasticloadbalancing.amazonaws.com")
    )
    assert len(told) == 1
    assert "their-logs" in str(told[0].entry.data)


def test_a_stack_that_learns_its_region_at_deployment_can_log_too() -> None:
    """The accounts that older regions name would have to be looked up by region."""
    stack = cdk.Stack(cdk.App(builtin_cloud_formation_validation=False, analytics_reporting=False), "anywhere")
    HardenedLoadBalancer(
        stack,
        "LoadBalancer",
        vpc=ec2.Vpc(stack, "Vpc", max_azs=2),
        subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        certificate=certificate_in(stack),
        jwt=None,
    )
    (policy,) = (each for each in resources_of(template_of(stack), "AWS::S3::BucketPolicy").values() if delivery(each))
    assert delivery(policy)[0]["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
