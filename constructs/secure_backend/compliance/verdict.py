"""What the gate says of an app: open findings, acknowledgements, and problems with either."""

import dataclasses
from collections import defaultdict
from typing import Any

from secure_backend.compliance.acknowledgements import Acknowledgement
from secure_backend.compliance.report import Finding


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The gate's verdict.

    :param open: findings that nobody acknowledged, warnings included.
    :param acknowledged: the registry's entries.
    :param problems: acknowledgements that are past their date, match nothing, are too wide or hide a rule that threw;
        packs that did not run.
    :param rules_checked: how many rules each pack holds.
    """

    open: tuple[Finding, ...]
    acknowledged: tuple[Acknowledgement, ...]
    problems: tuple[str, ...]
    rules_checked: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether nothing is open and nothing is wrong with what was acknowledged."""
        return not self.open and not self.problems

    @property
    def rules_acknowledged(self) -> list[str]:
        """The distinct rules that were acknowledged, by name without the pack's prefix."""
        return sorted({entry.rule for entry in self.acknowledged})

    def text(self) -> str:
        """Return what a person has to know to mend it, a finding a paragraph; one line when all is well."""
        if self.passed:
            return f"gate: passed; {len(self.rules_acknowledged)} rules acknowledged\n"
        lines = []
        by_rule: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.open:
            by_rule[finding.id].append(finding)
        for id_, findings in sorted(by_rule.items()):
            lines.append(f"{findings[0].severity} {id_}")
            for description in dict.fromkeys(finding.description for finding in findings):
                lines.append(f"  {description}")
                lines += [f"  at {finding.construct}" for finding in findings if finding.description == description]
        lines += [f"problem {problem}" for problem in self.problems]
        lines.append(
            f"gate: failed; {len(self.open)} open findings, {len(self.problems)} problems. Fix each; a finding that "
            "has to stay gets an entry in the registry of acknowledgements, with its id as printed and a true reason."
        )
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values, for other tools."""
        return {
            "passed": self.passed,
            "open": [dataclasses.asdict(finding) for finding in self.open],
            "problems": list(self.problems),
            "acknowledged": [
                {**dataclasses.asdict(entry), "rule": entry.rule, "review_by": entry.review_by.isoformat()}
                for entry in self.acknowledged
            ],
            "rules_checked": self.rules_checked,
        }
