"""SecureVpc's tiers, ways out and logs at its defaults and with its options, read from the template."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from syrupy.assertion import SnapshotAssertion

from secure_backend.secure_vpc import SecureVpc
from secure_backend.vpc.zones import zone_context
from tests.conftest import FLAGS, NewStack, resources_of, template_of

REGIONS = ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"]
EVERYTHING: dict[str, Any] = {
    "egress": "nat",
    "interface_endpoints": ["secretsmanager", "ecr.api"],
    "dynamodb_endpoint": True,
    "instance_connect": True,
    "dns_query_logs": True,
    "block_public_access": "block-ingress",
}


def new_vpc(stack: cdk.Stack, id: str = "Vpc", **options: Any) -> SecureVpc:  # noqa: A002 - the CDK's own word
    """Build a VPC of two zones; a region without a known prefix list gets a made-up one."""
    defaults: dict[str, Any] = {
        "cidr": "10.20.0.0/16",
        "zones": [f"{stack.region}a", f"{stack.region}b"],
        "s3_prefix_list": "pl-12345678" if stack.region in {"us-gov-west-1", "cn-north-1"} else None,
        "dynamodb_prefix_list": "pl-12345678" if stack.region in {"us-gov-west-1", "cn-north-1"} else None,
    }
    return SecureVpc(stack, id, **{**defaults, **options})


def built(region: str = "eu-central-1", **options: Any) -> dict[str, Any]:
    """Return the template of a stack that holds one VPC."""
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region=region))
    new_vpc(stack, **options)
    return template_of(stack)


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    return built()


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    return built(**EVERYTHING)


def types(template: dict[str, Any]) -> Counter[str]:
    return Counter(resource["Type"] for resource in template["Resources"].values())


def ranges(template: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return range and zone by the subnet's logical id."""
    return {
        name: (subnet["Properties"]["CidrBlock"], subnet["Properties"]["AvailabilityZone"])
        for name, subnet in resources_of(template, "AWS::EC2::Subnet").items()
    }


def test_the_defaults_are_as_reviewed(defaults: dict[str, Any], template_snapshot: SnapshotAssertion) -> None:
    assert defaults == template_snapshot(name="defaults")


def test_there_is_an_app_and_a_data_tier_in_each_zone_and_no_other(defaults: dict[str, Any]) -> None:
    assert list(ranges(defaults).values()) == [
        ("10.20.0.0/20", "eu-central-1a"),
        ("10.20.16.0/20", "eu-central-1b"),
        ("10.20.80.0/20", "eu-central-1a"),
        ("10.20.96.0/20", "eu-central-1b"),
    ]


def test_nothing_leads_out_by_default(defaults: dict[str, Any]) -> None:
    forbidden = {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::Route"}
    assert forbidden.isdisjoint(types(defaults))


@pytest.mark.parametrize("options", [{}, {"egress": "nat"}, {"public_subnets": True}])
def test_no_subnet_maps_public_addresses(options: dict[str, Any]) -> None:
    for subnet in resources_of(built(**options), "AWS::EC2::Subnet").values():
        assert subnet["Properties"]["MapPublicIpOnLaunch"] is False


def test_a_nat_gateway_stands_in_each_zone_and_serves_the_app_tier_only() -> None:
    template = built(egress="nat")
    assert types(template)["AWS::EC2::NatGateway"] == 2
    routes = resources_of(template, "AWS::EC2::Route")
    nat = [r["Properties"]["RouteTableId"]["Ref"] for r in routes.values() if "NatGatewayId" in r["Properties"]]
    assert len(nat) == 2
    assert all("AppSubnet" in table for table in nat)
    internet = [r["Properties"]["RouteTableId"]["Ref"] for r in routes.values() if "GatewayId" in r["Properties"]]
    assert all("PublicSubnet" in table for table in internet)


def test_fewer_nat_gateways_are_possible_by_saying_so() -> None:
    assert types(built(egress="nat", nat_gateways=1))["AWS::EC2::NatGateway"] == 1


def test_a_regional_nat_gateway_needs_no_public_subnet() -> None:
    template = built(egress="regional-nat")
    (gateway,) = resources_of(template, "AWS::EC2::NatGateway").values()
    assert gateway["Properties"]["AvailabilityMode"] == "regional"
    assert not any("Public" in name for name in ranges(template))


def test_a_regional_nat_gateway_waits_until_the_internet_gateway_is_attached() -> None:
    template = built(egress="regional-nat")
    (gateway,) = resources_of(template, "AWS::EC2::NatGateway").values()
    assert set(resources_of(template, "AWS::EC2::VPCGatewayAttachment")) <= set(gateway["DependsOn"])


def test_the_public_tier_has_the_only_routes_to_the_internet() -> None:
    template = built(public_subnets=True)
    assert types(template)["AWS::EC2::NatGateway"] == 0
    tables = [r["Properties"]["RouteTableId"]["Ref"] for r in resources_of(template, "AWS::EC2::Route").values()]
    assert len(tables) == 2
    assert all("PublicSubnet" in table for table in tables)


@pytest.mark.parametrize(
    "options",
    [
        {"zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"]},
        {"public_subnets": True},
        {"egress": "nat"},
        {"egress": "regional-nat"},
    ],
)
def test_growth_moves_no_existing_subnet(defaults: dict[str, Any], options: dict[str, Any]) -> None:
    grown = ranges(built(**options))
    assert ranges(defaults).items() <= grown.items()


def test_zones_are_the_given_ones_and_never_looked_up(defaults: dict[str, Any]) -> None:
    assert "Fn::GetAZs" not in str(defaults)
    assert "dummy" not in str(defaults)


def test_an_app_with_account_and_region_needs_no_lookup_when_it_has_the_zones_in_its_context() -> None:
    zones = ["us-east-1a", "us-east-1b"]
    context = {**FLAGS, **zone_context("123456789012", "us-east-1", zones)}
    app = cdk.App(context=context, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(account="123456789012", region="us-east-1"))
    new_vpc(stack)
    assert "missing" not in json.loads(Path(app.synth().directory, "manifest.json").read_text())


def test_the_default_security_group_is_emptied_once_for_each_vpc(defaults: dict[str, Any]) -> None:
    (custom,) = resources_of(defaults, "Custom::VpcRestrictDefaultSG").values()
    (vpc,) = resources_of(defaults, "AWS::EC2::VPC")
    assert custom["Properties"]["DefaultSecurityGroupId"] == {"Fn::GetAtt": [vpc, "DefaultSecurityGroup"]}


def test_the_default_security_group_is_emptied_whatever_the_apps_feature_flags() -> None:
    app = cdk.App(builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    new_vpc(stack)
    assert len(resources_of(template_of(stack), "Custom::VpcRestrictDefaultSG")) == 1


def test_the_emptying_function_logs_to_an_encrypted_retained_group(defaults: dict[str, Any]) -> None:
    (function,) = resources_of(defaults, "AWS::Lambda::Function").values()
    group = defaults["Resources"][function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["Properties"]["RetentionInDays"] == 365
    assert "KmsKeyId" in group["Properties"]


def test_every_log_group_is_encrypted_retained_and_without_a_fixed_name(everything: dict[str, Any]) -> None:
    groups = resources_of(everything, "AWS::Logs::LogGroup")
    assert len(groups) == 3
    for group in groups.values():
        assert group["Properties"]["KmsKeyId"]["Fn::GetAtt"][1] == "Arn"
        assert group["Properties"]["RetentionInDays"] == 365
        assert group["Properties"]["DeletionProtectionEnabled"] is True
        assert "LogGroupName" not in group["Properties"]
        assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert "Custom::LogRetention" not in types(everything)
    assert "AWS::Logs::ResourcePolicy" not in types(everything)


def test_the_key_lets_the_log_service_in_for_this_stacks_groups_only(defaults: dict[str, Any]) -> None:
    (key,) = resources_of(defaults, "AWS::KMS::Key").values()
    root, logs = key["Properties"]["KeyPolicy"]["Statement"]
    assert root["Action"] == "kms:*"
    assert "logs.eu-central-1." in str(logs["Principal"])
    assert ":log-group:stack-*" in str(logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"])


def test_a_key_of_the_callers_is_used_for_every_log(stack: cdk.Stack) -> None:
    key = cdk.aws_kms.Key(stack, "Mine")
    new_vpc(stack, key=key, dns_query_logs=True)
    template = template_of(stack)
    (mine,) = resources_of(template, "AWS::KMS::Key")
    keys = [g["Properties"]["KmsKeyId"] for g in resources_of(template, "AWS::Logs::LogGroup").values()]
    assert keys == [{"Fn::GetAtt": [mine, "Arn"]}] * 3


def test_dns_queries_are_logged_only_by_asking(defaults: dict[str, Any], everything: dict[str, Any]) -> None:
    config = "AWS::Route53Resolver::ResolverQueryLoggingConfig"
    assert types(defaults)[config] == 0
    (made,) = resources_of(everything, config).values()
    assert (
        everything["Resources"][made["Properties"]["DestinationArn"]["Fn::GetAtt"][0]]["Type"] == "AWS::Logs::LogGroup"
    )
    (association,) = resources_of(everything, f"{config}Association").values()
    assert association["Properties"]["ResourceId"] == {"Ref": next(iter(resources_of(everything, "AWS::EC2::VPC")))}


def test_public_access_is_blocked_for_the_account_only_by_asking(
    defaults: dict[str, Any], everything: dict[str, Any]
) -> None:
    options = "AWS::EC2::VPCBlockPublicAccessOptions"
    assert types(defaults)[options] == 0
    (made,) = resources_of(everything, options).values()
    assert made["Properties"] == {"InternetGatewayBlockMode": "block-ingress"}


def test_two_in_one_stack_do_not_clash(stack: cdk.Stack) -> None:
    first = new_vpc(stack, "First", **EVERYTHING)
    options = {**EVERYTHING, "block_public_access": None}
    second = new_vpc(stack, "Second", cidr="10.30.0.0/16", flow_logs="s3", **options)
    template = template_of(stack)
    assert types(template)["AWS::EC2::VPC"] == 2
    assert types(template)["Custom::VpcRestrictDefaultSG"] == 2
    assert types(template)["AWS::Lambda::Function"] == 1
    assert first.vpc is not second.vpc


@pytest.mark.parametrize("region", REGIONS)
def test_it_is_built_in_every_partition(region: str) -> None:
    template = built(region, **EVERYTHING)
    partition = {"us-gov-west-1": "arn:aws-us-gov:", "cn-north-1": "arn:aws-cn:"}.get(region, "arn:aws:")
    text = str(template)
    assert text.count("arn:") == text.count(partition) + text.count("arn:${AWS::Partition}:")
    assert {zone for _, zone in ranges(template).values()} == {f"{region}a", f"{region}b"}


def test_the_tiers_are_given_as_selections_and_the_public_one_only_when_it_exists(new_stack: NewStack) -> None:
    closed = new_vpc(new_stack("closed"))
    open_ = new_vpc(new_stack("open"), public_subnets=True)
    assert closed.public_subnets is None
    assert closed.zones == ["eu-central-1a", "eu-central-1b"]
    for vpc, selection, tier in (
        (closed, closed.app_subnets, "App"),
        (closed, closed.data_subnets, "Data"),
        (open_, open_.public_subnets, "Public"),
    ):
        assert isinstance(selection, ec2.SubnetSelection)
        chosen = vpc.vpc.select_subnets(subnet_group_name=selection.subnet_group_name).subnets
        assert [s.node.id for s in chosen] == [f"{tier}Subnet1", f"{tier}Subnet2"]
