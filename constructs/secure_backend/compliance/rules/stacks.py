"""What concerns templates as a whole: limits, names, partitions, and what becomes of state."""

import json
import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import number_of, object_of, walk
from secure_backend.analysis.text import certain
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

#: CloudFormation's limits for one template, and the share of them from which on the next addition may fail.
_LIMITS = {"resources": 500, "outputs": 200, "bytes": 1_000_000}
_SHARE = 0.95
_STATE = (
    "AWS::Backup::BackupVault",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
)
#: Properties that hold a name of at most 64 characters.
_NAMES_OF_64 = {
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Scheduler::Schedule": "Name",
}
#: Properties that hold a name which is unique beyond one stack: in the world, or in all regions of an account.
_SHARED_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::S3::Bucket": "BucketName",
}
_ARN = re.compile(r"\barn:(aws[a-z-]*):")
_REGION = re.compile(r"\b[a-z]{2}(-[a-z]+)+-\d\b")


@rule(
    aws="Template format error: number of resources, 501, is greater than maximum allowed, 500 (200 outputs, 1 MB)",
    reason="From 95 percent of a limit on, the next addition may be refused.",
    fix="move resources into another stack",
    source="AWS CloudFormation User Guide, quotas; aws-cdk#9255",
)
def template_near_its_limit(assembly: Assembly) -> Iterator[Finding]:
    """Keep a template below CloudFormation's limits."""
    for stack in assembly.stacks:
        size = stack.file.stat().st_size if stack.file else len(json.dumps(stack.template))
        outputs = len(object_of(stack.template.get("Outputs")))
        for what, count in (("resources", len(stack.resources)), ("outputs", outputs), ("bytes", size)):
            if count > _LIMITS[what] * _SHARE and stack.resources:
                problem = f"{stack.name} has {count} {what} of {_LIMITS[what]}"
                yield Finding(next(iter(stack.resources.values())), what.capitalize(), problem)


@rule(
    aws="Value at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
    reason="Names that are put together from the stack's and the construct's grow with both.",
    fix="leave the name out, so that CloudFormation makes one that fits",
    source="aws-solutions-constructs#446",
)
def name_too_long(assembly: Assembly) -> Iterator[Finding]:
    """Keep names of roles, functions and rules within 64 characters."""
    for type_name, path in _NAMES_OF_64.items():
        for resource in assembly.resources(type_name):
            name = assembly.render(resource.stack, resource.at(path) or "")
            if certain(name) and len(name) > 64:
                yield Finding(resource, f"Properties.{path}", f"The name {name} has {len(name)} characters")


@rule(
    aws="AWS::EarlyValidation::ResourceExistenceCheck: NAME_CONFLICT (the change set fails)",
    reason="Bucket names are unique in the world and IAM names in all regions of an account: a second copy of the app "
    "cannot be deployed, and CloudFormation cannot replace the resource.",
    fix="leave the name out, or put the account and the region into it",
    source="aws-cdk-cli#1000; aws-cloudformation/rain PR#744",
)
def fixed_physical_name(assembly: Assembly) -> Iterator[Finding]:
    """Leave names that are unique beyond the stack to CloudFormation."""
    for type_name, path in _SHARED_NAMES.items():
        for resource in assembly.resources(type_name):
            name = assembly.render(resource.stack, resource.at(path) or "")
            placed = _REGION.search(name) and (type_name.startswith("AWS::IAM") or re.search(r"\d{12}", name))
            if name and certain(name) and not placed:
                yield Finding(resource, f"Properties.{path}", f"The name is fixed: {name}")


@rule(
    aws='Partition "aws" is not valid for resource "arn:aws:..."',
    reason="In GovCloud and China ARNs begin with arn:aws-us-gov and arn:aws-cn.",
    fix="write arn:${AWS::Partition}: (Stack.format_arn, Aws.PARTITION)",
    source="aws-cdk#25272, #30437",
)
def arn_of_another_partition(assembly: Assembly) -> Iterator[Finding]:
    """Write ARNs of the partition that the stack is deployed to."""
    for resource in assembly.resources():
        if "arn:aws" not in json.dumps(resource.properties):
            continue
        for path, value in walk(resource.properties):
            if not isinstance(value, str) or "arn:aws" not in value or path.endswith(("Description", "ZipFile")):
                continue
            partitions = set(_ARN.findall(value))
            if partitions - {resource.stack.partition}:
                place = resource.stack.region or "a region known only at deployment"
                problem = f"{value if len(value) < 120 else value[:117] + '...'} is deployed to {place}"
                yield Finding(resource, f"Properties.{path}", problem)
                break


@rule(
    aws=SILENT,
    reason="A change that replaces the resource, or the end of the stack, deletes what it holds.",
    fix="set DeletionPolicy and UpdateReplacePolicy, both (removal_policy=RemovalPolicy.RETAIN)",
    source="AWS CloudFormation User Guide, UpdateReplacePolicy attribute",
)
def state_without_both_policies(assembly: Assembly) -> Iterator[Finding]:
    """Say for state what becomes of it at deletion and at replacement."""
    for resource in assembly.resources(*_STATE):
        policies = {
            "DeletionPolicy": resource.deletion_policy,
            "UpdateReplacePolicy": resource.update_replace_policy,
        }
        missing = [name for name, policy in policies.items() if policy is None]
        if missing:
            yield Finding(resource, missing[0], f"{resource.type} has no {' and no '.join(missing)}")


@rule(
    aws=SILENT,
    reason="A change that replaces the resource deletes the old one with what it holds, although it is retained at the "
    "stack's end.",
    fix="set UpdateReplacePolicy to what DeletionPolicy is",
    source="AWS CloudFormation User Guide, UpdateReplacePolicy attribute",
)
def state_lost_on_replacement(assembly: Assembly) -> Iterator[Finding]:
    """Keep at replacement what is kept at deletion."""
    for resource in assembly.resources():
        kept = resource.deletion_policy in ("Retain", "RetainExceptOnCreate", "Snapshot")
        if kept and resource.update_replace_policy in (None, "Delete"):
            problem = f"DeletionPolicy is {resource.deletion_policy} and UpdateReplacePolicy deletes"
            yield Finding(resource, "UpdateReplacePolicy", problem)


@rule(
    aws=SILENT,
    reason="After that many days nobody, the account's root and AWS included, can shorten or remove the vault's lock.",
    fix="remove LockConfiguration.ChangeableForDays, or acknowledge that the lock is meant to be final",
    source="AWS Backup Developer Guide, AWS Backup Vault Lock",
)
def backup_vault_locked_for_good(assembly: Assembly) -> Iterator[Finding]:
    """Lock a backup vault for good only on purpose."""
    for vault in assembly.resources("AWS::Backup::BackupVault"):
        days = number_of(vault.at("LockConfiguration.ChangeableForDays"))
        if days is not None:
            problem = f"The vault's lock becomes final after {days:g} days"
            yield Finding(vault, "Properties.LockConfiguration", problem)
