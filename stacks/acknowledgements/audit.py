"""What stays of the audit stack's findings."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from stacks.acknowledgements.registry import (
    SOLUTIONS,
    Registry,
    account_of,
    below,
    log_target,
    no_replica,
    rule_ids,
)
from stacks.application import Application


def audit(registry: Registry, application: Application) -> None:
    """Acknowledge what stays of the audit stack."""
    audit = application.audit
    trail = audit.trail
    for bucket in (trail.bucket, trail.access_logs):
        no_replica(registry, bucket)
    log_target(registry, trail.access_logs)
    if application.settings.audit.existing_trail:
        registry.add(
            trail.trail,
            *rule_ids("TrailWithoutManagementEvents", "SecureBackend"),
            reason="The profile says that the account's management events are recorded by another trail; a second copy "
            "is paid for each event.",
        )
    account = account_of(audit)
    if audit.operators is not None:
        logs_of = f"arn:{audit.partition}:logs:{audit.region}:{account}:log-group"
        registry.add(
            audit.operators.policy,
            *rule_ids("IAM5[Resource::*]", SOLUTIONS),
            *(rule_ids(f"IAM5[Resource::{logs_of}:{name}]", SOLUTIONS)[0] for name in audit.operators.log_groups),
            reason="Looking at alarms, metrics and traces knows no resource; the names of log groups are made at "
            "deployment, and the wildcard stands after what is this application's.",
        )
        stack = f"arn:{audit.partition}:cloudformation:{audit.region}:{account}:{audit.operators.letters_of}"
        registry.add(
            audit.operators.policy,
            *rule_ids(f"IAM5[Resource::{stack}]", SOLUTIONS),
            reason="CloudFormation ends a stack's ARN with an id that it makes; the wildcard stands for that id.",
        )
    for policy in below(trail, iam.CfnManagedPolicy):
        group = audit.get_logical_id(next(below(trail.log_group, logs.CfnLogGroup)))
        stream = (
            f"arn:{audit.partition}:logs:{audit.region}:{account}:log-group:<{group}>"
            f":log-stream:{account}_CloudTrail_{audit.region}*"
        )
        registry.add(
            policy,
            *rule_ids(f"IAM5[Resource::{stream}]", SOLUTIONS),
            reason="CloudTrail names its log streams itself, account and region first and a number after; the wildcard "
            "stands for the number.",
        )
