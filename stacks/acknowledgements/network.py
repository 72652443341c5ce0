"""What stays of the network stack's findings."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3

from stacks.acknowledgements.registry import (
    HIPAA,
    NIST4,
    NIST5,
    PCI,
    SOLUTIONS,
    Registry,
    below,
    dead_letters,
    log_target,
    no_replica,
    rule_ids,
)
from stacks.application import Application


def network(registry: Registry, application: Application) -> None:
    """Acknowledge what stays of the network stack."""
    for resource in below(application.network.vpc.data_acl, ec2.CfnNetworkAcl, ec2.CfnNetworkAclEntry):
        registry.add(
            resource,
            *rule_ids("VPC3", SOLUTIONS),
            reason="The data tier's network ACL is wanted: a second wall that one wrong security-group rule does not "
            "open. Its entries are generated from the tiers and tested in both directions.",
        )

    for route in below(application.network.vpc.vpc, ec2.CfnRoute):
        if route.gateway_id is not None:
            registry.add(
                route,
                *rule_ids("VPCNoUnrestrictedRouteToIGW", HIPAA, NIST5, PCI),
                reason="The profile asks for a public tier, for NAT or a load balancer, and this route is what makes "
                "it one. Neither a function nor the database stands there, and no subnet gives out public addresses.",
            )
    for bucket in below(application.network.vpc, s3.CfnBucket):
        no_replica(registry, bucket)
        if bucket.node.path.endswith("/AccessLogs/Resource"):
            log_target(registry, bucket)
        else:
            registry.add(
                bucket,
                *rule_ids("S3BucketDefaultLockEnabled", NIST4),
                reason="Flow logs help to find a fault and expire with the profile's retention; the record that must "
                "not be deleted is the trail's, whose bucket has a lock.",
            )

    topic = application.network.alarms
    if not application.settings.alarms.email:
        registry.add(
            topic.topic,
            *rule_ids("AlarmTopicWithoutSubscriber", "SecureBackend"),
            reason="A development profile names no address: whoever works on it looks at the alarms in the console. "
            "Production refuses an empty alarms.email.",
        )
    dead_letters(registry, topic.dead_letters)
