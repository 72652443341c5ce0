"""What every stack takes from the profile: its environment, its name, its protection."""

from typing import get_args

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from profiles.settings import Settings
from profiles.values import RetentionDays

_RETENTION: dict[int, logs.RetentionDays] = dict(
    zip(
        get_args(RetentionDays),
        (
            logs.RetentionDays.ONE_DAY,
            logs.RetentionDays.THREE_DAYS,
            logs.RetentionDays.FIVE_DAYS,
            logs.RetentionDays.ONE_WEEK,
            logs.RetentionDays.TWO_WEEKS,
            logs.RetentionDays.ONE_MONTH,
            logs.RetentionDays.TWO_MONTHS,
            logs.RetentionDays.THREE_MONTHS,
            logs.RetentionDays.FOUR_MONTHS,
            logs.RetentionDays.FIVE_MONTHS,
            logs.RetentionDays.SIX_MONTHS,
            logs.RetentionDays.ONE_YEAR,
            logs.RetentionDays.THIRTEEN_MONTHS,
            logs.RetentionDays.EIGHTEEN_MONTHS,
            logs.RetentionDays.TWO_YEARS,
            logs.RetentionDays.THREE_YEARS,
            logs.RetentionDays.FIVE_YEARS,
            logs.RetentionDays.SIX_YEARS,
            logs.RetentionDays.SEVEN_YEARS,
            logs.RetentionDays.EIGHT_YEARS,
            logs.RetentionDays.NINE_YEARS,
            logs.RetentionDays.TEN_YEARS,
        ),
        strict=True,
    )
)


class ProfileStack(cdk.Stack):
    """A stack of the profile's account and region, named after it, protected against termination in production.

    Every role in it, those that the CDK makes for itself included, gets the profile's permissions boundary.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        settings: Settings,
        description: str,
    ) -> None:
        super().__init__(
            scope,
            id,
            stack_name=f"{settings.name}-{id}",
            description=description,
            env=cdk.Environment(account=settings.account or None, region=settings.region),
            termination_protection=settings.production,
            tags={"application": settings.name},
        )
        self.log_retention = _RETENTION[settings.logs.retention_days]
        self.log_retention_days = settings.logs.retention_days
        boundary = settings.access.permissions_boundary
        if boundary is not None:
            imported = (
                iam.ManagedPolicy.from_managed_policy_arn
                if boundary.startswith("arn:")
                else iam.ManagedPolicy.from_managed_policy_name
            )
            iam.PermissionsBoundary.of(self).apply(imported(self, "PermissionsBoundary", boundary))
