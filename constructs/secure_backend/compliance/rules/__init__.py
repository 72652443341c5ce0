"""The project's own rules, by service; each is a function over a whole :class:`~secure_backend.analysis.Assembly`."""

from secure_backend.compliance.rules import cloudtrail
from secure_backend.compliance.rules.rule import SILENT, Finding, Rule, rules_in

#: Every rule of the pack.
RULES: tuple[Rule, ...] = tuple(rule for module in (cloudtrail,) for rule in rules_in(module))

__all__ = ["RULES", "SILENT", "Finding", "Rule"]
