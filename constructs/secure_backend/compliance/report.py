"""Reads what the packs found: the cloud assembly's validation report, and the acknowledgements beside it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_THREW = "Rule threw an error during validation"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule broken by one resource.

    :param id: with the pack's prefix, as an acknowledgement names it.
    :param acknowledged_at: the path at which it was acknowledged; None when it is open.
    """

    id: str
    pack: str
    severity: str
    description: str
    construct: str
    acknowledged_at: str | None = None

    @property
    def threw(self) -> bool:
        """Whether the rule could not be evaluated, which says nothing about the resource."""
        return self.description.startswith(_THREW)


def read_findings(directory: Path) -> list[Finding]:
    """Return every finding of the assembly, open and acknowledged, warnings included.

    :raises FileNotFoundError: when no plugin reported: then nothing was checked.
    """
    report = json.loads((directory / "validation-report.json").read_text(encoding="utf-8"))
    return [finding for plugin in report["pluginReports"] for finding in _findings(plugin)]


def read_acknowledged_ids(directory: Path) -> set[tuple[str, str]]:
    """Return (construct path, id) of every acknowledgement in the assembly's metadata, whoever made it."""
    found: set[tuple[str, str]] = set()
    for path in sorted(directory.glob("**/*.metadata.json")):
        metadata: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
        for construct, entries in metadata.items():
            for entry in entries:
                if entry["type"] == "aws:cdk:acknowledged-rules":
                    found |= {(construct.removeprefix("/"), id_) for id_ in entry["data"]}
    return found


def _findings(plugin: dict[str, Any]) -> Iterator[Finding]:
    name = plugin["pluginName"]
    for violation in [*plugin.get("violations", []), *plugin.get("suppressedViolations", [])]:
        for place in violation["violatingConstructs"]:
            yield Finding(
                id=violation.get("acknowledgedId", f"{name}::{violation['ruleName']}"),
                pack=name,
                severity=violation.get("severity", "error"),
                description=violation["description"],
                construct=place.get("constructPath", place.get("constructFqn", "the whole app")),
                acknowledged_at=violation.get("acknowledgedAt"),
            )
