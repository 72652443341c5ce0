"""Saved queries are made of the parts that are given, over their logs, in a folder of their own."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs

from secure_backend import (
    AuditTrail,
    EncryptedPostgres,
    ExistingTrail,
    InvalidPropertiesError,
    SavedQueries,
    SavedQuery,
    SecureVpc,
    WebAcl,
)
from tests.api.cases import api_in
from tests.conftest import resources_of, template_of
from tests.test_functions import function


def queries_of(stack: cdk.Stack) -> dict[str, dict[str, Any]]:
    found = resources_of(template_of(stack), "AWS::Logs::QueryDefinition").values()
    return {query["Properties"]["Name"]: query["Properties"] for query in found}


def groups_of(query: dict[str, Any]) -> list[str]:
    return [name["Ref"] if isinstance(name, dict) else name for name in query["LogGroupNames"]]


def test_an_api_answers_who_was_refused_what_was_slow_and_what_became_of_one_request(stack: cdk.Stack) -> None:
    api = api_in(stack)
    SavedQueries(stack, "Queries", folder="orders", api=api, functions=[function(stack)])
    queries = queries_of(stack)
    assert sorted(queries) == [
        "orders/Blocked by the web ACL",
        "orders/Function errors",
        "orders/One request",
        "orders/Refused requests",
        "orders/Refused tokens",
        "orders/Slowest requests",
    ]
    access = stack.resolve(api.access_log_group.log_group_name)["Ref"]
    assert groups_of(queries["orders/Refused requests"]) == groups_of(queries["orders/Slowest requests"]) == [access]
    authorizer = api.authorizer_function
    assert authorizer is not None
    assert groups_of(queries["orders/Refused tokens"]) == [stack.resolve(authorizer.log_group.log_group_name)["Ref"]]
    groups = resources_of(template_of(stack), "AWS::Logs::LogGroup")
    # The method's own handler is not among the functions that were named.
    asked = [name for name in groups if not name.startswith("ApiHandler")]
    assert sorted(groups_of(queries["orders/One request"])) == sorted(asked)


def test_an_api_without_web_acl_and_functions_of_its_own_is_asked_only_what_it_can_answer(stack: cdk.Stack) -> None:
    SavedQueries(stack, "Queries", web_acl=WebAcl(stack, "WebAcl"))
    assert list(queries_of(stack)) == ["stack/Blocked by the web ACL"]


def test_behind_a_load_balancer_one_request_is_followed_through_its_web_acl_and_the_functions(stack: cdk.Stack) -> None:
    SavedQueries(stack, "Queries", web_acl=WebAcl(stack, "WebAcl"), functions=[function(stack)])
    queries = queries_of(stack)
    assert sorted(queries) == ["stack/Blocked by the web ACL", "stack/Function errors", "stack/One request"]
    assert len(groups_of(queries["stack/One request"])) == 2


def test_a_database_is_asked_by_postgresqls_own_log(stack: cdk.Stack) -> None:
    vpc = SecureVpc(stack, "Vpc", cidr="10.20.0.0/16", zones=["eu-central-1a", "eu-central-1b"])
    database = EncryptedPostgres(stack, "Database", vpc=vpc)
    SavedQueries(stack, "Queries", folder="orders", database=database, vpc=vpc)
    queries = queries_of(stack)
    flows = queries.pop("orders/Rejected flows between tiers")
    assert sorted(queries) == ["orders/Database errors", "orders/Database sign-ins", "orders/Slow statements"]
    groups = resources_of(template_of(stack), "AWS::Logs::LogGroup")
    for query in queries.values():
        (group,) = groups_of(query)
        assert groups[group]["Properties"]["LogGroupName"].endswith("/postgresql")
    assert '"10.20.0.0/16"' in flows["QueryString"]
    assert vpc.flow_log_group is not None
    assert groups_of(flows) == [stack.resolve(vpc.flow_log_group.log_group_name)["Ref"]]


def test_flow_logs_in_a_bucket_are_asked_nothing(stack: cdk.Stack) -> None:
    zones = ["eu-central-1a", "eu-central-1b"]
    vpc = SecureVpc(stack, "Vpc", cidr="10.20.0.0/16", zones=zones, flow_logs="s3")
    SavedQueries(stack, "Queries", vpc=vpc)
    assert queries_of(stack) == {}


def test_beside_another_trail_both_log_groups_are_asked(stack: cdk.Stack) -> None:
    other = logs.LogGroup.from_log_group_name(stack, "Other", "organisation-trail")
    trail = AuditTrail(
        stack,
        "Trail",
        data_events=[function(stack)],
        existing_trail=ExistingTrail(log_group=other),
        alarms_to="security@example.com",
    )
    SavedQueries(stack, "Queries", trail=trail)
    queries = queries_of(stack)
    assert len(queries) == 5
    for query in queries.values():
        assert groups_of(query)[0] == "organisation-trail"
        assert len(groups_of(query)) == 2


def test_two_of_them_in_one_stack_have_folders_of_their_own(stack: cdk.Stack) -> None:
    finaliser = function(stack)
    for folder in ("orders", "returns"):
        own = SavedQuery(name="Own", lines=["fields @message", "limit 5"], log_groups=[finaliser.log_group])
        SavedQueries(stack, folder, folder=folder, functions=[finaliser], queries=[own])
    queries = queries_of(stack)
    assert sorted(queries) == ["orders/Function errors", "orders/Own", "returns/Function errors", "returns/Own"]
    assert queries["orders/Own"]["QueryString"] == "fields @message\n| limit 5"


def test_what_cannot_be_asked_is_told_all_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        SavedQueries(stack, "Queries", folder="a/b", api="api", functions=["name"], queries=["fields @message"])  # type: ignore[arg-type,list-item]
    told = str(raised.value).splitlines()
    assert told[0] == "SavedQueries 'Queries' cannot be built, 4 problems:"
    assert told[1] == (
        "  SavedQueries.folder: got 'a/b'; expected up to 100 letters, digits, spaces and _ . -; leave it out"
    )
    assert told[2] == "  SavedQueries.api: got 'api'; expected a HardenedApi object; pass the object"


def test_nothing_to_ask_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"expected some log to ask; pass api=, trail=, or another part"):
        SavedQueries(stack, "Queries")
