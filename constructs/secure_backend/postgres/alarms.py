"""Who is told when a database runs out of something, or when RDS does something to it."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.alarms import Alarms

_GIB = 1024**3
# What an operator has to know. The daily backup's start and end, and the creation, are left out.
_CATEGORIES = (
    "availability",
    "configuration change",
    "deletion",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "notification",
    "recovery",
    "restoration",
    "security patching",
)


class PostgresAlarms(Construct):
    """Alarms on storage, processor and connections, and RDS's own events, to one topic.

    RDS cannot publish to an encrypted topic itself, so its events come through EventBridge and never through an
    ``AWS::RDS::EventSubscription``.

    :param instance: the database.
    :param identifier: its name, as text: the rule matches it without waiting for the instance.
    :param parameter_group_name: the group whose changes are told as well.
    :param memory_gib: the instance's memory, from which PostgreSQL's connection limit follows.
    :param allocated_storage_gib: the storage it starts with.
    :param topic: an :class:`AlarmTopic`, or a topic whose policy and key let CloudWatch and EventBridge publish.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        instance: rds.IDatabaseInstance,
        identifier: str,
        parameter_group_name: str,
        memory_gib: int,
        allocated_storage_gib: int,
        topic: AlarmTopic | sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        self._topic = topic
        five_minutes = cdk.Duration.minutes(5)
        # RDS adds storage when a tenth is left; half of that means that it cannot add any more. RDS reports this
        # metric as long as the instance runs, so this one alarm treats silence as a fault, and the others do not.
        alarms = Alarms(self, topic=topic)
        storage = alarms.add(
            "FreeStorage",
            instance.metric_free_storage_space(period=five_minutes, statistic="Minimum"),
            threshold=allocated_storage_gib * _GIB // 20,
            periods=3,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
            missing=cloudwatch.TreatMissingData.BREACHING,
            happened=f"{identifier} has little storage left and autoscaling did not help, or it is down.",
        )
        processor = alarms.add(
            "DatabaseCpu",
            instance.metric_cpu_utilization(period=five_minutes),
            threshold=80,
            periods=3,
            happened=f"{identifier} has used 80 % of its processor for a quarter of an hour.",
        )
        connections = alarms.add(
            "DatabaseConnections",
            instance.metric_database_connections(period=cdk.Duration.minutes(1), statistic="Maximum"),
            threshold=connection_limit(memory_gib) * 7 // 10,
            periods=5,
            happened=f"{identifier} has used most of its connections for five minutes.",
        )
        self.alarms: tuple[cloudwatch.Alarm, ...] = (storage, processor, connections)
        self._tell_events(identifier, parameter_group_name)

    def tell_failed_backups(self, vault: backup.IBackupVault) -> None:
        """Send a message when a job of AWS Backup into the vault did not end well: nothing else would tell."""
        self._tell(
            "FailedBackups",
            description="Snapshots that did not reach their vault",
            pattern={
                "source": ["aws.backup"],
                "detail-type": ["Backup Job State Change"],
                "detail": {"backupVaultArn": [vault.backup_vault_arn], "state": ["ABORTED", "EXPIRED", "FAILED"]},
            },
        )

    def tell_failed_restores(self, role: iam.IRole) -> None:
        """Send a message when a test restore did not end well: a backup that cannot be restored is none.

        :param role: what AWS Backup restores as; the events name no vault.
        """
        self._tell(
            "FailedRestores",
            description="Snapshots that could not be restored",
            pattern={
                "source": ["aws.backup"],
                "detail-type": ["Restore Job State Change"],
                # The word is "status" here, and "state" in a backup job's event.
                "detail": {"iamRoleArn": [role.role_arn], "status": ["ABORTED", "FAILED"]},
            },
        )

    def _tell_events(self, identifier: str, parameter_group_name: str) -> None:
        """Send RDS's events about the instance and its parameter group.

        They are told apart by ``resources``: ``SourceIdentifier`` reads ``rds:<name>`` in AWS's own example.
        """
        stack = cdk.Stack.of(self)

        def arn(kind: str, name: str) -> str:
            return stack.format_arn(
                service="rds", resource=kind, resource_name=name, arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
            )

        self._tell(
            "Events",
            description=f"What RDS does to {identifier}",
            pattern={
                "source": ["aws.rds"],
                "detail-type": ["RDS DB Instance Event", "RDS DB Parameter Group Event"],
                "resources": [arn("db", identifier), arn("pg", parameter_group_name)],
                "detail": {"EventCategories": list(_CATEGORIES)},
            },
        )

    def _tell(self, name: str, *, description: str, pattern: dict[str, Any]) -> None:
        """Send matching events to the topic.

        By the L1: the L2's target would widen the topic's policy, in whichever stack the topic stands. An AlarmTopic
        keeps what cannot be delivered.
        """
        kept = None
        if isinstance(self._topic, AlarmTopic):
            topic: sns.ITopic = self._topic.topic
            kept = events.CfnRule.DeadLetterConfigProperty(arn=self._topic.dead_letters.queue_arn)
        else:
            topic = self._topic
        target = events.CfnRule.TargetProperty(id="Topic", arn=topic.topic_arn, dead_letter_config=kept)
        events.CfnRule(self, name, description=description, event_pattern=pattern, targets=[target])


def connection_limit(memory_gib: int) -> int:
    """Return RDS's ``max_connections`` for PostgreSQL: a connection for each 9,531,392 bytes, 5,000 at most.

    RDS keeps some of the memory for itself, so the real limit is about a tenth lower; the alarm allows for it.
    """
    return min(memory_gib * _GIB // 9_531_392, 5_000)
