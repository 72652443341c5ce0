"""The data tier's network ACL, judged packet by packet as EC2 would."""

import ipaddress
from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.vpc.network_acls import data_tier_rules
from tests.conftest import resources_of
from tests.test_secure_vpc import built

APP, DATA, PUBLIC, OUTSIDE = "10.20.16.9", "10.20.80.9", "10.20.160.9", "203.0.113.9"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return built(public_subnets=True, zones=[f"eu-central-1{zone}" for zone in "abc"])


def passes(template: dict[str, Any], *, egress: bool, peer: str, port: int, protocol: int = 6) -> bool:
    """Tell whether the first rule, by number, that matches the packet allows it; no match refuses."""
    entries = [e["Properties"] for e in resources_of(template, "AWS::EC2::NetworkAclEntry").values()]
    for entry in sorted((e for e in entries if e["Egress"] is egress), key=lambda e: int(e["RuleNumber"])):
        ports = entry["PortRange"]
        if (
            entry["Protocol"] == protocol
            and ipaddress.ip_address(peer) in ipaddress.ip_network(entry["CidrBlock"])
            and ports["From"] <= port <= ports["To"]
        ):
            return bool(entry["RuleAction"] == "allow")
    return False


def connects(template: dict[str, Any], peer: str, port: int, answer_to: int = 50_000) -> bool:
    """Tell whether a client outside the data subnet gets a connection to it, both ways."""
    return passes(template, egress=False, peer=peer, port=port) and passes(
        template, egress=True, peer=peer, port=answer_to
    )


def test_the_app_tier_reaches_the_database_port_and_gets_its_answers(template: dict[str, Any]) -> None:
    assert connects(template, APP, 5433)
    assert connects(template, APP, 5433, answer_to=1024)


@pytest.mark.parametrize("port", [22, 443, 3389, 5432, 5434])
def test_the_app_tier_reaches_no_other_port(template: dict[str, Any], port: int) -> None:
    assert not connects(template, APP, port)


@pytest.mark.parametrize("peer", [PUBLIC, OUTSIDE])
def test_neither_the_public_tier_nor_the_internet_reaches_the_data_tier(template: dict[str, Any], peer: str) -> None:
    assert not passes(template, egress=False, peer=peer, port=5433)
    assert not passes(template, egress=True, peer=peer, port=50_000)


def test_a_proxy_in_the_data_tier_reaches_the_database_and_gets_its_answers(template: dict[str, Any]) -> None:
    for egress in (True, False):
        assert passes(template, egress=egress, peer=DATA, port=5433)
        assert passes(template, egress=egress, peer=DATA, port=50_000)


@pytest.mark.parametrize("port", [22, 53, 80, 443])
def test_the_data_tier_opens_no_connection_to_a_service_port(template: dict[str, Any], port: int) -> None:
    for peer in (APP, DATA, OUTSIDE):
        assert not passes(template, egress=True, peer=peer, port=port)


def test_only_tcp_passes(template: dict[str, Any]) -> None:
    assert not passes(template, egress=False, peer=APP, port=5433, protocol=17)


def test_the_database_port_is_the_callers() -> None:
    template = built(database_port=6000)
    assert connects(template, "10.20.16.9", 6000)
    assert not connects(template, "10.20.16.9", 5433)


def test_the_acl_is_put_on_every_data_subnet_and_on_no_other(template: dict[str, Any]) -> None:
    (acl,) = resources_of(template, "AWS::EC2::NetworkAcl")
    associations = resources_of(template, "AWS::EC2::SubnetNetworkAclAssociation").values()
    assert {a["Properties"]["NetworkAclId"]["Ref"] for a in associations} == {acl}
    on = {a["Properties"]["SubnetId"]["Ref"] for a in associations}
    assert on == {name for name in resources_of(template, "AWS::EC2::Subnet") if "DataSubnet" in name}


def test_rule_numbers_in_the_template_are_unique_in_a_direction_and_legal(template: dict[str, Any]) -> None:
    entries = [e["Properties"] for e in resources_of(template, "AWS::EC2::NetworkAclEntry").values()]
    numbers = [(e["Egress"], e["RuleNumber"]) for e in entries]
    assert len(numbers) == len(set(numbers)) == 12
    assert all(1 <= number <= 32_766 for _, number in numbers)


@given(zones=st.integers(2, 6), port=st.integers(1150, 65_535))
@settings(max_examples=50)
def test_generated_rules_stay_within_the_limits_of_ec2(zones: int, port: int) -> None:
    app = [f"10.0.{n}.0/24" for n in range(zones)]
    data = [f"10.0.{100 + n}.0/24" for n in range(zones)]
    rules = list(data_tier_rules(app, data, port))
    for direction in (ec2.TrafficDirection.INGRESS, ec2.TrafficDirection.EGRESS):
        numbers = [rule.number for rule in rules if rule.direction is direction]
        assert len(numbers) == len(set(numbers)) == 2 * zones <= 20
        assert max(numbers) <= 32_766
    assert len({rule.name for rule in rules}) == len(rules)
    assert {rule.ports for rule in rules if rule.name.startswith("FromApp")} == {(port, port)}
    assert {rule.cidr for rule in rules} == {*app, *data}
