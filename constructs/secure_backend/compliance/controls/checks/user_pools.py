"""User pools."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import is_true, number_of, object_of
from secure_backend.compliance.controls.check import Judgement, control, judge

_POOL = "AWS::Cognito::UserPool"
_REQUIRED = ("RequireLowercase", "RequireUppercase", "RequireNumbers", "RequireSymbols")


@control("Cognito.3")
def strong_passwords(assembly: Assembly) -> Iterator[Judgement]:
    """Want passwords of 8 characters or more of every kind, the first for a week at most."""
    for pool in assembly.resources(_POOL):
        policy = object_of(pool.at("Policies.PasswordPolicy"))
        weak = [name for name in _REQUIRED if not is_true(policy.get(name))]
        if (number_of(policy.get("MinimumLength")) or 0) < 8:
            weak.append("MinimumLength")
        days = number_of(policy.get("TemporaryPasswordValidityDays", 7))
        if days is None or days > 7:
            weak.append("TemporaryPasswordValidityDays")
        yield judge(pool, met=not weak, problem=f"PasswordPolicy is weak: {', '.join(weak)}")


@control("Cognito.5")
def second_factor(assembly: Assembly) -> Iterator[Judgement]:
    """Sign users in with a second factor."""
    for pool in assembly.resources(_POOL):
        mode = pool.at("MfaConfiguration")
        yield judge(pool, met=mode == "ON", problem=f"MfaConfiguration is {mode}")


@control("Cognito.6")
def protected(assembly: Assembly) -> Iterator[Judgement]:
    """Protect a pool against deletion."""
    for pool in assembly.resources(_POOL):
        mode = pool.at("DeletionProtection")
        yield judge(pool, met=mode == "ACTIVE", problem=f"DeletionProtection is {mode}")
