"""KMS keys."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import is_true
from secure_backend.compliance.controls.check import Judgement, control, judge

_KEY = "AWS::KMS::Key"
_RETAINED = ("Retain", "RetainExceptOnCreate")


@control("KMS.3")
def not_deleted(assembly: Assembly) -> Iterator[Judgement]:
    """Schedule no key's deletion by a deployment."""
    for key in assembly.resources(_KEY):
        policies = (key.deletion_policy, key.update_replace_policy)
        met = all(policy in _RETAINED for policy in policies)
        problem = f"DeletionPolicy and UpdateReplacePolicy are {policies[0]} and {policies[1]}"
        yield judge(key, met=met, problem=problem)


@control("KMS.4")
def rotated(assembly: Assembly) -> Iterator[Judgement]:
    """Rotate a symmetric key."""
    for key in assembly.resources(_KEY):
        spec = key.at("KeySpec")
        if spec in (None, "SYMMETRIC_DEFAULT") or not isinstance(spec, str):
            yield judge(key, met=is_true(key.at("EnableKeyRotation")), problem="EnableKeyRotation is not true")


@control("KMS.5")
def not_public(assembly: Assembly) -> Iterator[Judgement]:
    """Write no statement for everybody into a key's policy, whatever its conditions."""
    for key in assembly.resources(_KEY):
        statements = [each for each in assembly.policy_statements(key) if each.may_open]
        open_ = [each.sid or "without an id" for each in statements]
        yield judge(key, met=not open_, problem=f"everybody is let in by statement {', '.join(open_)}")
