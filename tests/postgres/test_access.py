"""Who reaches the database, and as whom: rules and grants across stacks, with and without a proxy."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from secure_backend.encrypted_postgres import EncryptedPostgres
from tests.conftest import resources_of, template_of
from tests.postgres.cases import database, network, new_app, new_stack, only


class Stacks:
    """A network, a database and a function that uses it, each in a stack of its own."""

    def __init__(self, *, proxy: bool) -> None:
        app = new_app()
        vpc = network(new_stack(app, "network"))
        data = new_stack(app, "data")
        api = new_stack(app, "api")
        self.database: EncryptedPostgres = database(data, vpc=vpc, proxy=proxy)
        group = ec2.SecurityGroup(api, "Group", vpc=vpc, allow_all_outbound=False)
        function = lambda_.Function(
            api,
            "Handler",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("pass"),
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="app"),
            security_groups=[group],
        )
        self.database.allow_from(function)
        self.database.grant_connect(function, db_user="documents_api")
        function.add_environment("DATABASE", self.database.endpoint.socket_address)
        self.app = app
        self.data = template_of(data)
        self.api = template_of(api)
        self.data_stack = data
        self.api_stack = api


@pytest.fixture(scope="module")
def direct() -> Stacks:
    return Stacks(proxy=False)


@pytest.fixture(scope="module")
def pooled() -> Stacks:
    return Stacks(proxy=True)


def connect_statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for policy in resources_of(template, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "rds-db:connect"
    ]


@pytest.mark.parametrize(("which", "port"), [("direct", 5433), ("pooled", 5432)])
def test_both_rules_stand_in_the_peers_stack_on_the_one_port_with_a_description(
    request: pytest.FixtureRequest, which: str, port: int
) -> None:
    stacks: Stacks = request.getfixturevalue(which)
    out = only(stacks.api, "AWS::EC2::SecurityGroupEgress")["Properties"]
    into = only(stacks.api, "AWS::EC2::SecurityGroupIngress")["Properties"]

    assert out["GroupId"] == into["SourceSecurityGroupId"]
    assert out["DestinationSecurityGroupId"] == into["GroupId"]
    assert "Fn::ImportValue" in into["GroupId"]
    for rule in (out, into):
        assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (port, port, "tcp")
        assert rule["Description"] == "To sign in to PostgreSQL over TLS"


@pytest.mark.parametrize("which", ["direct", "pooled"])
def test_the_database_does_not_come_to_depend_on_its_peer(request: pytest.FixtureRequest, which: str) -> None:
    stacks: Stacks = request.getfixturevalue(which)

    assert "api:" not in json.dumps(stacks.data)
    assert stacks.api_stack not in stacks.data_stack.dependencies
    assert stacks.data_stack in stacks.api_stack.dependencies


def test_the_grant_names_the_instance_and_one_user_only(direct: Stacks) -> None:
    (statement,) = connect_statements(direct.api)
    parts = statement["Resource"]["Fn::Join"][1]

    assert parts[0] == "arn:aws:rds-db:eu-central-1:"
    assert parts[1] == {"Ref": "AWS::AccountId"}
    assert parts[2] == ":dbuser:"
    assert "DbiResourceId" in parts[3]["Fn::ImportValue"]
    assert parts[4] == "/documents_api"
    assert not connect_statements(direct.data)


def test_with_a_proxy_the_grantee_signs_in_to_the_proxy_and_the_proxy_to_the_instance_as_the_same_user(
    pooled: Stacks,
) -> None:
    (grantee,) = connect_statements(pooled.api)
    (front,) = connect_statements(pooled.data)

    assert "DBProxyArn" in json.dumps(grantee["Resource"])
    assert grantee["Resource"]["Fn::Join"][1][-1] == "/documents_api"
    assert "DbiResourceId" in json.dumps(front["Resource"])
    assert front["Resource"]["Fn::Join"][1][-1] == "/documents_api"


def test_the_endpoint_is_the_instances_or_the_proxys(direct: Stacks, pooled: Stacks) -> None:
    assert (direct.database.port, pooled.database.port) == (5433, 5432)
    assert direct.database.proxy is None
    assert pooled.data_stack.resolve(pooled.database.endpoint_address)["Fn::GetAtt"][1] == "Endpoint"
    assert direct.data_stack.resolve(direct.database.endpoint_address)["Fn::GetAtt"][1] == "Endpoint.Address"
    assert pooled.database.endpoint.port == 5432


def test_the_proxy_takes_tls_only_and_signs_in_by_iam_without_a_secret(pooled: Stacks) -> None:
    proxy = only(pooled.data, "AWS::RDS::DBProxy")["Properties"]

    assert proxy["RequireTLS"] is True
    assert proxy["DefaultAuthScheme"] == "IAM_AUTH"
    assert "Auth" not in proxy
    assert not resources_of(pooled.data, "AWS::SecretsManager::Secret")


def test_the_proxy_reaches_the_database_by_one_pair_of_rules_made_before_it_is_tried(pooled: Stacks) -> None:
    egress = resources_of(pooled.data, "AWS::EC2::SecurityGroupEgress")
    ingress = resources_of(pooled.data, "AWS::EC2::SecurityGroupIngress")
    target_group = only(pooled.data, "AWS::RDS::DBProxyTargetGroup")

    assert len(egress) == len(ingress) == 1
    for rule in (*egress.values(), *ingress.values()):
        assert (rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) == (5433, 5433)
        assert rule["Properties"]["Description"]
    assert {*egress, *ingress} <= set(target_group["DependsOn"])
    instance = next(iter(resources_of(pooled.data, "AWS::RDS::DBInstance")))
    assert target_group["Properties"]["DBInstanceIdentifiers"] == [{"Ref": instance}]


def test_the_proxys_log_group_is_encrypted_and_made_first(pooled: Stacks) -> None:
    (name,) = [
        name
        for name, group in resources_of(pooled.data, "AWS::Logs::LogGroup").items()
        if group["Properties"]["LogGroupName"] == f"/aws/rds/proxy/{pooled.database.identifier}"
    ]
    proxy = only(pooled.data, "AWS::RDS::DBProxy")

    assert name in proxy["DependsOn"]
    assert proxy["Properties"]["DBProxyName"] == pooled.database.identifier
    assert "KmsKeyId" in pooled.data["Resources"][name]["Properties"]
    assert len(pooled.database.log_groups) == 3


def test_peer_and_database_may_also_stand_in_one_stack() -> None:
    stack = new_stack(new_app())
    vpc = network(stack)
    construct = database(stack, vpc=vpc, proxy=True)
    construct.allow_from(ec2.SecurityGroup(stack, "Peer", vpc=vpc, allow_all_outbound=False))

    ports = {
        rule["Properties"]["FromPort"]
        for rule in resources_of(template_of(stack), "AWS::EC2::SecurityGroupIngress").values()
    }
    assert ports == {5432, 5433}


def test_operators_may_come_from_a_named_range() -> None:
    stack = new_stack(new_app())
    construct = database(stack)
    construct.allow_from(ec2.Peer.ipv4("10.9.0.0/24"))
    construct.allow_from(ec2.Peer.prefix_list("pl-12345678"))

    template = template_of(stack)
    (inline,) = only(template, "AWS::EC2::SecurityGroup")["Properties"]["SecurityGroupIngress"]
    assert (inline["CidrIp"], inline["FromPort"]) == ("10.9.0.0/24", 5433)
    assert only(template, "AWS::EC2::SecurityGroupIngress")["Properties"]["SourcePrefixListId"] == "pl-12345678"


def test_other_constructs_may_connect_to_it_as_the_cdk_does() -> None:
    stack = new_stack(new_app())
    vpc = network(stack)
    construct = database(stack, vpc=vpc)
    peer = ec2.SecurityGroup(stack, "Peer", vpc=vpc, allow_all_outbound=False)
    peer.connections.allow_to_default_port(construct)

    rule = only(template_of(stack), "AWS::EC2::SecurityGroupIngress")["Properties"]
    assert rule["FromPort"] == 5433


def test_the_owner_signs_in_by_the_same_grant() -> None:
    stack = new_stack(new_app())
    role = iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())
    database(stack).grant_connect(role, db_user="dbowner")

    (statement,) = connect_statements(template_of(stack))
    assert statement["Resource"]["Fn::Join"][1][-1] == "/dbowner"


def test_the_grant_is_right_in_every_partition() -> None:
    for region, partition in (("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")):
        stack = new_stack(new_app(), region=region)
        role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
        database(stack).grant_connect(role, db_user="documents_api")
        (statement,) = connect_statements(template_of(stack))

        assert f"arn:{partition}:rds-db:{region}:" in json.dumps(cdk.Stack.of(stack).resolve(statement["Resource"]))
