"""The README tells the truth: its code runs, its commands exist and are run by CI, its output is today's output."""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest

import secure_backend
from docs import openapi, profile
from docs.constructs import page
from secure_backend import EncryptedPostgres, InvalidPropertiesError, SecureVpc
from secure_backend.analysis import Assembly
from secure_backend.analysis.cost import monthly_costs
from stacks.picture import picture
from stacks.summary import summary
from tests.app.conftest import PROFILES, Synthesized
from tests.conftest import FLAGS, ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^ *```(\w+)\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [line.strip() for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
IN_AN_ACCOUNT = [command for command in COMMANDS if command.endswith("PROFILE=dev")]


@pytest.mark.parametrize("code", PYTHON)
def test_each_python_block_runs_as_a_program_of_its_own(code: str, tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text(code)
    result = subprocess.run(  # noqa: S603 - the README's own code
        [sys.executable, path], capture_output=True, text=True, check=False, cwd=tmp_path, env=dict(os.environ)
    )
    assert result.returncode == 0, result.stderr


def test_each_command_is_a_verb_of_the_makefile() -> None:
    verbs = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert COMMANDS
    assert [command for command in COMMANDS if command.split()[:1] != ["make"] or command.split()[1] not in verbs] == []


def test_ci_runs_each_command_that_needs_no_account() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    assert [command for command in COMMANDS if command not in IN_AN_ACCOUNT and f"\n{command}\n" not in ci] == []


def test_the_commands_that_need_an_account_get_as_far_as_its_credentials(tmp_path: Path) -> None:
    """They are understood, and only then ask for what is not here."""
    assert IN_AN_ACCOUNT
    for command in IN_AN_ACCOUNT:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "HOME": str(tmp_path)}
        environment |= {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "CI": "true"}
        result = subprocess.run(  # noqa: S602 - the README's own command, quotes included
            command, shell=True, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=300
        )
        said = result.stdout + result.stderr
        assert result.returncode != 0
        assert "no AWS credentials are at hand" in said, f"{command}:\n{said}"


def test_the_errors_it_shows_are_the_errors_there_are() -> None:
    stack = cdk.Stack(cdk.App(context=FLAGS), "orders", env=cdk.Environment(region="eu-central-1"))
    vpc = SecureVpc(stack, "Vpc", cidr="10.20.0.0/16", zones=["eu-central-1a", "eu-central-1b"])
    with pytest.raises(InvalidPropertiesError) as error:
        EncryptedPostgres(stack, "Database", vpc=vpc, backup_retention=cdk.Duration.days(0), port=80)
    assert str(error.value) in README


def test_the_summary_it_shows_is_todays(dev: Synthesized) -> None:
    options = argparse.Namespace(assembly=dev.directory, profile="dev")
    gate = json.loads((dev.directory / "gate.json").read_text())
    text = "\n".join(summary(options, gate)).replace(str(dev.directory), "cdk.out")
    # The README leaves the reasons to `make acknowledgements`.
    shown = re.sub(r"(?<= acknowledged:\n).*?(?=^not built)", "           …\n", text, flags=re.MULTILINE | re.DOTALL)
    assert shown in README, f"the README's first block should read:\n{shown}"


def test_the_summary_gives_every_acknowledgement_with_its_reason(prod: Synthesized) -> None:
    options = argparse.Namespace(assembly=prod.directory, profile=PROFILES["prod"])
    text = " ".join(" ".join(summary(options, json.loads((prod.directory / "gate.json").read_text()))).split())
    for entry in prod.verdict.acknowledged:
        assert entry.rule in text
        assert entry.reason in text


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_cost_it_names_is_computed_from_the_templates(name: str, synthesized: dict[str, Synthesized]) -> None:
    total = sum(cost.dollars or 0 for cost in monthly_costs(synthesized[name].assembly))
    assert re.search(rf"about {total:.0f}( dollars a month)? for (`dev`|the sample `prod`)", README), total


def test_the_picture_is_drawn_from_todays_templates(dev: Synthesized) -> None:
    drawn = (ROOT / "docs" / "stacks.svg").read_text()
    assert drawn == picture(Assembly.from_directory(dev.directory)), "run `make docs`"


def test_the_page_of_the_constructs_is_written_from_todays_signatures() -> None:
    assert (ROOT / "docs" / "constructs.md").read_text() == page(), "run `make docs`"


def test_the_page_of_the_constructs_leaves_nothing_untold() -> None:
    assert [row for row in page().splitlines() if row.startswith("| `") and row.endswith("|  |")] == []
    for name in secure_backend.__all__:
        assert re.search(rf"^(#+ {name}$|\| `{name}` \|)", page(), re.MULTILINE), name


def test_the_page_of_a_profiles_keys_is_written_from_todays_models() -> None:
    assert (ROOT / "docs" / "profile.md").read_text() == profile.page(), "run make docs"


def test_the_openapi_document_is_written_from_todays_models() -> None:
    assert (ROOT / "docs" / "openapi.json").read_text() == openapi.text(), "run make docs"


def test_every_file_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.replace("\n", " "))
    assert links
    assert [link for link in links if not (ROOT / link.strip()).exists()] == []


def test_each_attack_in_the_docs_is_tried_by_a_test_that_there_is() -> None:
    named = re.findall(r"`(tests/\S+?\.py)::(\w+)`", (ROOT / "docs" / "attacks.md").read_text())
    assert len(named) > 30
    assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []
