"""What IAM decides about one request, from the statements of the policies that concern it.

Example::

    from secure_backend.analysis import Assembly

    request = Request(action="s3:GetObject", resource="arn:aws:s3:::documents/1", context={"aws:SourceVpc": "vpc-1"})
    assembly = Assembly.from_directory("cdk.out")
    for policy in assembly.resources("AWS::IAM::ManagedPolicy"):
        print(policy.address, decision(assembly.policy_statements(policy), request))
"""

import datetime
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from secure_backend.analysis.policies import Condition, Statement
from secure_backend.analysis.text import could_match

_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda actual, wanted: actual == wanted,
    "StringEqualsIgnoreCase": lambda actual, wanted: actual.lower() == wanted.lower(),
    "StringLike": lambda actual, wanted: _like(actual, wanted),
    "ArnEquals": lambda actual, wanted: _like(actual, wanted),
    "ArnLike": lambda actual, wanted: _like(actual, wanted),
    "Bool": lambda actual, wanted: actual.lower() == wanted.lower(),
    "NumericEquals": lambda actual, wanted: float(actual) == float(wanted),
    "NumericLessThan": lambda actual, wanted: float(actual) < float(wanted),
    "NumericLessThanEquals": lambda actual, wanted: float(actual) <= float(wanted),
    "NumericGreaterThan": lambda actual, wanted: float(actual) > float(wanted),
    "NumericGreaterThanEquals": lambda actual, wanted: float(actual) >= float(wanted),
    "DateEquals": lambda actual, wanted: _time(actual) == _time(wanted),
    "DateLessThan": lambda actual, wanted: _time(actual) < _time(wanted),
    "DateLessThanEquals": lambda actual, wanted: _time(actual) <= _time(wanted),
    "DateGreaterThan": lambda actual, wanted: _time(actual) > _time(wanted),
    "DateGreaterThanEquals": lambda actual, wanted: _time(actual) >= _time(wanted),
    "IpAddress": lambda actual, wanted: _inside(actual, wanted),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request to AWS: the action, what it is done to, who asks, and the context keys that the request carries.

    A key that is left out is missing from the request, which is not the same as an empty one. Keys are compared
    without regard to case; a key with several values is given as a tuple.
    """

    action: str
    resource: str = "*"
    #: Kind and name, as a policy names them: ``("Service", "ec2.amazonaws.com")``. None for identity policies.
    principal: tuple[str, str] | None = None
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def values(self, key: str) -> tuple[str, ...] | None:
        """Return the values of a context key; None when the request does not carry it."""
        found = {name.lower(): value for name, value in self.context.items()}.get(key.lower())
        return (found,) if isinstance(found, str) else found


def decision(
    statements: Iterable[Statement], request: Request, *, boundary: Iterable[Statement] | None = None
) -> Literal["Allow", "Deny"] | None:
    """Return what the statements together say: a Deny wins, None is said by no statement, which refuses too.

    :param boundary: the statements of the permissions boundary, when the role or user has one: what it does not allow
        itself, no other policy of theirs allows. (A bucket's or a key's policy that names the session may.)
    """
    effects = {statement.effect for statement in statements if applies(statement, request)}
    limit = "Allow" if boundary is None else decision(boundary, request)
    if "Deny" in effects or limit == "Deny":
        return "Deny"
    return "Allow" if "Allow" in effects and limit == "Allow" else None


def applies(statement: Statement, request: Request) -> bool:
    """Tell whether principal, action, resource and every condition of the statement meet the request."""
    return (
        _names(statement, request.principal)
        and statement.covers(request.action)
        and _concerns(statement, request.resource)
        and all(holds(condition, request) for condition in statement.conditions)
    )


def holds(condition: Condition, request: Request) -> bool:
    """Tell whether one condition holds for the request.

    A key that is missing makes a negated operator and one that ends in ``IfExists`` true, any other false.

    :raises ValueError: for an operator that is not evaluated here; a guess would be worse.
    """
    actual = request.values(condition.key)
    if condition.operator == "Null":
        return (actual is None) is (condition.values[0].lower() == "true")
    quantifier, _, operator = condition.operator.rpartition(":")
    operator, if_exists = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    negated = operator in _NEGATED
    test = _TESTS.get(_NEGATED.get(operator, operator))
    if test is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"{condition.operator} is not evaluated here: evaluate it before a policy uses it")
    if actual is None:
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    each = [any(test(value, wanted) for wanted in condition.values) is not negated for value in actual]
    return any(each) if quantifier == "ForAnyValue" else all(each)


def _names(statement: Statement, principal: tuple[str, str] | None) -> bool:
    if principal is None:
        return True
    if statement.not_principals:
        return principal not in statement.not_principals
    return statement.names_everyone or principal in statement.principals


def _concerns(statement: Statement, resource: str) -> bool:
    if statement.not_resources:
        return not any(could_match(pattern, resource) for pattern in statement.not_resources)
    # A trust policy names no resource: it stands on the role itself.
    return not statement.resources or any(could_match(pattern, resource) for pattern in statement.resources)


def _like(actual: str, pattern: str) -> bool:
    return fnmatchcase(actual, pattern.replace("[", "[[]"))


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _inside(address: str, network: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)
