"""Requests go to the targets that a rule names, by HTTPS or by a call that only this load balancer may make."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_

from secure_backend import InvalidPropertiesError
from tests.conftest import NewStack, resources_of, template_of
from tests.load_balancer.cases import ISSUER, function_in, jwt, load_balancer_in, network_in, template_with

GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


def only(template: dict[str, Any], type_name: str) -> tuple[str, dict[str, Any]]:
    """Return the one resource of a type, but for what the network brings."""
    ((logical_id, resource),) = (
        (name, each) for name, each in resources_of(template, type_name).items() if "Custom" not in name
    )
    return logical_id, dict(resource)


def claims(template: dict[str, Any]) -> dict[str, Any]:
    _, rule = only(template, RULE)
    return dict(rule["Properties"]["Actions"][0]["JwtValidationConfig"])


def test_a_token_is_verified_before_anything_is_forwarded() -> None:
    template = template_with()
    group, _ = only(template, GROUP)
    _, rule = only(template, RULE)
    assert rule["Properties"]["Actions"] == [
        {
            "Type": "jwt-validation",
            "Order": 1,
            "JwtValidationConfig": {
                "Issuer": ISSUER,
                "JwksEndpoint": f"{ISSUER}.well-known/jwks.json",
                "AdditionalClaims": [{"Name": "aud", "Format": "single-string", "Values": ["documents"]}],
            },
        },
        {"Type": "forward", "Order": 2, "TargetGroupArn": {"Ref": group}},
    ]


def test_each_kind_of_target_stands_behind_the_validation(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack)
    group = network_in(stack).security_group(stack, "Targets", description="The containers")
    load_balancer.add_function("Documents", function=function_in(stack), paths=["/documents"], priority=1)
    load_balancer.add_https_targets("Pages", security_group=group, paths=["/pages"], priority=2)
    rules = resources_of(template_of(stack), RULE).values()
    assert [[action["Type"] for action in rule["Properties"]["Actions"]] for rule in rules] == [
        ["jwt-validation", "forward"]
    ] * 2


def test_none_is_given_up_by_name_only(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack, jwt=None)
    load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=1)
    _, rule = only(template_of(stack), RULE)
    assert [action["Type"] for action in rule["Properties"]["Actions"]] == ["forward"]


def test_an_issuer_that_is_known_at_deployment_only_is_taken(stack: cdk.Stack) -> None:
    issuer = cdk.Fn.import_value("issuer")
    load_balancer = load_balancer_in(stack, jwt=jwt(issuer=issuer, audience=cdk.Fn.import_value("client")))
    load_balancer.add_function("Documents", function=function_in(stack), paths=["/*"], priority=1)
    found = claims(template_of(stack))
    assert found["Issuer"] == {"Fn::ImportValue": "issuer"}
    assert found["JwksEndpoint"]["Fn::Join"][1] == [{"Fn::ImportValue": "issuer"}, "/.well-known/jwks.json"]


def test_the_audience_may_stand_in_another_claim_and_form() -> None:
    validation = jwt(audience_claim="client_id", audience_format="string-array", jwks_url="https://keys.example.com/")
    found = claims(template_with(jwt=validation))
    assert found["AdditionalClaims"] == [{"Name": "client_id", "Format": "string-array", "Values": ["documents"]}]
    assert found["JwksEndpoint"] == "https://keys.example.com/"


def test_a_rule_asks_for_paths_and_for_the_name_that_the_request_was_sent_to(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack)
    load_balancer.add_function(
        "Documents", function=function_in(stack), paths=["/a", "/b/*"], host_names=["api.example.com"], priority=7
    )
    _, rule = only(template_of(stack), RULE)
    assert rule["Properties"]["Priority"] == 7
    assert rule["Properties"]["Conditions"] == [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a", "/b/*"]}},
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["api.example.com"]}},
    ]


def test_only_this_target_group_may_call_the_function() -> None:
    template = template_with()
    _, group = only(template, GROUP)
    _, permission = only(template, "AWS::Lambda::Permission")
    function, _ = only(template, "AWS::Lambda::Function")
    name = group["Properties"]["Name"]
    assert permission["Properties"] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": [function, "Arn"]},
        "Principal": "elasticloadbalancing.amazonaws.com",
        "SourceArn": {
            "Fn::Join": [
                "",
                [
                    "arn:aws:elasticloadbalancing:eu-central-1:",
                    {"Ref": "AWS::AccountId"},
                    f":targetgroup/{name}/*",
                ],
            ]
        },
    }


def test_the_permission_is_there_before_the_target_group_that_needs_it() -> None:
    template = template_with()
    permission, _ = only(template, "AWS::Lambda::Permission")
    _, group = only(template, GROUP)
    assert group["DependsOn"] == [permission]


def test_the_target_groups_name_fits_however_long_its_path_is(stack: cdk.Stack) -> None:
    load_balancer = load_balancer_in(stack, "B" * 100)
    load_balancer.add_function("D" * 100, function=function_in(stack), paths=["/*"], priority=1)
    _, group = only(template_of(stack), GROUP)
    name = group["Properties"]["Name"]
    assert len(name) <= 32
    assert name.strip("-") == name


def test_the_function_can_be_told_which_target_group_calls_it(stack: cdk.Stack) -> None:
    function = function_in(stack)
    targets = load_balancer_in(stack).add_function("Documents", function=function, paths=["/*"], priority=1)
    function.add_environment("TARGET_GROUP", targets.arn_pattern)
    template = template_of(stack)
    _, permission = only(template, "AWS::Lambda::Permission")
    _, made = only(template, "AWS::Lambda::Function")
    told = made["Properties"]["Environment"]["Variables"]["TARGET_GROUP"]
    assert told == permission["Properties"]["SourceArn"]


@pytest.mark.parametrize(("option", "value"), [({}, "true"), ({"multi_value_headers": False}, "false")])
def test_a_function_sees_every_value_of_a_repeated_header_unless_asked_otherwise(
    stack: cdk.Stack, option: dict[str, Any], value: str
) -> None:
    load_balancer_in(stack).add_function("D", function=function_in(stack), paths=["/*"], priority=1, **option)
    _, group = only(template_of(stack), GROUP)
    assert group["Properties"]["TargetGroupAttributes"] == [
        {"Key": "lambda.multi_value_headers.enabled", "Value": value}
    ]


@pytest.mark.parametrize("target_type", ["ip", "instance"])
def test_requests_and_health_checks_go_to_targets_by_https(stack: cdk.Stack, target_type: str) -> None:
    options: dict[str, Any] = {"target_type": target_type}
    group = network_in(stack).security_group(stack, "Targets", description="The containers")
    load_balancer_in(stack).add_https_targets("Pages", security_group=group, paths=["/*"], priority=1, **options)
    _, made = only(template_of(stack), GROUP)
    properties = made["Properties"]
    assert (properties["Protocol"], properties["Port"]) == ("HTTPS", 8443)
    assert (properties["HealthCheckProtocol"], properties["HealthCheckPath"]) == ("HTTPS", "/health")
    assert properties["Matcher"] == {"HttpCode": "200"}
    assert properties["TargetType"] == target_type
    assert "HealthCheckPort" not in properties


def test_a_service_that_attaches_itself_waits_for_the_rule_and_opens_nothing_more(stack: cdk.Stack) -> None:
    """ECS refuses a service whose target group has no load balancer yet."""
    network = network_in(stack)
    group = network.security_group(stack, "Targets", description="The containers")
    target_group = load_balancer_in(stack, jwt=None).add_https_targets(
        "Pages", security_group=group, paths=["/*"], priority=1
    )
    task = ecs.FargateTaskDefinition(stack, "Task")
    task.add_container(
        "Web",
        image=ecs.ContainerImage.from_registry("public.ecr.aws/web:1"),
        port_mappings=[ecs.PortMapping(container_port=8443)],
    )
    service = ecs.FargateService(
        stack,
        "Service",
        cluster=ecs.Cluster(stack, "Cluster", vpc=network.vpc),
        task_definition=task,
        security_groups=[group],
        vpc_subnets=network.app_subnets,
    )
    service.attach_to_application_target_group(target_group)
    template = template_of(stack)
    rule, _ = only(template, RULE)
    _, made = only(template, "AWS::ECS::Service")
    assert rule in made["DependsOn"]
    assert len(resources_of(template, "AWS::EC2::SecurityGroupIngress")) == 1
    assert len(resources_of(template, "AWS::EC2::SecurityGroupEgress")) == 1


ADD_FUNCTION = "HardenedLoadBalancer.add_function"
ADD_HTTPS = "HardenedLoadBalancer.add_https_targets"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"paths": []}, f"{ADD_FUNCTION}.paths: got []; expected a list of patterns; pass for example"),
        ({"paths": "/documents"}, f"{ADD_FUNCTION}.paths: got '/documents'; expected a list of patterns"),
        ({"paths": ["documents"]}, f"{ADD_FUNCTION}.paths: got 'documents'; expected a pattern that begins with /"),
        ({"paths": [f"/{n}" for n in range(6)]}, "got '6 paths and host names'; expected at most 5 in one rule"),
        (
            {"host_names": ["API.example.com"]},
            f"{ADD_FUNCTION}.host_names: got 'API.example.com'; expected a lowercase",
        ),
        ({"host_names": "api.example.com"}, f"{ADD_FUNCTION}.host_names: got 'api.example.com'; expected a list"),
        ({"host_names": ["*"]}, f"{ADD_FUNCTION}.host_names: got '*'; expected a lowercase host name with a dot"),
        ({"host_names": ["localhost"]}, f"{ADD_FUNCTION}.host_names: got 'localhost'; expected a lowercase host name"),
        ({"host_names": [f"{'a' * 120}.example.com"]}, "expected a lowercase host name with a dot; pass the cert"),
        (
            {"paths": ["/*/a/*/b/*", "/?/*"], "host_names": ["*.example.*"]},
            f"{ADD_FUNCTION}.paths: got '7 wildcards in paths and host names'; expected at most 6 in one rule",
        ),
        ({"priority": 0}, f"{ADD_FUNCTION}.priority: got 0; expected 1 to 50000"),
        ({"priority": 50_001}, f"{ADD_FUNCTION}.priority: got 50001; expected 1 to 50000"),
        ({"priority": 5}, f"{ADD_FUNCTION}.priority: got 5; expected a number that no other rule has: not [5]"),
        ({"function": "handler"}, f"{ADD_FUNCTION}.function: got 'handler'; expected a Function object"),
        ({"multi_value_headers": "false"}, f"{ADD_FUNCTION}.multi_value_headers: got 'false'; expected True or False"),
    ],
)
def test_a_bad_route_to_a_function_is_refused_with_its_fix(
    stack: cdk.Stack, options: dict[str, Any], problem: str
) -> None:
    load_balancer = load_balancer_in(stack)
    function = function_in(stack)
    load_balancer.add_function("First", function=function, paths=["/first"], priority=5)
    arguments: dict[str, Any] = {"function": function, "paths": ["/second"], "priority": 6, **options}
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer.add_function("Second", **arguments)
    assert problem in str(caught.value)


def test_as_many_wildcards_as_a_rule_takes_are_taken(stack: cdk.Stack) -> None:
    load_balancer_in(stack).add_function(
        "D", function=function_in(stack), paths=["/*/a/*", "/?/*"], host_names=["*.example.*"], priority=1
    )


def test_more_target_groups_than_a_load_balancer_has_room_for_are_refused(stack: cdk.Stack) -> None:
    load_balancer, function = load_balancer_in(stack), function_in(stack)
    for number in range(1, 101):
        load_balancer.add_function(f"D{number}", function=function, paths=["/*"], priority=number)
    with pytest.raises(InvalidPropertiesError, match=f"{ADD_FUNCTION}: got '101 target groups'; expected at most 100"):
        load_balancer.add_function("More", function=function, paths=["/*"], priority=101)


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        ("us-east-1:111122223333", "got 'a function in us-east-1'; expected one in eu-central-1, the load balancer's"),
        ("eu-central-1:999988887777", "got 'a function of 999988887777'; expected one of 111122223333, the load"),
    ],
)
def test_a_function_that_no_target_group_here_can_name_is_refused(new_stack: NewStack, arn: str, problem: str) -> None:
    stack = new_stack(account="111122223333")
    function = lambda_.Function.from_function_arn(stack, "Theirs", f"arn:aws:lambda:{arn}:function:theirs")
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer_in(stack).add_function("D", function=function, paths=["/*"], priority=1)
    assert f"{ADD_FUNCTION}.function: {problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"security_group": "sg-1"}, f"{ADD_HTTPS}.security_group: got 'sg-1'; expected a SecurityGroup object"),
        ({"port": 0}, f"{ADD_HTTPS}.port: got 0; expected 1 to 65535; leave it out for 8443"),
        ({"target_type": "alb"}, f"{ADD_HTTPS}.target_type: got 'alb'; expected one of instance, ip"),
        ({"health_check_path": "health"}, f"{ADD_HTTPS}.health_check_path: got 'health'; expected a path; begin it"),
        ({"paths": []}, f"{ADD_HTTPS}.paths: got []"),
        ({"targets": None}, f"{ADD_HTTPS}.targets: got None; expected a list of targets; pass for example [IpTarget("),
        ({"targets": "10.20.0.9"}, f"{ADD_HTTPS}.targets: got '10.20.0.9'; expected a list of targets"),
        ({"targets": ["10.20.0.9"]}, f"{ADD_HTTPS}.targets: got '10.20.0.9'; expected a IApplicationLoadBalancerT"),
    ],
)
def test_a_bad_route_to_https_targets_is_refused_with_its_fix(
    stack: cdk.Stack, options: dict[str, Any], problem: str
) -> None:
    load_balancer = load_balancer_in(stack)
    group: ec2.ISecurityGroup = network_in(stack).security_group(stack, "Targets", description="The containers")
    arguments: dict[str, Any] = {"security_group": group, "paths": ["/*"], "priority": 6, **options}
    with pytest.raises(InvalidPropertiesError) as caught:
        load_balancer.add_https_targets("Pages", **arguments)
    assert problem in str(caught.value)


def test_all_problems_of_a_route_are_told_at_once(stack: cdk.Stack) -> None:
    arguments: dict[str, Any] = {"security_group": None, "paths": [], "priority": 0, "port": 0}
    with pytest.raises(InvalidPropertiesError, match="4 problems"):
        load_balancer_in(stack).add_https_targets("Pages", **arguments)
