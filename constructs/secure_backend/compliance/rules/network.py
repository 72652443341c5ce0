"""Networks: rules that cut what they should let through, and tiers that are more open than they look."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, is_true, list_of, number_of, walk
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_ENTRY = "AWS::EC2::NetworkAclEntry"
_ANYWHERE = ("0.0.0.0/0", "::/0")
_GROUP_RULES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")


@rule(
    severity="warning",
    aws="The VPC endpoint service X does not support the availability zone of the subnet, or: Nat Gateway is not "
    "available in this availability zone",
    reason="Fn::GetAZs gives other zones in other accounts and, later, in the same account; subnets would be replaced.",
    fix="give the stack an account and a region, or the VPC its availability_zones",
    source="aws-cdk#4912, #5847, #6047",
)
def zones_by_function(assembly: Assembly) -> Iterator[Finding]:
    """Name the availability zones of subnets."""
    for subnet in assembly.resources("AWS::EC2::Subnet"):
        zone = subnet.at("AvailabilityZone")
        if any(isinstance(value, dict) and "Fn::GetAZs" in value for _, value in walk(zone)):
            problem = "The subnet stands in whatever zone Fn::GetAZs gives"
            yield Finding(subnet, "Properties.AvailabilityZone", problem)


@rule(
    aws="The network acl entry identified by N already exists (NetworkAclEntryAlreadyExists)",
    reason="A number stands once in each direction.",
    fix="give each entry of one direction its own RuleNumber",
    source="clouddrove/terraform-aws-subnet#103",
)
def network_acl_number_twice(assembly: Assembly) -> Iterator[Finding]:
    """Give each entry of one direction of a network ACL its own number."""
    for acl, egress, entries in _directions(assembly):
        seen: set[float | None] = set()
        for entry in entries:
            number = number_of(entry.at("RuleNumber"))
            if number is not None and number in seen:
                problem = f"{'Outbound' if egress else 'Inbound'} rule {number:g} of {acl.address} stands twice"
                yield Finding(entry, "Properties.RuleNumber", problem)
            seen.add(number)


@rule(
    aws="Value (32767) for parameter ruleNumber is invalid (InvalidParameterValue)",
    reason="Rule numbers go from 1 to 32766; 32767 is the last entry of every ACL, which denies the rest.",
    fix="set RuleNumber to 1 to 32766",
    source="Amazon EC2 API Reference, CreateNetworkAclEntry",
)
def network_acl_number_out_of_range(assembly: Assembly) -> Iterator[Finding]:
    """Give the entries of a network ACL numbers from 1 to 32766."""
    for entry in assembly.resources(_ENTRY):
        number = number_of(entry.at("RuleNumber"))
        if number is not None and not 1 <= number <= 32766:
            yield Finding(entry, "Properties.RuleNumber", f"The rule number is {number:g}")


@rule(
    aws=SILENT,
    reason="Network ACLs keep no state: the answer to a connection goes to a port from 1024 to 65535 and has to be let "
    "through too, or every connection hangs.",
    fix="add an entry of the other direction that allows TCP ports 1024 to 65535",
    source="clouddrove/terraform-aws-subnet#103; Amazon VPC User Guide, Ephemeral ports",
)
def network_acl_without_return_path(assembly: Assembly) -> Iterator[Finding]:
    """Let the answers to allowed connections back through a network ACL."""
    found: dict[Resource, dict[bool, list[Resource]]] = {}
    for acl, egress, entries in _directions(assembly):
        found.setdefault(acl, {})[egress] = entries
    for acl, directions in found.items():
        for egress in (False, True):
            opened = [entry for entry in directions.get(egress, []) if _allows_tcp(entry) and _opens(entry)]
            back = [entry for entry in directions.get(not egress, []) if _allows_tcp(entry)]
            if opened and not any(_covers_ephemeral(entry) for entry in back):
                way = ("outbound", "inbound") if egress else ("inbound", "outbound")
                problem = f"{acl.address} allows {way[0]} connections and no {way[1]} answers"
                yield Finding(opened[0], "Properties", problem)


@rule(
    aws=SILENT,
    reason="The lowest number decides; what stands behind a Deny of everything has no effect.",
    fix="number the Allow entries below the Deny, or remove it: what no entry allows is denied",
    source="clouddrove/terraform-aws-subnet#103",
)
def network_acl_closed(assembly: Assembly) -> Iterator[Finding]:
    """Let something through each direction of a network ACL."""
    for acl, egress, entries in _directions(assembly):
        if any(number_of(entry.at("RuleNumber")) is None for entry in entries):
            continue
        for entry in sorted(entries, key=lambda each: number_of(each.at("RuleNumber")) or 0):
            if entry.at("RuleAction") != "deny":
                break
            everything = entry.at("CidrBlock") == "0.0.0.0/0" and number_of(entry.at("Protocol")) == -1
            if everything or all(each.at("RuleAction") == "deny" for each in entries):
                problem = f"Nothing passes {acl.address} {'outbound' if egress else 'inbound'}"
                yield Finding(entry, "Properties.RuleAction", problem)
                break


@rule(
    aws=SILENT,
    reason="A route to the internet gateway makes the subnet public: one wrong address or rule, and it is reachable.",
    fix="put it into subnets whose route table has no route to an internet gateway",
    source="AWS Security Hub RDS.46, Lambda.3",
)
def private_tier_with_public_route(assembly: Assembly) -> Iterator[Finding]:
    """Keep databases, proxies and functions out of subnets with a route to an internet gateway."""
    public = _public_subnets(assembly)
    for type_name, path in (
        ("AWS::RDS::DBSubnetGroup", "SubnetIds"),
        ("AWS::RDS::DBProxy", "VpcSubnetIds"),
        ("AWS::Lambda::Function", "VpcConfig.SubnetIds"),
    ):
        for resource in assembly.resources(type_name):
            for value in list_of(resource.at(path)):
                subnet = assembly.follow(resource.stack, value)
                if subnet in public:
                    problem = f"It stands in subnet {subnet.address}, which has a route to an internet gateway"
                    yield Finding(resource, f"Properties.{path}", problem)


@rule(
    aws=SILENT,
    reason="Whatever is started without a security group gets the default one, whose members all reach each other.",
    fix="set restrict_default_security_group=True on the Vpc (feature flag "
    "@aws-cdk/aws-ec2:restrictDefaultSecurityGroup)",
    source="AWS Security Hub EC2.2; aws-cdk#26390",
)
def default_security_group_open(assembly: Assembly) -> Iterator[Finding]:
    """Empty the default security group of a VPC."""
    for vpc in assembly.resources("AWS::EC2::VPC"):
        if not assembly.attached("Custom::VpcRestrictDefaultSG", "DefaultSecurityGroupId", vpc):
            yield Finding(vpc, "Properties", "Nothing removes the rules of the VPC's default security group")


@rule(
    aws=SILENT,
    reason="The default security group should hold no rule, so that nothing is reachable for having none of its own.",
    fix="put the rule on a security group of its own",
    source="AWS Security Hub EC2.2",
)
def default_security_group_rule(assembly: Assembly) -> Iterator[Finding]:
    """Add no rule to a VPC's default security group."""
    for group_rule in assembly.resources(*_GROUP_RULES):
        for reference in assembly.references(group_rule.stack, group_rule.at("GroupId")):
            if reference.attribute == "DefaultSecurityGroup":
                yield Finding(group_rule, "Properties.GroupId", "A rule is added to the default security group")


@rule(
    severity="warning",
    aws="resource sg-... has a dependent object (when the stacks are deleted or the function leaves the VPC)",
    reason="Lambda keeps its network interfaces in the group for a while after the function is gone.",
    fix="make the function's security group in the function's stack",
    source="aws-cdk#6701, #12827; go-to-k/delstack#637",
)
def function_security_group_elsewhere(assembly: Assembly) -> Iterator[Finding]:
    """Keep a function's security group in the function's stack."""
    for function in assembly.resources("AWS::Lambda::Function"):
        for value in list_of(function.at("VpcConfig.SecurityGroupIds")):
            group = assembly.follow(function.stack, value)
            if group is not None and group.stack is not function.stack:
                problem = f"The function's security group is {group.address}, in another stack"
                yield Finding(function, "Properties.VpcConfig.SecurityGroupIds", problem)


@rule(
    aws=SILENT,
    reason="EC2 allows every way out of a group that is made without an egress rule, until a rule that is a resource "
    "of its own names the group, and again when that rule goes away with another stack.",
    fix="write an egress rule into the group itself: what it needs, or one to nowhere (127.0.0.1/32)",
    source="AWS CloudFormation Template Reference, AWS::EC2::SecurityGroup",
)
def security_group_open_by_omission(assembly: Assembly) -> Iterator[Finding]:
    """Give each security group an egress rule of its own."""
    for group in assembly.resources("AWS::EC2::SecurityGroup"):
        if group.properties.get("SecurityGroupEgress") in (None, []):
            yield Finding(
                group, "Properties.SecurityGroupEgress", "The group has no egress rule, so every way out is open"
            )


def _directions(assembly: Assembly) -> Iterator[tuple[Resource, bool, list[Resource]]]:
    """Yield each network ACL with its entries, for inbound (False) and outbound (True) if there are some."""
    found: dict[tuple[Resource, bool], list[Resource]] = {}
    for entry in assembly.resources(_ENTRY):
        acl = access.resource_at(assembly, entry, "NetworkAclId", "AWS::EC2::NetworkAcl")
        if acl is not None:
            found.setdefault((acl, is_true(entry.at("Egress"))), []).append(entry)
    for (acl, egress), entries in found.items():
        yield acl, egress, entries


def _allows_tcp(entry: Resource) -> bool:
    return entry.at("RuleAction") == "allow" and number_of(entry.at("Protocol")) in (-1, 6)


def _opens(entry: Resource) -> bool:
    """Tell whether connections begin through an entry; one of high ports only is the way back of others."""
    low = number_of(entry.at("PortRange.From"))
    return not _covers_ephemeral(entry) or low is None or low < 1024


def _covers_ephemeral(entry: Resource) -> bool:
    if number_of(entry.at("Protocol")) == -1:
        return True
    low, high = number_of(entry.at("PortRange.From")), number_of(entry.at("PortRange.To"))
    # What Linux and Lambda use; 1024 is the lowest that any client does.
    return low is None or high is None or (low <= 32768 and high >= 60999)


def _public_subnets(assembly: Assembly) -> set[Resource]:
    tables = set()
    for route in assembly.resources("AWS::EC2::Route"):
        destination: Value = route.at("DestinationCidrBlock") or route.at("DestinationIpv6CidrBlock")
        gateway = assembly.follow(route.stack, route.at("GatewayId"))
        named = str(route.at("GatewayId")).startswith("igw-")
        if destination in _ANYWHERE and (
            named or (gateway is not None and gateway.type == "AWS::EC2::InternetGateway")
        ):
            tables.add(assembly.follow(route.stack, route.at("RouteTableId")))
    found = set()
    for association in assembly.resources("AWS::EC2::SubnetRouteTableAssociation"):
        if assembly.follow(association.stack, association.at("RouteTableId")) in tables - {None}:
            subnet = assembly.follow(association.stack, association.at("SubnetId"))
            if subnet is not None:
                found.add(subnet)
    return found
