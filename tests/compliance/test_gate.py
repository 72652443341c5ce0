"""The gate lets nothing pass in silence: no warning, no stale or too wide acknowledgement, no pack that did not run."""

import datetime
import json
import re
import tarfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_backend.compliance import Gate, Verdict, packs
from secure_backend.compliance.packs import RULES
from tests.conftest import FLAGS

REASON = "Nothing confidential is ever published to this topic."
UNENCRYPTED = tuple(f"{pack}::{pack}-SNSEncryptedKMS" for pack in RULES if pack not in {"AwsSolutions", "Serverless"})
PLAIN_HTTP = "AwsSolutions::AwsSolutions-SNS3"
TODAY = datetime.date(2026, 11, 25)
NEXT_YEAR = datetime.date(2027, 11, 25)

Build = Callable[[cdk.Stack, Gate], None]


def judge(build: Build, *, context: dict[str, object] | None = None) -> Verdict:
    """Build one stack and let the gate judge it."""
    app = cdk.App(context=FLAGS if context is None else context, builtin_cloud_formation_validation=False)
    gate = Gate(app)
    build(cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1")), gate)
    return gate.synth(today=TODAY)


def sound(stack: cdk.Stack, gate: Gate) -> None:
    """Build a topic in which no rule finds anything."""
    sns.Topic(stack, "Sound", master_key=kms.Key(stack, "Key", enable_key_rotation=True), enforce_ssl=True)


def acknowledge(gate: Gate, topic: Construct, *findings: str, review_by: datetime.date = NEXT_YEAR) -> None:
    gate.acknowledgements.add(topic, *findings, reason=REASON, owner="platform", review_by=review_by)


def test_an_app_without_findings_passes() -> None:
    verdict = judge(sound)
    assert verdict.passed, verdict.text()
    assert set(RULES) < set(verdict.rules_checked)


def test_an_unacknowledged_finding_is_open_and_told_with_rule_and_resource() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        sns.Topic(stack, "Topic")

    verdict = judge(build)
    assert not verdict.passed
    assert PLAIN_HTTP in verdict.text()
    assert "at stack/Topic/Resource" in verdict.text()


def test_an_acknowledged_finding_is_not_open_and_keeps_its_reason() -> None:
    verdict = judge(lambda stack, gate: acknowledge(gate, sns.Topic(stack, "Topic"), PLAIN_HTTP, *UNENCRYPTED))
    assert verdict.passed, verdict.text()
    assert {entry.reason for entry in verdict.acknowledged} == {REASON}
    assert verdict.rules_acknowledged == ["SNS3", "SNSEncryptedKMS"]


def test_a_warning_is_open_even_where_another_finding_of_the_pack_is_acknowledged() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        acknowledge(gate, sns.Topic(stack, "Topic"), PLAIN_HTTP, *UNENCRYPTED)
        lambda_.CfnFunction(
            stack,
            "Function",
            role="arn:aws:iam::123456789012:role/function",
            runtime="python3.14",
            handler="index.handler",
            code=lambda_.CfnFunction.CodeProperty(zip_file="def handler(event, context): ..."),
        )

    warnings = [finding for finding in judge(build).open if finding.severity == "warning"]
    assert warnings


def test_an_acknowledgement_that_matches_nothing_any_more_fails() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        topic = sns.Topic(stack, "Topic", enforce_ssl=True, master_key=kms.Key(stack, "Key", enable_key_rotation=True))
        acknowledge(gate, topic, PLAIN_HTTP)

    verdict = judge(build)
    assert any(f"{PLAIN_HTTP}: matches no finding any more" in problem for problem in verdict.problems)


def test_a_misspelt_acknowledgement_fails() -> None:
    misspelt = "AwsSolutions::AwsSolutions-SNS33"
    verdict = judge(lambda stack, gate: acknowledge(gate, sns.Topic(stack, "Topic"), misspelt))
    assert any("matches no finding" in problem for problem in verdict.problems)


def test_an_acknowledgement_past_its_date_fails() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        yesterday = TODAY - datetime.timedelta(days=1)
        acknowledge(gate, sns.Topic(stack, "Topic"), PLAIN_HTTP, *UNENCRYPTED, review_by=yesterday)

    verdict = judge(build)
    assert any("its review was due on 2026-11-24; platform has" in problem for problem in verdict.problems)


def test_an_acknowledgement_on_its_last_day_passes() -> None:
    verdict = judge(
        lambda stack, gate: acknowledge(gate, sns.Topic(stack, "Topic"), PLAIN_HTTP, *UNENCRYPTED, review_by=TODAY)
    )
    assert verdict.passed, verdict.text()


@pytest.mark.parametrize("reason", ["", " ", "demo", "for demo purposes"])
def test_a_reason_that_says_nothing_is_refused(reason: str) -> None:
    gate = Gate(cdk.App(context=FLAGS))
    topic = sns.Topic(cdk.Stack(), "Topic")
    with pytest.raises(ValueError, match="expected a sentence that a reviewer would accept"):
        gate.acknowledgements.add(topic, PLAIN_HTTP, reason=reason, owner="platform", review_by=NEXT_YEAR)


def test_an_acknowledgement_without_an_owner_is_refused() -> None:
    gate = Gate(cdk.App(context=FLAGS))
    with pytest.raises(ValueError, match="say who looks again"):
        gate.acknowledgements.add(
            sns.Topic(cdk.Stack(), "Topic"), PLAIN_HTTP, reason=REASON, owner=" ", review_by=NEXT_YEAR
        )


def test_a_bare_id_is_refused_because_it_would_hide_the_finding_without_a_trace() -> None:
    gate = Gate(cdk.App(context=FLAGS))
    with pytest.raises(ValueError, match="expected an id with its pack's prefix"):
        acknowledge(gate, sns.Topic(cdk.Stack(), "Topic"), "AwsSolutions-SNS3")


@pytest.mark.parametrize("wide", ["app", "stack"])
def test_an_acknowledgement_on_more_than_one_resource_is_refused(wide: str) -> None:
    app = cdk.App(context=FLAGS)
    stack = cdk.Stack(app, "stack")
    sns.Topic(stack, "Topic")
    with pytest.raises(ValueError, match="expected the resource that the finding names"):
        acknowledge(Gate(app), app if wide == "app" else stack, PLAIN_HTTP)


def test_an_acknowledgement_outside_the_registry_fails() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        sns.Topic(stack, "Topic")
        for finding in (PLAIN_HTTP, *UNENCRYPTED):
            cdk.Validations.of(stack).acknowledge(cdk.Acknowledgment(id=finding, reason="because"))

    verdict = judge(build)
    assert any(f"stack: {PLAIN_HTTP}: acknowledged outside the registry" in problem for problem in verdict.problems)


def test_a_bare_acknowledgement_outside_the_registry_fails_although_it_leaves_no_trace_in_the_report() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        topic = sns.Topic(stack, "Topic", master_key=kms.Key(stack, "Key", enable_key_rotation=True))
        cdk.Validations.of(topic).acknowledge(cdk.Acknowledgment(id="AwsSolutions-SNS3", reason="because"))

    verdict = judge(build)
    assert verdict.open == ()
    assert any("AwsSolutions-SNS3: acknowledged outside the registry" in problem for problem in verdict.problems)


def test_an_acknowledgement_that_hides_a_rule_that_threw_fails() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        rotation = cdk.CfnParameter(stack, "Rotation", type="String")
        policy = iam.PolicyDocument.from_json({"Version": "2012-10-17", "Statement": []})
        key = kms.CfnKey(stack, "Key", key_policy=policy, enable_key_rotation=cdk.Token.as_any(rotation.value))
        acknowledge(gate, key, "AwsSolutions::AwsSolutions-KMS5")

    verdict = judge(build)
    assert any("KMS5: the rule threw" in problem for problem in verdict.problems), verdict.text()


def test_the_same_acknowledgement_twice_fails() -> None:
    def build(stack: cdk.Stack, gate: Gate) -> None:
        topic = sns.Topic(stack, "Topic")
        acknowledge(gate, topic, PLAIN_HTTP, *UNENCRYPTED)
        acknowledge(gate, topic, PLAIN_HTTP)

    assert any("acknowledged twice" in problem for problem in judge(build).problems)


def test_a_pack_that_did_not_run_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    attached = packs.rule_packs
    monkeypatch.setattr(packs, "rule_packs", lambda app: [p for p in attached(app) if p.name != "PCI.DSS.321"])
    assert judge(sound).problems == ("PCI.DSS.321: the pack did not run; its canary was not found",)


def test_cloudformation_validation_switched_off_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    assert any("switched off by CDK_VALIDATION" in problem for problem in judge(sound).problems)


def test_cloudformation_default_rules_left_out_of_cdk_json_fail() -> None:
    verdict = judge(sound, context={})
    assert any("validateAgainstDefaultRules" in problem for problem in verdict.problems)


def test_the_canary_stands_in_no_template() -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False)
    gate = Gate(app)
    stack = cdk.Stack(app, "stack")
    sound(stack, gate)
    gate.synth(today=TODAY)
    template = json.loads(Path(app.outdir, "stack.template.json").read_text())
    assert [name for name in template["Resources"] if "Canary" in name] == []


def test_an_app_without_a_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="add a stack before"):
        Gate(cdk.App(context=FLAGS)).synth()


def test_the_verdict_is_written_into_the_assembly() -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False)
    gate = Gate(app)
    acknowledge(gate, sns.Topic(cdk.Stack(app, "stack"), "Topic"), PLAIN_HTTP, *UNENCRYPTED)
    gate.synth(today=TODAY)
    written = json.loads(Path(app.outdir, "gate.json").read_text())
    assert written["passed"] is True
    assert written["acknowledged"][0]["reason"] == REASON
    assert written["acknowledged"][0]["construct"] == "stack/Topic/Resource"


def test_the_table_of_rules_is_what_the_installed_release_holds() -> None:
    archive = next(Path(str(resources.files("cdk_nag") / "_jsii")).glob("*.tgz"))
    files = {
        "AwsSolutions": "aws-solutions",
        "HIPAA.Security": "hipaa-security",
        "NIST.800.53.R4": "nist-800-53-r4",
        "NIST.800.53.R5": "nist-800-53-r5",
        "PCI.DSS.321": "pci-dss-321",
        "Serverless": "serverless",
    }
    with tarfile.open(archive) as package:
        for pack, file in files.items():
            source = package.extractfile(f"package/lib/packs/{file}.js")
            assert source is not None
            assert RULES[pack] == len(re.findall(r"this\.applyRule\(", source.read().decode())), pack
