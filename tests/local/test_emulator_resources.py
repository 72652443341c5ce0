"""What the emulator adds to the pinned ministack is still needed, and is created, updated, replaced and deleted."""

import json
from http import HTTPStatus
from typing import Any

import psycopg
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from psycopg import sql

from local.emulator.resources import RECORDED, TRAIL
from tests.local.conftest import REGION, LocalAws
from tests.local.documents import Caller
from tests.local.emulator import Stack, ask, stack

CUSTOM_NAME = "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename"


def test_the_pinned_ministack_knows_none_of_the_types_that_we_add() -> None:
    known = set(ask("known_types"))
    assert not known & {*RECORDED, TRAIL}, "ministack has handlers of its own now: remove ours, one type at a time"


@pytest.mark.parametrize(
    "question",
    [
        "makes_validators",
        "keeps_validator_of_method",
        "refuses_full_bucket",
        "fills_in_method",
        "calls_functions_of_rules_again",
        "keeps_targets_of_group",
        "keeps_attributes_of_new_listener",
        "keeps_tokens_of_rule",
        "knows_validation_of_tokens",
        "asks_functions_permission",
        "hands_paths_on_as_sent",
    ],
)
def test_the_pinned_ministack_still_does_wrong_what_we_put_right(question: str) -> None:
    assert ask(question) is False, "ministack does it itself now: remove our part in local/emulator/"


#: For each type: properties, then a change that keeps the resource, then one that replaces it.
LIVES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "AWS::Backup::BackupSelection": (
        {"BackupPlanId": "plan", "BackupSelection": {"SelectionName": "a", "IamRoleArn": "arn:aws:iam::1:role/a"}},
        {},
        {"BackupSelection": {"SelectionName": "b", "IamRoleArn": "arn:aws:iam::1:role/a"}},
    ),
    "AWS::EC2::FlowLog": (
        {"ResourceId": "vpc-1", "ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "a"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"TrafficType": "REJECT"},
    ),
    "AWS::EC2::NetworkAcl": ({"VpcId": "vpc-1"}, {"Tags": [{"Key": "a", "Value": "b"}]}, {"VpcId": "vpc-2"}),
    "AWS::EC2::NetworkAclEntry": (
        {"NetworkAclId": "acl-1", "RuleNumber": 1, "Protocol": 6, "RuleAction": "allow", "CidrBlock": "10.0.0.0/8"},
        {"CidrBlock": "10.1.0.0/16"},
        {"RuleNumber": 2},
    ),
    "AWS::EC2::SecurityGroupEgress": (
        {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"},
        {"Description": "a"},
        {"FromPort": 2, "ToPort": 2},
    ),
    "AWS::EC2::SecurityGroupIngress": (
        {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"},
        {"Description": "a"},
        {"FromPort": 2, "ToPort": 2},
    ),
    "AWS::EC2::SubnetNetworkAclAssociation": (
        {"SubnetId": "subnet-1", "NetworkAclId": "acl-1"},
        {},
        {"NetworkAclId": "acl-2"},
    ),
    "AWS::Logs::QueryDefinition": ({"Name": "a/b", "QueryString": "limit 1"}, {"Name": "a/c"}, {}),
    "AWS::WAFv2::LoggingConfiguration": (
        {"ResourceArn": "arn:aws:wafv2:a", "LogDestinationConfigs": ["arn:aws:logs:a"]},
        {"LogDestinationConfigs": ["arn:aws:logs:b"]},
        {"ResourceArn": "arn:aws:wafv2:b"},
    ),
    "AWS::WAFv2::WebACLAssociation": (
        {"ResourceArn": "arn:aws:apigateway:a", "WebACLArn": "arn:aws:wafv2:a"},
        {},
        {"WebACLArn": "arn:aws:wafv2:b"},
    ),
    TRAIL: (
        {"TrailName": "a-trail", "S3BucketName": "logs", "IsLogging": True},
        {"IsMultiRegionTrail": True},
        {"TrailName": "another-trail"},
    ),
}


def test_every_type_that_we_add_has_a_life_to_prove() -> None:
    assert set(LIVES) == {*RECORDED, TRAIL}


def test_what_we_add_is_created_kept_by_an_update_replaced_and_deleted(aws: LocalAws) -> None:
    def resources(*steps: int) -> dict[str, Any]:
        made = {}
        for type_name, life in LIVES.items():
            properties = {name: value for step in steps for name, value in life[step].items()}
            made[type_name.replace(":", "")] = {"Type": type_name, "Properties": properties}
        return made

    with stack(aws, "lives") as lives:
        created = lives.create(resources(0))
        assert lives.update(resources(0, 1)) == created
        replaced = lives.update(resources(0, 1, 2))
        # A type whose every property can change in place is never replaced.
        lasting = {name.replace(":", "") for name, life in LIVES.items() if not life[2]}
        assert {name for name in created if replaced[name] == created[name]} == lasting
        kept = dict(list(resources(0, 1, 2).items())[:1])
        assert set(lives.update(kept)) == set(kept)


@pytest.mark.parametrize("type_name", sorted(RECORDED))
def test_the_properties_that_replace_are_those_of_cloudformations_schema(type_name: str) -> None:
    assert set(RECORDED[type_name][1]) == _create_only(type_name)


def _create_only(type_name: str) -> set[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_name).schema
    return {path.split("/")[2] for path in schema.get("createOnlyProperties", [])}


def test_a_replacement_under_the_same_name_is_refused_for_every_named_resource_of_the_stacks(aws: LocalAws) -> None:
    updates = []
    for path in (aws.folder / "cdk.out").glob("*.template.json"):
        for resource in json.loads(path.read_text())["Resources"].values():
            name, properties = _own_name(resource["Type"]), resource.get("Properties", {})
            if name is not None and isinstance(properties.get(name), str):
                fixed = sorted(_create_only(resource["Type"]) - {name})
                updates += [(resource["Type"], properties, {**properties, one: "changed"}) for one in fixed]
    assert {update[0] for update in updates} >= {"AWS::RDS::DBInstance", "AWS::Backup::BackupVault"}
    refused = ask("refused_replacements", updates=updates)
    assert all(refused), [update[::2] for update, is_refused in zip(updates, refused, strict=True) if not is_refused]


def _own_name(type_name: str) -> str | None:
    """Return the property that a template may name the resource by, where there is one."""
    if not type_name.startswith("AWS::"):
        return None
    identifiers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_name).schema["primaryIdentifier"]
    names = {path.split("/")[2] for path in identifiers}
    return names.pop() if len(names) == 1 and names <= _create_only(type_name) else None


def test_a_database_is_updated_in_place_and_not_replaced_under_its_name(aws: LocalAws) -> None:
    def database(**changes: Any) -> dict[str, Any]:
        properties = {
            "DBInstanceIdentifier": "another",
            "Engine": "postgres",
            "EngineVersion": "17",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": "20",
            "DBName": "another",
            "MasterUsername": "another_owner",
            "ManageMasterUserPassword": True,
            "Port": "5433",
            **changes,
        }
        return {"Database": {"Type": "AWS::RDS::DBInstance", "Properties": properties}}

    with stack(aws, "database") as one:
        try:
            created = one.create(database())
            before = _instance(aws)
            assert one.update(database(BackupRetentionPeriod=7)) == created
            after = _instance(aws)
            assert after["BackupRetentionPeriod"] == 7
            assert after["Endpoint"] == before["Endpoint"]
            assert after["Endpoint"]["Address"].startswith("127.")
            assert f"{CUSTOM_NAME} another and update the stack again." in one.fail_to_update(
                database(MasterUsername="somebody")
            )
            assert one.physical_ids() == created
            with aws.superuser() as connection:
                row = connection.execute("SELECT pg_get_userbyid(datdba) AS o FROM pg_database WHERE datname='another'")
                assert row.fetchone() == {"o": "another_owner"}
        finally:
            _drop(aws, "another", "another_owner")


def _instance(aws: LocalAws) -> dict[str, Any]:
    (found,) = aws.client("rds").describe_db_instances(DBInstanceIdentifier="another")["DBInstances"]
    return dict(found)


def _drop(aws: LocalAws, database: str, role: str) -> None:
    with aws.superuser() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def test_a_bucket_that_is_not_empty_is_not_deleted(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    with stack(aws, "full-bucket") as one:
        versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
        name = one.create({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": versioned}})["Bucket"]
        version = s3.put_object(Bucket=name, Key="a", Body=b"a")["VersionId"]
        assert one.delete() == "DELETE_FAILED"
        assert "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)" in one.reasons()
        assert s3.get_object(Bucket=name, Key="a")["Body"].read() == b"a"
        marker = s3.delete_object(Bucket=name, Key="a")["VersionId"]
        assert one.delete() == "DELETE_FAILED", "its old versions are still there"
        for one_version in (version, marker):
            s3.delete_object(Bucket=name, Key="a", VersionId=one_version)
    assert name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


def test_validators_are_made_changed_replaced_and_deleted_and_methods_name_them(aws: LocalAws) -> None:
    gateway = aws.client("apigateway")
    api = {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "validated"}}}

    def resources(**validator: Any) -> dict[str, Any]:
        root = {"RestApiId": {"Ref": "Api"}}
        method = {
            **root,
            "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
            "HttpMethod": "POST",
            "AuthorizationType": "NONE",
            "Integration": {"Type": "MOCK"},
            "RequestValidatorId": {"Ref": "Validator"},
        }
        return {
            **api,
            "Validator": {"Type": "AWS::ApiGateway::RequestValidator", "Properties": {**root, **validator}},
            "Method": {"Type": "AWS::ApiGateway::Method", "Properties": method},
        }

    def validators(one: Stack) -> dict[str, tuple[str, bool, bool]]:
        found = gateway.get_request_validators(restApiId=one.physical_ids()["Api"])["items"]
        return {v["id"]: (v["name"], v["validateRequestBody"], v["validateRequestParameters"]) for v in found}

    def named(one: Stack) -> str:
        api_id = one.physical_ids()["Api"]
        (root,) = gateway.get_resources(restApiId=api_id)["items"]
        method = gateway.get_method(restApiId=api_id, resourceId=root["id"], httpMethod="POST")
        return str(method["requestValidatorId"])

    with stack(aws, "validated") as one:
        first = one.create(resources(Name="a", ValidateRequestBody=True))["Validator"]
        assert validators(one) == {first: ("a", True, False)}
        assert named(one) == first
        assert one.update(resources(Name="a", ValidateRequestParameters=True))["Validator"] == first
        assert validators(one) == {first: ("a", False, True)}
        second = one.update(resources(Name="b", ValidateRequestBody=True))["Validator"]
        assert validators(one) == {second: ("b", True, False)}
        assert named(one) == second
        one.update(api)
        assert validators(one) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a", "type": "text/plain", "size": 0, "sha256": "0" * 64},
        {"name": "a" * 256, "type": "text/plain", "size": 1, "sha256": "0" * 64},
        {"name": "a", "type": "text/plain", "size": 1, "sha256": "0" * 64, "more": 1},
        "no object",
    ],
)
def test_a_bad_body_is_answered_by_the_gateway_and_does_not_reach_the_handler(aws: LocalAws, body: Any) -> None:
    answer = aws.api.call("POST", "/documents", token=Caller.named(aws, "alice").token, body=body)
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert answer.json["detail"].startswith("The body does not match the published schema of POST /documents")
    assert "$context" not in answer.body.decode()


def test_the_superuser_signs_in_by_the_socket_only(aws: LocalAws) -> None:
    (instance,) = aws.client("rds").describe_db_instances()["DBInstances"]
    host = instance["Endpoint"]["Address"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=host, port=5433, user="postgres", dbname="documents", connect_timeout=5)
