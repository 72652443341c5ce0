"""The user pool lets nobody sign themselves up, wants a second factor, and gives its machine short-lived tokens."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from syrupy.assertion import SnapshotAssertion

from secure_backend import ApiUserPool, InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of

SCOPES = {"documents:read": "Read documents"}


def properties(stack: cdk.Stack, type_name: str) -> dict[str, Any]:
    (resource,) = resources_of(template_of(stack), type_name).values()
    made: dict[str, Any] = resource["Properties"]
    return made


def test_a_user_pool_at_its_defaults(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    ApiUserPool(stack, "Callers", domain_prefix="documents-1", scopes=SCOPES)
    assert template_of(stack) == template_snapshot(name="defaults")


def test_nobody_signs_up_and_everybody_has_a_second_factor_and_a_long_password(stack: cdk.Stack) -> None:
    ApiUserPool(stack, "Callers", domain_prefix="documents-1", scopes=SCOPES)
    pool = properties(stack, "AWS::Cognito::UserPool")
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["MfaConfiguration"] == "ON"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 14


def test_the_pool_is_retained_and_protected_because_it_holds_who_owns_the_data(stack: cdk.Stack) -> None:
    ApiUserPool(stack, "Callers", domain_prefix="documents-1", scopes=SCOPES)
    (pool,) = resources_of(template_of(stack), "AWS::Cognito::UserPool").values()
    assert pool["Properties"]["DeletionProtection"] == "ACTIVE"
    assert (pool["DeletionPolicy"], pool["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_client_is_a_machine_with_its_own_scopes_and_tokens_for_15_minutes(stack: cdk.Stack) -> None:
    ApiUserPool(stack, "Callers", domain_prefix="documents-1", scopes=SCOPES)
    client = properties(stack, "AWS::Cognito::UserPoolClient")
    assert client["AllowedOAuthFlows"] == ["client_credentials"]
    # Without a list Cognito would let users sign in through this client.
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["GenerateSecret"] is True
    assert (client["AccessTokenValidity"], client["TokenValidityUnits"]["AccessToken"]) == (15, "minutes")
    assert "documents:read" in json.dumps(client["AllowedOAuthScopes"])
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_a_scope_carries_its_resource_server(stack: cdk.Stack) -> None:
    assert (
        ApiUserPool(stack, "Callers", domain_prefix="d1", scopes=SCOPES).scope("documents:read") == "api/documents:read"
    )


def test_two_pools_stand_in_one_stack(stack: cdk.Stack) -> None:
    ApiUserPool(stack, "One", domain_prefix="documents-1", scopes=SCOPES)
    ApiUserPool(stack, "Two", domain_prefix="documents-2", scopes=SCOPES)
    assert len(resources_of(template_of(stack), "AWS::Cognito::UserPool")) == 2


@pytest.mark.parametrize("prefix", ["Documents", "aws-documents", "my-cognito", "-a", "a" * 64, ""])
def test_a_prefix_that_cognito_refuses_is_refused(stack: cdk.Stack, prefix: str) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"ApiUserPool\.domain_prefix: got"):
        ApiUserPool(stack, "Callers", domain_prefix=prefix, scopes=SCOPES)


def test_a_pool_without_scopes_and_a_pool_in_china_are_refused_at_once(new_stack: NewStack) -> None:
    with pytest.raises(InvalidPropertiesError) as error:
        ApiUserPool(new_stack(region="cn-north-1"), "Callers", domain_prefix="documents-1", scopes={})
    assert "ApiUserPool.scopes: got {}; expected at least one scope; name what a token may allow" in str(error.value)
    assert "name a token issuer of your own in China" in str(error.value)
