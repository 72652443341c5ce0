"""Requests are judged as IAM judges them: missing keys, negations, several values, and a Deny that wins."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_backend.analysis import Condition, Request, decision
from secure_backend.analysis.requests import applies, holds
from tests.analysis.test_policies import statement


def holding(operator: str, wanted: str | tuple[str, ...], actual: str | tuple[str, ...] | None) -> bool:
    values = (wanted,) if isinstance(wanted, str) else wanted
    condition = Condition(operator=operator, key="aws:key", values=values)
    return holds(condition, Request(action="s3:GetObject", context={} if actual is None else {"aws:Key": actual}))


@pytest.mark.parametrize(
    ("operator", "wanted", "actual", "held"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ("a", "b"), "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", ("a", "b"), "b", False),
        ("StringNotEquals", ("a", "b"), "c", True),
        ("StringLike", "a*", "abc", True),
        ("StringLike", "a[b]", "ab", False),
        ("StringNotLike", "a*", "abc", False),
        ("ArnLike", "arn:aws:s3:::x*", "arn:aws:s3:::xy", True),
        ("ArnNotEquals", "arn:aws:s3:::x", "arn:aws:s3:::x", False),
        ("Bool", "false", "False", True),
        ("NumericLessThan", "1.2", "1.1", True),
        ("NumericGreaterThanEquals", "3", "3", True),
        ("DateLessThan", "2026-12-01T00:00:00Z", "2026-11-30T23:59:59Z", True),
        ("DateLessThan", "2026-12-01T00:00:00Z", "2026-12-01T00:30:00+01:00", True),
        ("DateGreaterThanEquals", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", True),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
        ("NotIpAddress", ("203.0.113.0/24", "198.51.100.0/24"), "198.51.100.9", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.9", True),
        ("IpAddress", "2001:db8::/32", "203.0.113.9", False),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
        ("ForAllValues:StringEquals", ("a", "b"), ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "b"), ("a", "c"), False),
        ("ForAnyValue:StringEquals", ("a", "b"), ("c", "a"), True),
        ("ForAllValues:StringNotEquals", "a", ("b", "a"), False),
    ],
)
def test_an_operator_compares_as_iam_does(operator: str, wanted: Any, actual: Any, held: bool) -> None:
    assert holding(operator, wanted, actual) is held


@pytest.mark.parametrize(
    ("operator", "held"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("NotIpAddress", True),
        ("Bool", False),
        ("BoolIfExists", True),
        ("StringEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringNotEquals", False),
        ("Null", True),
    ],
)
def test_a_missing_key_meets_negations_and_ifexists_only(operator: str, held: bool) -> None:
    assert holding(operator, "true", None) is held


def test_an_operator_that_is_not_known_is_an_error_and_no_guess() -> None:
    for operator in ("BinaryEquals", "StringAlmostEquals", "ForMostValues:StringEquals"):
        with pytest.raises(ValueError, match=f"{operator} is not evaluated here"):
            holding(operator, "a", "a")


ADDRESSES = st.ip_addresses(v=4).map(str)
NETWORKS = st.builds(lambda a, n: str(ipaddress.ip_network((a, n), strict=False)), ADDRESSES, st.integers(0, 32))


@given(st.lists(NETWORKS, min_size=1, max_size=4), ADDRESSES)
def test_an_address_is_inside_or_not_inside_but_never_both(networks: list[str], address: str) -> None:
    assert holding("IpAddress", tuple(networks), address) is not holding("NotIpAddress", tuple(networks), address)


def test_a_deny_wins_and_silence_is_no_permission() -> None:
    allow = statement(Effect="Allow", Action="s3:*")
    deny = statement(Effect="Deny", Action="s3:Delete*")
    assert decision([allow, deny], Request(action="s3:GetObject")) == "Allow"
    assert decision([allow, deny], Request(action="s3:DeleteObject")) == "Deny"
    assert decision([allow, deny], Request(action="kms:Decrypt")) is None


def test_every_condition_has_to_hold() -> None:
    both = statement(Condition={"StringEquals": {"aws:a": "1"}, "Bool": {"aws:b": "true"}})
    assert applies(both, Request(action="s3:GetObject", context={"aws:a": "1", "aws:b": "true"}))
    assert not applies(both, Request(action="s3:GetObject", context={"aws:a": "1", "aws:b": "false"}))


def test_resources_and_those_that_are_left_out_are_told_apart() -> None:
    request = Request(action="s3:GetObject", resource="arn:aws:s3:::documents/1")
    assert applies(statement(Resource="arn:aws:s3:::documents/*"), request)
    assert not applies(statement(Resource="arn:aws:s3:::logs/*"), request)
    assert not applies(statement(Resource=None, NotResource="arn:aws:s3:::documents/*"), request)


def test_a_principal_is_looked_for_where_the_request_names_one() -> None:
    service = statement(Principal={"Service": "ec2.amazonaws.com"})
    asks = Request(action="s3:GetObject", principal=("Service", "ec2.amazonaws.com"))
    assert applies(service, asks)
    assert applies(statement(Principal="*"), asks)
    assert not applies(statement(Principal={"Service": "rds.amazonaws.com"}), asks)
    assert not applies(statement(NotPrincipal={"Service": "ec2.amazonaws.com"}), asks)
