"""Who did what in the account: a trail that cannot be quietly changed, and alarms on it.

Example::

    documents = EncryptedBucket(self, "Documents")
    trail = AuditTrail(self, "Trail", data_events=[documents], alarms_to="security@example.com")

    # Where an organisation's trail records the management events already:
    data_trail = AuditTrail(self, "DataTrail", data_events=[documents], existing_trail=ExistingTrail())
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.bucket import properties as bucket_properties
from secure_backend.bucket.properties import ObjectLock
from secure_backend.encrypted_bucket import EncryptedBucket
from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.trail import permissions as trail_permissions
from secure_backend.trail.cis_alarms import CisAlarms
from secure_backend.trail.events import DataEventSource, NoLogBuckets, check_data_events, event_selectors
from secure_backend.validation import Validation


@dataclass(frozen=True, kw_only=True)
class ExistingTrail:
    """The account's management events are recorded by another trail already, an organisation's for example.

    :param log_group: the group of this account and region that the other trail delivers to; the CIS alarms watch it.
        Without it there are none: this trail has no management events, and they could never fire.
    """

    log_group: logs.ILogGroup | None = None


class AuditTrail(Construct):
    """A trail of the account, and what makes it worth having: nobody can quietly change it, and somebody is told.

    - Every region, global services, reads and writes, nothing left out (CloudTrail.1, .3; CIS 3.1), and the data events
      of the buckets and functions named (CIS 3.8, 3.9). Never those of a log bucket: it would record itself.
    - Log files are validated by digests (CloudTrail.4; CIS 3.2) and encrypted by a customer key that CloudTrail may use
      for this trail only (CloudTrail.2; CIS 3.5, KMS.5).
    - The bucket is private and logs its own access (CloudTrail.6, .7; CIS 3.4). Its policy denies deletion to everyone
      and each file is locked. In *compliance* mode nobody deletes a locked file, the root user included. In
      *governance* mode somebody who may both change the bucket's policy and bypass the lock can: first the policy
      (alarm 4.8 goes off), then the file (validation shows that it is missing). Keep those two permissions apart.
    - Events reach an encrypted log group (CloudTrail.5) that the CIS alarms 4.1 to 4.15 watch; they go to a topic that
      they can really publish to (SNS.1, SNS.4; CloudWatch.1 to .14). Insights look for unusual rates.
    - The bucket, its policy, its key and the log group outlive the stack.

    An organisation's trail is not made here: that is a platform's job. Make one AuditTrail an account; elsewhere, and
    where an organisation's trail records the management events, pass ``existing_trail``. A region takes 5 trails.

    About what it costs, in dollars a month (us-east-1): 2 for the keys, 1.50 for the alarms, 0.50 a gigabyte in the
    log group. The first copy of management events is free, a second one is 2 per 100,000; data events 0.10 per
    100,000; Insights 0.35 per 100,000 events looked at, for each of the two kinds.

    :param data_events: buckets and functions (objects) whose data events are recorded, at most about 490 values.
    :param alarms_to: the address that a new topic sends the alarms to; its owner has to confirm the subscription.
        Exactly one of this and ``alarm_topic``: an alarm that tells nobody is none.
    :param alarm_topic: the caller's topic instead; somebody must be subscribed to it.
    :param existing_trail: for an account whose management events are recorded already: data events only, no Insights,
        and the CIS alarms only when the other trail's log group is given.
    :param key: the caller's key; one is made when left out. An imported one must carry the statements that a warning
        tells.
    :param access_logs: the caller's target for the bucket's access logs; one is made when left out.
    :param object_lock: how long nobody deletes a log file; governance mode for 365 days when left out.
    :param expiration: when log files expire in the bucket, not before their lock ends; never, when left out.
    :param log_retention: how long the log group keeps events, one year when left out.
    :param insights: unusual rates of calls and of errors; on when left out, unless ``existing_trail`` is given. False
        in a region that does not offer them.
    :raises InvalidPropertiesError: with every problem of these at once.
    """

    trail: cloudtrail.CfnTrail
    """The trail; an L1, because the L2 knows no advanced event selectors."""
    bucket: s3.Bucket
    """Where the log files are."""
    access_logs: s3.IBucket
    """The bucket that really gets the bucket's access logs: the caller's or the one made here."""
    key: kms.IKey
    """The key of the log files and of the log group: the caller's or the one made here."""
    log_group: logs.ILogGroup
    """Where this trail's events arrive within minutes."""
    topic: AlarmTopic | None
    """Who is told: the caller's topic or the one made here; None when there are no alarms."""
    alarms: Mapping[str, cloudwatch.Alarm]
    """The CIS alarms by the names in :data:`~secure_backend.trail.cis_benchmark.CIS_ALARMS`; none that cannot fire."""
    metric_namespace: str
    """Where the metrics are that the alarms count in, each named as its alarm."""
    log_groups: Sequence[logs.ILogGroup]
    """Where the account's events arrive: the other trail's group, when there is one, and this trail's."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        data_events: Sequence[DataEventSource] = (),
        alarms_to: str | None = None,
        alarm_topic: AlarmTopic | None = None,
        existing_trail: ExistingTrail | None = None,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        object_lock: ObjectLock | None = None,
        expiration: cdk.Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        insights: bool | None = None,
    ) -> None:
        super().__init__(scope, id)
        lock = ObjectLock(days=365) if object_lock is None else object_lock
        check = Validation(self, id)
        check_data_events(check, data_events)
        self._check_existing_trail(check, existing_trail, data_events)
        self._check_alarms(check, alarms_to, alarm_topic, existing_trail)
        check.key("key", key)
        bucket_properties.check_access_logs(check, access_logs, None, None)
        bucket_properties.check_lock(check, lock, expiration, cdk.RemovalPolicy.RETAIN)
        check.retention("log_retention", log_retention)
        if insights is not None and check.boolean("insights", insights) and insights:
            check.check(
                existing_trail is None,
                "insights",
                insights,
                "False or nothing beside existing_trail",
                "leave it out: Insights look at management events, which the other trail records",
            )
        check.raise_problems()

        name = trail_permissions.trail_name(self)
        management_events = existing_trail is None
        self.key = key or DataKey(self, "Key", description=f"Log files of {self.node.path}")
        trail_permissions.allow_trail_key(self.key, self, name)
        stored = EncryptedBucket(
            self,
            "Logs",
            key=self.key,
            access_logs=access_logs,
            object_lock=lock,
            expiration=expiration,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.bucket = stored.bucket
        self.access_logs = stored.access_logs
        trail_permissions.allow_trail_bucket(self.bucket, name)
        trail_permissions.deny_deletion(self.bucket)
        self.log_group = EncryptedLogGroup(self, "LogGroup", key=self.key, retention=log_retention)
        role, policy = trail_permissions.log_delivery_role(self, self.log_group)
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            kms_key_id=self.key.key_arn,
            s3_bucket_name=self.bucket.bucket_name,
            cloud_watch_logs_log_group_arn=self.log_group.log_group_arn,
            cloud_watch_logs_role_arn=role.role_arn,
            advanced_event_selectors=event_selectors(data_events, management_events=management_events),
            insight_selectors=_insight_selectors() if management_events and insights is not False else None,
        )
        if self.bucket.policy is not None:
            self.trail.node.add_dependency(self.bucket.policy)
        self.trail.node.add_dependency(role, policy)

        watched = self.log_group if existing_trail is None else existing_trail.log_group
        self.topic = None
        self.alarms = {}
        self.metric_namespace = f"CIS/{name}"
        if watched is not None:
            self.topic = alarm_topic or AlarmTopic(self, "Topic", email=alarms_to)
            self.alarms = CisAlarms(
                self, "CisAlarms", log_group=watched, topic=self.topic, namespace=self.metric_namespace
            ).alarms
        self.log_groups = [self.log_group] if watched in (None, self.log_group) else [watched, self.log_group]
        self.node.add_validation(NoLogBuckets(data_events))

    def _check_existing_trail(self, check: Validation, existing: object, data_events: object) -> None:
        if existing is None:
            return
        if not isinstance(existing, ExistingTrail):
            check.refuse(
                "existing_trail",
                existing,
                "an ExistingTrail",
                "pass ExistingTrail(log_group=...), or ExistingTrail() to do without the CIS alarms",
            )
            return
        check.check(
            bool(data_events),
            "data_events",
            data_events,
            "at least one bucket or function beside existing_trail",
            "name one, or leave this trail out: it would record nothing",
        )
        group = existing.log_group
        if group is None or not check.construct(
            "existing_trail.log_group", group, logs.LogGroup, "pass LogGroup.from_log_group_name(...), not its name"
        ):
            return
        stack = cdk.Stack.of(self)
        for got, own in ((group.env.account, stack.account), (group.env.region, stack.region)):
            if not cdk.Token.is_unresolved(got) and not cdk.Token.is_unresolved(own):
                check.check(
                    got == own,
                    "existing_trail.log_group",
                    got,
                    f"a group in {own}, where the metric filters are",
                    "give the group of this account and region, or put the construct where the group is",
                )

    def _check_alarms(
        self, check: Validation, alarms_to: object, alarm_topic: object, existing: ExistingTrail | None
    ) -> None:
        if alarms_to is not None:
            check.email("alarms_to", alarms_to)
        if alarm_topic is not None:
            check.check(
                isinstance(alarm_topic, AlarmTopic),
                "alarm_topic",
                alarm_topic,
                "an AlarmTopic object",
                "pass AlarmTopic(...): alarms can publish to it, which few encrypted topics allow",
            )
        given = {
            name: value for name, value in (("alarms_to", alarms_to), ("alarm_topic", alarm_topic)) if value is not None
        }
        if isinstance(existing, ExistingTrail) and existing.log_group is None:
            for name, value in given.items():
                check.refuse(
                    name,
                    value,
                    "nobody to tell beside ExistingTrail() without a log group",
                    "pass ExistingTrail(log_group=...): without management events no CIS alarm could ever fire",
                )
        else:
            check.check(
                len(given) == 1,
                "alarms_to",
                "alarm_topic as well" if given else None,
                "exactly one of alarms_to and alarm_topic",
                'pass alarms_to="security@example.com" or alarm_topic=AlarmTopic(...)',
            )


def _insight_selectors() -> list[cloudtrail.CfnTrail.InsightSelectorProperty]:
    return [
        cloudtrail.CfnTrail.InsightSelectorProperty(insight_type=kind)
        for kind in ("ApiCallRateInsight", "ApiErrorRateInsight")
    ]
