"""Alarms whose name says what and where, and whose text says what to do.

Example::

    alarms = Alarms(self, topic=topic)
    alarms.add(
        "FinaliserErrors",
        finaliser.metric_errors(statistic="Sum"),
        threshold=3,
        happened="The finaliser fails: uploads stay pending.",
    )
"""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_backend.alarm_names import name_of, place_of, text_of
from secure_backend.alarm_topic import AlarmTopic


class Alarms:
    """The alarms of one construct, all of which tell one topic.

    An alarm is named ``<stack>/<path in the stack>/<title>``: this is what a mail's subject shows, and no two are the
    same in one account and region, for the names of stacks are not. Its description ends with the section of
    ``docs/alarms.md`` that tells what it means, where to look first and what to do.

    :param topic: who is told when one goes off and when it is over.
    """

    def __init__(self, scope: Construct, *, topic: AlarmTopic | sns.ITopic) -> None:
        self._scope = scope
        self._topic = topic
        self._place = place_of(scope)

    def add(
        self,
        title: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        happened: str,
        periods: int = 1,
        comparison: cloudwatch.ComparisonOperator = (cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> cloudwatch.Alarm:
        """Make an alarm that tells the topic.

        :param title: the alarm's id, and the heading of its section.
        :param metric: with its period and statistic.
        :param threshold: what the metric is compared with.
        :param happened: what the alarm says, in whole sentences.
        :param periods: how many periods in a row.
        :param comparison: at or above the threshold, when left out.
        :param missing: what no data means: no alarm, when left out.
        """
        name = name_of(self._place, title)
        alarm = cloudwatch.Alarm(
            self._scope,
            title,
            alarm_name=name,
            alarm_description=text_of(happened, title),
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            treat_missing_data=missing,
        )
        if isinstance(self._topic, AlarmTopic):
            self._topic.notify(alarm, name=name)
        else:
            action = cloudwatch_actions.SnsAction(self._topic)
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
        return alarm
