"""A filter pattern counts what it says, and one that is not known here is refused and never guessed at."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_backend.analysis.filter_patterns import matches

EVENT = {"name": "ConsoleLogin", "count": 3, "user": {"type": "Root", "by": None}, "mfa": False}
PARTS = ["{", "}", "(", ")", "&&", "||", "=", "!=", "<", ">=", "$.name", "$.user.type", "$.gone", "NOT", "EXISTS", "IS"]
PARTS += ["NULL", "TRUE", "word", "3", '"quoted text"', "*", " ", '"', "$", "."]


@pytest.mark.parametrize(
    ("pattern", "counted"),
    [
        ("{ $.name = ConsoleLogin }", True),
        ('{ $.name = "Console*" }', True),
        ("{ $.name != ConsoleLogin }", False),
        ("{ $.gone != ConsoleLogin }", False),
        ("{ $.user.type = Root && $.gone NOT EXISTS }", True),
        ("{ ($.name = other) || ($.count >= 3) }", True),
        ("{ $.count > 3 }", False),
        ("{ $.count < 4 }", True),
        ("{ $.count <= 2 }", False),
        ("{ $.count <= 3 }", True),
        ("{ $.count < 3 }", False),
        ("{ $.user.by IS NULL }", True),
        ("{ $.mfa IS FALSE }", True),
        ("{ $.mfa IS TRUE }", False),
        ("{ $.mfa EXISTS }", True),
    ],
)
def test_it_counts_what_it_says(pattern: str, counted: bool) -> None:
    assert matches(pattern, EVENT) is counted


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "ends too early"),
        ("{", "ends too early"),
        ("{ $.name", "ends too early"),
        ("{ ($.name = a ", "ends too early"),
        ("{ $.name = }", "ends too early"),
        ("{ $.name IS SOMETHING }", "expected NULL, TRUE or FALSE, got 'SOMETHING'"),
        ("{ $.name LIKE x }", "expected a comparison, got 'LIKE'"),
        ("{ $.gone LIKE x }", "expected a comparison, got 'LIKE'"),
        ("{ ($.name = a) || ($.name = b) && ($.name = c) }", "mixed without parentheses"),
        ("{ $.name = a } }", "more after the pattern's end"),
        ("ERROR", "expected {"),
        ("{ name = a }", "expected a selector, got 'name'"),
        ("{ $.count > three }", "three"),
        ('{ $.name = "a }', "not a filter pattern at"),
    ],
)
def test_what_nobody_can_be_sure_of_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        matches(pattern, EVENT)


@given(st.lists(st.sampled_from(PARTS), max_size=12).map(" ".join))
def test_no_text_is_anything_but_counted_not_counted_or_refused(pattern: str) -> None:
    with suppress(ValueError):
        assert matches(pattern, EVENT) in (True, False)
