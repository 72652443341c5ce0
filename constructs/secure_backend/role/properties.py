"""What a RestrictedRole may be given: who assumes it, from where, on whose behalf, and when."""

import datetime
import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_backend.validation import Validation

# Services that hand the role to code on machines in the caller's own networks; any other uses it from AWS's addresses.
_IN_OWN_NETWORKS = ("ec2", "ecs-tasks", "pods.eks")
# The trust policy may have so many characters, and whoever assumes the role stands in it too.
_MOST_CHARACTERS = 2048
_MOST_SOURCES = 20
_ARN = r"arn:aws(-[a-z]+)*:[a-z0-9-]+:[a-z0-9*-]*:(\d{12}|\*)?:[^\s]+"


def trust(scope: Construct, principal: iam.PrincipalBase) -> list[dict[str, Any]]:
    """Return the statements that the CDK makes of a principal, before anything is built."""
    document = iam.PolicyDocument()
    principal.add_to_assume_role_policy(document)
    resolved = cdk.Stack.of(scope).resolve(document)
    return list(resolved["Statement"])


def check_somebody(check: Validation, trust: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a role that anybody of any account may assume."""
    for statement in trust:
        principal = statement["Principal"]
        names = list_of(principal.get("AWS", [])) if isinstance(principal, Mapping) else [principal]
        check.check(
            "*" not in names or bool(statement.get("Condition")),
            "assumed_by",
            "everybody, without a condition",
            "somebody",
            "name accounts, roles, users or services, or add a condition such as aws:PrincipalOrgID",
        )
        check.check(
            isinstance(principal, Mapping),
            "assumed_by",
            "a bare *",
            "a principal that IAM takes in a trust policy",
            "pass iam.AnyPrincipal() with a condition",
        )


def services(trust: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the services that may assume the role, each once."""
    named = [s["Principal"].get("Service", []) for s in trust if isinstance(s["Principal"], Mapping)]
    return sorted({str(name) for names in named for name in list_of(names)})


def others(trust: Sequence[Mapping[str, Any]]) -> list[iam.IPrincipal]:
    """Return whoever else assumes the role: everybody of AWS if anybody is named, and each identity provider.

    A trust policy takes no bare ``*`` ("contained an invalid principal"), and whether ``{"AWS": "*"}`` stands for
    providers and services too is written nowhere: they are named.
    """
    named = [s["Principal"] for s in trust if isinstance(s["Principal"], Mapping)]
    found: list[iam.IPrincipal] = [iam.AnyPrincipal()] if any("AWS" in principal for principal in named) else []
    for provider in [name for principal in named for name in list_of(principal.get("Federated", []))]:
        text = provider if isinstance(provider, str) else cdk.Token.as_string(provider)
        found.append(iam.FederatedPrincipal(text))
    return found


def check_length(
    check: Validation, scope: Construct, trust: Sequence[Mapping[str, Any]], limits: Sequence[iam.PolicyStatement]
) -> None:
    """Record a trust policy longer than IAM takes, white space not counted, nor what is known at deployment only."""
    document = iam.PolicyDocument(statements=list(limits))
    resolved = cdk.Stack.of(scope).resolve(document)
    statements = _literal([*trust, *(resolved["Statement"] if limits else [])])
    length = len(json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")))
    check.check(
        length <= _MOST_CHARACTERS,
        "assumed_by",
        f"{length} characters of trust policy, limits included",
        f"at most {_MOST_CHARACTERS}",
        "name fewer principals and sources, put * and ? into ARNs, or make a second role",
    )


def check_use(check: Validation, trust: Sequence[Mapping[str, Any]], name: str, *, presigns: bool) -> None:
    """Refuse network conditions where the role is not used from the caller's networks."""
    for service in services(trust):
        check.check(
            any(service.startswith(f"{own}.") for own in _IN_OWN_NETWORKS),
            name,
            f"networks for a role of {service}",
            "none: the service itself uses the role, from addresses of AWS's and through no endpoint of yours",
            "leave source_networks and source_vpcs out; security groups and endpoint policies limit what a function "
            "reaches",
        )
    check.check(
        not presigns,
        name,
        "networks for a role that presigns for clients",
        "none: AWS compares the address of whoever uses what was signed, and that is any client's",
        "leave source_networks and source_vpcs out; let what is signed end after minutes",
    )


def check_only_services(check: Validation, trust: Sequence[Mapping[str, Any]], name: str) -> None:
    """Refuse sources where somebody else than a service assumes the role, and would never be let in."""
    for statement in trust:
        principal = statement["Principal"]
        kinds = set(principal) if isinstance(principal, Mapping) else {"everyone"}
        check.check(
            kinds == {"Service"},
            name,
            f"sources for a role that {', '.join(sorted(kinds - {'Service'}))} principals assume",
            "services alone in assumed_by: nobody else sends aws:SourceAccount and aws:SourceArn",
            "make a role for the services and one for the others",
        )


def check_networks(check: Validation, networks: Sequence[str], vpcs: Sequence[ec2.IVpc]) -> None:
    """Check for public ranges and VPC objects."""
    do = "pass public ranges such as 203.0.113.0/24, or leave it out for anywhere"
    if (isinstance(networks, str) or networks) and check.networks("source_networks", networks, do):
        check.check(len(networks) <= _MOST_SOURCES, "source_networks", len(networks), "at most 20 ranges", "merge some")
        for network in networks:
            check.check(
                not _private(network),
                "source_networks",
                network,
                "a public range: aws:SourceIp is never a private address",
                "pass the VPC in source_vpcs: calls from inside it carry its id, through an endpoint",
            )
    if isinstance(vpcs, str) or not isinstance(vpcs, Sequence):
        check.refuse("source_vpcs", vpcs, "a list of VPC objects", "pass for example [SecureVpc.vpc]")
        return
    check.check(len(vpcs) <= _MOST_SOURCES, "source_vpcs", len(vpcs), "at most 20 VPCs", "make a role for the others")
    for vpc in vpcs:
        check.construct("source_vpcs", vpc, ec2.Vpc, "pass the VPC object, such as SecureVpc.vpc")


def _private(network: str) -> bool:
    found = ipaddress.ip_network(network)
    if isinstance(found, ipaddress.IPv6Network):
        return found.subnet_of(ipaddress.IPv6Network("fc00::/7"))
    own = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    return any(found.subnet_of(ipaddress.IPv4Network(block)) for block in own)


def check_sources(check: Validation, accounts: Sequence[str], arns: Sequence[str]) -> None:
    """Check for account numbers and ARNs; those known only at deployment are taken."""
    for name, values, pattern, expected, do in (
        ("source_accounts", accounts, r"\d{12}", "an account's 12 digits, as text", "pass Stack.account for this one"),
        ("source_arns", arns, _ARN, "an ARN", "pass the resource's ARN; put * for the part that is not known"),
    ):
        if isinstance(values, str) or not isinstance(values, Sequence):
            check.refuse(name, values, "a list", f"pass [{values!r}]")
            continue
        check.check(len(values) <= _MOST_SOURCES, name, len(values), "at most 20", "make a role for the others")
        for value in values:
            if not (isinstance(value, str) and cdk.Token.is_unresolved(value)):
                check.text(name, value, pattern, expected, do)


def window(check: Validation, start: object, end: object) -> tuple[str, str] | None:
    """Return both ends in UTC as IAM compares them; None without a window, or with a wrong one."""
    if start is None and end is None:
        return None
    ends = [_moment(check, "valid_from", start, "valid_until"), _moment(check, "valid_until", end, "valid_from")]
    first, last = ends
    if first is None or last is None:
        return None
    check.check(
        first < last, "valid_until", last.isoformat(), f"a moment after {first.isoformat()}", "exchange or extend them"
    )
    utc = [moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (first, last)]
    return utc[0], utc[1]


def _moment(check: Validation, name: str, value: object, other: str) -> datetime.datetime | None:
    if value is None:
        check.refuse(name, value, f"a moment beside {other}", f"pass both, or leave {other} out too")
        return None
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            moment = None
    sound = isinstance(moment, datetime.datetime) and moment.utcoffset() is not None and moment.microsecond == 0
    expected = "a moment of whole seconds with its time zone"
    check.check(sound, name, value, expected, "pass a datetime with tzinfo, or text such as 2027-01-04T08:00:00+01:00")
    return moment if sound and isinstance(moment, datetime.datetime) else None


def _literal(value: Any) -> Any:
    """Return the value with nothing in place of what CloudFormation computes."""
    if isinstance(value, list):
        return [_literal(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "Fn::Join" in value:
        return "".join(part for part in value["Fn::Join"][1] if isinstance(part, str))
    computed = any(name == "Ref" or name.startswith("Fn::") for name in value)
    return "" if computed else {name: _literal(each) for name, each in value.items()}


def list_of(value: object) -> list[Any]:
    """Return a list, or a single value as a list of one."""
    return value if isinstance(value, list) else [value]
