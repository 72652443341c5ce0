"""What the tests of AuditTrail ask: of a template that holds one trail, and of properties that are refused."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

from secure_backend.audit_trail import AuditTrail
from secure_backend.validation import InvalidPropertiesError
from tests.conftest import FLAGS, resources_of, template_of

ACCOUNT = "111111111111"
CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}

Template = dict[str, Any]


def synthesized(build: Callable[[cdk.Stack], object], *, region: str = "eu-central-1", name: str = "audit") -> Template:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, name, env=cdk.Environment(region=region, account=ACCOUNT))
    build(stack)
    return template_of(stack)


def only(template: Template, type_name: str) -> dict[str, Any]:
    (resource,) = resources_of(template, type_name).values()
    return resource


def trail_of(template: Template) -> dict[str, Any]:
    properties: dict[str, Any] = only(template, "AWS::CloudTrail::Trail")["Properties"]
    return properties


def part_of_trail(template: Template, property_name: str) -> tuple[str, dict[str, Any]]:
    """Return the logical id and the resource that a property of the trail refers to."""
    value = trail_of(template)[property_name]
    logical_id = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return logical_id, template["Resources"][logical_id]


def key_statements(template: Template) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = part_of_trail(template, "KMSKeyId")[1]["Properties"]["KeyPolicy"]["Statement"]
    return statements


def bucket_policy(template: Template) -> tuple[str, dict[str, Any]]:
    bucket_id, _ = part_of_trail(template, "S3BucketName")
    ((policy_id, policy),) = [
        (logical_id, resource)
        for logical_id, resource in resources_of(template, "AWS::S3::BucketPolicy").items()
        if resource["Properties"]["Bucket"] == {"Ref": bucket_id}
    ]
    return policy_id, policy


def bucket_statements(template: Template) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = bucket_policy(template)[1]["Properties"]["PolicyDocument"]["Statement"]
    return statements


def actions_of(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return action if isinstance(action, list) else [action]


def text_of(value: object) -> str:
    """Return a template value as text, references by their names."""
    if isinstance(value, dict):
        ((function, argument),) = value.items()
        if function == "Fn::Join":
            return str(argument[0]).join(text_of(part) for part in argument[1])
        return "<" + (".".join(argument) if isinstance(argument, list) else str(argument)) + ">"
    return str(value)


def problems_of(stack: cdk.Stack, **options: Any) -> list[str]:
    """Return the problems that a trail with these options is refused for, and see that nothing was built."""
    with pytest.raises(InvalidPropertiesError) as caught:
        AuditTrail(stack, "Trail", **options)
    title, *problems = str(caught.value).splitlines()
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    assert title == f"AuditTrail 'Trail' cannot be built, {count}:"
    assert not [child for child in stack.node.find_all() if isinstance(child, cdk.CfnResource)]
    return [problem.strip() for problem in problems]
