"""Logs are encrypted and made before they are written, tell no secrets, and the account's role has one owner."""

import json
from typing import Any

import aws_cdk as cdk
import pytest

from tests.api.cases import api_in
from tests.conftest import FLAGS, NewStack, resources_of, template_of

ACCOUNT = "AWS::ApiGateway::Account"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    api_in(stack)
    return template_of(stack)


def stage_of(template: dict[str, Any]) -> dict[str, Any]:
    (stage,) = resources_of(template, "AWS::ApiGateway::Stage").values()
    return stage


def test_the_access_log_is_json_and_holds_no_body_token_query_or_path_value(template: dict[str, Any]) -> None:
    fields = json.loads(stage_of(template)["Properties"]["AccessLogSetting"]["Format"])
    assert {"requestId", "ip", "httpMethod", "resourcePath", "status", "responseLatency"} <= {*fields}
    told = " ".join(fields.values())
    for secret in (
        "header",
        "querystring",
        "body",
        "apiKey ",
        "path ",
        "context.path",
        "authorizer.claims",
        "userAgent",
    ):
        assert secret not in told + " "


def test_the_access_log_goes_to_its_group_without_a_wildcard(template: dict[str, Any]) -> None:
    destination = stage_of(template)["Properties"]["AccessLogSetting"]["DestinationArn"]["Fn::Join"][1]
    assert destination[-1]["Ref"] in resources_of(template, "AWS::Logs::LogGroup")


def test_every_log_group_is_encrypted_retained_and_kept(template: dict[str, Any]) -> None:
    (key,) = resources_of(template, "AWS::KMS::Key")
    groups = [
        group
        for logical_id, group in resources_of(template, "AWS::Logs::LogGroup").items()
        if not logical_id.startswith("ApiHandler")
    ]
    assert len(groups) == 4, "access, execution, authorizer, web ACL"
    for group in groups:
        assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
        assert group["Properties"]["RetentionInDays"] == 365
        assert group["DeletionPolicy"] == group["UpdateReplacePolicy"] == "Retain"


def test_the_execution_log_holds_errors_without_data(template: dict[str, Any]) -> None:
    (settings,) = stage_of(template)["Properties"]["MethodSettings"]
    assert settings["LoggingLevel"] == "ERROR"
    assert settings["DataTraceEnabled"] is False
    assert settings["MetricsEnabled"] is True


def test_the_execution_log_group_is_made_before_the_stage_that_would_make_it(template: dict[str, Any]) -> None:
    (api,) = resources_of(template, "AWS::ApiGateway::RestApi")
    ((group_id, _),) = (
        (logical_id, group)
        for logical_id, group in resources_of(template, "AWS::Logs::LogGroup").items()
        if group["Properties"].get("LogGroupName")
        == {"Fn::Join": ["", ["API-Gateway-Execution-Logs_", {"Ref": api}, "/v1"]]}
    )
    assert group_id in stage_of(template)["DependsOn"]


def test_the_key_lets_the_execution_log_in_by_name_as_text(template: dict[str, Any]) -> None:
    (key,) = resources_of(template, "AWS::KMS::Key").values()
    policy = json.dumps(key["Properties"]["KeyPolicy"])
    assert ":log-group:API-Gateway-Execution-Logs_*/v1" in policy
    assert "RestApi" not in policy


def test_no_log_retention_helper_is_made(template: dict[str, Any]) -> None:
    assert not resources_of(template, "Custom::LogRetention")


def test_the_accounts_role_is_made_before_the_stage_and_retained(template: dict[str, Any]) -> None:
    ((account_id, account),) = resources_of(template, ACCOUNT).items()
    assert account_id in stage_of(template)["DependsOn"]
    role_id = account["Properties"]["CloudWatchRoleArn"]["Fn::GetAtt"][0]
    role = template["Resources"][role_id]
    assert "AmazonAPIGatewayPushToCloudWatchLogs" in str(role["Properties"]["ManagedPolicyArns"])
    assert role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "apigateway.amazonaws.com"
    }
    for retained in (account, role):
        assert retained["DeletionPolicy"] == retained["UpdateReplacePolicy"] == "Retain"


def test_two_stacks_share_one_owner_and_the_second_waits_for_the_first(new_stack: NewStack) -> None:
    first, second = new_stack("first"), new_stack("second")
    api_in(first)
    api_in(second)
    templates = [template_of(first), template_of(second)]
    assert [len(resources_of(template, ACCOUNT)) for template in templates] == [1, 0]
    assert first in second.dependencies


def test_two_regions_have_an_owner_each(new_stack: NewStack) -> None:
    stacks = [new_stack("first", "eu-central-1"), new_stack("second", "us-east-1")]
    for stack in stacks:
        api_in(stack)
    assert [len(resources_of(template_of(stack), ACCOUNT)) for stack in stacks] == [1, 1]


def test_an_api_in_a_nested_stack_shares_the_owner_of_its_parent(stack: cdk.Stack) -> None:
    nested = cdk.NestedStack(stack, "Nested")
    api_in(nested)
    api_in(stack)
    assert len(resources_of(template_of(nested), ACCOUNT)) == 0
    assert len(resources_of(template_of(stack), ACCOUNT)) == 1


def test_an_app_with_stages_has_an_owner_in_each(app: cdk.App) -> None:
    env = cdk.Environment(region="eu-central-1", account="111122223333")
    stacks = [cdk.Stack(cdk.Stage(app, name, env=env), "api") for name in ("test", "live")]
    for stack in stacks:
        api_in(stack)
    assert [len(resources_of(template_of(stack), ACCOUNT)) for stack in stacks] == [1, 1]


def test_an_account_that_has_the_role_keeps_it(stack: cdk.Stack) -> None:
    api_in(stack, account_logging_role=False)
    template = template_of(stack)
    assert not resources_of(template, ACCOUNT)
    assert len(stage_of(template)["DependsOn"]) == 1
