"""`python -m secure_backend.compliance.controls` tells what is wrong, of which resource, and what to do."""

import json
import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest

from secure_backend.compliance.controls.__main__ import main
from secure_backend.compliance.controls.catalogue import standards
from tests.app.conftest import Synthesized


def test_the_command_passes_for_production_and_tells_the_figures(
    synthesized: dict[str, Synthesized], balanced: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(synthesized["prod"].directory), str(balanced)]) == 0
    shown = capsys.readouterr().out
    assert "claimed controls that these templates concern are met" in shown
    assert "controls: passed" in shown


def test_the_command_fails_and_tells_the_resource_and_what_to_do(
    synthesized: dict[str, Synthesized], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = tmp_path / "cdk.out"
    shutil.copytree(synthesized["prod"].directory, spoiled, ignore=shutil.ignore_patterns("asset.*"))
    data = spoiled / "data.template.json"
    data.write_text(data.read_text().replace('"MultiAZ": true', '"MultiAZ": false'))
    assert main([str(spoiled)]) == 1
    shown = capsys.readouterr().out
    assert "RDS.5 is claimed: RDS DB instances should be configured with multiple Availability Zones" in shown
    assert "/DatabaseInstance" in shown
    assert "MultiAZ is False" in shown
    assert "says CT.RDS.PR.1" in shown
    assert "EncryptedPostgres meets it by AWS::RDS::DBInstance MultiAZ" in shown
    assert "controls: failed; 1 control not as the catalogue says" in shown


def test_the_command_asks_for_an_assembly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "is no cloud assembly: synthesize the app first" in capsys.readouterr().err


def test_the_command_compares_the_ids_with_awss_own_list_when_it_is_given(
    synthesized: dict[str, Synthesized], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definitions = tmp_path / "definitions.json"
    ids = [*standards().fsbp, "S3.99"]
    definitions.write_text(json.dumps({"SecurityControlDefinitions": [{"SecurityControlId": id_} for id_ in ids]}))
    assert main([str(synthesized["prod"].directory), "--definitions", str(definitions)]) == 1
    assert capsys.readouterr().err == "S3.99: new in FSBP; add it to standards.toml and to the catalogue\n"


def test_the_command_tells_of_what_a_macro_will_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A function of SAM's is none in the template."""
    serverless = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    stack = cdk.Stack(serverless, "orders")
    stack.add_transform("AWS::Serverless-2016-10-31")
    cdk.CfnResource(stack, "Function", type="AWS::Serverless::Function")
    serverless.synth()
    main([str(tmp_path)])
    said = capsys.readouterr().err
    assert "orders: what the macro AWS::Serverless-2016-10-31 makes at deployment is not judged" in said
