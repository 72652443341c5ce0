"""What the local AWS is said not to enforce names, for each of it, a test that is there."""

import re

import pytest

from deployment.not_enforced import NOT_ENFORCED
from local.folder import ROOT

TESTS = re.findall(r"tests/\S+\.py", NOT_ENFORCED)


@pytest.mark.parametrize("path", sorted(set(TESTS)))
def test_each_test_that_is_said_to_prove_it_instead_is_there_and_has_tests(path: str) -> None:
    assert re.search(r"^def test_", (ROOT / path).read_text(), re.MULTILINE)


def test_each_line_names_a_test_or_says_that_there_is_none() -> None:
    _, *lines = NOT_ENFORCED.replace("\n    ", " ").splitlines()
    assert len(lines) > 1
    assert [line for line in lines if "tests/" not in line and "nothing" not in line] == []
