"""Attaches the rule packs to an app, synthesizes it, and gives the verdict."""

import datetime
import json
import os
from collections.abc import Iterable
from pathlib import Path

import aws_cdk as cdk

from secure_backend.compliance import packs
from secure_backend.compliance.acknowledgements import Acknowledgement, Acknowledgements
from secure_backend.compliance.report import Finding, read_acknowledged_ids, read_findings
from secure_backend.compliance.secure_backend_checks import SecureBackendChecks
from secure_backend.compliance.verdict import Verdict

_DEFAULT_RULES = "@aws-cdk/core:validateAgainstDefaultRules"
# What aws-cdk-lib acknowledges itself: zones written out are what Stack.availability_zones gives a VPC.
_BY_THE_CDK = frozenset({"CloudFormation-Validate::W3010"})


class Gate:
    """Holds an app to six rule packs, to this library's own, and to CloudFormation's default rules.

    The exit code of the CDK is no verdict: it lets warnings pass once one finding of a pack is acknowledged, and
    a bare or misspelt acknowledgement hides or misses a finding in silence. So the gate reads the report itself.
    """

    def __init__(self, app: cdk.App) -> None:
        self._app = app
        self._own = SecureBackendChecks(app)
        self.acknowledgements = Acknowledgements()
        cdk.Validations.of(app).add_plugins(*packs.rule_packs(app), self._own)

    def synth(self, *, today: datetime.date | None = None) -> Verdict:
        """Synthesize the app and judge it; the verdict is also written into the assembly as ``gate.json``.

        :param today: the date that review dates are compared with; the current one when left out.
        """
        stack = _first_stack(self._app)
        if stack is None:
            raise ValueError("Gate.synth: got an app without a stack; expected one or more; add a stack before")
        packs.Canary(stack)
        try:
            self._app.synth()
        except RuntimeError as error:
            if "ValidationFailed" not in str(error):
                raise
        directory = Path(self._app.outdir)
        findings = read_findings(directory)
        canary = f"{stack.node.path}/ComplianceCanary"
        verdict = Verdict(
            open=tuple(finding for finding in findings if finding.acknowledged_at is None),
            acknowledged=tuple(self.acknowledgements.entries),
            problems=(
                *self._not_run(findings, canary),
                *_unsound(
                    self.acknowledgements.entries,
                    [finding for finding in findings if not finding.construct.startswith(canary)],
                    today or datetime.datetime.now(tz=datetime.UTC).date(),
                ),
                *_unregistered(
                    self.acknowledgements.entries,
                    {(at, id_) for at, id_ in read_acknowledged_ids(directory) if not at.startswith(canary)},
                ),
            ),
            rules_checked={**packs.RULES, self._own.name: len(self._own.rule_ids or ())},
        )
        (directory / "gate.json").write_text(json.dumps(verdict.to_json(), indent=2) + "\n", encoding="utf-8")
        return verdict

    def _not_run(self, findings: Iterable[Finding], canary: str) -> list[str]:
        ran = {finding.pack for finding in findings if finding.construct.startswith(canary)}
        problems = [
            f"{name}: the pack did not run; its canary was not found" for name in packs.RULES if name not in ran
        ]
        if self._own.found is None:
            problems.append(f"{self._own.name}: the pack did not run")
        if os.environ.get("CDK_VALIDATION", "").lower() == "false":
            problems.append("CloudFormation: its validation is switched off by CDK_VALIDATION; unset that variable")
        if self._app.node.try_get_context(_DEFAULT_RULES) is not True:
            problems.append(f'CloudFormation: its default rules did not run; set "{_DEFAULT_RULES}": true in cdk.json')
        return problems


def _first_stack(stage: cdk.Stage) -> cdk.Stack | None:
    for child in stage.node.children:
        if isinstance(child, cdk.Stack):
            return child
        if isinstance(child, cdk.Stage) and (found := _first_stack(child)) is not None:
            return found
    return None


def _unsound(entries: Iterable[Acknowledgement], findings: list[Finding], today: datetime.date) -> list[str]:
    """Return acknowledgements that are past their date, match nothing, are too wide, or hide a rule that threw."""
    problems: list[str] = []
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        name = f"{entry.construct}: {entry.finding}"
        if (entry.construct, entry.finding) in seen:
            problems.append(f"{name}: acknowledged twice; remove one")
        seen.add((entry.construct, entry.finding))
        if entry.review_by < today:
            problems.append(
                f"{name}: its review was due on {entry.review_by}; {entry.owner} has to look again, "
                "and either fix the finding or set a new date"
            )
        hidden = [f for f in findings if f.id == entry.finding and f.acknowledged_at == entry.construct]
        if not hidden:
            problems.append(f"{name}: matches no finding any more; remove the acknowledgement, or mend its id")
        problems += [
            f"{name}: hides the finding of {finding.construct} too; acknowledge each resource itself"
            for finding in hidden
            if finding.construct != entry.construct
        ]
        if any(finding.threw for finding in hidden):
            problems.append(
                f"{name}: the rule threw, so the acknowledgement would also hide a real finding later; "
                "give the rule a value that it can read"
            )
    return problems


def _unregistered(entries: Iterable[Acknowledgement], acknowledged: set[tuple[str, str]]) -> list[str]:
    registered = {(entry.construct, entry.finding) for entry in entries}
    return [
        f"{at}: {id_}: acknowledged outside the registry; use Gate.acknowledgements.add, with a reason and an owner"
        for at, id_ in sorted(acknowledged)
        if (at, id_) not in registered and id_ not in _BY_THE_CDK
    ]
