"""A database's second line of backups, kept by AWS Backup beside RDS's own."""

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

# AWS Backup must not start in the hour before RDS's own backup or maintenance window; hours are UTC.
RDS_BACKUP_WINDOW = "01:00-01:30"
RDS_MAINTENANCE_WINDOW = "sun:03:00-sun:04:00"
_HOUR = 6


class PostgresBackup(Construct):
    """A snapshot a day, kept in an encrypted vault from which nobody deletes by hand (FSBP RDS.26).

    Snapshots, not continuous backups: those would take over the instance's own retention and fight with its
    template. The vault is retained; a lock that could never be lifted is not set. To delete a recovery point, its
    vault's policy has to be changed first.

    :param instance: the database.
    :param key: encrypts the vault.
    :param kept: how long a snapshot is kept.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        instance: rds.IDatabaseInstance,
        key: kms.IKey,
        kept: cdk.Duration,
    ) -> None:
        super().__init__(scope, id)
        self.vault = backup.BackupVault(
            self,
            "Vault",
            encryption_key=key,
            block_recovery_point_deletion=True,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSBackupServiceRolePolicyForBackup")
            ],
        )
        self.plan = backup.BackupPlan(
            self,
            "Plan",
            backup_plan_rules=[
                backup.BackupPlanRule(
                    rule_name="daily",
                    backup_vault=self.vault,
                    schedule_expression=events.Schedule.cron(hour=str(_HOUR), minute="0"),
                    start_window=cdk.Duration.hours(1),
                    completion_window=cdk.Duration.hours(4),
                    delete_after=kept,
                )
            ],
        )
        self.plan.add_selection(
            "Database",
            resources=[backup.BackupResource.from_arn(instance.instance_arn)],
            role=self.role,
            disable_default_backup_policy=True,
        )
