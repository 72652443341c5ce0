"""Two scanners that know nothing of this project find nothing in the templates but what is written down here."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cfnlint import api as cfnlint
from cfnlint.config import ManualArgs

from tests.app.conftest import STACKS, Synthesized
from tests.conftest import ROOT

CHECKOV = ROOT / ".venv" / "checkov" / "bin" / "checkov"

# A failed check of checkov, and why it stays. No template carries skip metadata.
CHECKOV_REASONS = {
    "CKV_AWS_18": "The bucket is the target of access logs; one that logged to itself would never stop.",
    "CKV_AWS_111": "EC2 takes no resource for the network interfaces that Lambda makes for a function in a VPC; a Deny "
    "on lambda:SourceFunctionArn keeps the function's own code from them.",
    "CKV_AWS_115": "Reserved concurrency takes from the account's quota, 10 in a fresh account: deployment would fail.",
    "CKV_AWS_116": "The functions are called by services that wait for the answer: nothing is lost that a queue keeps.",
    "CKV_AWS_117": "The authorizer fetches the issuer's keys, and CDK's custom resource calls EC2: the VPC has no way "
    "out for either.",
    "CKV_AWS_157": "A development profile pays for one instance; production refuses multi_az = false.",
    "CKV_AWS_120": "Every answer belongs to one caller: a cache could give it to another.",
}

# Rules of cfn-lint that do not apply, and why.
CFN_LINT_REASONS = {
    "W3005": "aws-cdk-lib writes a DependsOn beside a reference to the same role.",
    "W3010": "The profile names the zones: they must not change under existing subnets.",
    "W3691": "The engine version is the major only, which RDS takes as its newest minor; cfn-lint knows full versions.",
}


@pytest.fixture(scope="module")
def failed_checks(
    synthesized: dict[str, Synthesized], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Return checkov's failed checks over both profiles: id to resources."""
    assert CHECKOV.exists(), (
        "checkov has an environment of its own: run `make test` once, or `make .venv/checkov/ready`"
    )
    folder = tmp_path_factory.mktemp("templates")
    for name, profile in synthesized.items():
        (folder / name).mkdir()
        for stack in STACKS:
            shutil.copy(profile.directory / f"{stack}.template.json", folder / name)
    command = [str(CHECKOV), "--directory", str(folder), "--framework", "cloudformation", "--output", "json", "--quiet"]
    result = subprocess.run(  # noqa: S603 - the pinned checkov
        [*command, "--compact", "--skip-download"], capture_output=True, text=True, check=False, cwd=folder
    )
    report = json.loads(result.stdout)
    assert report["summary"]["resource_count"] > 250, report["summary"]
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["skipped"] == 0
    failed: dict[str, list[str]] = {}
    for check in report["results"]["failed_checks"]:
        failed.setdefault(check["check_id"], []).append(f"{check['file_path']} {check['resource']}")
    return failed


def test_checkov_fails_on_no_check_without_a_written_reason(failed_checks: dict[str, list[str]]) -> None:
    unexplained = {check: resources for check, resources in failed_checks.items() if check not in CHECKOV_REASONS}
    assert unexplained == {}


def test_every_written_reason_is_still_needed(failed_checks: dict[str, list[str]]) -> None:
    assert sorted(set(CHECKOV_REASONS) - set(failed_checks)) == []


def test_checkov_needs_at_most_8_reasons() -> None:
    assert len(CHECKOV_REASONS) <= 8


def test_no_template_tells_a_scanner_to_look_away(profile: Synthesized) -> None:
    for stack in STACKS:
        for resource in profile.template(stack)["Resources"].values():
            assert not {"checkov", "cdk_nag", "cfn_nag", "cfn-lint"} & set(resource.get("Metadata", {})), stack


def test_cfn_lint_finds_nothing_but_what_is_written_down(profile: Synthesized, subtests: pytest.Subtests) -> None:
    found: set[str] = set()
    for stack in STACKS:
        path: Path = profile.directory / f"{stack}.template.json"
        matches = cfnlint.lint_file(path, ManualArgs(regions=["eu-central-1"]))
        found |= {match.rule.id for match in matches}
        with subtests.test(stack=stack):
            assert [str(match) for match in matches if match.rule.id not in CFN_LINT_REASONS] == []
    assert sorted(set(CFN_LINT_REASONS) - found) == []
