"""Roles that IAM does not make, or that anyone may assume."""

import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly, Condition, Statement
from secure_backend.analysis.policies import COMPUTED
from secure_backend.analysis.text import UNKNOWN
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_TRUST = "AssumeRolePolicyDocument"
#: What tells a principal by: these keys are in every request of a principal that has them, set by AWS and by nobody
#: else. The value that binds stands beside each; sts:ExternalId is left out, for the caller chooses it.
_BINDING = {
    "aws:principalaccount": r"\d{12}",
    "aws:principalarn": r"arn:[^:*]+:(iam|sts)::\d{12}:.+",
    "aws:principalorgid": r"o-[a-z0-9]{10,32}",
    "aws:principalorgpaths": r"o-[a-z0-9]{10,32}/.*",
    "aws:sourceip": r"(?!0\.0\.0\.0/0|::/0).+",
    "aws:sourcevpc": r"vpc-[0-9a-f]+",
    "aws:sourcevpce": r"vpce-[0-9a-f]+",
    "aws:vpcsourceip": r"(?!0\.0\.0\.0/0|::/0).+",
}
#: What IAM fills in from the very request that it judges.
_VARIABLE = re.compile(r"\$\{[a-z0-9-]+:[A-Za-z]")
#: A missing key makes none of these true.
_POSITIVE = re.compile(r"(ForAnyValue:)?(StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike)|IpAddress")


@rule(
    aws='AssumeRolepolicy contained an invalid principal: "STAR":"*" (MalformedPolicyDocument)',
    reason="A role's trust policy takes no bare star, not even in a Deny, although it synthesizes and passes linting; "
    "the CDK writes one for AnyPrincipal in every statement that is added later.",
    fix='name who may assume the role; everyone, on a condition, is {"AWS": "*"}',
    source="aws-cdk#5732; aws-cdk#10994",
)
def trust_policy_with_bare_star(assembly: Assembly) -> Iterator[Finding]:
    """Write no bare star as the principal of a trust policy."""
    for role in assembly.resources(access.ROLE):
        for statement in assembly.statements(role.stack, role.at(_TRUST)):
            if ("*", "*") in (*statement.principals, *statement.not_principals) and statement is not COMPUTED:
                yield Finding(role, f"Properties.{_TRUST}", f'A statement that says {statement.effect} names "*"')


@rule(
    aws=SILENT,
    reason='{"AWS": "*"} is every principal of every AWS account. A condition binds it only by a key that AWS sets '
    "itself, with an operator that a missing key does not satisfy; an external id is chosen by the caller.",
    fix="name the accounts, roles or services, or add a condition such as StringEquals on aws:PrincipalOrgID",
    source="AWS IAM User Guide, AWS JSON policy elements: Principal, All principals",
)
def role_open_to_everyone(assembly: Assembly) -> Iterator[Finding]:
    """Let only those assume a role who are named, or bound by a condition."""
    for role in assembly.resources(access.ROLE):
        for statement in assembly.statements(role.stack, role.at(_TRUST)):
            if statement is not COMPUTED and _everyone(statement):
                problem = "Anyone of any AWS account may assume the role"
                if statement.conditions:
                    keys = ", ".join(sorted(f"{each.operator} on {each.key}" for each in statement.conditions))
                    problem += f": {keys} binds nobody"
                yield Finding(role, f"Properties.{_TRUST}", problem)


def _everyone(statement: Statement) -> bool:
    assumes = any(statement.covers(action) for action in ("sts:AssumeRole", "sts:TagSession"))
    open_to_all = ("AWS", "*") in statement.principals or bool(statement.not_principals)
    return statement.allows and assumes and open_to_all and not any(map(_binds, statement.conditions))


def _binds(condition: Condition) -> bool:
    """Tell whether every value keeps strangers out; one that is known only at deployment may."""
    if UNKNOWN in (condition.operator, condition.key):
        return True
    binding = _BINDING.get(condition.key)
    return (
        binding is not None
        and _POSITIVE.fullmatch(condition.operator) is not None
        and all(_late(value) or re.fullmatch(binding, value) for value in condition.values)
    )


def _late(value: str) -> bool:
    """Tell whether a value is known only at deployment; the caller's own is known to them before."""
    return "${" in value and _VARIABLE.search(value) is None
