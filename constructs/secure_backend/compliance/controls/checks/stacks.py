"""The stacks themselves, as the assembly's manifest has them deployed."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.check import Judgement, control, judge


@control("CloudFormation.3")
def termination_protected(assembly: Assembly) -> Iterator[Judgement]:
    """Protect a stack against being ended."""
    for stack in assembly.stacks:
        yield judge(stack, met=stack.termination_protection, problem="termination protection is off")


@control("CloudFormation.4")
def service_role(assembly: Assembly) -> Iterator[Judgement]:
    """Have CloudFormation act as a role of its own, not with the permissions of whoever deploys."""
    for stack in assembly.stacks:
        yield judge(stack, met=stack.service_role is not None, problem="no service role is named")
