"""The trail and its alarms, and the one dashboard over all stacks."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from profiles.settings import Settings
from secure_backend import (
    AuditTrail,
    ExistingTrail,
    ObjectLock,
    OperationsDashboard,
    RequireMfaForDestructiveActions,
    SavedQueries,
)
from stacks.api import ApiStack
from stacks.data import DataStack
from stacks.network import NetworkStack
from stacks.operators import Operators
from stacks.profile_stack import ProfileStack
from stacks.service_queries import UPLOADS


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
        api: ApiStack,
    ) -> None:
        super().__init__(scope, id, settings=settings, description="CloudTrail, CIS alarms, dashboard of all stacks")
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
        groups = [iam.Group.from_group_name(self, f"Group-{name}", name) for name in settings.access.mfa_groups]
        self.mfa_guard = RequireMfaForDestructiveActions(self, "MfaGuard", groups=groups) if groups else None
        operators = settings.access.operators
        self.operators = (
            Operators(
                self,
                "Operators",
                settings=operators,
                log_groups=_log_groups(settings, data),
                dead_letters=[network.alarms.dead_letters, api.dead_letters],
                resends_to=api.finaliser,
            )
            if operators is not None
            else None
        )
        SavedQueries(self, "Queries", folder=settings.name, trail=self.trail)
        functions = {"documents": api.handler, "finaliser": api.finaliser}
        if api.api is not None and api.api.authorizer_function is not None:
            functions["authorizer"] = api.api.authorizer_function
        balancer = api.load_balancer.load_balancer if api.load_balancer is not None else None
        for part in (*functions.values(), *([balancer] if balancer is not None else [])):
            # A page that shows a part must not keep its stack from replacing it.
            part.apply_cross_stack_reference_strength(cdk.ReferenceStrength.WEAK)
        # Last: it shows every alarm of the topic.
        self.dashboard = OperationsDashboard(
            self,
            "Dashboard",
            alarm_topic=network.alarms,
            api=api.api,
            load_balancer=api.load_balancer,
            functions=functions,
            database=data.database,
            graphs=[UPLOADS],
            trail=self.trail,
        )


def _log_groups(settings: Settings, data: DataStack) -> list[str]:
    """Return the names of the application's log groups: CloudFormation begins those that it makes with the stack's."""
    return [
        f"{settings.name}-*",
        f"/aws/rds/instance/{data.database.identifier}/*",
        "API-Gateway-Execution-Logs_*",
        f"aws-waf-logs-{settings.name.replace('-', '')}*",
    ]
