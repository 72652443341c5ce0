"""``docs/security.md`` leads from each precaution to what there is: a construct, a file, a test."""

import ast
import re

import secure_backend
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if re.match(r"\| \d", line)]


def test_there_is_a_row_for_each_of_the_seventeen_precautions() -> None:
    assert [cells[0] for cells in ROWS] == [str(number) for number in range(1, 18)]
    assert {len(cells) for cells in ROWS} == {4}


def test_each_row_names_what_builds_it_and_each_link_leads_to_a_file() -> None:
    for number, _, built_by, _ in ROWS:
        assert re.search(r"\]\([^)]+\)", built_by), number
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert [link for link in links if not (ROOT / "docs" / link).resolve().is_file()] == []


def test_each_construct_is_a_public_name_and_its_link_leads_into_the_library() -> None:
    named = re.findall(r"\[`(\w+)`\]\(([^)]+)\)", TEXT)
    assert len({name for name, _ in named}) >= 12
    assert [name for name, _ in named if name not in secure_backend.__all__] == []
    assert [link for _, link in named if not link.startswith("../constructs/secure_backend/")] == []


def test_each_row_is_shown_by_a_test_that_there_is() -> None:
    for number, _, _, shown_by in ROWS:
        tests = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", shown_by)
        assert tests, number
        for path, name in tests:
            tree = ast.parse((ROOT / path).read_text())
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
