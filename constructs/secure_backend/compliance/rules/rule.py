"""What a rule is: a check of a whole assembly, and what a person has to be told when it finds something."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from secure_backend.analysis import Assembly, Resource

Severity = Literal["error", "warning"]

#: What AWS answers where a fault deploys cleanly and is felt only later.
SILENT = "nothing, silently"


@dataclass(frozen=True)
class Finding:
    """A rule broken by a resource.

    :param location: the dotted path below the resource, such as ``Properties.KMSKeyId``.
    :param problem: what is wrong, with the values that show it.
    """

    resource: Resource
    location: str
    problem: str


Check = Callable[[Assembly], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One idea that a template can break.

    :param name: the last part of the finding's id, ``SecureBackend-<name>``.
    :param summary: what the rule asks for, in one line.
    :param severity: "warning" where AWS accepts the template and may do what was meant.
    :param aws: the error with which AWS would have answered, or :data:`SILENT`.
    :param reason: why it is so.
    :param fix: the line to change.
    :param source: where that can be read.
    """

    name: str
    summary: str
    severity: Severity
    aws: str
    reason: str
    fix: str
    source: str
    check: Check

    @property
    def id(self) -> str:
        """The rule's name in the validation report."""
        return f"SecureBackend-{self.name}"

    def findings(self, assembly: Assembly) -> Iterator[Finding]:
        """Yield what breaks the rule."""
        yield from self.check(assembly)

    def message(self, finding: Finding) -> str:
        """Return the whole of what a person needs: the fault, AWS's answer, the reason and the line to change."""
        return f"{finding.problem}. AWS: {self.aws.removesuffix('.')}. {self.reason} Fix: {self.fix}."


def rule(*, aws: str, reason: str, fix: str, source: str, severity: Severity = "error") -> Callable[[Check], Rule]:
    """Make a :class:`Rule` of a function: its name gives the rule's name, its docstring the summary."""

    def make(check: Check) -> Rule:
        name = "".join(word.capitalize() for word in check.__name__.split("_"))
        summary = (check.__doc__ or "").strip().splitlines()[0]
        return Rule(
            name=name, summary=summary, severity=severity, aws=aws, reason=reason, fix=fix, source=source, check=check
        )

    return make


def rules_in(module: object) -> tuple[Rule, ...]:
    """Return the rules of a module in the order in which they are written."""
    return tuple(value for value in vars(module).values() if isinstance(value, Rule))
