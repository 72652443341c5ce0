"""A function is encrypted and traced, writes its own log only, and leaves the network interfaces to Lambda."""

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from syrupy.assertion import SnapshotAssertion

from secure_backend import DataKey, EncryptedFunction, InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of

CODE = "def handler(event, context): ..."


def function(stack: cdk.Stack, id: str = "Function", **properties: Any) -> EncryptedFunction:  # noqa: A002 - CDK's word
    key = stack.node.try_find_child("Key") or DataKey(stack, "Key", description="Logs")
    properties.setdefault("key", key)
    return EncryptedFunction(
        stack,
        id,
        code=lambda_.Code.from_inline(CODE),
        handler="index.handler",
        description="Answers",
        **properties,
    )


def in_vpc(stack: cdk.Stack, id: str = "Function") -> EncryptedFunction:  # noqa: A002 - the CDK's own word
    vpc = ec2.Vpc(
        stack,
        f"{id}Vpc",
        availability_zones=["eu-central-1a", "eu-central-1b"],
        nat_gateways=0,
        restrict_default_security_group=False,
    )
    group = ec2.SecurityGroup(stack, f"{id}Group", vpc=vpc, allow_all_outbound=False)
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return function(stack, id, vpc=vpc, subnets=subnets, security_group=group)


def the(template: dict[str, Any], type_name: str) -> dict[str, Any]:
    (resource,) = resources_of(template, type_name).values()
    return resource


def test_a_function_at_its_defaults(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    function(stack)
    assert template_of(stack) == template_snapshot(name="defaults")


def test_environment_and_logs_are_encrypted_by_the_key_and_calls_are_traced(stack: cdk.Stack) -> None:
    function(stack, environment={"A": "b"})
    template = template_of(stack)
    made = the(template, "AWS::Lambda::Function")["Properties"]
    (key,) = resources_of(template, "AWS::KMS::Key")
    assert made["KmsKeyArn"] == {"Fn::GetAtt": [key, "Arn"]}
    assert made["TracingConfig"] == {"Mode": "Active"}
    assert made["Architectures"] == ["arm64"]
    assert the(template, "AWS::Logs::LogGroup")["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_the_log_group_is_the_functions_and_lambda_never_makes_another(stack: cdk.Stack) -> None:
    function(stack)
    template = template_of(stack)
    (group,) = resources_of(template, "AWS::Logs::LogGroup")
    assert the(template, "AWS::Lambda::Function")["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": group}


def test_the_role_may_write_its_own_log_and_traces_and_nothing_else(stack: cdk.Stack) -> None:
    function(stack)
    template = template_of(stack)
    assert "ManagedPolicyArns" not in the(template, "AWS::IAM::Role")["Properties"]
    statements = the(template, "AWS::IAM::Policy")["Properties"]["PolicyDocument"]["Statement"]
    (group,) = resources_of(template, "AWS::Logs::LogGroup")
    assert [(statement["Action"], statement["Resource"]) for statement in statements] == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": [group, "Arn"]}),
        (["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
    ]


def test_in_a_vpc_the_functions_own_code_may_not_touch_network_interfaces(stack: cdk.Stack) -> None:
    in_vpc(stack)
    template = template_of(stack)
    (statement,) = the(template, "AWS::IAM::ManagedPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (made,) = resources_of(template, "AWS::Lambda::Function")
    allowed = next(
        statement
        for statement in the(template, "AWS::IAM::Policy")["Properties"]["PolicyDocument"]["Statement"]
        if "ec2:CreateNetworkInterface" in statement["Action"]
    )
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": {"Fn::GetAtt": [made, "Arn"]}}}
    assert {action for action in allowed["Action"] if action.startswith("ec2:")} == set(statement["Action"])


def test_concurrency_is_not_reserved_because_a_fresh_account_has_none_to_give(stack: cdk.Stack) -> None:
    function(stack)
    assert "ReservedConcurrentExecutions" not in json.dumps(template_of(stack))


def test_two_functions_stand_in_one_stack(stack: cdk.Stack) -> None:
    in_vpc(stack, "One")
    in_vpc(stack, "Two")
    assert len(resources_of(template_of(stack), "AWS::Lambda::Function")) == 2


PARTITIONS = {"us-east-1": "aws", "eu-central-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}


@pytest.mark.parametrize("region", PARTITIONS)
def test_a_function_synthesizes_in_every_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    function(stack)
    assert set(re.findall(r"arn:(aws[a-z-]*):", json.dumps(template_of(stack)))) <= {PARTITIONS[region]}


def test_every_bad_property_is_told_at_once(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", availability_zones=["eu-central-1a", "eu-central-1b"], nat_gateways=0)
    with pytest.raises(InvalidPropertiesError) as error:
        function(stack, key="alias/mine", memory_mib=64, log_retention=365, vpc=vpc, reserved_concurrency=0)
    message = str(error.value)
    assert "EncryptedFunction 'Function' cannot be built, 5 problems" in message
    assert "EncryptedFunction.key: got 'alias/mine'; expected a Key object" in message
    assert "EncryptedFunction.reserved_concurrency: got 0; expected 1 to 1000; leave it out for no limit" in message
    assert "EncryptedFunction.memory_mib: got 64; expected 128 to 10240; leave it out for 256" in message
    assert "EncryptedFunction.log_retention: got 365; expected a bounded aws_logs.RetentionDays" in message
    assert "expected subnets and security_group beside it" in message


@pytest.mark.parametrize("timeout", [cdk.Duration.minutes(16), cdk.Duration.seconds(0), 30])
def test_a_timeout_that_lambda_does_not_offer_is_refused(stack: cdk.Stack, timeout: Any) -> None:
    with pytest.raises(InvalidPropertiesError) as refused:
        function(stack, timeout=timeout)
    assert "expected a Duration of 1 to 900 seconds; leave it out for 10 seconds" in str(refused.value)


def test_concurrency_is_reserved_only_where_it_is_asked_for(stack: cdk.Stack) -> None:
    function(stack, "Unlimited")
    function(stack, "Limited", reserved_concurrency=5)
    reserved = {
        logical_id.rstrip("0123456789ABCDEF"): resource["Properties"].get("ReservedConcurrentExecutions")
        for logical_id, resource in resources_of(template_of(stack), "AWS::Lambda::Function").items()
    }
    assert reserved == {"Unlimited": None, "Limited": 5}
