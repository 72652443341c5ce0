"""One page for whoever is called by an alarm of the trail: which alarm, how often, and who destroyed what."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

# Written calls whose name says that something is taken away, stopped or opened to others.
_DESTRUCTIVE = "/^(Delete|Terminate|Remove|Disable|Detach|Revoke|Stop|Schedule.*Deletion|Put.*Policy|Deregister)/"


class AuditDashboard(cloudwatch.Dashboard):
    """The state and the metrics of the alarms, and the latest destructive calls in the log groups.

    A log query is paid for when the page is opened (about 0.005 dollars a gigabyte scanned), the page itself costs 3
    dollars a month after an account's first three.

    :param alarms: the alarms to show; without any the page shows the log queries alone.
    :param log_groups: the groups that the query reads.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        alarms: Mapping[str, cloudwatch.Alarm],
        log_groups: Sequence[logs.ILogGroup],
    ) -> None:
        super().__init__(scope, id)
        if alarms:
            self.add_widgets(
                cloudwatch.AlarmStatusWidget(title="CIS 4.1 to 4.15", alarms=list(alarms.values()), width=24, height=4)
            )
            self.add_widgets(
                cloudwatch.GraphWidget(
                    title="Matching events in five minutes",
                    left=[alarm.metric for alarm in alarms.values()],
                    left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
                    width=24,
                    height=6,
                )
            )
        self.add_widgets(
            cloudwatch.LogQueryWidget(
                title="Latest destructive calls",
                log_group_names=[group.log_group_name for group in log_groups],
                query_lines=[
                    "fields @timestamp, userIdentity.arn, eventSource, eventName, awsRegion, sourceIPAddress",
                    f"filter eventName like {_DESTRUCTIVE}",
                    "sort @timestamp desc",
                    "limit 50",
                ],
                width=24,
                height=8,
            )
        )
