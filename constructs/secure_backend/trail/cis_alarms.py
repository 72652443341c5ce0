"""The fifteen alarms of the CIS AWS Foundations Benchmark v5, 4.1 to 4.15, on the log group of a trail.

Example::

    topic = AlarmTopic(self, "Topic", email="security@example.com")
    CisAlarms(self, "CisAlarms", log_group=trail_log_group, topic=topic, namespace="CIS/my-trail")
"""

from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.alarms import Alarms
from secure_backend.trail.cis_benchmark import CIS_ALARMS


class CisAlarms(Construct):
    """A metric filter and an alarm for each row of :data:`CIS_ALARMS` (CIS 4.1 to 4.15, CloudWatch.1 to .14).

    An alarm goes off at the first matching event of five minutes, and is quiet when there is none. It can fire only if
    a trail delivers *management* events to the log group.

    :param log_group: the group that the trail delivers to; of this stack's account and region.
    :param topic: who is told.
    :param namespace: the metrics' namespace; one for each trail, or two trails would count the same event twice.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        log_group: logs.ILogGroup,
        topic: AlarmTopic,
        namespace: str,
    ) -> None:
        super().__init__(scope, id)
        made = Alarms(self, topic=topic)
        alarms: dict[str, cloudwatch.Alarm] = {}
        for row in CIS_ALARMS:
            # No default value: a metric that is never written is not charged, and missing data is not breaching.
            metric_filter = logs.MetricFilter(
                self,
                f"{row.name}Filter",
                log_group=log_group,
                filter_pattern=logs.FilterPattern.literal(row.pattern),
                metric_namespace=namespace,
                metric_name=row.name,
                metric_value="1",
            )
            alarms[row.name] = made.add(
                row.name,
                metric_filter.metric(statistic="Sum"),  # of five minutes, the CDK's default
                threshold=1,
                happened=f"CIS {row.number}: {row.happened} First: {row.first}",
            )
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms
