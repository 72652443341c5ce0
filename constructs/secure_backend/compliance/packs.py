"""The rule packs that every synth is held to, and the canary that proves that each of them ran."""

import aws_cdk as cdk
import cdk_nag
import jsii
from aws_cdk import aws_sns as sns
from constructs import Construct

# The packs by the name under which they report, with the number of rules that each holds in the pinned
# cdk-nag: a pack does not tell. A test counts them again in the installed release.
RULES = {
    "AwsSolutions": 131,
    "HIPAA.Security": 90,
    "NIST.800.53.R4": 70,
    "NIST.800.53.R5": 85,
    "PCI.DSS.321": 69,
    "Serverless": 18,
}


def rule_packs(app: cdk.App) -> list[cdk_nag.NagPack]:
    """Return the six packs of cdk-nag."""
    return [
        cdk_nag.AwsSolutionsChecks(app),
        cdk_nag.HIPAASecurityChecks(app),
        cdk_nag.NIST80053R4Checks(app),
        cdk_nag.NIST80053R5Checks(app),
        cdk_nag.PCIDSS321Checks(app),
        cdk_nag.ServerlessChecks(app),
    ]


class Canary(Construct):
    """Resources that break one rule of each pack and stand in no template.

    A pack that finds nothing writes nothing into the validation report, so "clean" and "never attached" look alike.
    The canary's findings are acknowledged, and thereby listed: a pack that does not list them did not run.
    """

    FINDINGS = {
        "Topic": (
            "AwsSolutions::AwsSolutions-SNS3",
            "HIPAA.Security::HIPAA.Security-SNSEncryptedKMS",
            "NIST.800.53.R4::NIST.800.53.R4-SNSEncryptedKMS",
            "NIST.800.53.R5::NIST.800.53.R5-SNSEncryptedKMS",
            "PCI.DSS.321::PCI.DSS.321-SNSEncryptedKMS",
        ),
        "Subscription": ("Serverless::Serverless-SNSRedrivePolicy",),
    }

    def __init__(self, stack: cdk.Stack) -> None:
        super().__init__(stack, "ComplianceCanary")
        topic = _Topic(self, "Topic")
        for resource in (topic, _Subscription(self, "Subscription", topic_arn=topic.ref, protocol="email")):
            cdk.Validations.of(resource).acknowledge(
                *(
                    cdk.Acknowledgment(id=finding, reason="The canary proves that the pack ran; it is in no template.")
                    for finding in self.FINDINGS[resource.node.id]
                )
            )


class _Topic(sns.CfnTopic):
    @jsii.member(jsii_name="shouldSynthesize")
    def _should_synthesize(self) -> bool:
        return False


class _Subscription(sns.CfnSubscription):
    @jsii.member(jsii_name="shouldSynthesize")
    def _should_synthesize(self) -> bool:
        return False
