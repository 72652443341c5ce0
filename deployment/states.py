"""Which states of a stack the CDK cannot go on from by itself, and what can."""

from collections.abc import Iterable
from typing import Any

#: What `cdk rollback` brings back to a state that can be deployed.
PAUSED = ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "CREATE_FAILED")
# A change set that nobody executed: the CDK makes another.
_HARMLESS = "REVIEW_IN_PROGRESS"


def is_at_work(stack: dict[str, Any]) -> bool:
    """Tell whether CloudFormation is in the middle of an operation on the stack."""
    status: str = stack["StackStatus"]
    return status.endswith("_IN_PROGRESS") and status != _HARMLESS


def ways_out(stacks: Iterable[dict[str, Any]], region: str, *, profile: str) -> list[str]:
    """Return a sentence for each stack that cannot be deployed as it is, with the command that ends that."""
    told = [_way_out(stack, region, profile) for stack in stacks]
    return [sentence for sentence in told if sentence]


def _way_out(stack: dict[str, Any], region: str, profile: str) -> str:
    name, status = stack["StackName"], stack["StackStatus"]
    if is_at_work(stack):
        return (
            f"stack {name} is in the middle of an operation ({status}); wait until it has ended, "
            f"`aws cloudformation describe-stack-events --stack-name {name} --region {region}` shows it, and run the "
            "same command again"
        )
    if status in PAUSED:
        return (
            f"stack {name} stopped half-way back to what it was ({status}); mend what its last events name, run "
            f'`make cdk ARGS="rollback --all -c profile={profile}"`, and then the same command again'
        )
    if status == "DELETE_FAILED":
        return (
            f"stack {name} is half deleted ({status}); run `make destroy PROFILE={profile}` to its end, and then the "
            "same command again"
        )
    return ""
