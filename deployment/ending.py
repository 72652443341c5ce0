"""The `aws` commands that end what `make destroy` leaves."""

import shlex
from collections.abc import Callable

from secure_backend.analysis import Resource
from secure_backend.analysis.template import is_true

#: What others stand in or are encrypted with is ended after them, and the keys last of all.
LAST = (
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::EC2::SecurityGroup",
    "AWS::ApiGateway::Account",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
)


def commands_that_end(resource: Resource, physical_id: str, region: str) -> tuple[str, ...]:
    """Return the commands that end one resource, in order; a comment where no command can."""
    make = _COMMANDS.get(resource.type)
    if make is None:
        return (f"# {resource.type}: end it in the console",)
    commands = make(resource, shlex.quote(physical_id))
    return tuple(c if c.startswith("#") else f"aws {c} --region {region}" for c in commands)


def _bucket(resource: Resource, name: str) -> list[str]:
    lock = resource.at("ObjectLockConfiguration.Rule.DefaultRetention")
    bypass, told = "", []
    if isinstance(lock, dict):
        days = f"{lock.get('Days') or lock.get('Years')} {'days' if lock.get('Days') else 'years'}"
        if lock.get("Mode") == "COMPLIANCE":
            told = [f"# locked: each object can be deleted {days} after it was written, and by nobody before"]
        else:
            told, bypass = (
                [f"# locked for {days} an object; the next command lifts it"],
                " --bypass-governance-retention",
            )
    listed = (
        f"$(aws s3api list-object-versions --bucket {name} --max-items 1000 --output json --query "
        "'{Objects: [Versions,DeleteMarkers][][].{Key:Key,VersionId:VersionId}}')"
    )
    return [
        *told,
        "# a thousand objects a time, with all of their versions; again until it fails because there is none:",
        f's3api delete-objects --bucket {name}{bypass} --delete "{listed}"',
        f"s3api delete-bucket --bucket {name}",
    ]


def _database(resource: Resource, name: str) -> list[str]:
    protected = is_true(resource.at("DeletionProtection"))
    lift = [f"rds modify-db-instance --db-instance-identifier {name} --no-deletion-protection --apply-immediately"]
    return [
        *(lift if protected else []),
        "# keeps a last snapshot, 0.095 dollars a GB a month; --skip-final-snapshot in its place keeps none:",
        f"rds delete-db-instance --db-instance-identifier {name} --final-db-snapshot-identifier {name}-final",
        f"rds wait db-instance-deleted --db-instance-identifier {name}",
    ]


def _key(_: Resource, name: str) -> list[str]:
    return [f"kms schedule-key-deletion --key-id {name} --pending-window-in-days 30"]


def _log_group(resource: Resource, name: str) -> list[str]:
    lift = [f"logs put-log-group-deletion-protection --log-group-identifier {name} --no-deletion-protection-enabled"]
    protected = is_true(resource.at("DeletionProtectionEnabled"))
    return [*(lift if protected else []), f"logs delete-log-group --log-group-name {name}"]


def _user_pool(resource: Resource, name: str) -> list[str]:
    protected = resource.at("DeletionProtection") == "ACTIVE"
    return [
        *(["# lift its deletion protection in the console: the command would reset all else"] if protected else []),
        f"cognito-idp delete-user-pool --user-pool-id {name}",
    ]


def _vault(_: Resource, name: str) -> list[str]:
    return [
        f"backup list-recovery-points-by-backup-vault --backup-vault-name {name} "
        "--query 'RecoveryPoints[].RecoveryPointArn'",
        f"# for each of them: aws backup delete-recovery-point --backup-vault-name {name} --recovery-point-arn …",
        f"backup delete-backup-vault --backup-vault-name {name}",
    ]


def _role(_: Resource, name: str) -> list[str]:
    return [
        f"iam list-attached-role-policies --role-name {name}",
        f"# for each of them: aws iam detach-role-policy --role-name {name} --policy-arn …",
        f"iam delete-role --role-name {name}",
    ]


_COMMANDS: dict[str, Callable[[Resource, str], list[str]]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::RDS::DBInstance": _database,
    "AWS::RDS::DBParameterGroup": lambda _, name: [f"rds delete-db-parameter-group --db-parameter-group-name {name}"],
    "AWS::RDS::DBSubnetGroup": lambda _, name: [f"rds delete-db-subnet-group --db-subnet-group-name {name}"],
    "AWS::EC2::SecurityGroup": lambda _, name: [f"ec2 delete-security-group --group-id {name}"],
    "AWS::KMS::Key": _key,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Backup::BackupVault": _vault,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::IAM::Role": _role,
    "AWS::ApiGateway::Account": lambda _, __: [
        "# only when no API of the region logs any more; its role, below, too:",
        "apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=",
    ],
}
