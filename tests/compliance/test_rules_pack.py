"""The pack of our own rules, added to an app as any other app would add it."""

from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from secure_backend.analysis import Assembly
from secure_backend.compliance.rules import RULES, Finding, Rule
from secure_backend.compliance.secure_backend_checks import SecureBackendChecks
from tests.compliance.nag_report import new_app, report_of
from tests.compliance.rules import api_cases, data_cases, load_balancer_cases, network_cases, role_cases, trail_cases
from tests.compliance.rules.case import assembly_of, changed

GLOBAL_EVENTS = "SecureBackend-MultiRegionTrailWithoutGlobalEvents"
ONLY_GLOBAL_EVENTS = [rule for rule in RULES if rule.id == GLOBAL_EVENTS]


def bad_trail(scope: cdk.Stack, name: str = "Trail") -> cloudtrail.CfnTrail:
    return cloudtrail.CfnTrail(scope, name, is_logging=True, s3_bucket_name="logs", is_multi_region_trail=True)


def with_pack(app: cdk.App, rules: list[Rule] = ONLY_GLOBAL_EVENTS) -> SecureBackendChecks:
    pack = SecureBackendChecks(app, rules=rules)
    cdk.Validations.of(app).add_plugins(pack)
    return pack


def test_a_finding_tells_the_resource_the_rule_the_aws_error_the_reason_and_the_fix() -> None:
    app = new_app()
    bad_trail(cdk.Stack(app, "audit"))
    with_pack(app)
    [found], suppressed = report_of(app, "SecureBackend")
    assert (found.rule, found.construct, found.severity) == (GLOBAL_EVENTS, "audit/Trail", "error")
    assert found.description == (
        "The trail is multi-region and does not include global service events. AWS: Multi-Region trail must include "
        "global service events (InvalidParameterCombinationException). IncludeGlobalServiceEvents is false when it is "
        "left out of a template. Fix: set IncludeGlobalServiceEvents to true (include_global_service_events=True)."
    )
    assert suppressed == []


def test_an_acknowledgement_suppresses_the_finding_at_its_construct_only_and_is_listed_with_its_reason() -> None:
    app = new_app()
    acknowledged = bad_trail(cdk.Stack(app, "first"))
    bad_trail(cdk.Stack(app, "second"))
    cdk.Validations.of(acknowledged).acknowledge(
        cdk.Acknowledgment(id=f"SecureBackend::{GLOBAL_EVENTS}", reason="An older trail records them.")
    )
    with_pack(app)
    found, suppressed = report_of(app, "SecureBackend")
    assert [entry.construct for entry in found] == ["second/Trail"]
    assert [(entry.construct, entry.acknowledged_at, entry.reason) for entry in suppressed] == [
        ("first/Trail", "first/Trail", "An older trail records them.")
    ]


def test_an_acknowledgement_on_the_construct_around_the_resource_counts() -> None:
    app = new_app()
    stack = cdk.Stack(app, "stack")
    key = kms.Key(stack, "Key", policy=None)
    group = logs.LogGroup(stack, "Group", encryption_key=key)
    cdk.Validations.of(key).acknowledge(
        cdk.Acknowledgment(id="SecureBackend::SecureBackend-LogGroupKeyPolicy", reason="The owner adds the statement.")
    )
    with_pack(app, [rule for rule in RULES if rule.name == "LogGroupKeyPolicy"])
    found, suppressed = report_of(app, "SecureBackend")
    assert group.node.path == "stack/Group"
    assert found == []
    assert [(entry.construct, entry.acknowledged_at) for entry in suppressed] == [("stack/Key/Resource", "stack/Key")]


def test_stacks_of_stages_and_nested_stacks_are_checked_and_named_by_their_constructs() -> None:
    app = new_app()
    stage = cdk.Stage(app, "prod")
    bad_trail(cdk.Stack(stage, "audit"))
    bad_trail(cdk.NestedStack(cdk.Stack(app, "outer"), "inner"))
    with_pack(app)
    found, _ = report_of(app, "SecureBackend")
    assert sorted(entry.construct for entry in found) == ["outer/inner/Trail", "prod/audit/Trail"]


def test_a_value_known_only_at_deployment_is_no_finding() -> None:
    app = new_app()
    stack = cdk.Stack(app, "stack")
    choice = cdk.CfnParameter(stack, "GlobalEvents", default="false").value_as_string
    trail = bad_trail(stack)
    trail.add_property_override("IncludeGlobalServiceEvents", choice)
    pack = with_pack(app)
    assert report_of(app, "SecureBackend") == ([], [])
    assert pack.found == ()


def test_the_pack_tells_clean_from_never_ran() -> None:
    app = new_app()
    cdk.Stack(app, "stack")
    pack = with_pack(app)
    assert pack.found is None
    app.synth()
    assert pack.found == ()


def test_a_rule_that_fails_is_reported_under_an_id_of_its_own_and_hides_nothing() -> None:
    def fails(assembly: Assembly) -> Iterator[Finding]:
        raise KeyError("Properties")

    sound = ONLY_GLOBAL_EVENTS[0]
    broken = Rule(name="Broken", summary="", severity="error", aws="", reason="", fix="", source="", check=fails)
    app = new_app()
    stack = cdk.Stack(app, "stack")
    bad_trail(stack)
    cdk.Validations.of(stack).acknowledge(
        cdk.Acknowledgment(id="SecureBackend::SecureBackend-Broken", reason="hides no failure")
    )
    with_pack(app, [broken, sound])
    found, suppressed = report_of(app, "SecureBackend")
    assert {entry.rule for entry in found} == {"SecureBackend-RuleFailed[Broken]", GLOBAL_EVENTS}
    assert next(entry for entry in found if "Failed" in entry.rule).description.startswith(
        "Rule threw an error during validation: KeyError: 'Properties'"
    )
    assert suppressed == []


def test_it_refuses_to_check_constructs_that_have_no_template_yet() -> None:
    app = new_app()
    with pytest.raises(ValueError, match=r"SecureBackendChecks\.validate_scope: got .* read synthesized templates"):
        SecureBackendChecks(app).validate_scope(app)


def test_the_pack_names_every_rule_it_checks() -> None:
    assert SecureBackendChecks().rule_ids == [rule.id for rule in RULES]


#: Rules on what a template does not hold at all: a value that is not there cannot be known later either.
ABOUT_ABSENCE = {
    rule.name
    for rule in RULES
    if rule.name.startswith(("LogGroupWithout", "StateWithout", "StateLost"))
    or rule.name
    in {
        "AlarmTopicWithoutSubscriber",
        "DefaultSecurityGroupOpen",
        "SecurityGroupOpenByOmission",
        "WebAclWithoutLogging",
    }
}

TEMPLATES = (
    trail_cases.TRAIL,
    network_cases.NETWORK,
    api_cases.API,
    load_balancer_cases.EDGE,
    data_cases.DATABASE,
    data_cases.STORE,
    role_cases.ROLES,
)


@pytest.mark.parametrize("value", [{"Ref": "Parameter"}, {"Fn::ImportValue": "elsewhere"}, {"Fn::If": ["A", "b", "c"]}])
def test_no_rule_fails_or_guesses_when_every_property_is_known_only_at_deployment(value: dict[str, Any]) -> None:
    for template in TEMPLATES:
        changes = {f"{name}/Properties/{each}": value for name, body in template.items() for each in body["Properties"]}
        assembly = Assembly.from_templates({"app": {"Resources": changed(template, changes)}})
        assert {rule.name for rule in RULES for _ in rule.findings(assembly)} <= ABOUT_ABSENCE


def test_a_policy_that_is_known_only_at_deployment_may_allow_what_is_needed() -> None:
    computed = {"Fn::If": ["A", "b", "c"]}
    policies = ("KeyPolicy", "PolicyDocument", "AssumeRolePolicyDocument", "Policy")
    for template in TEMPLATES:
        before = {rule.name for rule in RULES for _ in rule.findings(assembly_of(template))}
        for name, body in template.items():
            changes = {f"{name}/Properties/{each}": computed for each in body["Properties"] if each in policies}
            assembly = assembly_of(changed(template, changes))
            assert {rule.name for rule in RULES for _ in rule.findings(assembly)} <= before
