"""A Certificate names its hosts one by one, proves itself in their zone, and is missed before it is gone."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53 as route53
from syrupy.assertion import SnapshotAssertion

from secure_backend import AlarmTopic, Certificate, InvalidPropertiesError
from secure_backend.api.options import Domain
from secure_backend.validation import Validation
from tests.conftest import FLAGS, NewStack, resources_of, template_of


def zone_in(stack: cdk.Stack, name: str = "example.com") -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name=name)


def add_certificate(stack: cdk.Stack, name: str = "Certificate", **changes: Any) -> Certificate:
    if stack.node.try_find_child("Alarms") is None:
        AlarmTopic(stack, "Alarms")
        zone_in(stack)
    arguments: dict[str, Any] = {
        "names": ["api.example.com"],
        "hosted_zone": stack.node.find_child("Zone"),
        "alarm_topic": stack.node.find_child("Alarms"),
        **changes,
    }
    return Certificate(stack, name, **arguments)


def template_with(region: str = "eu-central-1", **options: Any) -> dict[str, Any]:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region=region))
    add_certificate(stack, **options)
    return template_of(stack)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with()


def only(template: dict[str, Any], type_name: str) -> tuple[str, dict[str, Any]]:
    ((logical_id, resource),) = resources_of(template, type_name).items()
    return logical_id, dict(resource["Properties"])


def alarm_of(template: dict[str, Any]) -> dict[str, Any]:
    """Return the certificate's alarm; the topic has one of its own."""
    alarms = [one["Properties"] for one in resources_of(template, "AWS::CloudWatch::Alarm").values()]
    (alarm,) = [one for one in alarms if one["Namespace"] == "AWS/CertificateManager"]
    return dict(alarm)


def test_the_defaults_are_those_of_the_snapshot(template: dict[str, Any], template_snapshot: SnapshotAssertion) -> None:
    assert template == template_snapshot(name="defaults")


def test_every_option_is_that_of_the_snapshot(template_snapshot: SnapshotAssertion) -> None:
    names = ["api.example.com", "files.example.com", "example.com"]
    assert template_with(names=names, expiry_alarm_days=14) == template_snapshot(name="every-option")


def test_each_name_is_validated_by_a_record_in_the_zone() -> None:
    _, certificate = only(
        template_with(names=["api.example.com", "files.example.com"]), "AWS::CertificateManager::Certificate"
    )
    assert certificate["DomainName"] == "api.example.com"
    assert certificate["SubjectAlternativeNames"] == ["files.example.com"]
    assert certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"] == [
        {"DomainName": "api.example.com", "HostedZoneId": "Z1"},
        {"DomainName": "files.example.com", "HostedZoneId": "Z1"},
    ]


def test_it_stands_in_the_transparency_logs_and_its_key_is_rsa_of_2048_bits(template: dict[str, Any]) -> None:
    _, certificate = only(template, "AWS::CertificateManager::Certificate")
    # ACM logs what is not told otherwise.
    assert certificate.get("CertificateTransparencyLoggingPreference", "ENABLED") == "ENABLED"
    assert certificate.get("KeyAlgorithm", "RSA_2048") == "RSA_2048"
    assert certificate.get("CertificateExport", "DISABLED") == "DISABLED"


def test_people_are_told_a_month_before_it_expires(template: dict[str, Any]) -> None:
    certificate, _ = only(template, "AWS::CertificateManager::Certificate")
    topic, _ = only(template, "AWS::SNS::Topic")
    alarm = alarm_of(template)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/CertificateManager", "DaysToExpiry")
    assert alarm["Dimensions"] == [{"Name": "CertificateArn", "Value": {"Ref": certificate}}]
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Minimum", 86_400, 30)
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert alarm["AlarmActions"] == [{"Ref": topic}]


def test_the_alarm_does_not_end_with_the_certificates_last_day(template: dict[str, Any]) -> None:
    alarm = alarm_of(template)
    assert alarm["TreatMissingData"] == "ignore"


def test_it_is_a_certificate_of_its_stacks_region_and_refused_elsewhere(new_stack: NewStack) -> None:
    here, there = new_stack("here"), new_stack("there", region="us-east-1")
    certificate = add_certificate(here)
    zone: Any = here.node.find_child("Zone")
    domain = Domain(name="api.example.com", certificate=certificate, hosted_zone=zone)
    check = Validation(here, "here")
    domain.check(check, "domain")
    domain.check_region(check, "domain", here.region)
    check.raise_problems()
    domain.check_region(check, "domain", there.region)
    with pytest.raises(InvalidPropertiesError, match="got 'a certificate in eu-central-1'; expected one in us-east-1"):
        check.raise_problems()


def test_two_stand_in_one_stack(stack: cdk.Stack) -> None:
    add_certificate(stack)
    add_certificate(stack, "Files", names=["files.example.com"])
    assert len(resources_of(template_of(stack), "AWS::CertificateManager::Certificate")) == 2


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1"])
def test_it_holds_no_literal_partition_of_another_region(region: str) -> None:
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    assert "arn:" not in str(template_with(region)).replace(f"arn:{partition}:", "")


def test_a_zone_made_in_the_same_stack_is_taken(stack: cdk.Stack) -> None:
    zone = route53.PublicHostedZone(stack, "Public", zone_name="example.com")
    assert isinstance(add_certificate(stack, hosted_zone=zone), acm.Certificate)


def test_a_zone_known_by_its_id_alone_is_taken(stack: cdk.Stack) -> None:
    zone = route53.HostedZone.from_hosted_zone_id(stack, "Unnamed", "Z2")
    add_certificate(stack, hosted_zone=zone, names=["api.example.org"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"names": []}, "Certificate.names: got []; expected a list of 1 to 10 host names; write each name out"),
        ({"names": "api.example.com"}, "Certificate.names: got 'api.example.com'; expected a list of 1 to 10"),
        ({"names": [f"a{n}.example.com" for n in range(11)]}, "expected a list of 1 to 10 host names"),
        ({"names": ["*.example.com"]}, "Certificate.names: got '*.example.com'; expected a name without a wildcard"),
        ({"names": ["API.example.com"]}, "Certificate.names: got 'API.example.com'; expected a lowercase host name"),
        ({"names": ["api.example.com"] * 2}, "Certificate.names: got 'api.example.com'; expected each name once"),
        ({"names": [f"{'a' * 60}.example.com"]}, "expected at most 64 characters in the first name"),
        ({"names": ["api.example.org"]}, "expected a name of the zone example.com; make a certificate for each zone's"),
        ({"names": ["api.myexample.com"]}, "expected a name of the zone example.com"),
        ({"hosted_zone": "example.com"}, "Certificate.hosted_zone: got 'example.com'; expected a HostedZone object"),
        ({"alarm_topic": None}, "Certificate.alarm_topic: got None; expected a AlarmTopic object"),
        ({"expiry_alarm_days": 0}, "Certificate.expiry_alarm_days: got 0; expected 1 to 44; leave it out for 30 days"),
        ({"expiry_alarm_days": 45}, "Certificate.expiry_alarm_days: got 45; expected 1 to 44"),
    ],
)
def test_a_bad_property_is_refused_with_its_fix(stack: cdk.Stack, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidPropertiesError) as caught:
        add_certificate(stack, **options)
    assert problem in str(caught.value)


@pytest.mark.parametrize("kind", ["made", "imported", "a zone with VPCs"])
def test_a_private_zone_is_refused(stack: cdk.Stack, kind: str) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["eu-central-1a"])
    zone: route53.IHostedZone
    if kind == "made":
        zone = route53.PrivateHostedZone(stack, "Private", zone_name="example.com", vpc=vpc)
    elif kind == "imported":
        zone = route53.PrivateHostedZone.from_private_hosted_zone_id(stack, "Private", "Z2")
    else:
        zone = route53.HostedZone(stack, "Private", zone_name="example.com", vpcs=[vpc])
    with pytest.raises(InvalidPropertiesError, match="expected a public zone; ACM looks the records up"):
        add_certificate(stack, hosted_zone=zone)


def test_all_problems_are_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="4 problems"):
        add_certificate(stack, names=[], hosted_zone=None, alarm_topic=None, expiry_alarm_days=True)
