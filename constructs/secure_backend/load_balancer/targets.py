"""The groups of targets that a load balancer sends requests to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from secure_backend.validation import Validation

TargetType = Literal["instance", "ip"]
TARGET_TYPES = ("instance", "ip")


@dataclass(frozen=True)
class FunctionTargets:
    """A target group with one function.

    :param target_group: the group.
    :param arn_pattern: the group's ARN but for its last part, which AWS makes up. The function's permission is bound
        to it, and the handler compares ``requestContext.elb.targetGroupArn`` with it. It is text, so that the function
        can be told without waiting for the group.
    """

    target_group: elbv2.CfnTargetGroup
    arn_pattern: str


def check_targets(check: Validation, property: str, targets: object) -> None:  # noqa: A002 - the house's word
    """Record what is no list of targets."""
    do = "pass for example [IpTarget(address)], or leave it out"
    if not isinstance(targets, (list, tuple)):
        check.refuse(property, targets, "a list of targets", do)
        return
    for target in targets:
        check.construct(property, target, elbv2.IApplicationLoadBalancerTarget, do)


def check_function(
    check: Validation,
    property: str,  # noqa: A002 - the house's word
    function: lambda_.IFunction,
    stack: cdk.Stack,
) -> None:
    """Record a function of another account or region: a target group calls none, and its permission would name none."""
    for what, actual, own in (
        ("in", function.env.region, stack.region),
        ("of", function.env.account, stack.account),
    ):
        if not cdk.Token.is_unresolved(actual) and not cdk.Token.is_unresolved(own):
            check.check(
                actual == own,
                property,
                f"a function {what} {actual}",
                f"one {what} {own}, the load balancer's {'region' if what == 'in' else 'account'}",
                "pass a function that stands beside it",
            )


def https_target_group(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    *,
    vpc: ec2.IVpc,
    target_type: TargetType,
    port: int,
    targets: Sequence[elbv2.IApplicationLoadBalancerTarget],
    health_check_path: str,
) -> elbv2.ApplicationTargetGroup:
    """Make a group whose members are spoken to by HTTPS, for requests and for health checks."""
    return elbv2.ApplicationTargetGroup(
        scope,
        id,
        vpc=vpc,
        target_type=elbv2.TargetType.IP if target_type == "ip" else elbv2.TargetType.INSTANCE,
        protocol=elbv2.ApplicationProtocol.HTTPS,
        port=port,
        targets=list(targets),
        health_check=elbv2.HealthCheck(protocol=elbv2.Protocol.HTTPS, path=health_check_path, healthy_http_codes="200"),
    )


def function_targets(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    *,
    function: lambda_.IFunction,
    multi_value_headers: bool,
) -> FunctionTargets:
    """Make a group of one function, and let this very group call it.

    The permission has to be there before the group, and names the group: by a name that is known beforehand.
    """
    stack = cdk.Stack.of(scope)
    holder = Construct(scope, id)
    name = cdk.Names.unique_resource_name(holder, max_length=32, separator="-")
    arn_pattern = stack.format_arn(service="elasticloadbalancing", resource="targetgroup", resource_name=f"{name}/*")
    permission = lambda_.CfnPermission(
        holder,
        "Permission",
        action="lambda:InvokeFunction",
        function_name=function.function_arn,
        principal="elasticloadbalancing.amazonaws.com",
        source_arn=arn_pattern,
    )
    target_group = elbv2.CfnTargetGroup(
        holder,
        "Resource",
        name=name,
        target_type="lambda",
        targets=[elbv2.CfnTargetGroup.TargetDescriptionProperty(id=function.function_arn)],
        target_group_attributes=[
            elbv2.CfnTargetGroup.TargetGroupAttributeProperty(
                key="lambda.multi_value_headers.enabled", value=str(multi_value_headers).lower()
            )
        ],
    )
    target_group.node.add_dependency(permission)
    return FunctionTargets(target_group, arn_pattern)
