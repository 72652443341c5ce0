"""A database's second line of backups, kept by AWS Backup beside RDS's own."""

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

# UTC. AWS Backup's snapshots stay clear of RDS's two windows, in which and shortly before which RDS refuses them.
RDS_BACKUP_WINDOW = "01:00-01:30"
RDS_MAINTENANCE_WINDOW = "sun:03:00-sun:04:00"
_SNAPSHOT_TIME = "cron(0 6 * * ? *)"
_RESTORE_TEST = "cron(0 8 ? * MON *)"

_KEPT_DAYS = 35


class PostgresBackup(Construct):
    """A snapshot a day, kept for 35 days in an encrypted vault from which nobody deletes by hand (FSBP RDS.26).

    Snapshots, not continuous backups: those would take over the instance's own retention and fight with its
    template. The vault is retained, and not locked for ever; to delete a recovery point before its time, the vault's
    policy has to be changed first.

    :param name: of vault and plan: the database's own.
    :param instance: the database.
    :param key: encrypts the vault. The snapshots are encrypted by the key of the database, as RDS does it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        name: str,
        instance: rds.IDatabaseInstance,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self._name = name
        self._instance = instance
        self.vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=name,
            encryption_key=key,
            block_recovery_point_deletion=True,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.plan = backup.BackupPlan(
            self,
            "Plan",
            backup_plan_name=name,
            backup_plan_rules=[
                backup.BackupPlanRule(
                    rule_name="daily",
                    backup_vault=self.vault,
                    schedule_expression=events.Schedule.expression(_SNAPSHOT_TIME),
                    start_window=cdk.Duration.hours(1),
                    completion_window=cdk.Duration.hours(4),
                    delete_after=cdk.Duration.days(_KEPT_DAYS),
                )
            ],
        )
        self.plan.add_selection(
            "Database",
            resources=[backup.BackupResource.from_arn(instance.instance_arn)],
            role=self._role("Role", "AWSBackupServiceRolePolicyForBackup"),
            disable_default_backup_policy=True,
        )

    def test_restores(
        self,
        *,
        instance_type: ec2.InstanceType,
        subnet_group: rds.ISubnetGroup,
        security_group: ec2.ISecurityGroup,
    ) -> iam.Role:
        """Restore the latest snapshot each Monday into an instance of its own, which AWS Backup then deletes.

        It stands in the database's subnets and security group, which lets nobody in but the database's peers, and costs
        what an instance of its class costs for the hours that the test takes. The role that it restores as is returned.
        """
        role = self._role("RestoreRole", "AWSBackupServiceRolePolicyForRestores")
        plan = backup.CfnRestoreTestingPlan(
            self,
            "RestoreTests",
            restore_testing_plan_name=self._name.replace("-", "_"),
            schedule_expression=_RESTORE_TEST,
            start_window_hours=1,
            recovery_point_selection=backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[self.vault.backup_vault_arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=7,
            ),
        )
        backup.CfnRestoreTestingSelection(
            self,
            "RestoreTest",
            restore_testing_plan_name=plan.ref,
            restore_testing_selection_name="database",
            protected_resource_type="RDS",
            protected_resource_arns=[self._instance.instance_arn],
            iam_role_arn=role.role_arn,
            restore_metadata_overrides={
                "dbInstanceClass": f"db.{instance_type.to_string()}",
                "dbSubnetGroupName": subnet_group.subnet_group_name,
                "multiAZ": "false",
                "vpcSecurityGroupIds": cdk.Fn.join("", ['["', security_group.security_group_id, '"]']),
            },
            validation_window_hours=1,
        )
        return role

    def _role(self, child: str, policy: str) -> iam.Role:
        """Make a role with AWS's own policy: what AWS Backup calls changes with it, and a copy would fail at night."""
        return iam.Role(
            self,
            child,
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{policy}")],
        )
