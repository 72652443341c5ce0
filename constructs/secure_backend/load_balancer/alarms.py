"""What people are told of a load balancer and its targets."""

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.alarms import Alarms

_FIVE_MINUTES = cdk.Duration.minutes(5)


def add_load_balancer_alarms(scope: Construct, load_balancer: elbv2.ApplicationLoadBalancer, topic: AlarmTopic) -> None:
    """Tell the topic when callers get server errors, wait, or are turned away."""
    metrics = load_balancer.metrics
    own = metrics.http_code_elb(elbv2.HttpCodeElb.ELB_5XX_COUNT, period=_FIVE_MINUTES, statistic="Sum")
    theirs = metrics.http_code_target(elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=_FIVE_MINUTES, statistic="Sum")
    latency = metrics.target_response_time(period=_FIVE_MINUTES, statistic="p99")
    rejected = metrics.rejected_connection_count(period=_FIVE_MINUTES, statistic="Sum")
    alarms = Alarms(scope, topic=topic)
    alarms.add(
        "LoadBalancerErrors", own, threshold=5, happened="The load balancer answered 5xx five times in five minutes."
    )
    alarms.add("TargetErrors", theirs, threshold=5, happened="Targets answered 5xx five times in five minutes.")
    alarms.add(
        "TargetLatency",
        latency,
        threshold=5,
        periods=3,
        happened="One request in a hundred took five seconds or more, for a quarter of an hour.",
    )
    alarms.add("RejectedConnections", rejected, threshold=1, happened="The load balancer turned connections away.")


def add_target_alarm(target_group: elbv2.ApplicationTargetGroup, topic: AlarmTopic) -> None:
    """Tell the topic when a target does not answer its health check."""
    unhealthy = target_group.metrics.unhealthy_host_count(period=_FIVE_MINUTES, statistic="Maximum")
    Alarms(target_group, topic=topic).add(
        "UnhealthyTargets",
        unhealthy,
        threshold=1,
        periods=3,
        happened="A target has been unhealthy for a quarter of an hour.",
    )
