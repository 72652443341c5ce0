"""What a control's check is: a look at an assembly that judges each resource which the control is about."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from secure_backend.analysis import Assembly, Resource, Stack
from secure_backend.analysis.template import is_conditional, list_of


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a control says of one resource.

    :param problem: what is wrong with it; None when the control is met.
    :param exempt: why AWS itself says that the control does not concern this one.
    """

    subject: Resource | Stack
    problem: str | None = None
    exempt: str | None = None

    @property
    def address(self) -> str:
        """The stack's name and the logical id, or the stack's name alone."""
        return self.subject.name if isinstance(self.subject, Stack) else self.subject.address


Check = Callable[[Assembly], Iterator[Judgement]]

#: The check of each control by its id.
CHECKS: dict[str, Check] = {}


def control(*ids: str) -> Callable[[Check], Check]:
    """Make a function the check of the controls with these ids."""

    def register(check: Check) -> Check:
        for id_ in ids:
            if id_ in CHECKS:
                raise ValueError(f"{id_} has two checks")
            CHECKS[id_] = check
        return check

    return register


def judge(subject: Resource | Stack, *, met: bool, problem: str) -> Judgement:
    """Return a judgement: the problem counts only when the control is not met."""
    return Judgement(subject=subject, problem=None if met else problem)


def surely_attached(assembly: Assembly, type_name: str, path: str, to: Resource) -> list[Resource]:
    """Return the resources that refer to one by a property wherever that one is made.

    One with another condition, or whose reference depends on a condition, may not be there: it meets nothing.
    """
    return [
        each
        for each in assembly.attached(type_name, path, to)
        if each.condition in (None, to.condition)
        and any(assembly.follow(each.stack, item) is to and not is_conditional(item) for item in list_of(each.at(path)))
    ]
