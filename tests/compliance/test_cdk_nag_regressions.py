"""Faults of earlier releases of aws-cdk-lib and cdk-nag that the gate relies on being gone."""

import aws_cdk as cdk
import cdk_nag
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from tests.compliance.nag_report import new_app, report_of


def test_a_finding_acknowledged_in_one_stack_stays_open_in_another() -> None:
    """aws-cdk#38495: up to aws-cdk-lib 2.263 the acknowledgement counted for the whole app."""
    app = new_app()
    first = sns.Topic(cdk.Stack(app, "first"), "Topic")
    sns.Topic(cdk.Stack(app, "second"), "Topic")
    cdk.Validations.of(first).acknowledge(cdk.Acknowledgment(id="AwsSolutions::AwsSolutions-SNS3", reason="public"))
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    found, suppressed = report_of(app, "AwsSolutions")
    assert [entry.construct for entry in found if entry.rule == "AwsSolutions-SNS3"] == ["second/Topic/Resource"]
    assert [(entry.construct, entry.acknowledged_at) for entry in suppressed] == [
        ("first/Topic/Resource", "first/Topic")
    ]


def test_an_id_with_two_colons_in_its_brackets_is_accepted_and_silences_that_policy_alone() -> None:
    """cdk-nag#2351: the first releases of version 3 refused the id, so people acknowledged the whole rule."""
    app = new_app()
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1", account="111122223333"))
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    for name in ("AmazonS3ReadOnlyAccess", "AmazonSQSReadOnlyAccess"):
        role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(name))
    finding = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{}]"
    cdk.Validations.of(role).acknowledge(
        cdk.Acknowledgment(id="AwsSolutions::" + finding.format("AmazonS3ReadOnlyAccess"), reason="reads only")
    )
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    found, suppressed = report_of(app, "AwsSolutions")
    assert [entry.rule for entry in suppressed] == [finding.format("AmazonS3ReadOnlyAccess")]
    assert [entry.rule for entry in found] == [finding.format("AmazonSQSReadOnlyAccess")]
