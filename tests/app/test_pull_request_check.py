"""A pull request that the gate refuses fails its check, and its reviewer is shown why and what changes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "check.yml").read_text()
SUMMARY = ROOT / ".github" / "summary.sh"
GIT = shutil.which("git") or pytest.skip("git is not installed", allow_module_level=True)


def git(folder: Path, *arguments: str) -> str:
    command = [GIT, "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def committed(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


def summary(folder: Path, base: str | None) -> str:
    environment = {"PATH": str(Path(GIT).parent) + ":/usr/bin:/bin", **({"BASE": base} if base else {})}
    command = ["sh", str(SUMMARY)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


def test_a_failed_gate_fails_the_check_although_its_output_goes_on_to_a_file() -> None:
    """GitHub's default shell takes the status of a pipe's last command; a named bash takes the first failure."""
    assert "shell: bash" in WORKFLOW
    piped = re.findall(r"^ *(make .*\| tee .*)$", WORKFLOW, re.MULTILINE)
    assert len(piped) == 2
    assert all("2>&1" in command for command in piped), "findings are told on standard error"


def test_the_check_may_read_only_and_runs_actions_of_one_commit() -> None:
    assert re.search(r"^permissions:\n  contents: read\n\n", WORKFLOW, re.MULTILINE)
    actions = re.findall(r"uses: (\S+)", WORKFLOW)
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []


def test_the_gates_summary_comes_first_without_what_set_up_said(repository: Path) -> None:
    (repository / "prod.txt").write_text("set-up   1 of 4: a virtual environment\nerror S3.1 at data/Documents\n")
    assert summary(repository, None) == "## make synth, prod\n\n```\nerror S3.1 at data/Documents\n```\n\n"


def test_what_changed_is_listed_by_whole_path_and_shown_line_by_line(repository: Path) -> None:
    snapshot = "tests/app/__snapshots__/test_application/test_each_stack_is_what_was_reviewed[dev-data][dev-data].json"
    base = committed(repository, {snapshot: '{"Encrypted": true}\n', "stacks/data.py": "1\n"})
    committed(repository, {snapshot: '{"Encrypted": false}\n', "stacks/data.py": "2\n"})
    shown = summary(repository, base)
    assert f" {snapshot} | " in shown
    assert "```diff\n" in shown
    assert '\n-{"Encrypted": true}\n+{"Encrypted": false}\n' in shown
    assert "stacks/data.py" not in shown


def test_a_change_that_reaches_no_template_is_said_to_reach_none(repository: Path) -> None:
    base = committed(repository, {"stacks/data.py": "1\n"})
    committed(repository, {"stacks/data.py": "2\n"})
    assert "Nothing: no snapshot" in summary(repository, base)
