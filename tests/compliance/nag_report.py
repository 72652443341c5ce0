"""Synthesizes an app with one rule pack and reads what the validation report says of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from tests.conftest import FLAGS

#: Violations are read from the report; synth itself goes on.
_REPORT_ONLY = {"@aws-cdk/core:failSynthOnValidationErrors": False}


@dataclass(frozen=True)
class Entry:
    """A rule broken at a place, as the report tells it."""

    rule: str
    construct: str
    description: str
    severity: str
    acknowledged_at: str | None = None
    reason: str | None = None


def new_app(**context: Any) -> cdk.App:
    """Return an app with the project's flags, without the built-in validation."""
    return cdk.App(context={**FLAGS, **_REPORT_ONLY, **context}, builtin_cloud_formation_validation=False)


def report_of(app: cdk.App, plugin: str) -> tuple[list[Entry], list[Entry]]:
    """Synthesize and return what the plugin reports: open and suppressed; both empty when it reports nothing."""
    path = Path(app.synth().directory) / "validation-report.json"
    reports = json.loads(path.read_text())["pluginReports"] if path.exists() else []
    for report in reports:
        if report["pluginName"] == plugin:
            return _entries(report.get("violations", [])), _entries(report.get("suppressedViolations", []))
    return [], []


def _entries(violations: list[dict[str, Any]]) -> list[Entry]:
    return [
        Entry(
            rule=violation["ruleName"],
            construct=place.get("constructPath", ""),
            description=violation["description"],
            severity=violation["severity"],
            acknowledged_at=violation.get("acknowledgedAt"),
            reason=violation.get("reason"),
        )
        for violation in violations
        for place in violation["violatingConstructs"]
    ]
