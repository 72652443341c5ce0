"""A certificate of Certificate Manager for names that are written out, with an alarm before it expires.

Example::

    certificate = Certificate(self, "ApiCertificate", names=["api.example.com"], hosted_zone=zone, alarm_topic=topic)
"""

import re
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_route53 as route53
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.alarms import Alarms
from secure_backend.validation import HOST_NAME, Validation, is_a

# ACM's own limits: the names of one certificate without a raised quota, the length of the first name.
_MOST_NAMES = 10
_LONGEST_FIRST_NAME = 64


class Certificate(acm.Certificate):
    """A public certificate of this region for the names that are written out, proved in their hosted zone.

    * each name explicit: a wildcard's key, stolen from one service, would speak for every other one;
    * validated by records in the hosted zone, which stay there, so that ACM renews the certificate by itself
      (FSBP ACM.1) for as long as something uses it; the key is RSA of 2048 bits (FSBP ACM.2) and cannot be exported;
    * each issuance stands in the public transparency logs, where a forged one would be seen. The names are public too.
    * An alarm tells when fewer days are left than a renewal leaves: the records are gone, or nothing uses it. After
      its last day ACM reports nothing any more, and the alarm stays as it is.

    CloudFormation waits for the validation: the zone must be the one that the internet asks, or the deployment hangs
    until it fails after hours. Sources: AWS Certificate Manager User Guide, "DNS validation", "Managed certificate
    renewal", "Supported CloudWatch metrics".

    :param names: one to ten lowercase host names, none with a wildcard; the first has 64 characters at most. A change
        replaces the certificate.
    :param hosted_zone: the public zone that all the names belong to.
    :param alarm_topic: is told when the certificate is about to expire.
    :param expiry_alarm_days: days left at which it is told, 1 to 44, 30 when left out; ACM begins to renew at 45 or
        more.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        names: Sequence[str],
        hosted_zone: route53.IHostedZone,
        alarm_topic: AlarmTopic,
        expiry_alarm_days: int = 30,
    ) -> None:
        check = Validation(self, id)
        _check_names(check, names)
        if check.construct("hosted_zone", hosted_zone, route53.HostedZone, "pass the zone object, not its name"):
            _check_zone(check, hosted_zone, names)
        check.construct("alarm_topic", alarm_topic, AlarmTopic, "pass AlarmTopic(...): its key lets alarms publish")
        check.whole_number("expiry_alarm_days", expiry_alarm_days, 1, 44, "leave it out for 30 days")
        check.raise_problems()
        super().__init__(
            scope,
            id,
            domain_name=names[0],
            subject_alternative_names=list(names[1:]) or None,
            validation=acm.CertificateValidation.from_dns(hosted_zone),
            key_algorithm=acm.KeyAlgorithm.RSA_2048,
            transparency_logging_enabled=True,
        )
        Alarms(self, topic=alarm_topic).add(
            "CertificateExpiry",
            self.metric_days_to_expiry(period=cdk.Duration.days(1), statistic="Minimum"),
            threshold=expiry_alarm_days,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            # Nothing is reported before the first day and after the last: what was known last stays true.
            missing=cloudwatch.TreatMissingData.IGNORE,
            happened=f"The certificate of {names[0]} expires in less than {expiry_alarm_days} days and is not renewed.",
        )


def check_certificate_region(
    check: Validation,
    property: str,  # noqa: A002 - the house's word
    certificate: acm.ICertificate,
    region: str,
    user: str,
) -> None:
    """Record an ARN that is no certificate's, and a certificate of another region than that of what uses it.

    AWS finds it nowhere else.

    :param user: what uses it, such as ``API``.
    """
    if not hasattr(certificate, "certificate_arn"):
        return
    arn = certificate.certificate_arn
    imported = None
    if not cdk.Token.is_unresolved(arn):
        imported = re.match(r"arn:[^:]+:acm:([^:]*):[^:]*:certificate/.", arn)
        do = "pass the ARN that ACM shows"
        if not check.check(imported is not None, property, arn, "the ARN of a certificate of ACM", do):
            return
    actual = imported.group(1) if imported else certificate.stack.region
    if not cdk.Token.is_unresolved(actual) and not cdk.Token.is_unresolved(region):
        check.check(
            actual == region,
            property,
            f"a certificate in {actual}",
            f"one in {region}, the {user}'s region",
            f"request it there: a regional {user} cannot use another region's",
        )


def _check_names(check: Validation, names: object) -> None:
    do = 'write each name out, such as ["api.example.com"]'
    if not isinstance(names, (list, tuple)) or not 1 <= len(names) <= _MOST_NAMES:
        check.refuse("names", names, f"a list of 1 to {_MOST_NAMES} host names", do)
        return
    for at, name in enumerate(names):
        wildcard = isinstance(name, str) and "*" in name
        expected = "a name without a wildcard" if wildcard else "a lowercase host name"
        if check.text("names", name, HOST_NAME, expected, do):
            check.check(name not in names[:at], "names", name, "each name once", "drop the second one")
            longest = _LONGEST_FIRST_NAME if at == 0 else 253
            check.check(
                len(name) <= longest,
                "names",
                name,
                f"at most {longest} characters in the first name",
                "begin with a shorter name: ACM puts the first one into a field of that size",
            )


def _check_zone(check: Validation, zone: route53.IHostedZone, names: object) -> None:
    resource = zone.node.default_child
    private = is_a(zone, route53.PrivateHostedZone) or (
        isinstance(resource, route53.CfnHostedZone) and bool(zone.stack.resolve(resource.vpcs))
    )
    check.check(not private, "hosted_zone", zone, "a public zone", "ACM looks the records up from the internet")
    # Of a zone that is imported by its id alone the name is not known, and asking for it would raise.
    try:
        zone_name = zone.zone_name.rstrip(".")
    except RuntimeError:
        return
    if cdk.Token.is_unresolved(zone_name) or not isinstance(names, (list, tuple)):
        return
    for name in names:
        if isinstance(name, str):
            inside = f".{name}".endswith(f".{zone_name}")
            check.check(
                inside, "names", name, f"a name of the zone {zone_name}", "make a certificate for each zone's names"
            )
