"""Policy documents in one shape, and IAM patterns compared where parts are known only at deployment."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.analysis import Assembly, Statement
from secure_backend.analysis.text import could_match


def statement(**body: Any) -> Statement:
    document = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **body}}
    resources = {"Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": document}}}
    assembly = Assembly.from_templates({"app": {"Resources": resources}}, region="eu-central-1")
    [found] = assembly.policy_statements(assembly.resources()[0])
    return found


def test_single_values_become_lists_and_functions_become_text() -> None:
    found = statement(
        Sid="Read",
        Principal={
            "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},
            "Service": ["s3.amazonaws.com"],
        },
        Condition={
            "Bool": {"aws:SecureTransport": False},
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        },
    )
    assert (found.sid, found.allows, found.actions, found.resources) == ("Read", True, ("s3:GetObject",), ("*",))
    assert found.principals == (
        ("AWS", "arn:aws:iam::${AWS::AccountId}:root"),
        ("Service", "s3.amazonaws.com"),
    )
    assert found.condition_values("aws:securetransport") == ("false",)
    assert found.condition_values("AWS:SourceAccount") == ("${AWS::AccountId}",)


@pytest.mark.parametrize(
    ("principal", "service", "named"),
    [
        ({"Service": "logs.amazonaws.com"}, "logs", True),
        ({"Service": "logs.eu-central-1.amazonaws.com"}, "logs", True),
        ({"Service": "logs.cn-north-1.amazonaws.com.cn"}, "logs", True),
        ({"Service": {"Fn::Sub": "logs.${AWS::Region}.${AWS::URLSuffix}"}}, "logs", True),
        ({"Service": "delivery.logs.amazonaws.com"}, "logs", False),
        ({"Service": "delivery.logs.amazonaws.com"}, "delivery.logs", True),
        ({"Service": "logs.amazonaws.com"}, "delivery.logs", False),
        ({"AWS": "logs.amazonaws.com"}, "logs", False),
        ("*", "logs", True),
        ({"AWS": "*"}, "logs", True),
        (None, "logs", False),
    ],
)
def test_a_service_is_recognised_by_its_principal(principal: Any, service: str, named: bool) -> None:
    assert statement(Principal=principal).names_service(service) is named


@pytest.mark.parametrize(
    ("body", "covered"),
    [
        ({"Action": "kms:GenerateDataKey*"}, True),
        ({"Action": ["kms:Decrypt", "KMS:generatedatakey"]}, True),
        ({"Action": "*"}, True),
        ({"Action": "kms:Decrypt"}, False),
        ({"Action": None, "NotAction": "kms:Decrypt"}, True),
        ({"Action": None, "NotAction": ["kms:Generate*"]}, False),
    ],
)
def test_a_statement_covers_an_action_by_pattern_whatever_its_case(body: dict[str, Any], covered: bool) -> None:
    assert statement(**body).covers("kms:GenerateDataKey") is covered


def test_a_statement_or_document_known_only_at_deployment_may_allow_anything() -> None:
    for document in ({"Fn::If": ["a", "b", "c"]}, {"Statement": [{"Fn::If": ["a", "b", "c"]}]}):
        resources = {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}}}
        assembly = Assembly.from_templates({"app": {"Resources": resources}})
        [found] = assembly.policy_statements(assembly.resources()[0])
        assert found.allows
        assert found.covers("kms:Decrypt")
        assert found.names_service("logs")
        assert found.conditions


def test_inline_policies_of_a_role_count_and_its_trust_policy_does_not() -> None:
    body = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    properties = {"AssumeRolePolicyDocument": {"Statement": []}, "Policies": [{"PolicyDocument": body}]}
    assembly = Assembly.from_templates(
        {"app": {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}}
    )
    assert [found.actions for found in assembly.policy_statements(assembly.resources()[0])] == [("s3:*",)]


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("arn:aws:s3:::logs/*", "arn:aws:s3:::logs/AWSLogs/1/x", True),
        ("arn:aws:s3:::logs/*", "arn:aws:s3:::other/x", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*", "anything", True),
        ("${app/B.Arn}/AWSLogs/*", "${app/B.Arn}/AWSLogs/${AWS::AccountId}/x", True),
        ("${app/B.Arn}/AWSLogs/*", "${app/B.Arn}/prefix/AWSLogs/1/x", False),
        ("arn:${AWS::Partition}:logs:*", "arn:aws:logs:eu-central-1", True),
        ("arn:aws:logs:${AWS::Region}:1:x", "arn:aws:logs:eu-central-1:1:y", False),
        ("${?}", "anything", True),
        ("name-*", "${?}-suffix", True),
        ("/aws/rds/*", "/aws/lambda/*", False),
        ("app-*", "app-Group-*", True),
        ("*-x", "y-*", True),
        ("a*b", "a*c", False),
    ],
)
def test_patterns_are_compared_whatever_the_markers_stand_for(pattern: str, text: str, matches: bool) -> None:
    assert could_match(pattern, text) is matches


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab*?", max_size=6))
def test_whether_two_patterns_meet_does_not_depend_on_their_order(left: str, right: str) -> None:
    assert could_match(left, right) or not could_match(right, left) or right == "*"
