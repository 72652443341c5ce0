"""A HardenedLoadBalancer speaks TLS on both sides, forwards nothing unasked, and keeps a record of everything."""

import datetime
import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from syrupy.assertion import SnapshotAssertion

from secure_backend import WebAcl
from secure_backend.compliance import Gate
from tests.conftest import FLAGS, NewStack, resources_of, template_of
from tests.load_balancer.cases import every_option, function_in, load_balancer_in, new_stack_in, template_with


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """At the defaults, with a function."""
    return template_with()


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    """With every option."""
    stack = new_stack_in()
    every_option(stack)
    return template_of(stack)


def only(template: dict[str, Any], type_name: str) -> dict[str, Any]:
    (resource,) = resources_of(template, type_name).values()
    return dict(resource["Properties"])


def attributes_of(template: dict[str, Any]) -> dict[str, Any]:
    attributes = only(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"]
    return {each["Key"]: each["Value"] for each in attributes}


def listener_on(template: dict[str, Any], port: int) -> dict[str, Any]:
    (listener,) = (
        each["Properties"]
        for each in resources_of(template, "AWS::ElasticLoadBalancingV2::Listener").values()
        if each["Properties"]["Port"] == port
    )
    return dict(listener)


def test_the_defaults_are_those_of_the_snapshot(template: dict[str, Any], template_snapshot: SnapshotAssertion) -> None:
    assert template == template_snapshot(name="defaults")


def test_every_option_is_that_of_the_snapshot(full: dict[str, Any], template_snapshot: SnapshotAssertion) -> None:
    assert full == template_snapshot(name="every-option")


def test_it_is_internal_unless_asked_otherwise(template: dict[str, Any], full: dict[str, Any]) -> None:
    assert only(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"
    assert only(full, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internet-facing"


def test_clients_speak_tls_of_today_with_a_post_quantum_key_exchange(template: dict[str, Any]) -> None:
    listener = listener_on(template, 443)
    assert listener["Protocol"] == "HTTPS"
    assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert listener["Certificates"] == [{"CertificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/1"}]


def test_plain_http_is_redirected_for_good_and_nothing_else(template: dict[str, Any]) -> None:
    listener = listener_on(template, 80)
    assert listener["DefaultActions"] == [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]


def test_port_80_can_be_closed_altogether() -> None:
    template = template_with(without_redirect=True)
    assert [
        each["Properties"]["Port"] for each in resources_of(template, "AWS::ElasticLoadBalancingV2::Listener").values()
    ] == [443]
    assert '"FromPort": 80' not in json.dumps(template)


def test_what_no_rule_names_is_a_404_that_tells_nothing(template: dict[str, Any]) -> None:
    (action,) = listener_on(template, 443)["DefaultActions"]
    assert action["Type"] == "fixed-response"
    response = action["FixedResponseConfig"]
    assert response["StatusCode"] == "404"
    assert json.loads(response["MessageBody"]) == {"title": "Not Found", "status": 404}


def test_browsers_stay_with_https_and_no_answer_names_the_server(template: dict[str, Any]) -> None:
    attributes = {each["Key"]: each["Value"] for each in listener_on(template, 443)["ListenerAttributes"]}
    assert attributes == {
        "routing.http.response.server.enabled": "false",
        "routing.http.response.strict_transport_security.header_value": "max-age=31536000",
    }


def test_invalid_headers_are_dropped_and_ambiguous_requests_refused(template: dict[str, Any]) -> None:
    attributes = attributes_of(template)
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["routing.http.desync_mitigation_mode"] == "strictest"


def test_it_is_protected_against_deletion_unless_asked_otherwise(template: dict[str, Any]) -> None:
    assert attributes_of(template)["deletion_protection.enabled"] == "true"
    assert attributes_of(template_with(without_deletion_protection=True))["deletion_protection.enabled"] == "false"


def test_a_web_acl_with_a_log_stands_before_it_and_lets_through_nothing_that_it_cannot_judge(
    template: dict[str, Any],
) -> None:
    (load_balancer,) = resources_of(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    (web_acl,) = resources_of(template, "AWS::WAFv2::WebACL")
    assert only(template, "AWS::WAFv2::WebACLAssociation") == {
        "ResourceArn": {"Ref": load_balancer},
        "WebACLArn": {"Fn::GetAtt": [web_acl, "Arn"]},
    }
    assert only(template, "AWS::WAFv2::LoggingConfiguration")["ResourceArn"] == {"Fn::GetAtt": [web_acl, "Arn"]}
    assert attributes_of(template)["waf.fail_open.enabled"] == "false"


def test_the_callers_web_acl_is_used(stack: cdk.Stack) -> None:
    web_acl = WebAcl(stack, "Mine")
    assert load_balancer_in(stack, web_acl=web_acl).web_acl is web_acl
    assert len(resources_of(template_of(stack), "AWS::WAFv2::WebACL")) == 1


def test_the_log_of_a_web_acl_made_here_is_encrypted_and_kept_as_asked(stack: cdk.Stack) -> None:
    key = kms.Key(stack, "Mine")
    load_balancer = load_balancer_in(stack, key=key, log_retention=logs.RetentionDays.ONE_MONTH)
    assert load_balancer.web_acl is not None
    assert load_balancer.web_acl.key is key
    (log,) = (
        each["Properties"]
        for name, each in resources_of(template_of(stack), "AWS::Logs::LogGroup").items()
        if name.startswith("LoadBalancer")
    )
    assert log["RetentionInDays"] == 30
    assert log["KmsKeyId"]["Fn::GetAtt"][0].startswith("Mine")


def test_the_web_acl_can_be_given_up_by_name() -> None:
    template = template_with(without_web_acl=True)
    assert not resources_of(template, "AWS::WAFv2::WebACLAssociation")


def test_each_client_needs_a_certificate_of_the_trust_store_that_has_not_expired(full: dict[str, Any]) -> None:
    (trust_store,) = resources_of(full, "AWS::ElasticLoadBalancingV2::TrustStore")
    assert listener_on(full, 443)["MutualAuthentication"] == {
        "Mode": "verify",
        "TrustStoreArn": {"Fn::GetAtt": [trust_store, "TrustStoreArn"]},
        "IgnoreClientCertificateExpiry": False,
    }


def test_clients_need_no_certificate_without_a_trust_store(template: dict[str, Any]) -> None:
    assert "MutualAuthentication" not in listener_on(template, 443)


@pytest.mark.parametrize(
    ("metric", "statistic", "threshold", "periods"),
    [
        ("HTTPCode_ELB_5XX_Count", "Sum", 5, 1),
        ("HTTPCode_Target_5XX_Count", "Sum", 5, 1),
        ("TargetResponseTime", "p99", 5, 3),
        ("RejectedConnectionCount", "Sum", 1, 1),
        ("UnHealthyHostCount", "Maximum", 1, 3),
    ],
)
def test_people_are_told_of(metric: str, statistic: str, threshold: int, periods: int, full: dict[str, Any]) -> None:
    (topic,) = resources_of(full, "AWS::SNS::Topic")
    (alarm,) = (
        each["Properties"]
        for each in resources_of(full, "AWS::CloudWatch::Alarm").values()
        if each["Properties"]["MetricName"] == metric
    )
    assert alarm["Namespace"] == "AWS/ApplicationELB"
    assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == (threshold, periods, 300)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_without_a_topic_there_are_no_alarms(template: dict[str, Any]) -> None:
    assert not resources_of(template, "AWS::CloudWatch::Alarm")


def test_two_stand_in_one_stack(stack: cdk.Stack) -> None:
    for name in ("One", "Two"):
        load_balancer = load_balancer_in(stack, name)
        load_balancer.add_function("Documents", function=function_in(stack, f"{name}Handler"), paths=["/*"], priority=1)
    template = template_of(stack)
    assert len(resources_of(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")) == 2
    groups = resources_of(template, "AWS::ElasticLoadBalancingV2::TargetGroup").values()
    assert len({group["Properties"]["Name"] for group in groups}) == 2


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1"])
def test_it_holds_no_literal_partition_of_another_region(region: str) -> None:
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    stack = new_stack_in(region)
    every_option(stack)
    text = json.dumps(template_of(stack))
    assert set(re.findall(r"arn:(aws[a-z-]*):", text)) == {partition}


#: What the rule packs find, and why it stays. None of it is a fault that an argument could mend.
EXPLAINED = {
    "ELBv2ACMCertificateRequired": "The listener of port 80 has no certificate because it only redirects to HTTPS.",
    "S3DefaultEncryptionKMS": "Load balancer logs are delivered to buckets with S3's own encryption only.",
    "S3BucketDefaultLockEnabled": "Logs are not delivered to a bucket with a default retention.",
    "S3BucketReplicationEnabled": "A second region is deliberately not built; S3 keeps logs in three zones.",
}


def findings_of(build: Any) -> set[tuple[str, str]]:
    """Return what the gate finds in the load balancer, as rule and construct."""
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, analytics_reporting=False)
    gate = Gate(app)
    build(cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1")))
    verdict = gate.synth(today=datetime.date(2026, 11, 25))
    assert verdict.problems == ()
    return {
        (finding.id.rpartition("-")[2], finding.construct.removeprefix("stack/LoadBalancer/"))
        for finding in verdict.open
        if f"{finding.construct}/".startswith(("stack/LoadBalancer/", "stack/WebAcl/"))
    }


def test_the_rule_packs_find_nothing_that_is_not_explained() -> None:
    def build(stack: cdk.Stack) -> None:
        every_option(stack)

    found = findings_of(build)
    assert {rule for rule, _ in found} == set(EXPLAINED)
    assert {construct for rule, construct in found if rule == "ELBv2ACMCertificateRequired"} == {
        "LoadBalancer/Http/Resource"
    }
    assert {construct for rule, construct in found if rule != "ELBv2ACMCertificateRequired"} == {
        "AccessLogs/Resource",
        "AccessLogsReads/Resource",
    }


def test_an_internal_one_without_port_80_leaves_only_what_is_explained_of_log_buckets() -> None:
    def build(stack: cdk.Stack) -> None:
        load_balancer_in(stack, without_redirect=True, jwt=None)

    assert {rule for rule, _ in findings_of(build)} == set(EXPLAINED) - {"ELBv2ACMCertificateRequired"}


@pytest.mark.parametrize(("first", "passes"), [("jwt-validation", True), ("authenticate-oidc", False)])
def test_the_token_is_verified_before_anything_else_in_whichever_order_the_actions_are_written(
    stack: cdk.Stack, first: str, passes: bool
) -> None:
    load_balancer = load_balancer_in(stack)
    targets = load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=10)
    second = "authenticate-oidc" if first == "jwt-validation" else "jwt-validation"
    action = elbv2.CfnListenerRule.ActionProperty
    elbv2.CfnListenerRule(
        stack,
        "Mine",
        listener_arn=load_balancer.https_listener.listener_arn,
        priority=1,
        conditions=[elbv2.CfnListenerRule.RuleConditionProperty(field="path-pattern", values=["/mine"])],
        actions=[
            action(type="forward", target_group_arn=targets.target_group.ref, order=3),
            action(type=second, order=2),
            action(type=first, order=1),
        ],
    )
    if passes:
        assert len(resources_of(template_of(stack), "AWS::ElasticLoadBalancingV2::ListenerRule")) == 2
        return
    with pytest.raises(RuntimeError, match="got authenticate-oidc, jwt-validation, forward at stack/Mine; expected"):
        template_of(stack)


def test_a_rule_that_is_added_past_it_without_validation_fails_the_synth(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack)
    targets = load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=10)
    elbv2.CfnListenerRule(
        load_balancer,
        "Past",
        listener_arn=load_balancer.https_listener.listener_arn,
        priority=1,
        conditions=[elbv2.CfnListenerRule.RuleConditionProperty(field="path-pattern", values=["/past"])],
        actions=[
            elbv2.CfnListenerRule.ActionProperty(type="forward", target_group_arn=targets.target_group.ref, order=1)
        ],
    )
    with pytest.raises(RuntimeError, match=r"got forward at stack/LoadBalancer/Past; expected jwt-validation before"):
        template_of(stack)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in the same stack", "in another stack"])
def test_a_rule_in_any_other_scope_fails_the_synth_too(new_stack: NewStack, elsewhere: bool) -> None:
    stack, other = new_stack("edge"), new_stack("other")
    load_balancer = load_balancer_in(stack)
    targets = load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=10)
    known = elbv2.ApplicationTargetGroup.from_target_group_attributes(
        stack, "Known", target_group_arn=targets.target_group.ref
    )
    elbv2.ApplicationListenerRule(
        other if elsewhere else stack,
        "Past",
        listener=load_balancer.https_listener,
        priority=1,
        conditions=[elbv2.ListenerCondition.path_patterns(["/past"])],
        target_groups=[known],
    )
    with pytest.raises(RuntimeError, match=r"got forward at \w+/Past/Resource; expected jwt-validation before forward"):
        template_of(stack)


def test_a_listener_in_any_other_scope_that_forwards_fails_the_synth_too(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack)
    targets = load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=10)
    action = elbv2.CfnListener.ActionProperty(type="forward", target_group_arn=targets.target_group.ref)
    elbv2.CfnListener(
        stack,
        "Past",
        load_balancer_arn=load_balancer.load_balancer.load_balancer_arn,
        port=8080,
        protocol="HTTP",
        default_actions=[action],
    )
    with pytest.raises(RuntimeError, match=r"got forward at stack/Past; expected a fixed response or a redirect"):
        template_of(stack)


def test_what_another_load_balancer_of_the_app_does_is_its_own(stack: cdk.Stack) -> None:
    load_balancer_in(stack)
    open_to_all = load_balancer_in(stack, "Open", jwt=None)
    open_to_all.add_function("Documents", function=function_in(stack), paths=["/*"], priority=10)
    assert len(resources_of(template_of(stack), "AWS::ElasticLoadBalancingV2::ListenerRule")) == 1


def test_a_rule_that_is_added_by_the_listeners_own_method_fails_the_synth(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack)
    group = elbv2.ApplicationTargetGroup(
        stack, "Group", vpc=load_balancer.load_balancer.vpc, port=443, target_type=elbv2.TargetType.IP
    )
    load_balancer.https_listener.add_action(
        "Past",
        priority=1,
        conditions=[elbv2.ListenerCondition.path_patterns(["/past"])],
        action=elbv2.ListenerAction.forward([group]),
    )
    with pytest.raises(RuntimeError, match="expected jwt-validation before forward"):
        template_of(stack)


def test_a_default_action_that_forwards_fails_the_synth_though_no_issuer_is_given(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack, jwt=None)
    targets = load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=10)
    load_balancer.load_balancer.add_listener(
        "Other",
        port=8443,
        open=False,
        protocol=elbv2.ApplicationProtocol.HTTPS,
        certificates=[elbv2.ListenerCertificate.from_arn("arn:aws:acm:eu-central-1:111122223333:certificate/1")],
        default_action=elbv2.ListenerAction.forward(
            [
                elbv2.ApplicationTargetGroup.from_target_group_attributes(
                    stack, "Known", target_group_arn=targets.target_group.ref
                )
            ]
        ),
    )
    with pytest.raises(RuntimeError, match="expected a fixed response or a redirect for what no rule names"):
        template_of(stack)


def test_the_callers_log_bucket_is_used(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Mine", encryption=s3.BucketEncryption.S3_MANAGED)
    assert load_balancer_in(stack, access_logs=bucket).access_logs is bucket
