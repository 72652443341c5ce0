"""Takes away, in templates, what meets a control: the property that the catalogue names, or what the table says."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from secure_backend.analysis import Assembly, Stack
from secure_backend.compliance.controls.catalogue import Control

Body = dict[str, Any]
Change = Callable[[Body], None]

_ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def _set(path: str, value: object) -> Change:
    def change(body: Body) -> None:
        *parents, last = path.split(".")
        for name in parents:
            body = body.setdefault(name, {})
        if value is None:
            body.pop(last, None)
        else:
            body[last] = copy.deepcopy(value)

    return change


def _statement(path: str, statement: Body) -> Change:
    def change(body: Body) -> None:
        *parents, last = path.split(".")
        for name in parents:
            body = body[name]
        body.setdefault(last, {"Version": "2012-10-17", "Statement": []})["Statement"].append(statement)

    return change


def _way_in(port: int, **source: str) -> Change:
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
    return _set("Properties.SecurityGroupIngress", [rule])


def _first_only(path: str) -> Change:
    def change(body: Body) -> None:
        *parents, last = path.split(".")
        for name in parents:
            body = body.get(name, {})
        if last in body:
            body[last] = body[last][:1]

    return change


def _without_encryption(body: Body) -> None:
    body["Properties"].pop("KmsMasterKeyId", None)
    body["Properties"]["SqsManagedSseEnabled"] = False


def _with_acl(body: Body) -> None:
    body["Properties"]["OwnershipControls"] = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    body["Properties"]["AccessControl"] = "PublicRead"


def _open_to_everybody(body: Body) -> None:
    _with_acl(body)
    body["Properties"].pop("PublicAccessBlockConfiguration", None)
    body["Properties"]["AccessControl"] = "PublicReadWrite"


def _administration(body: Body) -> None:
    properties = body["Properties"]
    if properties["Egress"]:  # an ACL has no two rules in with the same number
        properties["RuleNumber"] += 1
    properties |= {"Egress": False, "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 22, "To": 22}}


def _plain_http(body: Body) -> None:
    for name in ("Certificates", "SslPolicy"):
        body["Properties"].pop(name, None)
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    body["Properties"] |= {"Protocol": "HTTP", "Port": 80, "DefaultActions": [answer]}


def _unmeasured(body: Body) -> None:
    for each in (body["Properties"], *body["Properties"]["Rules"]):
        each["VisibilityConfig"]["CloudWatchMetricsEnabled"] = False


def _allow(**statement: str) -> Change:
    return _statement("Properties.PolicyDocument", {"Effect": "Allow", **statement})


#: Where taking the property away would leave AWS's default, which is as good, or where it is the absence that meets it.
CHANGES: dict[str, Change] = {
    "ACM.2": _set("Properties.KeyAlgorithm", "RSA_1024"),
    "APIGateway.5": _set(
        "Properties.MethodSettings", [{"HttpMethod": "*", "ResourcePath": "/*", "CachingEnabled": True}]
    ),
    "EC2.15": _set("Properties.MapPublicIpOnLaunch", value=True),
    "EC2.18": _way_in(8443, CidrIp="0.0.0.0/0"),
    "EC2.19": _way_in(5432, CidrIpv6="::/0"),
    "EC2.21": _administration,
    "EC2.53": _way_in(22, CidrIp="0.0.0.0/0"),
    "EC2.54": _way_in(3389, CidrIpv6="::/0"),
    "CIS 5.1.2": _way_in(445, CidrIp="0.0.0.0/0"),
    "ELB.1": _plain_http,
    "ELB.12": _set(
        "Properties.LoadBalancerAttributes", [{"Key": "routing.http.desync_mitigation_mode", "Value": "monitor"}]
    ),
    "ELB.13": _first_only("Properties.Subnets"),
    "IAM.1": _allow(Action="*", Resource="*"),
    "IAM.2": _set("Properties.Users", ["alice"]),
    "IAM.21": _allow(Action="s3:*", Resource="arn:aws:s3:::documents/*"),
    "IAM.27": _set("Properties.ManagedPolicyArns", ["arn:aws:iam::aws:policy/AWSCloudShellFullAccess"]),
    "KMS.1": _allow(Action="kms:Decrypt", Resource="*"),
    "KMS.2": _allow(Action="kms:Decrypt", Resource="*"),
    "KMS.3": _set("DeletionPolicy", "Delete"),
    "KMS.5": _statement("Properties.KeyPolicy", _ANYBODY),
    "Lambda.2": _set("Properties.Runtime", "python3.9"),
    "Lambda.5": _first_only("Properties.VpcConfig.SubnetIds"),
    "RDS.13": _set("Properties.AutoMinorVersionUpgrade", value=False),
    "RDS.25": _set("Properties.MasterUsername", "postgres"),
    "S3.2": _open_to_everybody,
    "S3.3": _open_to_everybody,
    "S3.6": _statement(
        "Properties.PolicyDocument",
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "s3:*", "Resource": "*"},
    ),
    "S3.12": _with_acl,
    "SNS.4": _statement("Properties.PolicyDocument", _ANYBODY),
    "SQS.1": _without_encryption,
    "SQS.3": _statement("Properties.PolicyDocument", _ANYBODY),
    "WAF.12": _unmeasured,
}


def without(control: Control, assembly: Assembly, only: str | None = None) -> Assembly:
    """Return the assembly without what meets the control, in every resource of that type or in one address only."""
    assert control.met_by is not None
    type_name, _, path = control.met_by.partition(" ")
    change = CHANGES.get(control.id, _set(f"Properties.{path}", None) if path else None)
    protected = control.met_by != "AWS::CloudFormation::Stack EnableTerminationProtection"
    role = control.met_by != "AWS::CloudFormation::Stack RoleARN"
    stacks = []
    for stack in assembly.stacks:
        template = json.loads(json.dumps(stack.template))
        for logical_id, body in list(template["Resources"].items()):
            if body["Type"] == type_name and only in (None, f"{stack.name}/{logical_id}"):
                if change is None:
                    del template["Resources"][logical_id]
                else:
                    change(body)
        stacks.append(
            Stack(
                name=stack.name,
                template=template,
                region=stack.region,
                account=stack.account,
                termination_protection=protected and stack.termination_protection,
                service_role=stack.service_role if role else None,
            )
        )
    return Assembly(stacks)


def places(control: Control, assembly: Assembly) -> Iterator[str]:
    """Yield the address of each resource whose property meets the control."""
    assert control.met_by is not None
    for resource in assembly.resources(control.met_by.partition(" ")[0]):
        yield resource.address
