"""``docs/rules.md`` lists the rules as they are; ``python -m secure_backend.compliance.rules`` writes it."""

from secure_backend.compliance.rules import MODULES, RULES
from secure_backend.compliance.rules.document import markdown
from tests.conftest import ROOT


def test_the_document_lists_the_rules_as_they_are() -> None:
    written = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m secure_backend.compliance.rules > docs/rules.md"


def test_every_rule_is_documented_with_what_aws_answers_why_and_the_fix() -> None:
    text = markdown()
    for rule in RULES:
        assert rule.id in text
        for part in (rule.summary, rule.aws, rule.reason, rule.fix, rule.source):
            assert part.strip(), rule.name
        assert rule.summary.endswith("."), rule.name
        assert not rule.fix.endswith("."), rule.name


def test_every_module_of_rules_is_in_the_pack() -> None:
    helpers = {"__init__", "__main__", "access", "document", "rule"}
    folder = ROOT / "constructs/secure_backend/compliance/rules"
    assert {file.stem for file in folder.glob("*.py")} - helpers == {
        module.__name__.rpartition(".")[2] for module in MODULES
    }
