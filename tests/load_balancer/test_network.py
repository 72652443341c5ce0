"""A load balancer's security group lets in clients, lets out to its targets, and chains the one to the other."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ec2 as ec2

from secure_backend import InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of
from tests.load_balancer.cases import function_in, jwt, load_balancer_in, network_in

NOWHERE = {"CidrIp": "127.0.0.1/32", "IpProtocol": "icmp", "FromPort": 252, "ToPort": 86}


def own_group(template: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((logical_id, group),) = (
        (name, each["Properties"])
        for name, each in resources_of(template, "AWS::EC2::SecurityGroup").items()
        if each["Properties"]["GroupDescription"].startswith("The load balancer")
    )
    return logical_id, group


def ways(rules: list[dict[str, Any]]) -> list[tuple[Any, int, int]]:
    return [(each["CidrIp"], each["FromPort"], each["ToPort"]) for each in rules if each["IpProtocol"] == "tcp"]


def test_the_vpc_alone_reaches_an_internal_one(stack: cdk.Stack) -> None:
    load_balancer_in(stack)
    _, group = own_group(template_of(stack))
    assert ways(group["SecurityGroupIngress"]) == [("10.20.0.0/16", 443, 443), ("10.20.0.0/16", 80, 80)]


def test_anyone_reaches_an_internet_facing_one_on_two_ports_and_no_other(stack: cdk.Stack) -> None:
    load_balancer_in(stack, internet_facing=True)
    _, group = own_group(template_of(stack))
    assert ways(group["SecurityGroupIngress"]) == [("0.0.0.0/0", 443, 443), ("0.0.0.0/0", 80, 80)]


def test_named_networks_alone_reach_it(stack: cdk.Stack) -> None:
    load_balancer_in(stack, source_networks=["192.0.2.0/24"], without_redirect=True)
    _, group = own_group(template_of(stack))
    assert ways(group["SecurityGroupIngress"]) == [("192.0.2.0/24", 443, 443)]


def test_nothing_leaves_one_without_an_issuer_and_with_functions_only(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack, jwt=None)
    load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=1)
    template = template_of(stack)
    logical_id, group = own_group(template)
    assert [{key: rule[key] for key in NOWHERE} for rule in group["SecurityGroupEgress"]] == [NOWHERE]
    assert not [
        each
        for each in resources_of(template, "AWS::EC2::SecurityGroupEgress").values()
        if each["Properties"]["GroupId"] == {"Fn::GetAtt": [logical_id, "GroupId"]}
    ]


@pytest.mark.parametrize(("networks", "expected"), [(None, "0.0.0.0/0"), (["198.51.100.0/24"], "198.51.100.0/24")])
def test_an_issuer_adds_https_to_its_keys(stack: cdk.Stack, networks: list[str] | None, expected: str) -> None:
    load_balancer_in(stack, jwt=jwt(key_networks=networks))
    _, group = own_group(template_of(stack))
    assert ways(group["SecurityGroupEgress"]) == [(expected, 443, 443)]


def warnings_of(stack: cdk.Stack) -> list[str]:
    found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    return [str(each.entry.data) for each in found if "without a route out" in str(each.entry.data)]


def test_tokens_that_are_verified_where_no_keys_may_be_had_are_warned_of(stack: cdk.Stack) -> None:
    load_balancer_in(stack)
    (warning,) = warnings_of(stack)
    assert 'egress="nat"' in warning


@pytest.mark.parametrize("options", [{"internet_facing": True}, {"jwt": None}])
def test_nothing_is_warned_of_where_keys_can_be_had_or_none_are_needed(
    stack: cdk.Stack, options: dict[str, Any]
) -> None:
    load_balancer_in(stack, **options)
    assert warnings_of(stack) == []


def test_it_reaches_its_targets_and_they_are_reached_by_it_on_one_port(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack, jwt=None)
    targets = network_in(stack).security_group(stack, "Targets", description="The containers")
    load_balancer.add_https_targets("Pages", security_group=targets, paths=["/*"], priority=1)
    template = template_of(stack)
    logical_id, _ = own_group(template)
    its = {"Fn::GetAtt": [logical_id, "GroupId"]}
    (theirs,) = (
        {"Fn::GetAtt": [name, "GroupId"]}
        for name, each in resources_of(template, "AWS::EC2::SecurityGroup").items()
        if each["Properties"]["GroupDescription"] == "The containers"
    )
    (egress,) = (each["Properties"] for each in resources_of(template, "AWS::EC2::SecurityGroupEgress").values())
    (ingress,) = (each["Properties"] for each in resources_of(template, "AWS::EC2::SecurityGroupIngress").values())
    assert (egress["GroupId"], egress["DestinationSecurityGroupId"]) == (its, theirs)
    assert (ingress["GroupId"], ingress["SourceSecurityGroupId"]) == (theirs, its)
    for rule in (egress, ingress):
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 8443, 8443)


def test_targets_of_another_stack_make_no_cycle(new_stack: NewStack) -> None:
    network, edge = new_stack("network"), new_stack("edge")
    targets = network_in(network).security_group(network, "Targets", description="The containers")
    load_balancer = load_balancer_in(edge, vpc=network_in(network).vpc, subnets=network_in(network).app_subnets)
    load_balancer.add_https_targets("Pages", security_group=targets, paths=["/*"], priority=1)
    assert len(resources_of(template_of(edge), "AWS::EC2::SecurityGroupIngress")) == 1
    assert not resources_of(template_of(network), "AWS::EC2::SecurityGroupEgress")


def imported_vpc(stack: cdk.Stack, **changes: Any) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Theirs",
        **{
            "vpc_id": "vpc-1",
            "availability_zones": ["eu-central-1a", "eu-central-1b"],
            "isolated_subnet_ids": ["subnet-1", "subnet-2"],
            "isolated_subnet_route_table_ids": ["rtb-1", "rtb-2"],
            **changes,
        },
    )


ISOLATED = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)


def test_an_imported_vpc_is_taken_with_its_range(stack: cdk.Stack) -> None:
    load_balancer_in(stack, vpc=imported_vpc(stack, vpc_cidr_block="10.9.0.0/16"), subnets=ISOLATED)
    _, group = own_group(template_of(stack))
    assert ways(group["SecurityGroupIngress"])[0] == ("10.9.0.0/16", 443, 443)


def test_an_imported_vpc_of_unknown_range_wants_the_clients_named(stack: cdk.Stack) -> None:
    vpc = imported_vpc(stack)
    with pytest.raises(
        InvalidPropertiesError, match=r"HardenedLoadBalancer\.source_networks: got None; expected the net"
    ):
        load_balancer_in(stack, vpc=vpc, subnets=ISOLATED)


def test_subnets_that_there_are_none_of_are_refused(stack: cdk.Stack) -> None:
    vpc = imported_vpc(stack, vpc_cidr_block="10.9.0.0/16")
    with pytest.raises(
        InvalidPropertiesError, match=r"subnets: got 'a selection that selects nothing'.*public_subnets"
    ):
        load_balancer_in(stack, vpc=vpc, subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC))


def test_subnets_of_another_vpc_are_refused(stack: cdk.Stack) -> None:
    theirs = ec2.Vpc(stack, "Theirs", availability_zones=["eu-central-1a", "eu-central-1b"])
    with pytest.raises(
        InvalidPropertiesError, match=r"subnets: got \['stack/Theirs/PrivateSubnet1', .*of the VPC that"
    ):
        load_balancer_in(stack, subnets=ec2.SubnetSelection(subnets=theirs.private_subnets))


def test_one_zone_is_refused(stack: cdk.Stack) -> None:
    one = ec2.SubnetSelection(subnet_group_name="App", availability_zones=["eu-central-1a"])
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack, subnets=one)
    assert "subnets: got ['eu-central-1a']; expected subnets in two zones or more" in str(caught.value)


def test_an_internet_facing_one_is_refused_where_the_internet_has_no_way_in(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="got 'subnets without a route to the internet'; expected public"):
        load_balancer_in(stack, internet_facing=True, subnets=network_in(stack).app_subnets)
