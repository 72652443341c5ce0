"""A rule pack for what the packs of cdk-nag do not see: faults that synthesise, and then fail or do nothing on AWS.

Example::

    import aws_cdk as cdk
    from secure_backend.compliance.secure_backend_checks import SecureBackendChecks

    app = cdk.App()
    cdk.Validations.of(app).add_plugins(SecureBackendChecks(app))

A finding is acknowledged like one of cdk-nag's::

    cdk.Validations.of(bucket).acknowledge(
        cdk.Acknowledgment(id="SecureBackend::SecureBackend-FixedPhysicalName", reason="...")
    )
"""

from collections.abc import Iterable
from pathlib import Path

import aws_cdk as cdk
import cdk_nag
from constructs import IConstruct

from secure_backend.analysis import Assembly, directory
from secure_backend.compliance.rules import RULES, Finding, Rule

PACK_NAME = "SecureBackend"


class SecureBackendChecks(cdk_nag.NagPack):
    """Checks the synthesized templates of the whole app at once, so that a rule can follow a value across stacks.

    The rules, each with the AWS error that it stands for, are listed in ``docs/rules.md``. A value that is known only
    at deployment (a parameter, an import of another app) is no finding. A rule that fails on a template is reported
    as ``SecureBackend-RuleFailed[<rule>]``, so that acknowledging the failure can never hide a finding.

    :param scope: the app.
    :param rules: a selection of the rules; all of them when left out.
    """

    def __init__(self, scope: IConstruct | None = None, *, rules: Iterable[Rule] = RULES) -> None:
        super().__init__(scope)
        self._rules = tuple(rules)
        self._found: tuple[tuple[Rule, Finding], ...] | None = None

    @property
    def name(self) -> str:
        """The pack's name, the first part of an acknowledgement's id."""
        return PACK_NAME

    @property
    def version(self) -> str | None:
        """No version of its own: the pack is released with the library."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """The ids of the rules that are checked."""
        return [rule.id for rule in self._rules]

    @property
    def found(self) -> tuple[tuple[Rule, Finding], ...] | None:
        """What the last run found, acknowledged or not; None as long as the pack has not run.

        A pack that finds nothing leaves no trace in the validation report: this tells "clean" from "never ran".
        """
        return self._found

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Check the templates; called by the CDK at the end of synth."""
        stacks = list(directory.stacks_with_templates(Path(path) for path in context.template_paths))
        assembly = Assembly(stacks)
        violations: list[cdk.PolicyViolation] = []
        found: list[tuple[Rule, Finding]] = []
        for rule in self._rules:
            try:
                findings = list(rule.findings(assembly))
            except Exception as error:  # noqa: BLE001 - a rule that fails must not hide what the others find
                violations.append(_failure(rule, error, stacks[0].construct_path or ""))
                continue
            found += [(rule, finding) for finding in findings]
            violations += [_violation(rule, finding) for finding in findings]
        self._found = tuple(found)
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)

    def validate_scope(self, scope: IConstruct) -> cdk.PolicyValidationPluginReport:
        """Refuse: the rules read templates, and a scope has none before synth.

        :raises ValueError: always; check a cloud assembly with ``Assembly.from_directory`` and the rules.
        """
        raise ValueError(
            f"SecureBackendChecks.validate_scope: got {scope.node.path!r}, which has no template yet; expected none: "
            "the rules read synthesized templates; add the pack with Validations.of(app).add_plugins, or run "
            "secure_backend.compliance.rules over Assembly.from_directory(...)"
        )

    def _check_resource(self, node: cdk.CfnResource) -> None:
        """Do nothing: the pack checks templates, not constructs."""


def _violation(rule: Rule, finding: Finding) -> cdk.PolicyViolation:
    stack = finding.resource.stack
    return cdk.PolicyViolation(
        rule_name=rule.id,
        description=rule.message(finding),
        severity=rule.severity,
        rule_metadata={"source": rule.source},
        violating_resources=[
            cdk.PolicyViolatingResource(
                resource_logical_id=finding.resource.logical_id,
                template_path=str(stack.file),
                locations=[finding.location],
            )
        ],
    )


def _failure(rule: Rule, error: Exception, construct_path: str) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name=f"{PACK_NAME}-RuleFailed[{rule.name}]",
        description=f"Rule threw an error during validation: {type(error).__name__}: {error}. "
        f"{rule.id} was not checked in the whole app. Fix: report the template that made it fail.",
        severity="error",
        violating_resources=[cdk.PolicyViolatingResource(construct_path=construct_path, locations=[])],
    )
