"""What an alarm is called, and what it says: where it stands, what happened, and where it is written what to do."""

import aws_cdk as cdk
from constructs import Construct

#: Has a section for each title.
PAGE = "docs/alarms.md"
_LONGEST = 255


def place_of(scope: Construct) -> str:
    """Return where a construct's alarms stand: ``<stack>/<path in the stack>/``."""
    stack = cdk.Stack.of(scope)
    # A construct writes itself as its path: half the calls into the CDK of node.path.
    within = scope.to_string().removeprefix(stack.to_string()).strip("/")
    return f"{stack.stack_name}/{within}/" if within else f"{stack.stack_name}/"


def name_of(place: str, title: str) -> str | None:
    """Return an alarm's name; None where it would be too long, and CloudFormation makes one."""
    name = f"{place}{title}"
    return name if len(name) <= _LONGEST else None


def text_of(happened: str, title: str) -> str:
    """Return an alarm's description."""
    return f"{happened} What to do: {PAGE}, {title}"
