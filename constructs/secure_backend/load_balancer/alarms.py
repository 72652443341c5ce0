"""What people are told of a load balancer and its targets."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic

_FIVE_MINUTES = cdk.Duration.minutes(5)


def add_load_balancer_alarms(scope: Construct, load_balancer: elbv2.ApplicationLoadBalancer, topic: AlarmTopic) -> None:
    """Tell the topic when callers get server errors, wait, or are turned away."""
    metrics = load_balancer.metrics
    own = metrics.http_code_elb(elbv2.HttpCodeElb.ELB_5XX_COUNT, period=_FIVE_MINUTES, statistic="Sum")
    theirs = metrics.http_code_target(elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=_FIVE_MINUTES, statistic="Sum")
    latency = metrics.target_response_time(period=_FIVE_MINUTES, statistic="p99")
    rejected = metrics.rejected_connection_count(period=_FIVE_MINUTES, statistic="Sum")
    path = scope.node.path
    _alarm(scope, "OwnErrors", topic, own, 5, 1, f"The load balancer answered 5xx five times in five minutes ({path})")
    _alarm(scope, "TargetErrors", topic, theirs, 5, 1, f"Targets answered 5xx five times in five minutes ({path})")
    _alarm(
        scope,
        "Latency",
        topic,
        latency,
        5,
        3,
        f"One request in a hundred took five seconds or more, for fifteen minutes ({path})",
    )
    _alarm(scope, "Rejected", topic, rejected, 1, 1, f"The load balancer turned connections away ({path})")


def add_target_alarm(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    target_group: elbv2.ApplicationTargetGroup,
    topic: AlarmTopic,
) -> None:
    """Tell the topic when a target does not answer its health check."""
    unhealthy = target_group.metrics.unhealthy_host_count(period=_FIVE_MINUTES, statistic="Maximum")
    _alarm(
        scope, id, topic, unhealthy, 1, 3, f"A target has been unhealthy for fifteen minutes ({target_group.node.path})"
    )


def _alarm(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    topic: AlarmTopic,
    metric: cloudwatch.Metric,
    threshold: int,
    periods: int,
    description: str,
) -> None:
    alarm = metric.create_alarm(
        scope,
        id,
        alarm_description=description,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    topic.notify(alarm)
