"""Security groups: closed until a way is opened by name, each rule described, each in its owner's stack."""

import re
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from secure_backend.validation import InvalidPropertiesError
from secure_backend.vpc.prefix_lists import PREFIX_LISTS
from tests.conftest import NewStack, resources_of, template_of
from tests.test_secure_vpc import EVERYTHING, new_vpc

NOWHERE = {
    "CidrIp": "127.0.0.1/32",
    "Description": "Nowhere: without a rule EC2 would allow every way out",
    "FromPort": 252,
    "IpProtocol": "icmp",
    "ToPort": 86,
}
# What EC2 accepts in descriptions of groups and rules.
PLAIN = re.compile(r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{3,255}")


def rules(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every rule, in a group or of its own."""
    for group in resources_of(template, "AWS::EC2::SecurityGroup").values():
        yield from group["Properties"].get("SecurityGroupIngress", [])
        yield from group["Properties"].get("SecurityGroupEgress", [])
    for kind in ("Ingress", "Egress"):
        yield from (r["Properties"] for r in resources_of(template, f"AWS::EC2::SecurityGroup{kind}").values())


def test_a_new_group_leads_nowhere(stack: cdk.Stack) -> None:
    new_vpc(stack).security_group(stack, "Handler", description="The handler")
    (group,) = resources_of(template_of(stack), "AWS::EC2::SecurityGroup").values()
    assert group["Properties"]["SecurityGroupEgress"] == [NOWHERE]
    assert "SecurityGroupIngress" not in group["Properties"]
    assert group["Properties"]["GroupDescription"] == "The handler"


def test_a_group_stays_closed_when_its_rules_are_resources_of_their_own(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack)
    client = vpc.security_group(stack, "Client", description="The client")
    vpc.allow_s3(client)
    server = vpc.security_group(stack, "Server", description="The server")
    client.connections.allow_to(server, ec2.Port.tcp(5433), "PostgreSQL")
    for group in resources_of(template_of(stack), "AWS::EC2::SecurityGroup").values():
        assert group["Properties"]["SecurityGroupEgress"] == [NOWHERE]


def test_s3_is_reached_by_the_prefix_list_of_the_region_and_by_https_only(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack)
    vpc.allow_s3(vpc.security_group(stack, "Handler", description="The handler"))
    (rule,) = resources_of(template_of(stack), "AWS::EC2::SecurityGroupEgress").values()
    del rule["Properties"]["GroupId"]
    assert rule["Properties"] == {
        "Description": "HTTPS to S3 of this region",
        "DestinationPrefixListId": "pl-6ea54007",
        "FromPort": 443,
        "IpProtocol": "tcp",
        "ToPort": 443,
    }


def test_a_prefix_list_of_the_callers_comes_before_the_known_one(stack: cdk.Stack) -> None:
    assert new_vpc(stack, s3_prefix_list="pl-0123456789abcdef0").s3_prefix_list == "pl-0123456789abcdef0"


def test_dynamodb_is_reached_by_its_own_prefix_list(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack, dynamodb_endpoint=True)
    vpc.allow_dynamodb(vpc.security_group(stack, "Handler", description="The handler"))
    destinations = [rule.get("DestinationPrefixListId") for rule in rules(template_of(stack))]
    assert destinations == [None, "pl-66a5400f"]


def test_a_group_stands_in_the_stack_of_its_carrier(new_stack: NewStack) -> None:
    network, api = new_stack("network"), new_stack("api")
    vpc = new_vpc(network)
    vpc.allow_s3(vpc.security_group(api, "Handler", description="The handler"))
    assert not resources_of(template_of(network), "AWS::EC2::SecurityGroup")
    assert len(resources_of(template_of(api), "AWS::EC2::SecurityGroup")) == 1


def test_every_rule_and_group_has_a_description_that_ec2_accepts(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack, **EVERYTHING)
    group = vpc.security_group(stack, "Handler", description="The handler")
    vpc.allow_s3(group)
    vpc.allow_dynamodb(group)
    vpc.allow_endpoints(group)
    template = template_of(stack)
    described = [rule["Description"] for rule in rules(template)]
    groups = resources_of(template, "AWS::EC2::SecurityGroup").values()
    described += [made["Properties"]["GroupDescription"] for made in groups]
    assert len(described) == 14
    for text in described:
        assert PLAIN.fullmatch(text)


def test_no_rule_names_the_whole_internet(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack, **EVERYTHING)
    vpc.allow_endpoints(vpc.security_group(stack, "Handler", description="The handler"))
    assert "0.0.0.0/0" not in str(list(rules(template_of(stack))))


def test_operators_come_in_by_ssh_from_the_instance_connect_endpoint_and_get_nowhere_by_default(
    stack: cdk.Stack,
) -> None:
    vpc = new_vpc(stack, instance_connect=True)
    assert vpc.instance_connect is not None
    template = template_of(stack)
    (endpoint,) = resources_of(template, "AWS::EC2::InstanceConnectEndpoint").values()
    assert endpoint["Properties"]["PreserveClientIp"] is False
    assert "AppSubnet1" in endpoint["Properties"]["SubnetId"]["Ref"]
    (own,) = endpoint["Properties"]["SecurityGroupIds"]
    (out,) = resources_of(template, "AWS::EC2::SecurityGroupEgress").values()
    (into,) = resources_of(template, "AWS::EC2::SecurityGroupIngress").values()
    assert out["Properties"]["GroupId"] == into["Properties"]["SourceSecurityGroupId"] == own
    assert out["Properties"]["DestinationSecurityGroupId"] == into["Properties"]["GroupId"]
    for rule in (out, into):
        assert (rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) == (22, 22)


def test_there_is_no_way_in_for_operators_without_asking(stack: cdk.Stack) -> None:
    assert new_vpc(stack).instance_connect is None
    assert not resources_of(template_of(stack), "AWS::EC2::InstanceConnectEndpoint")


@pytest.mark.parametrize("description", ["", "x", "the operators' group", "é" * 5, "a" * 256, "line\nbreak"])
def test_a_description_that_ec2_refuses_is_refused_here(stack: cdk.Stack, description: str) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"SecureVpc.security_group: got .*plain characters"):
        new_vpc(stack).security_group(stack, "Handler", description=description)


def test_an_id_in_place_of_a_group_is_refused(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack, dynamodb_endpoint=True, interface_endpoints=["logs"])
    for method in (vpc.allow_s3, vpc.allow_dynamodb, vpc.allow_endpoints):
        with pytest.raises(InvalidPropertiesError, match="got 'sg-1'; expected a SecurityGroup object"):
            method("sg-1")  # type: ignore[arg-type]


def test_text_in_place_of_a_scope_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="got 'api'; expected a Construct object"):
        new_vpc(stack).security_group("api", "Handler", description="The handler")  # type: ignore[arg-type]


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_known_prefix_lists_are_ids_of_real_looking_regions(service: str) -> None:
    known = PREFIX_LISTS["s3" if service == "s3" else "dynamodb"]
    assert len(known) >= 14
    for region, id_ in known.items():
        assert re.fullmatch(r"[a-z]{2}-[a-z]+-\d", region)
        assert re.fullmatch(r"pl-[0-9a-f]{8}", id_)
    assert not any(known[region] == PREFIX_LISTS["s3"].get(region) for region in known if service == "dynamodb")
