"""Bad properties of a load balancer are refused at synthesis, all at once, each with its fix."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3

from secure_backend import AccessLogBucket, InvalidPropertiesError, JwtValidation, WebAcl
from secure_backend.api.authorizers import JwtAuthorizer
from tests.conftest import NewStack
from tests.load_balancer.cases import ISSUER, certificate_in, jwt, load_balancer_in

NAME = "HardenedLoadBalancer"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"vpc": "vpc-1"},
            f"{NAME}.vpc: got 'vpc-1'; expected a Vpc object; pass the VPC object, such as SecureVpc.vpc",
        ),
        ({"subnets": ["subnet-1"]}, f"{NAME}.subnets: got ['subnet-1']; expected an aws_ec2.SubnetSelection"),
        (
            {"certificate": "arn:aws:acm:::x"},
            f"{NAME}.certificate: got 'arn:aws:acm:::x'; expected a Certificate object",
        ),
        ({"internet_facing": "false"}, f"{NAME}.internet_facing: got 'false'; expected True or False"),
        ({"source_networks": []}, f"{NAME}.source_networks: got []; expected at least one CIDR range"),
        ({"source_networks": ["0.0.0.0/0"]}, f"{NAME}.source_networks: got '0.0.0.0/0'; expected a range that is not"),
        (
            {"source_networks": ["2001:db8::/32"]},
            f"{NAME}.source_networks: got '2001:db8::/32'; expected an IPv4 network",
        ),
        ({"without_redirect": 1}, f"{NAME}.without_redirect: got 1; expected True or False"),
        ({"without_web_acl": None}, f"{NAME}.without_web_acl: got None; expected True or False"),
        (
            {"without_deletion_protection": "no"},
            f"{NAME}.without_deletion_protection: got 'no'; expected True or False",
        ),
        ({"trust_store": "arn"}, f"{NAME}.trust_store: got 'arn'; expected a TrustStore object"),
        ({"web_acl": "arn"}, f"{NAME}.web_acl: got 'arn'; expected a WebAcl object; leave it out for a new web ACL"),
        ({"key": "alias/logs"}, f"{NAME}.key: got 'alias/logs'; expected a Key object"),
        ({"log_retention": 30}, f"{NAME}.log_retention: got 30; expected a bounded aws_logs.RetentionDays"),
        ({"access_logs": "logs"}, f"{NAME}.access_logs: got 'logs'; expected a Bucket object"),
        (
            {"access_log_retention": cdk.Duration.days(0)},
            f"{NAME}.access_log_retention: got 0 days; expected a Duration",
        ),
        ({"alarm_topic": "topic"}, f"{NAME}.alarm_topic: got 'topic'; expected a AlarmTopic object"),
        ({"jwt": ISSUER}, f"{NAME}.jwt: got '{ISSUER}'; expected a JwtValidation; pass JwtValidation(...)"),
    ],
)
def test_a_bad_property_is_refused_with_its_fix(stack: cdk.Stack, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack, **options)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"algorithms": ["ES256"]},
            "jwt.algorithms: got ['ES256']; expected RS256 alone: the load balancer verifies no",
        ),
        ({"algorithms": ["RS256", "ES256"]}, "jwt.algorithms: got ['RS256', 'ES256']; expected RS256 alone"),
        ({"algorithms": []}, "jwt.algorithms: got []; expected RS256 alone"),
        ({"algorithms": "RS256"}, "jwt.algorithms: got 'RS256'; expected RS256 alone"),
        ({"issuer": ""}, "jwt.issuer: got ''; expected an https address; pass the token's iss claim"),
        ({"issuer": "*"}, "jwt.issuer: got '*'; expected an https address"),
        (
            {"issuer": "http://login.example.com"},
            "jwt.issuer: got 'http://login.example.com'; expected an https address",
        ),
        (
            {"jwks_url": "http://keys.example.com"},
            "jwt.jwks_url: got 'http://keys.example.com'; expected an https addr",
        ),
        ({"audience": ""}, "jwt.audience: got ''; expected the one value that tokens for this service carry"),
        ({"audience": "*"}, "jwt.audience: got '*'; expected the one value"),
        ({"audience": ["a", "b"]}, "jwt.audience: got ['a', 'b']; expected the one value"),
        ({"audience_claim": "iss"}, "jwt.audience_claim: got 'iss'; expected a claim that is not checked anyway"),
        ({"audience_format": "text"}, "jwt.audience_format: got 'text'; expected one of single-string, string-array"),
        ({"key_networks": ["0.0.0.0/0"]}, "jwt.key_networks: got '0.0.0.0/0'; expected a range that is not the whole"),
        ({"key_networks": []}, "jwt.key_networks: got []; expected at least one CIDR range"),
        (
            {"key_networks": ["2001:db8::/32"]},
            "jwt.key_networks: got '2001:db8::/32'; expected an IPv4 network; name the issuer's IPv4 networks",
        ),
        ({"algorithms": [["RS256"]]}, "jwt.algorithms: got [['RS256']]; expected RS256 alone"),
        (
            {"issuer": f"{ISSUER}{'a' * 256}"},
            "jwt.issuer: got '282 characters'; expected at most 256; pass the token's",
        ),
        ({"jwks_url": f"{ISSUER}{'a' * 256}"}, "jwt.jwks_url: got '282 characters'; expected at most 256; leave it"),
        (
            {"issuer": f"{ISSUER}{'a' * 210}"},
            f"jwt.jwks_url: got '{ISSUER}{'a' * 210}/.well-known/jwks.json'; expected an address of the keys of at",
        ),
    ],
)
def test_a_bad_issuer_is_refused_with_its_fix(stack: cdk.Stack, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack, jwt=jwt(**changes))
    assert f"{NAME}.{problem}" in str(caught.value)


def test_an_apis_authorizer_is_no_validation_of_the_load_balancers(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match=f"{NAME}.jwt: got JwtAuthorizer"):
        load_balancer_in(stack, jwt=JwtAuthorizer(issuer=ISSUER, audience="documents"))


def test_whether_tokens_are_asked_for_has_to_be_said(stack: cdk.Stack) -> None:
    """Leaving it out is no way to open the targets."""
    arguments: dict[str, Any] = {"audience": "documents"}
    with pytest.raises(TypeError, match="issuer"):
        JwtValidation(**arguments)
    with pytest.raises(TypeError, match="jwt"):
        type(load_balancer_in(stack))(stack, "Other")  # type: ignore[call-arg]


def test_a_certificate_of_another_region_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack, certificate=certificate_in(stack, "us-east-1"))
    assert (
        "certificate: got 'a certificate in us-east-1'; expected one in eu-central-1, the load balancer's region"
        in str(caught.value)
    )


@pytest.mark.parametrize("arn", ["", "arn:aws:iam::111122223333:server-certificate/old", "arn:aws:acm:eu-central-1"])
def test_what_is_no_certificate_of_acm_is_refused(stack: cdk.Stack, arn: str) -> None:
    imported = acm.Certificate.from_certificate_arn(stack, "Imported", arn)
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack, certificate=imported)
    assert f"{NAME}.certificate: got '{arn}'; expected the ARN of a certificate of ACM; pass" in str(caught.value)


def test_a_certificate_that_is_named_at_deployment_is_taken(stack: cdk.Stack) -> None:
    arn = cdk.Fn.import_value("certificate")
    load_balancer_in(stack, certificate=acm.Certificate.from_certificate_arn(stack, "Imported", arn))


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        (
            "elasticloadbalancing:us-east-1:111122223333:truststore/a/1",
            "'a trust store in us-east-1'; expected one in eu",
        ),
        (
            "elasticloadbalancing:eu-central-1:111122223333:loadbalancer/a",
            "expected the ARN of a trust store; pass the",
        ),
    ],
)
def test_a_trust_store_that_the_listener_cannot_use_is_refused(stack: cdk.Stack, arn: str, problem: str) -> None:
    imported = elbv2.TrustStore.from_trust_store_arn(stack, "Imported", f"arn:aws:{arn}")
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack, trust_store=imported)
    assert f"{NAME}.trust_store: got" in str(caught.value)
    assert problem in str(caught.value)


def test_a_web_acl_that_promises_larger_bodies_than_waf_is_shown_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="web_acl: got 'one with max_body_kb=64'; expected at most 8, for"):
        load_balancer_in(stack, web_acl=WebAcl(stack, "Mine", max_body_kb=64))


def test_a_web_acl_beside_giving_it_up_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(
        InvalidPropertiesError, match="web_acl: got 'one with without_web_acl'; expected one of the two"
    ):
        load_balancer_in(stack, web_acl=WebAcl(stack, "Mine"), without_web_acl=True)


def test_a_log_bucket_with_a_customer_key_is_refused(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Encrypted", encryption=s3.BucketEncryption.KMS)
    with pytest.raises(InvalidPropertiesError, match=r"access_logs: .* expected a bucket encrypted by S3's own keys"):
        load_balancer_in(stack, access_logs=bucket)


def test_a_log_bucket_with_object_lock_is_refused(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Locked", object_lock_enabled=True)
    with pytest.raises(InvalidPropertiesError, match=r"access_logs: .* expected a bucket without Object Lock"):
        load_balancer_in(stack, access_logs=bucket)


def test_a_log_bucket_of_another_region_is_refused(new_stack: NewStack) -> None:
    here, there = new_stack("here"), new_stack("there", region="us-east-1")
    with pytest.raises(InvalidPropertiesError, match="access_logs: got 'a bucket in us-east-1'; expected one in eu-ce"):
        load_balancer_in(here, access_logs=AccessLogBucket(there, "Logs"))


def test_all_problems_are_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="4 problems"):
        load_balancer_in(stack, vpc=None, certificate=None, jwt=jwt(algorithms=["none"]), without_redirect="x")
