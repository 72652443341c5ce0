"""The web ACL blocks by default, logs what it sees without secrets, and lets single rules be counted."""

from typing import Any

import aws_cdk as cdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from secure_backend.keys import DataKey
from secure_backend.validation import InvalidPropertiesError
from secure_backend.web_acl import WebAcl
from secure_backend.web_acl_rules import MANAGED_GROUPS, web_acl_rules
from tests.conftest import FLAGS, NewStack, resources_of, template_of


def template_with(region: str = "eu-central-1", **options: Any) -> dict[str, Any]:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region=region))
    WebAcl(stack, "WebAcl", **options)
    return template_of(stack)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with()


def only(template: dict[str, Any], type_name: str) -> dict[str, Any]:
    (resource,) = resources_of(template, type_name).values()
    return dict(resource["Properties"])


def rules_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {rule["Name"]: rule for rule in only(template, "AWS::WAFv2::WebACL")["Rules"]}


def test_the_defaults_are_those_of_the_snapshot(template: dict[str, Any], template_snapshot: SnapshotAssertion) -> None:
    assert template == template_snapshot(name="defaults")


def test_it_is_regional_and_allows_what_no_rule_blocks(template: dict[str, Any]) -> None:
    acl = only(template, "AWS::WAFv2::WebACL")
    assert acl["Scope"] == "REGIONAL"
    assert acl["DefaultAction"] == {"Allow": {}}


def test_reputation_common_known_bad_and_sql_injection_rules_block(template: dict[str, Any]) -> None:
    rules = rules_of(template)
    assert {*MANAGED_GROUPS} == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    }
    for group in MANAGED_GROUPS:
        assert rules[group]["OverrideAction"] == {"None": {}}
        assert rules[group]["Statement"] == {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group}}


def test_a_flood_from_one_address_is_blocked(template: dict[str, Any]) -> None:
    rule = rules_of(template)["RequestsPerAddress"]
    assert rule["Action"] == {"Block": {}}
    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": 2000,
    }


def test_priorities_are_unique(template: dict[str, Any]) -> None:
    priorities = [rule["Priority"] for rule in only(template, "AWS::WAFv2::WebACL")["Rules"]]
    assert priorities == sorted(set(priorities))


def test_every_rule_is_measured_and_none_is_sampled(template: dict[str, Any]) -> None:
    acl = only(template, "AWS::WAFv2::WebACL")
    for config in (acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])):
        assert config["CloudWatchMetricsEnabled"] is True
        assert config["SampledRequestsEnabled"] is False


def test_a_counted_rule_counts_and_the_rest_of_its_group_blocks() -> None:
    rules = rules_of(template_with(count=["CrossSiteScripting_BODY", "AWSManagedRulesSQLiRuleSet/NewerRule"]))
    counted = {
        group: rules[group]["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
        for group in MANAGED_GROUPS
    }
    assert counted.pop("AWSManagedRulesCommonRuleSet") == [
        {"Name": "CrossSiteScripting_BODY", "ActionToUse": {"Count": {}}}
    ]
    assert counted.pop("AWSManagedRulesSQLiRuleSet") == [{"Name": "NewerRule", "ActionToUse": {"Count": {}}}]
    assert not any(counted.values())


@pytest.mark.parametrize("size", [16, 64])
def test_a_larger_body_limit_is_enforced_by_a_rule_of_our_own(size: int) -> None:
    template = template_with(max_body_kb=size)
    rule = rules_of(template)["BodySize"]
    constraint = rule["Statement"]["SizeConstraintStatement"]
    assert rule["Action"] == {"Block": {}}
    assert constraint["Size"] == size * 1024
    assert constraint["ComparisonOperator"] == "GT"
    assert constraint["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    common = rules_of(template)["AWSManagedRulesCommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    assert common["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]


def test_a_body_limit_beyond_what_waf_sees_widens_what_it_sees() -> None:
    acl = only(template_with(max_body_kb=64), "AWS::WAFv2::WebACL")
    limit = acl["AssociationConfig"]["RequestBody"]["API_GATEWAY"]
    assert limit == {"DefaultSizeInspectionLimit": "KB_64"}


def test_the_default_body_limit_is_awss_own(template: dict[str, Any]) -> None:
    assert "BodySize" not in rules_of(template)
    assert "AssociationConfig" not in only(template, "AWS::WAFv2::WebACL")


def test_the_log_goes_to_a_group_whose_name_waf_takes(template: dict[str, Any]) -> None:
    ((group_id, group),) = resources_of(template, "AWS::Logs::LogGroup").items()
    name = group["Properties"]["LogGroupName"]["Fn::Join"][1]
    assert name[0].startswith("aws-waf-logs-")
    destination = only(template, "AWS::WAFv2::LoggingConfiguration")["LogDestinationConfigs"]
    assert destination[0]["Fn::Join"][1][-2:] == [":log-group:", {"Ref": group_id}]


def test_a_stack_made_anew_does_not_meet_the_retained_log_group_of_the_last(template: dict[str, Any]) -> None:
    name = only(template, "AWS::Logs::LogGroup")["LogGroupName"]["Fn::Join"][1]
    assert name[1]["Fn::Select"][1]["Fn::Split"][1]["Fn::Select"][1]["Fn::Split"][1] == {"Ref": "AWS::StackId"}


def test_the_log_is_encrypted_retained_and_the_key_lets_its_name_in(template: dict[str, Any]) -> None:
    ((key_id, key),) = resources_of(template, "AWS::KMS::Key").items()
    (group,) = resources_of(template, "AWS::Logs::LogGroup").values()
    assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert group["DeletionPolicy"] == group["UpdateReplacePolicy"] == "Retain"
    prefix = group["Properties"]["LogGroupName"]["Fn::Join"][1][0]
    assert f":log-group:{prefix}*" in str(key["Properties"]["KeyPolicy"])


def test_tokens_cookies_and_keys_never_reach_the_log(template: dict[str, Any]) -> None:
    redacted = only(template, "AWS::WAFv2::LoggingConfiguration")["RedactedFields"]
    names = {field["SingleHeader"]["Name"] for field in redacted}
    assert names == {"authorization", "cookie", "x-api-key", "x-amz-security-token"}


def test_no_log_resource_policy_is_used_up(template: dict[str, Any]) -> None:
    assert not resources_of(template, "AWS::Logs::ResourcePolicy")


def test_the_callers_key_is_used(stack: cdk.Stack) -> None:
    key = DataKey(stack, "Mine", description="Logs")
    web_acl = WebAcl(stack, "WebAcl", key=key)
    template = template_of(stack)
    assert web_acl.key is key
    assert len(resources_of(template, "AWS::KMS::Key")) == 1


def test_it_protects_any_regional_resource(stack: cdk.Stack) -> None:
    web_acl = WebAcl(stack, "WebAcl")
    web_acl.protect(stack, "Protection", "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/a/b")
    association = only(template_of(stack), "AWS::WAFv2::WebACLAssociation")
    assert association["ResourceArn"].endswith("loadbalancer/app/a/b")
    assert association["WebACLArn"]["Fn::GetAtt"][1] == "Arn"


def test_two_in_one_stack_have_logs_of_their_own(stack: cdk.Stack) -> None:
    WebAcl(stack, "One")
    WebAcl(stack, "Two")
    groups = resources_of(template_of(stack), "AWS::Logs::LogGroup").values()
    assert len({str(group["Properties"]["LogGroupName"]) for group in groups}) == 2


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_it_holds_no_literal_partition_of_another_region(region: str) -> None:
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    text = str(template_with(region))
    assert "arn:" not in text.replace(f"arn:{partition}:", "")


def test_a_log_group_name_stays_within_the_limit(new_stack: NewStack) -> None:
    stack = new_stack("a" * 100)
    WebAcl(stack, "B" * 100)
    name = only(template_of(stack), "AWS::Logs::LogGroup")["LogGroupName"]["Fn::Join"][1][0]
    assert len(name) < 512


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"requests_per_address": 9}, "WebAcl.requests_per_address: got 9; expected 10 to 2000000000; AWS WAF counts"),
        ({"requests_per_address": 0}, "WebAcl.requests_per_address: got 0"),
        ({"requests_per_address": "100"}, "WebAcl.requests_per_address: got '100'; expected a whole number"),
        ({"count": ["SqlInjection"]}, "WebAcl.count: got 'SqlInjection'; expected a rule of AWSManagedRules"),
        ({"count": ["SQLi_BOD"]}, "did you mean SQLi_BODY?"),
        ({"count": ["OtherGroup/Rule"]}, "write group/name for a rule newer than this library"),
        ({"count": "SQLi_BODY"}, "WebAcl.count: got 'SQLi_BODY'; expected a list of rule names"),
        ({"max_body_kb": 9}, "WebAcl.max_body_kb: got 9; expected one of 8, 16, 32, 48, 64; leave it out for 8"),
        ({"log_retention": 30}, "WebAcl.log_retention: got 30; expected a bounded aws_logs.RetentionDays"),
        ({"key": "alias/logs"}, "WebAcl.key: got 'alias/logs'; expected a Key object; pass the key object"),
    ],
)
def test_a_bad_property_is_refused_with_its_fix(stack: cdk.Stack, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidPropertiesError) as caught:
        WebAcl(stack, "WebAcl", **options)
    assert problem in str(caught.value)


def test_all_problems_are_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="3 problems"):
        WebAcl(stack, "WebAcl", requests_per_address=1, max_body_kb=1, count=["x"])


@settings(max_examples=50, deadline=None)
@given(st.sets(st.sampled_from([rule for rules in MANAGED_GROUPS.values() for rule in rules])))
def test_each_counted_rule_is_overridden_once_and_in_its_own_group(names: set[str]) -> None:
    seen = []
    for rule in web_acl_rules(2000, sorted(names), 8):
        group = rule.statement.managed_rule_group_statement  # type: ignore[union-attr]
        overrides = (group.rule_action_overrides or []) if group else []  # type: ignore[union-attr]
        seen += [each.name for each in overrides]  # type: ignore[union-attr]
        assert all(each.name in MANAGED_GROUPS[group.name] for each in overrides)  # type: ignore[union-attr]
    assert sorted(seen) == sorted(names)
