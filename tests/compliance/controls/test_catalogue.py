"""The catalogue forgets no control, keeps none that is retired, and names only what there is."""

import ast
import json
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

import secure_backend
from secure_backend.compliance.controls.catalogue import Control, catalogue, differences, faults_of, standards
from secure_backend.compliance.controls.checks import CHECKS
from tests.conftest import ROOT

CONTROLS = catalogue()
BY_ID = {control.id: control for control in CONTROLS}
CLAIMS = [control for control in CONTROLS if control.construct is not None]
# Only these of their services concern anything here: settings of the account, and what CIS asks besides.
NOT_WHOLE = {"Account", "Config", "EFS"}
# Not properties: a resource's own attributes, and what only a stack's deployment says.
NO_PROPERTIES = {
    "AWS::KMS::Key DeletionPolicy",
    "AWS::CloudFormation::Stack EnableTerminationProtection",
    "AWS::CloudFormation::Stack RoleARN",
}


def test_no_control_of_a_service_in_use_is_forgotten() -> None:
    services = {control.service for control in CONTROLS if not control.id.startswith("CIS")} - NOT_WHOLE
    wanted = {id_ for id_ in standards().fsbp if id_.partition(".")[0] in services}
    assert len(wanted) > 150
    assert sorted(wanted - BY_ID.keys()) == []


def test_no_retired_control_is_kept() -> None:
    """A control of neither standard has to name another one that has it."""
    assert [each.id for each in CONTROLS if not (each.fsbp or each.cis or each.beyond)] == []
    assert [each.id for each in CONTROLS if each.beyond and (each.fsbp or each.cis)] == []
    assert not {"RDS.18", "SNS.2", "S3.4", "CloudFormation.1", "EC2.22"} & BY_ID.keys()


def test_each_recommendation_of_cis_v5_has_a_control_and_there_is_no_other() -> None:
    assert {control.cis for control in CONTROLS} - {None} == set(standards().cis)
    assert len(standards().cis) == 63


def test_the_recommendations_are_those_of_the_file_that_they_were_read_from() -> None:
    """It comes with Prowler: a newer release that knows another list turns this red."""
    (installed,) = (ROOT / ".venv" / "prowler").glob("lib/python3*/site-packages")
    (package,) = installed.glob("prowler-*.dist-info")
    assert standards().cis_source.startswith(f"prowler {package.stem.removeprefix('prowler-')} ")
    read = json.loads((installed / "prowler/compliance/aws/cis_5.0_aws.json").read_text(encoding="utf-8"))
    assert sorted(each["Id"] for each in read["Requirements"]) == sorted(standards().cis)


def test_the_lists_say_where_and_when_they_were_read() -> None:
    assert "fsbp-standard.html" in standards().fsbp_source
    assert re.fullmatch(r"2026-\d\d-\d\d", standards().fsbp_as_of)


def test_every_control_of_a_construct_has_a_check_and_every_check_a_control() -> None:
    assert sorted({each.id for each in CLAIMS} - CHECKS.keys()) == []
    assert sorted(CHECKS.keys() - BY_ID.keys()) == []


@pytest.mark.parametrize("control", CLAIMS, ids=lambda control: control.id)
def test_what_meets_a_control_is_there_to_be_imported(control: Control) -> None:
    assert control.construct is not None
    module, _, name = control.construct.rpartition(".")
    assert hasattr(import_module(module) if module else secure_backend, name)


@pytest.mark.parametrize("control", CLAIMS, ids=lambda control: control.id)
def test_the_property_that_meets_a_control_is_one_of_cloudformations(control: Control) -> None:
    assert control.met_by is not None
    type_name, _, path = control.met_by.partition(" ")
    if control.met_by in NO_PROPERTIES or type_name.startswith("Custom::"):
        return
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    assert not path or path.partition(".")[0] in schema["properties"]


@pytest.mark.parametrize("control", CLAIMS, ids=lambda control: control.id)
def test_the_test_that_proves_a_control_is_there(control: Control) -> None:
    assert control.test is not None
    path, _, name = control.test.partition("::")
    functions = {
        node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
    }
    assert name in functions


def test_every_control_that_a_construct_names_is_in_the_catalogue() -> None:
    """A docstring that claims a control is held to it like the rest."""
    services = "|".join(sorted({control.service for control in CONTROLS if not control.id.startswith("CIS")}))
    library = ROOT / "constructs" / "secure_backend"
    sources = [path for path in library.rglob("*.py") if "compliance" not in path.parts]
    named = {id_ for path in sources for id_ in re.findall(rf"\b(?:{services})\.\d+\b", path.read_text())}
    assert len(named) > 50
    assert sorted(named - BY_ID.keys()) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "X.1.who: got None; expected this project, adopter, AWS, not applicable"),
        ({"who": "nobody"}, "X.1.who: got nobody"),
        ({"who": "adopter"}, "X.1.why: missing"),
        ({"who": "this project"}, "X.1.test: missing"),
        ({"who": "this project", "option": "it=True"}, "X.1.why: missing"),
        ({"who": "AWS", "reason": "so"}, "X.1.reason: unknown"),
    ],
)
def test_a_control_without_what_it_needs_is_refused(body: dict[str, Any], fault: str) -> None:
    found = list(faults_of([{"id": "X.1", "title": "t", "types": [], **body}]))
    assert [each for each in found if each.startswith(fault)], found


def test_a_control_that_stands_twice_is_refused() -> None:
    body = {"id": "X.1", "title": "t", "types": [], "who": "AWS", "why": "so"}
    assert list(faults_of([body, body])) == ["X.1 stands twice"]


def test_controls_stand_by_service_and_number() -> None:
    ids = [control.id for control in CONTROLS]
    assert ids.index("S3.9") < ids.index("S3.10")
    assert ids.index("CIS 4.9") < ids.index("CIS 4.10") < ids.index("CIS 5.6")


def test_awss_own_list_is_compared_with_the_stored_one() -> None:
    services = {control.service for control in CONTROLS}
    stored = sorted(id_ for id_ in standards().fsbp if id_.partition(".")[0] in services)
    current = [id_ for id_ in stored if id_ not in ("S3.9", "EC2.6")] + ["S3.99", "Athena.9"]
    assert differences({"SecurityControlDefinitions": [{"SecurityControlId": id_} for id_ in stored]}) == []
    assert differences({"SecurityControlDefinitions": [{"SecurityControlId": id_} for id_ in current]}) == [
        "S3.99: new in FSBP; add it to standards.toml and to the catalogue",
        "EC2.6: no longer in FSBP; take it out of standards.toml",
        "S3.9: no longer in FSBP; take it out of standards.toml",
    ]


def test_the_catalogue_reads_any_apps_templates_without_the_cdk() -> None:
    code = "import sys, secure_backend.compliance.controls.__main__; print({'aws_cdk', 'jsii'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout == "set()\n"
