"""The CloudFormation types that the pinned ministack does not know, and an RDS instance that really is one.

Most of them only have to exist: the local AWS enforces neither network nor firewall nor trail (see the end of
``make deploy``).
"""

import uuid
from collections.abc import Callable
from typing import Any

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]

_PORTS = ("IpProtocol", "FromPort", "ToPort")
#: Types that only have to exist, with what their ids begin with and which property makes a new one when it changes.
RECORDED = {
    "AWS::Backup::BackupSelection": ("selection", ("BackupPlanId", "BackupSelection")),
    "AWS::EC2::FlowLog": (
        "fl",
        (
            *("ResourceId", "ResourceType", "TrafficType", "MaxAggregationInterval", "TagFieldSpecifications"),
            *("LogDestination", "LogDestinationType", "LogGroupName", "LogFormat", "DestinationOptions"),
            *("DeliverLogsPermissionArn", "DeliverCrossAccountRole"),
        ),
    ),
    "AWS::EC2::NetworkAcl": ("acl", ("VpcId",)),
    "AWS::EC2::NetworkAclEntry": ("acle", ("NetworkAclId", "RuleNumber", "Egress")),
    "AWS::EC2::SecurityGroupEgress": (
        "sgr",
        (*_PORTS, "GroupId", "CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId"),
    ),
    "AWS::EC2::SecurityGroupIngress": (
        "sgr",
        (
            *(*_PORTS, "GroupId", "GroupName", "CidrIp", "CidrIpv6", "SourcePrefixListId"),
            *("SourceSecurityGroupId", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId"),
        ),
    ),
    "AWS::EC2::SubnetNetworkAclAssociation": ("aclassoc", ("SubnetId", "NetworkAclId")),
    "AWS::Logs::QueryDefinition": ("query", ()),
    "AWS::WAFv2::LoggingConfiguration": ("logging", ("ResourceArn",)),
    "AWS::WAFv2::WebACLAssociation": ("association", ("ResourceArn", "WebACLArn")),
}
TRAIL = "AWS::CloudTrail::Trail"
DATABASE = "AWS::RDS::DBInstance"


def register(handlers: dict[str, dict[str, Any]], database: Callable[[Properties], dict[str, Any]]) -> None:
    """Add the handlers to ministack's registry.

    :param database: makes role and database for a DBInstance's properties and returns the endpoint's address and port.
    """
    for name, (prefix, replacing) in RECORDED.items():
        handlers[name] = _recorded(prefix, replacing)
    handlers[TRAIL] = {"create": _create_trail, "update": _update_trail, "delete": _delete}
    handlers[DATABASE] = _real_database(handlers[DATABASE], database)


def _recorded(prefix: str, replacing: tuple[str, ...]) -> dict[str, Any]:
    def create(_logical_id: str, _properties: Properties, _stack: str) -> Created:
        return f"{prefix}-{uuid.uuid4().hex[:17]}", {}

    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> Created:
        replaced = any(old.get(name) != new.get(name) for name in replacing)
        return create("", new, stack) if replaced else (physical_id, {})

    return {"create": create, "update": update, "delete": _delete}


def _delete(_physical_id: str, _properties: Properties) -> None:
    """Nothing but the stack's record of it exists."""


def _create_trail(_logical_id: str, properties: Properties, stack: str) -> Created:
    from ministack.core.responses import get_account_id, get_region

    name = properties.get("TrailName") or f"{stack}-trail-{uuid.uuid4().hex[:12]}"
    return name, {"Arn": f"arn:aws:cloudtrail:{get_region()}:{get_account_id()}:trail/{name}"}


def _update_trail(physical_id: str, _old: Properties, new: Properties, stack: str) -> Created:
    name = new.get("TrailName")
    return _create_trail("", {"TrailName": physical_id if name in (None, physical_id) else name}, stack)


def _real_database(stock: dict[str, Any], database: Callable[[Properties], dict[str, Any]]) -> dict[str, Any]:
    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        from ministack.services import rds

        physical_id, attributes = stock["create"](logical_id, properties, stack)
        endpoint = database(properties)
        rds._instances[physical_id]["Endpoint"] |= endpoint
        return physical_id, {
            **attributes,
            "Endpoint.Address": endpoint["Address"],
            "Endpoint.Port": str(endpoint["Port"]),
        }

    return {**stock, "create": create}
