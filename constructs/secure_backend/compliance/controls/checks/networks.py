"""Networks: VPCs, subnets, network ACLs and security groups."""

from collections.abc import Iterator, Mapping

from secure_backend.analysis import Assembly, Resource, Stack
from secure_backend.analysis.template import (
    Value,
    alternatives,
    is_false,
    is_intrinsic,
    is_true,
    number_of,
    object_of,
)
from secure_backend.compliance.controls.check import Judgement, control, judge, surely_attached

#: The properties that name addresses, by IPv4 and IPv6.
_SOURCES = ("CidrIp", "CidrIpv6")
#: Stands for a rule that is known only at deployment.
_UNKNOWN = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "CidrIpv6": "::/0"}
#: The ports that EC2.18 lets anybody in by.
_AUTHORIZED = (80, 443)
#: The ports that EC2.19 holds to be of high risk.
RISKY = (
    *(20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389),
    *(4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300),
)
_ADMINISTRATION = (22, 3389)


@control("EC2.2")
def default_group_closed(assembly: Assembly) -> Iterator[Judgement]:
    """Empty the default security group of a VPC."""
    for vpc in assembly.resources("AWS::EC2::VPC"):
        emptied = bool(surely_attached(assembly, "Custom::VpcRestrictDefaultSG", "DefaultSecurityGroupId", vpc))
        added = [
            rule.logical_id
            for rule in assembly.resources("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
            for reference in assembly.references(rule.stack, rule.at("GroupId"))
            if reference.resource is vpc and reference.attribute == "DefaultSecurityGroup"
        ]
        problem = f"its default group is open: {', '.join(added) or 'nothing empties it'}"
        yield judge(vpc, met=emptied and not added, problem=problem)


@control("EC2.6")
def flow_logs(assembly: Assembly) -> Iterator[Judgement]:
    """Record at least what a VPC refuses in a flow log."""
    for vpc in assembly.resources("AWS::EC2::VPC"):
        logs = surely_attached(assembly, "AWS::EC2::FlowLog", "ResourceId", vpc)
        met = any(log.at("TrafficType") in ("ALL", "REJECT") for log in logs)
        yield judge(vpc, met=met, problem="no flow log of rejected or all traffic")


@control("EC2.15")
def no_public_addresses(assembly: Assembly) -> Iterator[Judgement]:
    """Give no public IPv4 or IPv6 addresses by a subnet."""
    for subnet in assembly.resources("AWS::EC2::Subnet"):
        given = [
            name for name in ("MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation") if not is_false(subnet.at(name))
        ]
        yield judge(subnet, met=not given, problem=f"it gives public addresses: {', '.join(given)}")


@control("EC2.16")
def network_acls_used(assembly: Assembly) -> Iterator[Judgement]:
    """Put each network ACL on a subnet."""
    for acl in assembly.resources("AWS::EC2::NetworkAcl"):
        used = surely_attached(assembly, "AWS::EC2::SubnetNetworkAclAssociation", "NetworkAclId", acl)
        yield judge(acl, met=bool(used), problem="it is on no subnet")


@control("EC2.18")
def open_ports_authorized(assembly: Assembly) -> Iterator[Judgement]:
    """Let everybody in on TCP 80 and 443 only."""
    for group, rules in _ingress(assembly):
        bad = [
            _text(rule)
            for rule in rules
            if _opens(assembly, group.stack, rule, "CidrIp", "CidrIpv6") and not _authorized(rule)
        ]
        yield judge(group, met=not bad, problem=f"anybody is let in by {', '.join(bad)}")


@control("EC2.19")
def risky_ports_closed(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody in on a port of high risk from anywhere."""
    yield from _closed(assembly, RISKY, *_SOURCES)


@control("EC2.21")
def acl_administration_closed(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody through a network ACL on 22 or 3389 from anywhere."""
    for acl in assembly.resources("AWS::EC2::NetworkAcl"):
        bad = [
            entry.logical_id
            for entry in assembly.attached("AWS::EC2::NetworkAclEntry", "NetworkAclId", acl)
            if not is_true(entry.at("Egress"))
            and entry.at("RuleAction") != "deny"
            and _opens(assembly, acl.stack, entry.properties, "CidrBlock", "Ipv6CidrBlock")
            and any(_acl_covers(entry, port) for port in _ADMINISTRATION)
        ]
        yield judge(acl, met=not bad, problem=f"anybody is let in on 22 or 3389 by {', '.join(bad)}")


@control("EC2.53")
def administration_closed_ipv4(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody in on 22 or 3389 from 0.0.0.0/0."""
    yield from _closed(assembly, _ADMINISTRATION, _SOURCES[0])


@control("EC2.54")
def administration_closed_ipv6(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody in on 22 or 3389 from ::/0."""
    yield from _closed(assembly, _ADMINISTRATION, _SOURCES[1])


@control("CIS 5.1.2")
def cifs_closed(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody in on the port of CIFS from anywhere."""
    yield from _closed(assembly, (445,), *_SOURCES)


def _closed(assembly: Assembly, ports: tuple[int, ...], *sources: str) -> Iterator[Judgement]:
    for group, rules in _ingress(assembly):
        bad = [
            _text(rule)
            for rule in rules
            if _opens(assembly, group.stack, rule, *sources) and any(_covers(rule, port) for port in ports)
        ]
        yield judge(group, met=not bad, problem=f"anybody is let in by {', '.join(bad)}")


def _ingress(assembly: Assembly) -> Iterator[tuple[Resource, list[Mapping[str, Value]]]]:
    """Yield each security group with its ways in, those that are resources of their own among them."""
    for group in assembly.resources("AWS::EC2::SecurityGroup"):
        own = [_UNKNOWN if is_intrinsic(each) else each for each in alternatives(group.at("SecurityGroupIngress"))]
        others = assembly.attached("AWS::EC2::SecurityGroupIngress", "GroupId", group)
        yield group, [*map(object_of, own), *(each.properties for each in others)]


def _opens(assembly: Assembly, stack: Stack, rule: Mapping[str, Value], *sources: str) -> bool:
    """Tell whether a rule lets everybody in, or may: EC2 takes any address with /0 for all of them.

    An address of a resource, such as a VPC's, is somebody's.
    """
    return any(
        each.endswith("/0") if isinstance(each, str) else assembly.follow(stack, each) is None
        for source in sources
        for each in alternatives(rule.get(source))
    )


def _authorized(rule: Mapping[str, Value]) -> bool:
    low, high = number_of(rule.get("FromPort")), number_of(rule.get("ToPort"))
    return rule.get("IpProtocol") == "tcp" and low is not None and low == high and int(low) in _AUTHORIZED


def _covers(rule: Mapping[str, Value], port: int) -> bool:
    if str(rule.get("IpProtocol")) == "-1":
        return True
    low, high = number_of(rule.get("FromPort")), number_of(rule.get("ToPort"))
    return low is None or high is None or low <= port <= high


def _acl_covers(entry: Resource, port: int) -> bool:
    if number_of(entry.at("Protocol")) == -1:
        return True
    low, high = number_of(entry.at("PortRange.From")), number_of(entry.at("PortRange.To"))
    return low is None or high is None or low <= port <= high


def _text(rule: Mapping[str, Value]) -> str:
    source = rule.get("CidrIp") or rule.get("CidrIpv6")
    return f"{rule.get('IpProtocol')} {rule.get('FromPort')} to {rule.get('ToPort')} from {source}"
