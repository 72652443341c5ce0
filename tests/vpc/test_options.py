"""What SecureVpc refuses: every bad input by a message that names the property, the value and the way out."""

import ipaddress
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.secure_vpc import SecureVpc
from secure_backend.validation import InvalidPropertiesError, Validation
from secure_backend.vpc.zones import check_cidr, check_zones, zone_slots
from tests.conftest import NewStack
from tests.test_secure_vpc import new_vpc

TOKEN = cdk.Aws.ACCOUNT_ID
A, B = "eu-central-1a", "eu-central-1b"

BAD: list[tuple[dict[str, Any], str]] = [
    ({"cidr": "10.20.0.1/16"}, "cidr: got '10.20.0.1/16'; expected an IPv4 range without host bits"),
    ({"cidr": "10.0.0.0/8"}, "cidr: got '10.0.0.0/8'; expected a range from /16 to /24"),
    ({"cidr": "10.0.0.0/25"}, "cidr: got '10.0.0.0/25'; expected a range from /16 to /24"),
    ({"cidr": "10.0.0.0"}, "cidr: got '10.0.0.0'; expected a range from /16 to /24"),
    ({"cidr": "8.8.0.0/16"}, "cidr: got '8.8.0.0/16'; expected a private range"),
    ({"cidr": "172.32.0.0/16"}, "cidr: got '172.32.0.0/16'; expected a private range"),
    ({"cidr": "fd00::/64"}, "cidr: got 'fd00::/64'; expected a literal IPv4 range"),
    ({"cidr": TOKEN}, "cidr: got a token (a value known only at deployment); expected a literal IPv4 range"),
    ({"cidr": None}, "cidr: got None; expected a literal IPv4 range"),
    (
        {"cidr": "10.0.0.0/24", "zones": [f"eu-central-1{zone}" for zone in "abcdef"]},
        "cidr: got '10.0.0.0/24'; expected room for 3 tiers in 6 zones: need 288 addresses, have 256",
    ),
    ({"zones": [A]}, "zones: got ['eu-central-1a']; expected 2 to 6 zones"),
    ({"zones": []}, "zones: got []; expected 2 to 6 zones"),
    ({"zones": [f"eu-central-1{zone}" for zone in "abcdefg"]}, "expected 2 to 6 zones"),
    ({"zones": "eu-central-1a"}, "zones: got 'eu-central-1a'; expected a list of zone names"),
    ({"zones": [A, "us-east-1a"]}, "zones: got 'us-east-1a'; expected a zone of the stack's region, eu-central-1"),
    ({"zones": [A, "dummy1a"]}, "zones: got 'dummy1a'; expected a zone of the stack's region, eu-central-1"),
    ({"zones": [A, "eu-central-1-ham-1a"]}, "zones: got 'eu-central-1-ham-1a'; expected a zone of the stack's region"),
    ({"zones": [A, A]}, "zones: got 'eu-central-1a'; expected each zone once"),
    ({"zones": [A, TOKEN]}, "zones: got a token (a value known only at deployment); expected a literal zone name"),
    ({"zones": [A, 1]}, "zones: got 1; expected a literal zone name"),
    ({"egress": "internet"}, "egress: got 'internet'; expected one of none, nat, regional-nat"),
    ({"nat_gateways": 1}, 'nat_gateways: got 1; expected none without egress="nat"'),
    ({"nat_gateways": 1, "egress": "regional-nat"}, 'nat_gateways: got 1; expected none without egress="nat"'),
    ({"nat_gateways": 3, "egress": "nat"}, "nat_gateways: got 3; expected 1 to 2"),
    ({"nat_gateways": 0, "egress": "nat"}, "nat_gateways: got 0; expected 1 to 2"),
    ({"nat_gateways": True, "egress": "nat"}, "nat_gateways: got True; expected a whole number from 1 to 2"),
    ({"public_subnets": "false"}, "public_subnets: got 'false'; expected True or False"),
    ({"dynamodb_endpoint": "false"}, "dynamodb_endpoint: got 'false'; expected True or False"),
    ({"instance_connect": 1}, "instance_connect: got 1; expected True or False"),
    ({"dns_query_logs": "yes"}, "dns_query_logs: got 'yes'; expected True or False"),
    ({"key": "alias/mine"}, "key: got 'alias/mine'; expected a Key object"),
    ({"flow_logs": "kinesis"}, "flow_logs: got 'kinesis'; expected one of log-group, s3"),
    ({"flow_log_retention": 365}, "flow_log_retention: got 365; expected a bounded aws_logs.RetentionDays"),
    ({"flow_log_retention": logs.RetentionDays.INFINITE}, "expected a bounded aws_logs.RetentionDays"),
    ({"flow_log_bucket": "b", "flow_logs": "s3"}, "flow_log_bucket: got 'b'; expected a Bucket object"),
    ({"interface_endpoints": "logs"}, "interface_endpoints: got 'logs'; expected a list of service names"),
    ({"interface_endpoints": ["s3"]}, "interface_endpoints: got 's3'; expected a service without a gateway endpoint"),
    ({"interface_endpoints": ["dynamodb"]}, "expected a service without a gateway endpoint"),
    ({"interface_endpoints": ["com.amazonaws.eu-central-1.logs"]}, "expected a service's short name"),
    ({"interface_endpoints": ["cn.com.amazonaws.cn-north-1.sts"]}, "expected a service's short name"),
    ({"interface_endpoints": [TOKEN]}, "expected a service's short name"),
    ({"interface_endpoints": ["logs", "logs"]}, "interface_endpoints: got 'logs'; expected each service once"),
    ({"interface_endpoint_zones": {"logs": [A]}}, "got 'logs'; expected a service of interface_endpoints"),
    ({"interface_endpoint_zones": [A]}, "interface_endpoint_zones: got ['eu-central-1a']; expected zones by service"),
    (
        {"interface_endpoints": ["logs"], "interface_endpoint_zones": {"logs": ["eu-central-1c"]}},
        "interface_endpoint_zones: got ['eu-central-1c']; expected some of eu-central-1a, eu-central-1b",
    ),
    ({"interface_endpoints": ["logs"], "interface_endpoint_zones": {"logs": []}}, "got []; expected some of"),
    ({"interface_endpoints": ["logs"], "interface_endpoint_zones": {"logs": A}}, "expected some of eu-central-1a"),
    ({"organization_id": "123456789012"}, "organization_id: got '123456789012'; expected the id of an AWS Organizat"),
    ({"database_port": 1149}, "database_port: got 1149; expected 1150 to 65535"),
    ({"database_port": 65536}, "database_port: got 65536; expected 1150 to 65535"),
    ({"database_port": "5433"}, "database_port: got '5433'; expected a whole number from 1150 to 65535"),
    ({"s3_prefix_list": "com.amazonaws.eu-central-1.s3"}, "s3_prefix_list: got 'com.amazonaws.eu-central-1.s3'"),
    (
        {"dynamodb_prefix_list": "pl-1", "dynamodb_endpoint": True},
        "Name=prefix-list-name,Values=com.amazonaws.eu-central-1.dynamodb",
    ),
    ({"block_public_access": "off"}, "expected one of block-bidirectional, block-ingress"),
    (
        {"block_public_access": "block-bidirectional", "egress": "nat"},
        "block_public_access: got 'block-bidirectional'; expected no egress and no public subnets beside it",
    ),
    (
        {"block_public_access": "block-ingress", "public_subnets": True},
        "block_public_access: got 'block-ingress'; expected no public subnets asked for beside it",
    ),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[str(sorted(options)) for options, _ in BAD])
def test_a_bad_input_is_told_in_the_callers_words(stack: cdk.Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPropertiesError) as refusal:
        new_vpc(stack, **options)
    assert "SecureVpc." in str(refusal.value)
    assert message in str(refusal.value)


def test_a_bucket_without_flow_logs_to_it_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match=r'flow_log_bucket: .*; expected none without flow_logs="s3"'):
        new_vpc(stack, flow_log_bucket=s3.Bucket(stack, "Mine"))


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_a_region_without_a_known_prefix_list_is_told_the_command_that_finds_it(
    new_stack: NewStack, region: str
) -> None:
    stack = new_stack(region=region)
    with pytest.raises(InvalidPropertiesError) as refusal:
        SecureVpc(stack, "Vpc", cidr="10.0.0.0/16", zones=[f"{region}a", f"{region}b"], dynamodb_endpoint=True)
    for service in ("s3", "dynamodb"):
        assert f"SecureVpc.{service}_prefix_list: got None; expected an id" in str(refusal.value)
        assert (
            f"aws ec2 describe-managed-prefix-lists --region {region} "
            f"--filters Name=prefix-list-name,Values=com.amazonaws.{region}.{service}" in str(refusal.value)
        )


def test_a_stack_without_a_region_is_refused(app: cdk.App) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"SecureVpc.scope: got 'nowhere'; expected a stack with a region"):
        SecureVpc(cdk.Stack(app, "nowhere"), "Vpc", cidr="10.0.0.0/16", zones=[A, B])


def test_all_problems_are_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="SecureVpc 'Vpc' cannot be built, 4 problems:"):
        new_vpc(stack, cidr="8.8.8.0/24", zones=[A], egress="all", database_port=80)


@given(length=st.integers(16, 24), zones=st.integers(2, 5), index=st.integers(0, 255))
@settings(max_examples=50)
def test_every_private_range_from_16_to_24_holds_three_tiers_of_five_zones(length: int, zones: int, index: int) -> None:
    cidr = f"10.{index}.0.0/{length}"
    check = Validation(object(), "Vpc")
    mask = check_cidr(check, cidr, zones)
    check.raise_problems()
    assert length < mask <= 28
    subnets = list(ipaddress.ip_network(cidr).subnets(new_prefix=mask))
    assert len(subnets) >= 3 * zone_slots(zones)


@given(text=st.one_of(st.text(max_size=20), st.from_regex(r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}", fullmatch=True)))
@settings(max_examples=50)
def test_no_text_is_taken_for_a_range_that_aws_would_refuse(text: str) -> None:
    check = Validation(object(), "Vpc")
    mask = check_cidr(check, text, 2)
    try:
        check.raise_problems()
    except InvalidPropertiesError:
        assert mask == 0
    else:
        network = ipaddress.IPv4Network(text)
        assert network.is_private or network.subnet_of(ipaddress.IPv4Network("100.64.0.0/10"))
        assert 16 <= network.prefixlen <= 24


@given(letters=st.lists(st.sampled_from("abcdef"), min_size=0, max_size=8))
@settings(max_examples=50)
def test_zones_pass_exactly_when_they_are_two_to_six_and_distinct(letters: list[str]) -> None:
    check = Validation(object(), "Vpc")
    check_zones(check, [f"us-east-1{letter}" for letter in letters], "us-east-1")
    if 2 <= len(letters) <= 6 and len(set(letters)) == len(letters):
        check.raise_problems()
    else:
        with pytest.raises(InvalidPropertiesError):
            check.raise_problems()
