"""What a destroy leaves is read from the templates, priced, and each of it has a command that ends it."""

import json
import shlex
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore import xform_name

from deployment.ending import commands_that_end
from deployment.remaining import KEPT, held_by, remaining
from secure_backend.analysis import Assembly, Resource
from tests.conftest import ROOT

SNAPSHOTS = ROOT / "tests/app/__snapshots__/test_application"
PARTS = ("network", "data", "api", "audit")
REGION = "eu-central-1"


def reviewed(profile: str) -> Assembly:
    name = "test_each_stack_is_what_was_reviewed"
    return Assembly.from_templates(
        {
            f"app-{part}": json.loads((SNAPSHOTS / f"{name}[{profile}-{part}][{profile}-{part}].json").read_text())
            for part in PARTS
        },
        region=REGION,
    )


def ids(assembly: Assembly) -> dict[str, dict[str, str]]:
    """Return a physical id for each resource, as CloudFormation would tell them."""
    return {stack.name: {name: f"id-{name}" for name in stack.resources} for stack in assembly.stacks}


def kept(assembly: Assembly) -> list[Resource]:
    return [resource for resource in assembly.resources() if resource.deletion_policy in KEPT]


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    return {"Resources": resources}


def resource(type_name: str, **properties: Any) -> Resource:
    assembly = Assembly.from_templates({"stack": template(It={"Type": type_name, "Properties": properties})})
    (found,) = assembly.resources()
    return found


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_all_that_the_templates_keep_is_told_and_can_be_ended(profile: str) -> None:
    assembly = reviewed(profile)
    told = {one.resource for one in remaining(assembly, ids(assembly), REGION)}
    assert {one for one in kept(assembly) if one not in told and one.type != "AWS::S3::BucketPolicy"} == set()
    assert len(told) > 20
    for one in remaining(assembly, ids(assembly), REGION):
        text = "\n".join(one.lines())
        assert one.physical_id in text
        assert "its template says so" not in text
        assert "in the console" not in one.commands[0] or one.resource.type == "AWS::Cognito::UserPool"


def test_what_is_not_kept_is_not_told() -> None:
    resources = {
        "Kept": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "KeptOnceMade": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"},
        "Gone": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Delete"},
        "GoneToo": {"Type": "AWS::S3::Bucket"},
        "NeverMade": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
    }
    assembly = Assembly.from_templates({"stack": template(**resources)}, region=REGION)
    made = {"stack": {name: name for name in resources if name != "NeverMade"}}
    assert [one.physical_id for one in remaining(assembly, made, REGION)] == ["Kept", "KeptOnceMade"]


def test_what_the_price_list_of_the_summary_knows_is_priced_by_it() -> None:
    found = remaining(reviewed("dev"), ids(reviewed("dev")), REGION)
    by_type: dict[str, set[float]] = {}
    for one in found:
        by_type.setdefault(one.resource.type, set()).add(round(one.dollars, 2))
    assert by_type["AWS::KMS::Key"] == {1.0}
    assert by_type["AWS::RDS::DBInstance"] == {round(0.016 * 730 + 0.115 * 20, 2)}
    assert by_type["AWS::Logs::LogGroup"] == {0.0}


def test_what_others_need_is_ended_after_them_and_keys_last() -> None:
    types = [one.resource.type for one in remaining(reviewed("dev"), ids(reviewed("dev")), REGION)]
    assert types.index("AWS::RDS::DBInstance") < types.index("AWS::RDS::DBSubnetGroup")
    assert types.index("AWS::RDS::DBSubnetGroup") < types.index("AWS::EC2::SecurityGroup")
    assert set(types[types.index("AWS::KMS::Key") :]) == {"AWS::KMS::Key"}


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_network_stays_while_the_database_stands_in_it_and_no_other_stack_does(profile: str) -> None:
    held = held_by(reviewed(profile))
    assert list(held) == ["app-network"]
    assert "AWS::RDS::DBSubnetGroup" in {one.type for one in held["app-network"]}


def test_a_stack_is_not_held_by_what_stays_itself() -> None:
    key = {"Type": "AWS::KMS::Key", "DeletionPolicy": "Retain"}
    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"Key": {"Fn::ImportValue": "key"}}}
    exported = {"Key": {"Value": {"Ref": "Key"}, "Export": {"Name": "key"}}}
    templates = {"keys": {**template(Key=key), "Outputs": exported}, "data": template(Bucket=bucket)}
    assert held_by(Assembly.from_templates(templates)) == {}
    del key["DeletionPolicy"]
    assert list(held_by(Assembly.from_templates(templates))) == ["keys"]


def test_protection_is_lifted_before_the_command_that_ends() -> None:
    log_group = resource("AWS::Logs::LogGroup", DeletionProtectionEnabled=True)
    first, second = commands_that_end(log_group, "/a/b", REGION)
    assert "--no-deletion-protection-enabled" in first
    assert second == "aws logs delete-log-group --log-group-name /a/b --region eu-central-1"
    database = commands_that_end(resource("AWS::RDS::DBInstance", DeletionProtection=True), "db", REGION)
    assert "--no-deletion-protection" in database[0]
    unprotected = commands_that_end(resource("AWS::RDS::DBInstance"), "db", REGION)
    assert not any("modify-db-instance" in command for command in unprotected)


@pytest.mark.parametrize(("mode", "bypassed"), [("GOVERNANCE", True), ("COMPLIANCE", False), (None, False)])
def test_only_a_lock_that_can_be_lifted_is_lifted(mode: str | None, *, bypassed: bool) -> None:
    lock = {"ObjectLockConfiguration": {"Rule": {"DefaultRetention": {"Mode": mode, "Days": 1}}}} if mode else {}
    commands = commands_that_end(resource("AWS::S3::Bucket", **lock), "records", REGION)
    assert any("--bypass-governance-retention" in command for command in commands) is bypassed
    assert any("by nobody before" in command for command in commands) is (mode == "COMPLIANCE")


def test_a_type_without_a_command_is_not_passed_over() -> None:
    assert commands_that_end(resource("AWS::EFS::FileSystem"), "fs", REGION) == (
        "# AWS::EFS::FileSystem: end it in the console",
    )


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_each_command_is_one_that_aws_has_with_options_that_it_takes(profile: str) -> None:
    """Held to botocore's models, from which the AWS CLI makes its commands."""
    assembly = reviewed(profile)
    loader = botocore.session.get_session().get_component("data_loader")
    checked = set()
    for one in remaining(assembly, ids(assembly), REGION):
        for command in one.commands:
            if command.startswith("#"):
                continue
            words = shlex.split(command)
            program, named, operation, *rest = words
            service = {"s3api": "s3"}.get(named, named)
            assert program == "aws"
            if operation == "wait":
                waiters = loader.load_service_model(service, "waiters-2")["waiters"]
                assert rest[0] in {xform_name(name, "-") for name in waiters}
                continue
            model = botocore.session.get_session().get_service_model(service)
            by_name = {xform_name(name, "-"): name for name in model.operation_names}
            members = model.operation_model(by_name[operation]).input_shape.members
            taken = {xform_name(name, "-") for name in members} | {"region", "query", "output", "max-items"}
            options = {word.removeprefix("--").removeprefix("no-") for word in rest if word.startswith("--")}
            assert options <= taken, command
            checked.add(operation)
    assert len(checked) > 8
