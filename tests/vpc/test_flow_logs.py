"""Flow logs: everything is recorded, and what is recorded really arrives."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from secure_backend.vpc.flow_logs import retention_duration
from tests.conftest import NewStack, resources_of, template_of
from tests.test_secure_vpc import built, new_vpc

DELIVERY = {"Service": "delivery.logs.amazonaws.com"}


@pytest.fixture(scope="module")
def to_group() -> dict[str, Any]:
    return built()


@pytest.fixture(scope="module")
def to_bucket() -> dict[str, Any]:
    return built(flow_logs="s3")


def flow_log(template: dict[str, Any]) -> dict[str, Any]:
    (made,) = resources_of(template, "AWS::EC2::FlowLog").values()
    return made


def policy_of(template: dict[str, Any], bucket: str) -> tuple[str, list[dict[str, Any]]]:
    for name, policy in resources_of(template, "AWS::S3::BucketPolicy").items():
        if policy["Properties"]["Bucket"] == {"Ref": bucket}:
            return name, policy["Properties"]["PolicyDocument"]["Statement"]
    raise AssertionError(f"{bucket} has no policy")


@pytest.mark.parametrize("template", ["to_group", "to_bucket"])
def test_all_traffic_of_the_vpc_is_recorded(template: str, request: pytest.FixtureRequest) -> None:
    built_template = request.getfixturevalue(template)
    properties = flow_log(built_template)["Properties"]
    (vpc,) = resources_of(built_template, "AWS::EC2::VPC")
    assert (properties["TrafficType"], properties["ResourceType"]) == ("ALL", "VPC")
    assert properties["ResourceId"] == {"Ref": vpc}


def test_the_role_is_for_this_accounts_flow_logs_only(to_group: dict[str, Any]) -> None:
    role = to_group["Resources"][flow_log(to_group)["Properties"]["DeliverLogsPermissionArn"]["Fn::GetAtt"][0]]
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert str(trust["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":vpc-flow-log/*']]}")


def test_the_role_may_write_to_its_log_group_and_nothing_else(to_group: dict[str, Any]) -> None:
    (policy,) = resources_of(to_group, "AWS::IAM::ManagedPolicy").values()
    group = flow_log(to_group)["Properties"]["LogGroupName"]["Ref"]
    assert policy["Properties"]["PolicyDocument"]["Statement"] == [
        {
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [group, "Arn"]},
        }
    ]


def test_the_flow_log_waits_for_the_roles_policy(to_group: dict[str, Any]) -> None:
    assert set(flow_log(to_group)["DependsOn"]) == set(resources_of(to_group, "AWS::IAM::ManagedPolicy"))


def test_the_retention_is_the_callers() -> None:
    template = built(flow_log_retention=logs.RetentionDays.TWO_YEARS)
    group = template["Resources"][flow_log(template)["Properties"]["LogGroupName"]["Ref"]]
    assert group["Properties"]["RetentionInDays"] == 731


def test_records_in_a_bucket_are_parquet_in_partitions_by_exactly_the_keys_that_cloudformation_knows(
    to_bucket: dict[str, Any],
) -> None:
    properties = flow_log(to_bucket)["Properties"]
    assert properties["LogDestinationType"] == "s3"
    assert properties["DestinationOptions"] == {
        "FileFormat": "parquet",
        "HiveCompatiblePartitions": True,
        "PerHourPartition": True,
    }


def test_the_flow_log_waits_for_the_buckets_one_policy(to_bucket: dict[str, Any]) -> None:
    bucket = flow_log(to_bucket)["Properties"]["LogDestination"]["Fn::GetAtt"][0]
    name, _ = policy_of(to_bucket, bucket)
    assert name in flow_log(to_bucket)["DependsOn"]


def test_the_bucket_lets_log_delivery_write_where_it_writes_and_for_this_account_only(
    to_bucket: dict[str, Any],
) -> None:
    bucket = flow_log(to_bucket)["Properties"]["LogDestination"]["Fn::GetAtt"][0]
    _, statements = policy_of(to_bucket, bucket)
    write, check = [s for s in statements if s["Effect"] == "Allow" and s["Principal"] == DELIVERY]
    assert write["Action"] == "s3:PutObject"
    assert write["Resource"]["Fn::Join"][1][1:] == ["/AWSLogs/aws-account-id=", {"Ref": "AWS::AccountId"}, "/*"]
    assert write["Condition"]["StringEquals"]["s3:x-amz-acl"] == "bucket-owner-full-control"
    assert check["Action"] == ["s3:GetBucketAcl", "s3:ListBucket"]
    for statement in (write, check):
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
        assert "aws:SourceArn" in statement["Condition"]["ArnLike"]


@pytest.mark.parametrize("branch", ["made here", "caller's key", "caller's bucket"])
def test_the_key_lets_log_delivery_encrypt_in_every_branch(stack: cdk.Stack, branch: str) -> None:
    options: dict[str, Any] = {"flow_logs": "s3"}
    if branch == "caller's key":
        options["key"] = kms.Key(stack, "Mine")
    if branch == "caller's bucket":
        options["flow_log_bucket"] = s3.Bucket(stack, "Mine", encryption=s3.BucketEncryption.KMS)
    new_vpc(stack, **options)
    template = template_of(stack)
    bucket = template["Resources"][flow_log(template)["Properties"]["LogDestination"]["Fn::GetAtt"][0]]
    (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    key = template["Resources"][rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"][0]]
    statements = [s for s in key["Properties"]["KeyPolicy"]["Statement"] if s["Principal"] == DELIVERY]
    assert len(statements) == 1
    assert {"kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*"} == set(
        statements[0]["Action"]
    )


def test_a_bucket_made_here_is_closed_and_expires_records_after_the_retention() -> None:
    template = built(flow_logs="s3", flow_log_retention=logs.RetentionDays.SIX_MONTHS)
    bucket = template["Resources"][flow_log(template)["Properties"]["LogDestination"]["Fn::GetAtt"][0]]
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert [rule.get("ExpirationInDays") for rule in properties["LifecycleConfiguration"]["Rules"]] == [180]
    assert bucket["DeletionPolicy"].startswith("Retain")
    assert bucket["UpdateReplacePolicy"] == "Retain"


def test_one_bucket_serves_one_flow_log_and_no_other_producer_of_logs(stack: cdk.Stack) -> None:
    first = new_vpc(stack, "First", flow_logs="s3")
    second = new_vpc(stack, "Second", flow_logs="s3", cidr="10.30.0.0/16")
    assert first.flow_log_bucket is not second.flow_log_bucket
    destinations = [
        str(log["Properties"]["LogDestination"])
        for log in resources_of(template_of(stack), "AWS::EC2::FlowLog").values()
    ]
    assert len(set(destinations)) == 2


def test_an_imported_buckets_owner_is_told_the_statements(new_stack: NewStack) -> None:
    stack = new_stack()
    new_vpc(stack, flow_logs="s3", flow_log_bucket=s3.Bucket.from_bucket_name(stack, "Theirs", "central-flow-logs"))
    warnings = assertions.Annotations.from_stack(stack).find_warning(
        "*", assertions.Match.string_like_regexp("imported bucket stack/Theirs must carry .*AWSLogDeliveryWrite")
    )
    assert len(warnings) == 1


def test_the_place_of_the_logs_is_at_hand(new_stack: NewStack) -> None:
    group, bucket = new_vpc(new_stack("group")), new_vpc(new_stack("bucket"), flow_logs="s3")
    assert group.flow_log_group is not None
    assert group.flow_log_bucket is None
    assert bucket.flow_log_bucket is not None
    assert bucket.flow_log_group is None


def test_every_retention_of_cloudwatch_logs_is_also_one_for_objects(stack: cdk.Stack) -> None:
    offered = [retention for retention in logs.RetentionDays if retention is not logs.RetentionDays.INFINITE]
    for retention in offered:
        logs.LogGroup(stack, retention.name, retention=retention)
    groups = resources_of(template_of(stack), "AWS::Logs::LogGroup").values()
    days = [retention_duration(retention).to_days() for retention in offered]
    assert days == [group["Properties"]["RetentionInDays"] for group in groups]
