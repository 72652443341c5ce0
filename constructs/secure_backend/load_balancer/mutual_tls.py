"""Whose certificates clients have to show."""

import re

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from secure_backend.validation import Validation


def check_trust_store(check: Validation, trust_store: elbv2.ITrustStore | None, region: str) -> None:
    """Record what is no trust store of the region: a listener uses no other."""
    if trust_store is None or not check.construct(
        "trust_store", trust_store, elbv2.TrustStore, "pass the trust store object, not its ARN"
    ):
        return
    arn = trust_store.trust_store_arn
    if cdk.Token.is_unresolved(arn):
        return
    found = re.match(r"arn:[^:]+:elasticloadbalancing:([^:]*):[^:]*:truststore/.", arn)
    do = "pass the ARN that the trust store has in EC2's console"
    if check.check(found is not None, "trust_store", arn, "the ARN of a trust store", do) and found is not None:
        actual = found.group(1)
        check.check(
            cdk.Token.is_unresolved(region) or actual == region,
            "trust_store",
            f"a trust store in {actual}",
            f"one in {region}, the load balancer's region",
            "make it there",
        )


def mutual_authentication(trust_store: elbv2.ITrustStore | None) -> elbv2.MutualAuthentication | None:
    """Ask each client for a certificate of the trust store that has not expired; for none without a trust store."""
    if trust_store is None:
        return None
    return elbv2.MutualAuthentication(
        mutual_authentication_mode=elbv2.MutualAuthenticationMode.VERIFY,
        trust_store=trust_store,
        ignore_client_certificate_expiry=False,
    )
