"""Who did what in the account: a trail that cannot be quietly changed, alarms on it, and a page to look at.

Example::

    documents = EncryptedBucket(self, "Documents")
    trail = AuditTrail(self, "Trail", data_events=[documents], alarms_to="security@example.com")
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

from secure_backend import trail_permissions
from secure_backend.alarm_topic import AlarmTopic
from secure_backend.audit_dashboard import AuditDashboard
from secure_backend.cis_alarms import CisAlarms
from secure_backend.encrypted_bucket import EncryptedBucket, ObjectLock
from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.trail_events import DataEventSource, check_data_events, event_selectors
from secure_backend.validation import Validation


@dataclass(frozen=True, kw_only=True)
class ExistingTrail:
    """The account's management events are recorded by another trail already, an organisation's for example.

    :param log_group: the group of this account and region that the other trail delivers to; the CIS alarms watch it.
        Without it there are none: this trail has no management events, and they could never fire.
    """

    log_group: logs.ILogGroup | None = None


class AuditTrail(Construct):
    """A trail of the account.

    :param data_events: buckets and functions whose data events are recorded too.
    :param alarms_to: the address that a new topic sends the alarms to; its owner has to confirm the subscription.
    :param alarm_topic: the caller's topic instead; subscribe somebody to it.
    :param existing_trail: for an account whose management events are recorded already: data events only.
    :param key: the caller's key; one is made when left out.
    :param access_logs: the caller's target for the bucket's access logs; one is made when left out.
    :param object_lock: how long nobody deletes a log file; governance mode for 365 days when left out.
    :param log_expiration: when log files expire in the bucket; never, when left out.
    :param log_retention: how long the log group keeps events, one year when left out.
    :param insights: unusual rates of calls and errors; on when left out, unless ``existing_trail`` is given.
    """

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
        log_expiration: cdk.Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        insights: bool | None = None,
    ) -> None:
        super().__init__(scope, id)
        lock = object_lock or ObjectLock(days=365)
        check = Validation(self, id)
        check_data_events(check, data_events)
        check.raise_problems()

        name = cdk.Names.unique_resource_name(self, max_length=120, separator="-")
        management_events = existing_trail is None
        self.key: kms.IKey = key or DataKey(self, "Key", description=f"Audit trail {name}")
        trail_permissions.allow_trail_key(self.key, self, name)
        stored = EncryptedBucket(
            self,
            "Logs",
            key=self.key,
            access_logs=access_logs,
            object_lock=lock,
            expiration=log_expiration,
            noncurrent_version_expiration=cdk.Duration.days(max(90, lock.days)),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.bucket: s3.Bucket = stored.bucket
        self.access_logs: s3.IBucket = stored.access_logs
        trail_permissions.allow_trail_bucket(self.bucket, name)
        trail_permissions.deny_deletion(self.bucket)
        self.log_group: logs.ILogGroup = EncryptedLogGroup(self, "LogGroup", key=self.key, retention=log_retention)
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
        self.topic: AlarmTopic | None = None
        self.alarms: Mapping[str, cloudwatch.Alarm] = {}
        if watched is not None:
            self.topic = alarm_topic or AlarmTopic(self, "Topic", email=alarms_to)
            self.alarms = CisAlarms(
                self, "CisAlarms", log_group=watched, topic=self.topic, namespace=f"CIS/{name}"
            ).alarms
        self.dashboard = AuditDashboard(self, "Dashboard", alarms=self.alarms, log_group=watched or self.log_group)


def _insight_selectors() -> list[cloudtrail.CfnTrail.InsightSelectorProperty]:
    return [
        cloudtrail.CfnTrail.InsightSelectorProperty(insight_type=kind)
        for kind in ("ApiCallRateInsight", "ApiErrorRateInsight")
    ]
