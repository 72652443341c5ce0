"""The log group of the function that empties a VPC's default security group.

CloudFormation can add rules to the default security group but not take the two away that AWS puts there, so
aws-cdk-lib ships a custom resource for it. An own function would do the same calls and be one more thing to maintain.
The shipped one leaves its log group to Lambda, which makes it without a customer key and keeps it for ever.
"""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_backend.log_groups import EncryptedLogGroup

_PROVIDER = "Custom::VpcRestrictDefaultSGCustomResourceProvider"


def keep_handler_logs(scope: Construct, key: kms.IKey) -> None:
    """Give the function an encrypted, retained log group; it is one for all VPCs of a stack, and so is its group."""
    provider = cdk.Stack.of(scope).node.try_find_child(_PROVIDER)
    handler = provider.node.try_find_child("Handler") if provider is not None else None
    if not isinstance(provider, Construct) or not isinstance(handler, cdk.CfnResource):
        raise TypeError("aws_ec2.Vpc no longer empties the default security group by the function that is expected")
    if provider.node.try_find_child("Logs") is None:
        group = EncryptedLogGroup(provider, "Logs", key=key)
        # The function is a plain CfnResource, which has no attribute for this.
        handler.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
