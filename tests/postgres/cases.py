"""Databases to test: each in an app of its own, on a plain VPC, with the project's flags."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from secure_backend.encrypted_postgres import EncryptedPostgres
from tests.conftest import FLAGS, resources_of, template_of

REGIONS = ("us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1")
DATA = ec2.SubnetSelection(subnet_group_name="data")
IDENTIFIER = "stack-database-6b1de4c9-g1"


def new_app() -> cdk.App:
    return cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)


def new_stack(app: cdk.App, name: str = "stack", region: str = "eu-central-1") -> cdk.Stack:
    return cdk.Stack(app, name, env=cdk.Environment(region=region))


def network(stack: cdk.Stack, zones: str = "ab") -> ec2.Vpc:
    """A VPC with a public, a private and a data tier, without anything that costs synthesis time."""
    return ec2.Vpc(
        stack,
        "Vpc",
        availability_zones=[f"{stack.region}{zone}" for zone in zones],
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="edge", subnet_type=ec2.SubnetType.PUBLIC),
            ec2.SubnetConfiguration(name="app", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            ec2.SubnetConfiguration(name="data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ],
    )


def database(stack: cdk.Stack, name: str = "Database", **options: Any) -> EncryptedPostgres:
    """A database, in a new network unless one is given."""
    options.setdefault("subnets", DATA)
    if "vpc" not in options:
        options["vpc"] = network(stack)
    return EncryptedPostgres(stack, name, **options)


def template_with(region: str = "eu-central-1", **options: Any) -> dict[str, Any]:
    """The template of a stack with one database."""
    stack = new_stack(new_app(), region=region)
    database(stack, **options)
    return template_of(stack)


def only(template: dict[str, Any], type_name: str) -> dict[str, Any]:
    """The one resource of a type."""
    (resource,) = resources_of(template, type_name).values()
    return resource


def instance_of(template: dict[str, Any]) -> dict[str, Any]:
    """The instance's properties."""
    properties: dict[str, Any] = only(template, "AWS::RDS::DBInstance")["Properties"]
    return properties
