"""What `make destroy` leaves in an account: read from the deployed templates, never from a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deployment.ending import LAST, commands_that_end
from profiles.settings import Settings
from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.cost import monthly_costs

KEPT = ("Retain", "RetainExceptOnCreate")
# What has no life of its own: it goes with the bucket.
_PARTS = ("AWS::S3::BucketPolicy",)
_BY_USE = {
    "AWS::S3::Bucket": "0.023 dollars a GB a month, old versions too",
    "AWS::Logs::LogGroup": "0.03 dollars a GB a month",
    "AWS::Backup::BackupVault": "0.095 dollars a GB of snapshots a month",
    "AWS::Cognito::UserPool": "nothing while nobody signs in",
}
_WHY = {
    "AWS::S3::Bucket": "it holds documents or records",
    "AWS::RDS::DBInstance": "it holds the register of the documents",
    "AWS::RDS::DBParameterGroup": "the database uses it",
    "AWS::RDS::DBSubnetGroup": "the database stands in it",
    "AWS::EC2::SecurityGroup": "the database's network interfaces use it",
    "AWS::KMS::Key": "what it encrypted cannot be read without it",
    "AWS::Logs::LogGroup": "it holds records",
    "AWS::Backup::BackupVault": "it holds backups",
    "AWS::Cognito::UserPool": "it holds the callers' identities",
    "AWS::IAM::Role": "a setting of the whole region names it",
    "AWS::ApiGateway::Account": "it is a setting of the whole region, for every API in it",
}


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """One resource that stays, why, what it costs, and how to end it."""

    resource: Resource
    physical_id: str
    commands: tuple[str, ...]
    #: Fixed dollars a month; what it costs by use stands beside it.
    dollars: float

    def lines(self) -> Iterable[str]:
        """Yield what a person has to know of it."""
        kind = self.resource.type.removeprefix("AWS::").replace("::", " ")
        cost = f"{self.dollars:.2f} dollars a month" if self.dollars else _BY_USE.get(self.resource.type, "nothing")
        yield f"  {kind} {self.physical_id}"
        yield f"    stays because {_WHY.get(self.resource.type, 'its template says so')}; costs {cost}"
        yield from (f"    {command}" for command in self.commands)


def deployed_assembly(client: Any, settings: Settings, names: Iterable[str]) -> Assembly:
    """Return the templates that are deployed."""
    templates = {name: client.get_template(StackName=name)["TemplateBody"] for name in names}
    return Assembly.from_templates(templates, region=settings.region)


def physical_ids(client: Any, name: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources by logical id."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one.get("PhysicalResourceId")
    }


def remaining(assembly: Assembly, ids: dict[str, dict[str, str]], region: str) -> list[Remaining]:
    """Return what stays when the stacks go, in the order in which it can be ended.

    :param ids: physical ids by stack and logical id.
    """
    dollars: dict[Resource, float] = {}
    for cost in monthly_costs(assembly):
        dollars[cost.resource] = dollars.get(cost.resource, 0) + (cost.dollars or 0)
    found = [
        Remaining(
            resource=resource,
            physical_id=physical_id,
            commands=commands_that_end(resource, physical_id, region),
            dollars=dollars.get(resource, 0),
        )
        for resource in assembly.resources()
        if resource.deletion_policy in KEPT and resource.type not in _PARTS
        if (physical_id := ids.get(resource.stack.name, {}).get(resource.logical_id))
    ]
    order = {name: place for place, name in enumerate(LAST)}
    return sorted(found, key=lambda one: order.get(one.resource.type, -1))


def held_by(assembly: Assembly) -> dict[str, list[Resource]]:
    """Return the stacks that cannot go, each with the resources of other stacks that stay and stand in it."""
    holds: dict[str, list[Resource]] = {}
    for resource in assembly.resources():
        if resource.deletion_policy not in KEPT:
            continue
        for reference in assembly.references(resource.stack, resource.properties):
            other = reference.resource
            if other.stack is not resource.stack and other.deletion_policy not in KEPT:
                holders = holds.setdefault(other.stack.name, [])
                if resource not in holders:
                    holders.append(resource)
    return holds
