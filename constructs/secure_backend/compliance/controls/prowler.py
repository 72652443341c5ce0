"""An independent opinion on what no scanner of templates judges: Prowler's, the auditor of AWS accounts.

It is shown an account that holds what the templates describe, which is nowhere but in a process's memory.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secure_backend.analysis import Assembly, Stack
from secure_backend.analysis.template import Value, is_intrinsic
from secure_backend.compliance.controls.checks.functions import RUNTIMES
from secure_backend.compliance.controls.checks.networks import RISKY
from secure_backend.compliance.controls.evaluation import Opinion

_AUDIT = Path(__file__).parent / "account" / "audit.py"
_STACK = "AWS::CloudFormation::Stack"
_NO_VALUE = {"Ref": "AWS::NoValue"}
#: Where the stacks stand, if they do not say.
_ACCOUNT, _REGION = "123456789012", "eu-central-1"

_GROUPS = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress")
_BUCKETS = ("AWS::S3::Bucket", "AWS::S3::BucketPolicy")
_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"

#: For a control the checks that together ask for what it asks for, and the types: the one they judge, and what decides.
#: They differ at the edges: that of S3.3 minds reading too, those of EC2.53 IPv6 too; that of EC2.10 takes an endpoint
#: for ec2messages for one for ec2, that of ELB.1 one rule that redirects for all: there ours alone says no.
CHECKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "APIGateway.4": (
        ("apigateway_restapi_waf_acl_attached",),
        ("AWS::ApiGateway::Stage", "AWS::ApiGateway::RestApi", "AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"),
    ),
    "CloudFormation.3": (("cloudformation_stacks_termination_protection_enabled",), (_STACK,)),
    "EC2.6": (("vpc_flow_logs_enabled",), ("AWS::EC2::VPC", "AWS::EC2::FlowLog")),
    "EC2.10": (("vpc_endpoint_for_ec2_enabled",), ("AWS::EC2::VPC", "AWS::EC2::VPCEndpoint")),
    "EC2.16": (("ec2_networkacl_unused",), ("AWS::EC2::NetworkAcl", "AWS::EC2::SubnetNetworkAclAssociation")),
    "EC2.19": (("ec2_securitygroup_allow_ingress_from_internet_to_high_risk_tcp_ports",), _GROUPS),
    "EC2.21": (
        ("ec2_networkacl_allow_ingress_tcp_port_22", "ec2_networkacl_allow_ingress_tcp_port_3389"),
        ("AWS::EC2::NetworkAcl", "AWS::EC2::NetworkAclEntry"),
    ),
    "EC2.53": (
        (
            "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
            "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
        ),
        _GROUPS,
    ),
    "ELB.1": (("elbv2_ssl_listeners",), (_BALANCER, "AWS::ElasticLoadBalancingV2::Listener")),
    "ELB.13": (("elbv2_is_in_multiple_az",), (_BALANCER,)),
    "KMS.4": (("kms_cmk_rotation_enabled",), ("AWS::KMS::Key",)),
    "KMS.5": (("kms_key_not_publicly_accessible",), ("AWS::KMS::Key",)),
    "Lambda.2": (("awslambda_function_using_supported_runtimes",), ("AWS::Lambda::Function",)),
    "Lambda.5": (("awslambda_function_vpc_multi_az",), ("AWS::Lambda::Function",)),
    "RDS.4": (("rds_snapshots_encrypted",), ("AWS::RDS::DBInstance",)),
    "S3.2": (("s3_bucket_public_access",), _BUCKETS),
    "S3.3": (("s3_bucket_public_access",), _BUCKETS),
    "SNS.1": (("sns_topics_kms_encryption_at_rest_enabled",), ("AWS::SNS::Topic",)),
    "SNS.4": (("sns_topics_not_publicly_accessible",), ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy")),
    "WAF.12": (("wafv2_webacl_rule_logging_enabled",), ("AWS::WAFv2::WebACL",)),
}
#: Lambda.5 concerns functions in a VPC: Prowler leaves out those that this has found outside.
_FIRST = "awslambda_function_inside_vpc"


def opinions(assembly: Assembly, python: Path) -> dict[str, Opinion]:
    """Return what Prowler says of each control that these templates concern.

    It says nothing of a control when a resource that decides on it could not be made; standard error tells of each.

    :param python: the Python of the environment of ``requirements-prowler.txt``.
    :raises RuntimeError: with what Prowler printed, when it gives no answer.
    """
    resources = list(_resources(assembly))
    answer = _answer(python, assembly, resources)
    types = {each["address"]: each["type"] for each in resources}
    refused = {types[address] for address in answer["refused"]}
    for address, why in answer["refused"].items():
        of = ", ".join(id_ for id_, (_, deciding) in CHECKS.items() if types[address] in deciding)
        if of:
            reason = " ".join(why.split())
            print(f"Prowler says nothing of {of}: {address} could not be made: {reason}", file=sys.stderr)
    found = {}
    for id_, (checks, deciding) in CHECKS.items():
        judged = frozenset(address for address, type_name in types.items() if type_name == deciding[0])
        said: dict[str, set[str]] = {}
        for each in answer["findings"]:
            addresses = judged.intersection(each["addresses"])
            if each["check"] in checks and addresses:
                said.setdefault(each["check"], set()).update(() if each["passed"] else addresses)
        if said and refused.isdisjoint(deciding):
            found[id_] = Opinion(rule=", ".join(said), failed=frozenset().union(*said.values()))
    return found


def _resources(assembly: Assembly) -> Iterator[dict[str, Any]]:
    """Yield the stacks that are deployed, and the resources, with whatever refers to another as text."""
    for stack in assembly.stacks:
        region = stack.region or _REGION
        if stack.parent is None:
            protected = {"StackName": stack.name, "EnableTerminationProtection": stack.termination_protection}
            template = {"TemplateBody": json.dumps({"Resources": {}})}
            yield {"address": stack.name, "type": _STACK, "region": region, "properties": protected | template}
        for each in stack.resources.values():
            if each.type != _STACK:
                properties = _text(assembly, stack, dict(each.properties))
                yield {"address": each.address, "type": each.type, "region": region, "properties": properties}


def _text(assembly: Assembly, stack: Stack, value: Value) -> Value:
    if isinstance(value, list):
        return [_text(assembly, stack, each) for each in value if each != _NO_VALUE]
    if is_intrinsic(value):
        return assembly.render(stack, value)
    if isinstance(value, dict):
        return {name: _text(assembly, stack, each) for name, each in value.items() if each != _NO_VALUE}
    return value


def _answer(python: Path, assembly: Assembly, resources: list[dict[str, Any]]) -> dict[str, Any]:
    account = next((stack.account for stack in assembly.stacks if stack.account is not None), _ACCOUNT)
    question = {
        "account": account,
        "resources": resources,
        "checks": [_FIRST, *dict.fromkeys(check for checks, _ in CHECKS.values() for check in checks)],
        # What the controls themselves list, in the place of what Prowler lists by default.
        "ports": RISKY,
        "runtimes": RUNTIMES,
    }
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(  # noqa: S603 - the caller's Prowler
            [str(python.absolute()), "-I", str(_AUDIT)],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
            env=environment(directory, account),
        )
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise RuntimeError(f"Prowler gave no answer: {done.stderr.strip() or done.stdout.strip()}") from None


def environment(directory: str, account: str) -> dict[str, str]:
    """Return variables that keep out the credentials and the files of whoever asks."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "PROWLER_"))}
    return others | {
        "HOME": directory,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ACCOUNT_ID": account,
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }
