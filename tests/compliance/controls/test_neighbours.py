"""What breaks a control is found where it is written in another way than usual, or stands beside what meets it."""

from typing import Any

import pytest

from tests.compliance.controls.templates import (
    ARN,
    BLOCKED,
    BUCKET,
    CONDITION,
    EVERY,
    FUNCTION,
    NEVER,
    OBJECTS,
    PARAMETER,
    REDIRECT,
    alarm_on_policy_changes,
    allowing,
    attached,
    balancer,
    beginning_with,
    bucket_policy,
    database,
    either,
    listener,
    managed,
    permission,
    plain_http,
    problems,
    recording,
    resource,
    sometimes,
    stage,
    to_everyone,
    trail,
)

HIDDEN: list[tuple[str, dict[str, Any]]] = [
    # What breaks it is written in another way than usual, or stands beside.
    ("Lambda.1", {"Function": FUNCTION, "P": permission(Principal="events.amazonaws.com", SourceArn="*")}),
    (
        "Lambda.1",
        {
            "Function": FUNCTION,
            "Alias": attached("Lambda::Alias", "FunctionName", "Function"),
            "P": attached("Lambda::Permission", "FunctionName", "Alias", Principal="*"),
        },
    ),
    (
        "Lambda.1",
        {
            "Function": resource("Lambda::Function", FunctionName="orders"),
            "P": resource("Lambda::Permission", FunctionName="orders", Principal="*"),
        },
    ),
    ("Lambda.7", {"MyCustomResourceProvider": FUNCTION}),
    (
        "SNS.4",
        {
            "Topic": resource("SNS::Topic"),
            "P": attached("SNS::TopicInlinePolicy", "TopicArn", "Topic", **to_everyone()),
        },
    ),
    (
        "SNS.4",
        {
            "Topic": resource("SNS::Topic"),
            "P": resource("SNS::TopicPolicy", Topics=["arn:aws:sns:eu-central-1:1:t"], **to_everyone()),
        },
    ),
    (
        "SNS.4",
        {
            "Topic": resource("SNS::Topic"),
            "P": resource(
                "SNS::TopicPolicy",
                Topics=[{"Ref": "Topic"}],
                PolicyDocument={"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "*"}},
            ),
        },
    ),
    (
        "SQS.3",
        {"Queue": resource("SQS::Queue"), "P": attached("SQS::QueueInlinePolicy", "Queue", "Queue", **to_everyone())},
    ),
    ("IAM.2", {"User": resource("IAM::User"), "P": attached("IAM::UserPolicy", "UserName", "User", PolicyDocument={})}),
    (
        "KMS.2",
        {
            "P": resource(
                "IAM::GroupPolicy",
                PolicyDocument={"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}},
            )
        },
    ),
    ("KMS.1", {"Policy": managed(Action="kms:Decrypt", NotResource="arn:aws:kms:eu-central-1:1:key/1")}),
    ("KMS.1", {"Policy": managed(Action="KMS:decrypt", Resource="arn:aws:kms:*")}),
    ("IAM.1", {"Policy": managed(Action="*:*", Resource=["*"])}),
    ("IAM.21", {"Policy": managed(Action="s3:**", Resource="*")}),
    ("S3.5", {"Bucket": BUCKET, "Policy": plain_http(ARN, {"Fn::Join": ["", [ARN, "/private/*"]]})}),
    (
        "S3.5",
        {
            "Bucket": BUCKET,
            "Policy": bucket_policy(
                Effect="Deny",
                NotPrincipal={"AWS": "1"},
                Action="s3:*",
                Resource=[ARN, OBJECTS],
                Condition={"Bool": {"aws:SecureTransport": "false"}},
            ),
        },
    ),
    ("S3.22", {"Bucket": BUCKET, "Trail": recording(beginning_with("/private/"))}),
    ("S3.22", {"Bucket": BUCKET, "Trail": recording(beginning_with("/"), IsMultiRegionTrail=False)}),
    ("S3.23", {"Bucket": BUCKET, "Trail": recording(beginning_with("/"), IsLogging=False)}),
    (
        "S3.22",
        {"Bucket": BUCKET, "Trail": recording(beginning_with("/"), {"Field": "eventName", "NotEquals": ["PutObject"]})},
    ),
    ("S3.22", {"Bucket": BUCKET, "Trail": {**recording(beginning_with("/")), **CONDITION}}),
    ("APIGateway.1", {"Stage": stage(EVERY, {"HttpMethod": "GET", "ResourcePath": "/~1orders"})}),
    (
        "APIGateway.2",
        {"Stage": attached("ApiGateway::Stage", "RestApiId", "Api"), "Api": resource("ApiGateway::RestApi", Body={})},
    ),
    ("ELB.1", {"Balancer": balancer(), "L": listener(Protocol=PARAMETER, DefaultActions=[{"Type": "forward"}])}),
    (
        "ELB.1",
        {
            "Balancer": balancer(),
            "L": listener(Protocol="HTTP", DefaultActions=[REDIRECT]),
            "R": attached("ElasticLoadBalancingV2::ListenerRule", "ListenerArn", "L", Actions=[{"Type": "forward"}]),
        },
    ),
    (
        "RDS.9",
        {
            "One": database(Engine="postgres", EnableCloudwatchLogsExports=["postgresql", "upgrade"]),
            "Two": database(Engine="mysql"),
        },
    ),
    ("RDS.23", {"Instance": database(Engine="aurora-mysql", Port=3306)}),
    ("CIS 4.5", alarm_on_policy_changes(NEVER)),
    ("CIS 4.5", alarm_on_policy_changes("{ ($.eventName = CreateTrail) || ($.a = 1) && ($.b = 1) }")),
    ("CIS 4.5", {**alarm_on_policy_changes(), "Filter": sometimes(alarm_on_policy_changes()["Filter"])}),
    ("S3.6", {"Bucket": BUCKET, "Policy": allowing(NotPrincipal={"AWS": "1"})}),
    ("CIS 4.5", alarm_on_policy_changes(ActionsEnabled=False)),
    ("CIS 4.5", alarm_on_policy_changes(Threshold=100)),
    ("CIS 4.5", alarm_on_policy_changes(ComparisonOperator="LessThanThreshold")),
    ("CIS 4.5", alarm_on_policy_changes(EvaluationPeriods=24)),
    ("CIS 4.5", alarm_on_policy_changes(AlarmActions=[either("topic")])),
    ("CIS 4.5", {**alarm_on_policy_changes(), "Alarm": sometimes(alarm_on_policy_changes()["Alarm"])}),
    ("Cognito.5", {"Pool": resource("Cognito::UserPool", MfaConfiguration="OPTIONAL")}),
    (
        "ELB.12",
        {
            "Balancer": balancer(
                LoadBalancerAttributes=[{"Key": "routing.http.desync_mitigation_mode", "Value": "monitor"}]
            )
        },
    ),
    ("EC2.6", {"Vpc": resource("EC2::VPC"), "L": attached("EC2::FlowLog", "ResourceId", "Vpc", TrafficType="ACCEPT")}),
    ("CloudTrail.1", {"Trail": trail(IncludeGlobalServiceEvents=False)}),
    # A second resource of the type does not make up for the first.
    ("KMS.3", {"Key": {**resource("KMS::Key"), "UpdateReplacePolicy": "Retain"}}),
    ("S3.8", {"Good": resource("S3::Bucket", **BLOCKED), "Bad": BUCKET}),
]


@pytest.mark.parametrize(("control", "resources"), HIDDEN)
def test_what_breaks_a_control_is_found_wherever_it_stands(control: str, resources: dict[str, Any]) -> None:
    assert any(problems(control, resources))
