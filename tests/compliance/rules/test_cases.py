"""Each rule finds the fault in a template that breaks it, and nothing in the same template without the fault."""

from collections import Counter

import pytest

from secure_backend.compliance.rules import RULES, Rule
from tests.compliance.rules import api_cases, data_cases, load_balancer_cases, network_cases, role_cases, trail_cases
from tests.compliance.rules.case import Case, assembly_of

MODULES = (trail_cases, network_cases, api_cases, load_balancer_cases, data_cases, role_cases)
CASES: list[Case] = [case for module in MODULES for case in module.CASES]
BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}

#: Rules that read files beside the template, shown in ``test_function_architecture.py``.
BY_FILES = {"FunctionOfAnotherArchitecture"}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{number}" for number, case in enumerate(CASES)])
def test_the_rule_finds_the_fault_and_nothing_without_it(case: Case) -> None:
    rule = BY_NAME[case.rule]
    assert [finding.problem for finding in rule.findings(assembly_of(case.sound, case.region))] == []
    problems = [finding.problem for finding in rule.findings(assembly_of(case.broken, case.region))]
    assert problems
    assert any(case.says in problem for problem in problems), problems


def test_every_rule_is_shown_by_a_template_that_breaks_it_and_one_that_does_not() -> None:
    assert {case.rule for case in CASES} | BY_FILES == set(BY_NAME)


def test_rule_names_are_unique() -> None:
    assert [name for name, count in Counter(rule.name for rule in RULES).items() if count > 1] == []
