"""The trail, its alarms and the dashboard."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from profiles.settings import Settings
from secure_backend import AuditTrail, ExistingTrail, ObjectLock
from stacks.data import DataStack
from stacks.network import NetworkStack
from stacks.profile_stack import ProfileStack


class AuditStack(ProfileStack):
    """Watches the account, and who touches the documents."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        settings: Settings,
        network: NetworkStack,
        data: DataStack,
    ) -> None:
        super().__init__(scope, id, settings=settings, description="CloudTrail, CIS alarms, dashboard")
        audit = settings.audit
        existing: ExistingTrail | None = None
        if audit.existing_trail:
            group = audit.existing_log_group
            existing = ExistingTrail(
                log_group=logs.LogGroup.from_log_group_name(self, "ExistingTrailLogs", group) if group else None
            )
        self.trail = AuditTrail(
            self,
            "Trail",
            data_events=[data.documents],
            # Without management events no alarm could ever fire, and the construct refuses a topic for none.
            alarm_topic=network.alarms if existing is None or existing.log_group is not None else None,
            existing_trail=existing,
            object_lock=ObjectLock(
                mode=audit.lock_mode,
                days=audit.lock_days,
                confirm_compliance=audit.confirm_compliance,
            ),
            insights=audit.insights and existing is None,
            log_retention=self.log_retention,
        )
