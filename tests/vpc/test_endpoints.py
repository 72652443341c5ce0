"""Endpoint policies, judged request by request as AWS would; and who may reach an interface endpoint."""

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from secure_backend.analysis import Request, decision
from secure_backend.analysis.policies import statements_of
from secure_backend.validation import InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of
from tests.test_secure_vpc import built, new_vpc

US = "<this account>"
THEM = "999999999999"
RESPONSES = "cloudformation-custom-resource-response-eucentral1"
LAYERS = "prod-eu-central-1-starport-layer-bucket"


@dataclass(frozen=True)
class Through:
    """One request through an endpoint: who asks for what, and whose it is."""

    action: str
    resource: str = "arn:aws:s3:::documents/report.pdf"
    principal: str = US
    owner: str = US


def allows(endpoint: dict[str, Any], request: Through) -> bool:
    """Evaluate the endpoint's policy as IAM would."""
    context = {
        "aws:PrincipalAccount": request.principal,
        "aws:ResourceAccount": request.owner,
        "aws:PrincipalOrgID": "o-a1b2c3d4e5" if request.principal == US else "o-zzzzzzzzzz",
        "aws:ResourceOrgID": "o-a1b2c3d4e5" if request.owner == US else "o-zzzzzzzzzz",
    }
    statements = statements_of(
        endpoint["Properties"]["PolicyDocument"], lambda value: US if value == {"Ref": "AWS::AccountId"} else str(value)
    )
    assert {statement.effect for statement in statements} == {"Allow"}
    asked = Request(action=request.action, resource=request.resource, context=context)
    return decision(statements, asked) == "Allow"


def endpoints(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the endpoints by the last part of their service's name."""
    found = {}
    for endpoint in resources_of(template, "AWS::EC2::VPCEndpoint").values():
        name = endpoint["Properties"]["ServiceName"]
        text = name if isinstance(name, str) else name["Fn::Join"][1][-1]
        found[text.removeprefix("com.amazonaws.eu-central-1").strip(".")] = endpoint
    return found


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return endpoints(built())["s3"]


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    return built(
        interface_endpoints=["secretsmanager", "ecr.dkr"],
        interface_endpoint_zones={"ecr.dkr": ["eu-central-1b"]},
        dynamodb_endpoint=True,
    )


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
def test_our_identities_reach_our_buckets(plain: dict[str, Any], action: str) -> None:
    assert allows(plain, Through(action))


@pytest.mark.parametrize(
    "request_",
    [
        Through("s3:PutObject", principal=THEM),
        Through("s3:GetObject", principal=THEM, owner=THEM),
        Through("s3:PutObject", "arn:aws:s3:::theirs/stolen.pdf", owner=THEM),
        Through("s3:GetObject", "arn:aws:s3:::theirs/malware.bin", owner=THEM),
    ],
)
def test_neither_foreign_credentials_nor_foreign_buckets_are_reached(plain: dict[str, Any], request_: Through) -> None:
    assert not allows(plain, request_)


def test_a_custom_resource_can_answer_cloudformation_whose_account_signed_the_address(plain: dict[str, Any]) -> None:
    assert allows(plain, Through("s3:PutObject", f"arn:aws:s3:::{RESPONSES}/key", principal=THEM, owner=THEM))


@pytest.mark.parametrize(
    "request_",
    [
        Through("s3:GetObject", f"arn:aws:s3:::{RESPONSES}/key", owner=THEM),
        Through("s3:DeleteObject", f"arn:aws:s3:::{RESPONSES}/key", owner=THEM),
        Through("s3:ListBucket", f"arn:aws:s3:::{RESPONSES}", owner=THEM),
        Through("s3:PutObject", f"arn:aws:s3:::{RESPONSES}-not/key", owner=THEM),
        Through("s3:PutObject", f"arn:aws:s3:::not-{RESPONSES}/key", owner=THEM),
        Through("s3:PutObject", "arn:aws:s3:::cloudformation-custom-resource-response-useast1/key", owner=THEM),
        Through("s3:PutObject", "arn:aws:s3:::cloudformation-waitcondition-eu-central-1/key", owner=THEM),
        Through("s3:GetObject", f"arn:aws:s3:::{LAYERS}/layer", owner=THEM),
    ],
)
def test_the_exception_for_custom_resources_is_no_wider(plain: dict[str, Any], request_: Through) -> None:
    assert not allows(plain, request_)


@pytest.mark.parametrize("services", [["ecr.api"], ["ecr.dkr"], ["ecr.api", "ecr.dkr"]])
def test_image_layers_can_be_pulled_when_a_registry_endpoint_is_asked_for(services: list[str]) -> None:
    s3 = endpoints(built(interface_endpoints=services))["s3"]
    layer = f"arn:aws:s3:::{LAYERS}/layer"
    assert allows(s3, Through("s3:GetObject", layer, principal=THEM, owner=THEM))
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:ListBucket"):
        assert not allows(s3, Through(action, layer, owner=THEM))
    assert not allows(s3, Through("s3:GetObject", "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/x", owner=THEM))


def test_other_interface_endpoints_open_no_image_layers() -> None:
    s3 = endpoints(built(interface_endpoints=["secretsmanager"]))["s3"]
    assert not allows(s3, Through("s3:GetObject", f"arn:aws:s3:::{LAYERS}/layer", owner=THEM))


@pytest.mark.parametrize(
    ("region", "bucket"),
    [
        ("us-gov-west-1", "arn:aws-us-gov:s3:::cloudformation-custom-resource-response-usgovwest1/*"),
        ("cn-north-1", "arn:aws-cn:s3:::cloudformation-custom-resource-response-cnnorth1/*"),
    ],
)
def test_the_exception_names_the_bucket_of_the_region_in_its_partition(region: str, bucket: str) -> None:
    (endpoint,) = resources_of(built(region), "AWS::EC2::VPCEndpoint").values()
    assert endpoint["Properties"]["PolicyDocument"]["Statement"][1]["Resource"] == bucket


def test_every_endpoint_has_a_policy_that_names_this_account(many: dict[str, Any]) -> None:
    found = endpoints(many)
    assert set(found) == {"s3", "dynamodb", "secretsmanager", "ecr.dkr"}
    for name, endpoint in found.items():
        action = {"s3": "s3:GetObject", "dynamodb": "dynamodb:GetItem"}.get(name, "secretsmanager:GetSecretValue")
        assert allows(endpoint, Through(action))
        assert not allows(endpoint, Through(action, principal=THEM))
        assert not allows(endpoint, Through(action, owner=THEM))


def test_an_organisation_takes_the_accounts_place() -> None:
    s3 = endpoints(built(organization_id="o-a1b2c3d4e5"))["s3"]
    assert "aws:PrincipalAccount" not in str(s3)
    assert allows(s3, Through("s3:GetObject"))
    assert not allows(s3, Through("s3:GetObject", principal=THEM))
    assert not allows(s3, Through("s3:GetObject", owner=THEM))


def test_only_the_app_tier_has_routes_to_the_gateway_endpoints(many: dict[str, Any]) -> None:
    for service in ("s3", "dynamodb"):
        tables = [table["Ref"] for table in endpoints(many)[service]["Properties"]["RouteTableIds"]]
        assert len(tables) == 2
        assert all("AppSubnet" in table for table in tables)


def test_an_interface_endpoint_stands_in_every_zone_but_for_a_service_limited_to_some(many: dict[str, Any]) -> None:
    found = endpoints(many)
    assert len(found["secretsmanager"]["Properties"]["SubnetIds"]) == 2
    (subnet,) = found["ecr.dkr"]["Properties"]["SubnetIds"]
    assert many["Resources"][subnet["Ref"]]["Properties"]["AvailabilityZone"] == "eu-central-1b"


def test_interface_endpoints_let_nobody_in_until_told(many: dict[str, Any]) -> None:
    (group,) = resources_of(many, "AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group["Properties"]
    assert not resources_of(many, "AWS::EC2::SecurityGroupIngress")
    for service in ("secretsmanager", "ecr.dkr"):
        endpoint = endpoints(many)[service]["Properties"]
        assert len(endpoint["SecurityGroupIds"]) == 1
        assert endpoint["PrivateDnsEnabled"] is True


def test_a_group_of_another_stack_is_let_in_by_rules_of_its_own_stack(new_stack: NewStack) -> None:
    network, api = new_stack("network"), new_stack("api")
    vpc = new_vpc(network, interface_endpoints=["secretsmanager"])
    vpc.allow_endpoints(vpc.security_group(api, "Handler", description="The handler"))
    template = template_of(api)
    for direction in ("Ingress", "Egress"):
        (rule,) = resources_of(template, f"AWS::EC2::SecurityGroup{direction}").values()
        assert (rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) == (443, 443)
        assert rule["Properties"]["Description"] == "HTTPS to AWS interface endpoints"
    assert not resources_of(template_of(network), "AWS::EC2::SecurityGroupIngress")


def test_the_made_endpoints_are_at_hand(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack, interface_endpoints=["logs"], dynamodb_endpoint=True)
    assert isinstance(vpc.interface_endpoints["logs"], ec2.InterfaceVpcEndpoint)
    assert isinstance(vpc.s3_endpoint, ec2.GatewayVpcEndpoint)
    assert isinstance(vpc.dynamodb_endpoint, ec2.GatewayVpcEndpoint)


def test_what_was_not_built_cannot_be_reached_by_mistake(stack: cdk.Stack) -> None:
    vpc = new_vpc(stack)
    group = vpc.security_group(stack, "Group", description="A group")
    with pytest.raises(InvalidPropertiesError, match="build the VPC with dynamodb_endpoint=True"):
        vpc.allow_dynamodb(group)
    with pytest.raises(InvalidPropertiesError, match="build the VPC with interface_endpoints="):
        vpc.allow_endpoints(group)
