"""VPC endpoints without a policy of their own, and flow logs that deliver nothing."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import object_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_ENDPOINT = "AWS::EC2::VPCEndpoint"
_FLOW_LOG = "AWS::EC2::FlowLog"


@rule(
    aws=SILENT,
    reason="The default policy lets whoever is in the VPC take any account's resources in and out: a way for data to "
    "leave that no route shows.",
    fix="set PolicyDocument to one that names this account or organisation (aws:ResourceAccount, aws:PrincipalAccount)",
    source="AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies",
)
def endpoint_without_policy(assembly: Assembly) -> Iterator[Finding]:
    """Give a VPC endpoint a policy."""
    for endpoint in assembly.resources(_ENDPOINT):
        if endpoint.at("VpcEndpointType") in (None, "Gateway", "Interface") and endpoint.at("PolicyDocument") is None:
            yield Finding(endpoint, "Properties.PolicyDocument", "The endpoint has no policy of its own")


@rule(
    aws=SILENT,
    reason="A policy that lets everyone do everything is the default one again.",
    fix="condition the statement on aws:ResourceAccount or aws:ResourceOrgID, or name the resources",
    source="AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies",
)
def endpoint_policy_open(assembly: Assembly) -> Iterator[Finding]:
    """Let a VPC endpoint's policy name whose resources are meant."""
    for endpoint in assembly.resources(_ENDPOINT):
        for statement in assembly.policy_statements(endpoint):
            everything = any(action.endswith("*") and len(action.split(":")[-1]) == 1 for action in statement.actions)
            anything = "*" in statement.resources and not statement.conditions
            if statement.allows and statement.names_everyone and everything and anything:
                problem = "A statement of the endpoint's policy lets everyone do everything with everything"
                yield Finding(endpoint, "Properties.PolicyDocument", problem)


@rule(
    aws="DeliverLogsStatus: FAILED, Access error (on the flow log, which stays ACTIVE)",
    reason="The delivery service encrypts with the bucket's key; the CDK's to_s3 adds nothing to it, and the AWS "
    "managed key can let nobody in.",
    fix="in the key's policy allow delivery.logs.amazonaws.com kms:Encrypt, Decrypt, ReEncrypt*, GenerateDataKey* and "
    "DescribeKey",
    source="landing-zone-accelerator-on-aws#1205; Amazon VPC User Guide, Required key policy for use with SSE-KMS",
)
def flow_log_bucket_key(assembly: Assembly) -> Iterator[Finding]:
    """Let log delivery use the key of a bucket that flow logs go to."""
    wanted = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey")
    for flow_log, bucket in _to_buckets(assembly):
        if not access.uses_kms(bucket):
            continue
        key = access.bucket_key(assembly, bucket)
        if key is None and not access.names_key(bucket):
            problem = f"Flow log {flow_log.address} goes to a bucket encrypted by the AWS managed key"
            yield Finding(bucket, "Properties.BucketEncryption", problem)
        missing = [] if key is None else access.missing_for(assembly.policy_statements(key), "delivery.logs", *wanted)
        if key is not None and missing:
            problem = f"The key under flow log {flow_log.address} does not allow log delivery {', '.join(missing)}"
            yield Finding(key, "Properties.KeyPolicy", problem)


@rule(
    aws="Encountered unsupported property fileFormat",
    reason="The CDK's L2 writes the keys in lower camel case; the options cannot be changed after creation.",
    fix="set DestinationOptions on CfnFlowLog with FileFormat, HiveCompatiblePartitions and PerHourPartition",
    source="aws-cdk#25432",
)
def flow_log_options_misspelt(assembly: Assembly) -> Iterator[Finding]:
    """Write the destination options of a flow log as CloudFormation spells them."""
    spelt = {"FileFormat", "HiveCompatiblePartitions", "PerHourPartition"}
    for flow_log in assembly.resources(_FLOW_LOG):
        wrong = sorted(set(object_of(flow_log.at("DestinationOptions"))) - spelt)
        if wrong:
            problem = f"The flow log's destination options have {', '.join(wrong)}"
            yield Finding(flow_log, "Properties.DestinationOptions", problem)


def _to_buckets(assembly: Assembly) -> Iterator[tuple[Resource, Resource]]:
    for flow_log in assembly.resources(_FLOW_LOG):
        bucket = access.resource_at(assembly, flow_log, "LogDestination", access.BUCKET)
        if bucket is not None:
            yield flow_log, bucket
