"""Every log of the application has a group that is encrypted, bounded and protected, made before its writer."""

from collections.abc import Iterator

import pytest

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import list_of
from tests.app.conftest import Synthesized


def unprotected(assembly: Assembly) -> list[str]:
    """Return what a log group lacks: retention, a customer key of the templates, protection, a life after the stack."""
    return [f"{group.address}: {lack}" for group in assembly.resources("AWS::Logs::LogGroup") for lack in _lacks(group)]


def _lacks(group: Resource) -> Iterator[str]:
    if not isinstance(group.at("RetentionInDays"), int):
        yield "no retention"
    if not group.at("KmsKeyId"):
        yield "no key"
    if group.at("DeletionProtectionEnabled") is not True:
        yield "no deletion protection"
    if group.deletion_policy != "Retain" or group.update_replace_policy != "Retain":
        yield "ends with its stack"


def logs_without_a_group(assembly: Assembly) -> list[str]:
    """Return each log whose service would make the group itself, bare, because no template has made it."""
    made = {
        assembly.render(group.stack, group.at("LogGroupName"))
        for group in assembly.resources("AWS::Logs::LogGroup")
        if group.at("LogGroupName") is not None
    }
    bare = [f"{one.address}: {name}" for one, name in _written_by_name(assembly) if name not in made]
    for resource, path in _written_by_reference(assembly):
        group = assembly.follow(resource.stack, resource.at(path))
        if group is None or group.type != "AWS::Logs::LogGroup":
            bare.append(f"{resource.address}: {path}")
    return bare


def _written_by_name(assembly: Assembly) -> Iterator[tuple[Resource, str]]:
    """Yield what writes into a group whose name the service decides."""
    for database in assembly.resources("AWS::RDS::DBInstance"):
        for export in list_of(database.at("EnableCloudwatchLogsExports")):
            yield database, f"/aws/rds/instance/{database.at('DBInstanceIdentifier')}/{export}"
    for proxy in assembly.resources("AWS::RDS::DBProxy"):
        yield proxy, f"/aws/rds/proxy/{proxy.at('DBProxyName')}"
    for stage in assembly.resources("AWS::ApiGateway::Stage"):
        api = assembly.render(stage.stack, stage.at("RestApiId"))
        yield stage, f"API-Gateway-Execution-Logs_{api}/{stage.at('StageName')}"


_REFERENCES = {
    "AWS::ApiGateway::Stage": "AccessLogSetting.DestinationArn",
    "AWS::CloudTrail::Trail": "CloudWatchLogsLogGroupArn",
    "AWS::EC2::FlowLog": "LogGroupName",
    "AWS::Lambda::Function": "LoggingConfig.LogGroup",
    "AWS::Route53Resolver::ResolverQueryLoggingConfig": "DestinationArn",
    "AWS::WAFv2::LoggingConfiguration": "LogDestinationConfigs",
}


def _written_by_reference(assembly: Assembly) -> Iterator[tuple[Resource, str]]:
    """Yield what writes into a group that it is told."""
    for type_name, path in _REFERENCES.items():
        for resource in assembly.resources(type_name):
            if type_name != "AWS::EC2::FlowLog" or resource.at("LogDestinationType") == "cloud-watch-logs":
                yield resource, path


def test_each_log_group_is_encrypted_bounded_and_protected_and_outlives_its_stack(profile: Synthesized) -> None:
    assert len(profile.assembly.resources("AWS::Logs::LogGroup")) >= 12
    assert unprotected(profile.assembly) == []


def test_no_service_makes_a_group_of_its_own(profile: Synthesized) -> None:
    """But for two that belong to the account and the region: RDSOSMetrics and /aws/apigateway/welcome."""
    assert {resource.type for resource, _ in _written_by_reference(profile.assembly)} >= {
        "AWS::ApiGateway::Stage",
        "AWS::CloudTrail::Trail",
        "AWS::EC2::FlowLog",
        "AWS::Lambda::Function",
        "AWS::WAFv2::LoggingConfiguration",
    }
    assert len(list(_written_by_name(profile.assembly))) >= 3
    assert logs_without_a_group(profile.assembly) == []


@pytest.mark.parametrize("name", ["RetentionInDays", "KmsKeyId", "DeletionProtectionEnabled", "DeletionPolicy"])
def test_a_group_that_lacks_one_of_them_is_found(name: str) -> None:
    properties = {"RetentionInDays": 365, "KmsKeyId": "arn", "DeletionProtectionEnabled": True}
    group = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    less = {key: value for key, value in properties.items() if key != name}
    body = {**{key: value for key, value in group.items() if key != name}, "Type": "AWS::Logs::LogGroup"}
    for kept, lacks in ((properties, 0), (less, 1)) if name in properties else ((properties, 1),):
        assembly = Assembly.from_templates({"app": {"Resources": {"Logs": {**body, "Properties": kept}}}})
        assert len(unprotected(assembly)) == lacks


def test_a_function_and_an_export_without_a_group_are_found() -> None:
    resources = {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {}},
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"DBInstanceIdentifier": "orders", "EnableCloudwatchLogsExports": ["postgresql"]},
        },
    }
    assert logs_without_a_group(Assembly.from_templates({"app": {"Resources": resources}})) == [
        "app/Database: /aws/rds/instance/orders/postgresql",
        "app/Function: LoggingConfig.LogGroup",
    ]
