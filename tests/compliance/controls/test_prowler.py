"""Prowler is shown what the templates say, and nothing of the machine that it runs on."""

import io
import json
import os
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls import Opinion, prowler
from tests.compliance.controls.test_deployments import MET, NOT_MET
from tests.compliance.controls.test_neighbours import HIDDEN
from tests.conftest import ROOT

PYTHON = ROOT / ".venv" / "prowler" / "bin" / "python"
AUDIT = Path(prowler.__file__).parent / "account" / "audit.py"


def resource(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{type_name}", "Properties": properties}


def way_in(**source: str) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 21, **source}


INTERFACES = {"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Ref": "Closed"}]}
RESOURCES = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
    "Subnet": resource("EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
    "Open": resource(
        "EC2::SecurityGroup",
        VpcId={"Ref": "Vpc"},
        GroupDescription="open",
        SecurityGroupIngress=[way_in(CidrIp="10.0.0.0/8"), way_in(CidrIpv6="::/0")],
    ),
    "Closed": resource("EC2::SecurityGroup", VpcId={"Ref": "Vpc"}, GroupDescription="closed"),
    "Web": resource("EC2::SecurityGroup", VpcId={"Ref": "Vpc"}, GroupDescription="opened by a resource of its own"),
    "Rule": resource("EC2::SecurityGroupIngress", GroupId={"Ref": "Web"}, **way_in(CidrIp="0.0.0.0/0")),
    "Outside": resource("Lambda::Function", Runtime="python3.14", Handler="a.b", Role="arn:aws:iam::1:role/a"),
    "Inside": resource("Lambda::Function", Runtime="python3.9", Handler="a.b", Role="", VpcConfig=INTERFACES),
    "Named": resource("S3::Bucket", BucketName="documents", AccessControl="PublicRead"),
    "Unnamed": resource("S3::Bucket"),
    "Topic": resource("SNS::Topic"),
    "Key": resource("KMS::Key", KeyPolicy={"Statement": []}, EnableKeyRotation="false"),
    "Entry": resource("EC2::NetworkAclEntry", NetworkAclId={"Ref": "Acl"}, RuleNumber="none"),
    "Acl": resource("EC2::NetworkAcl", VpcId={"Ref": "Vpc"}),
}


@pytest.fixture(scope="module")
def opinions(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Opinion], Path]:
    """What it says where a person's credentials and settings would lead elsewhere, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("prowler")

    class Kept:
        def __enter__(self) -> str:
            return str(folder)

        def __exit__(self, *_: object) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "TemporaryDirectory", Kept)
        patch.setenv("AWS_PROFILE", "somebody")
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        patch.setenv("PROWLER_AWS_DISALLOWED_REGIONS", "eu-central-1")
        nearby = Path(os.path.relpath(PYTHON))
        return prowler.opinions(Assembly.from_templates({"stack": {"Resources": RESOURCES}}), nearby), folder


@pytest.mark.parametrize(
    ("control", "failed"),
    [
        ("EC2.19", {"Open", "Web"}),
        ("EC2.53", set()),
        ("EC2.6", {"Vpc"}),
        ("EC2.16", {"Acl"}),
        ("KMS.4", {"Key"}),
        ("Lambda.2", {"Inside"}),
        ("Lambda.5", {"Inside"}),
        ("S3.2", {"Named"}),
        ("SNS.1", {"Topic"}),
    ],
)
def test_each_resource_is_judged_by_what_its_template_says(
    control: str, failed: set[str], opinions: tuple[dict[str, Opinion], Path]
) -> None:
    said, _ = opinions
    assert said[control].failed == {f"stack/{name}" for name in failed}


def test_the_stack_itself_is_judged(opinions: tuple[dict[str, Opinion], Path]) -> None:
    said, _ = opinions
    assert said["CloudFormation.3"].failed == {"stack"}


def test_nothing_is_said_where_a_resource_that_decides_could_not_be_made(
    opinions: tuple[dict[str, Opinion], Path],
) -> None:
    """The entry has no number: the ACL without it would be closed."""
    said, _ = opinions
    assert "EC2.21" not in said
    assert "ELB.13" not in said, "there is no load balancer"


def test_what_could_not_be_made_is_told_with_the_reason_and_the_controls(capfd: pytest.CaptureFixture[str]) -> None:
    """What a parameter says is known at deployment only."""
    parameter = {"Ref": "Parameter"}
    unknown = {
        "Vpc": resource("EC2::VPC"),
        "Group": resource("EC2::SecurityGroup", GroupDescription="unknown", SecurityGroupIngress=parameter),
        "Function": resource("Lambda::Function", Runtime="python3.14", Handler="a.b", Role="r", VpcConfig=parameter),
        "Association": resource("EC2::SubnetNetworkAclAssociation", NetworkAclId="acl-1"),
        "Entry": RESOURCES["Entry"],
    }
    prowler.opinions(Assembly.from_templates({"stack": {"Resources": unknown}}), PYTHON)
    told = dict(re.findall(r"^Prowler says nothing of ([^:]+): (.*)$", capfd.readouterr().err, re.MULTILINE))
    assert told.keys() == {"EC2.6, EC2.10", "EC2.19, EC2.53", "Lambda.2, Lambda.5", "EC2.16", "EC2.21"}
    assert told["EC2.6, EC2.10"].startswith("stack/Vpc could not be made: An error occurred (InvalidParameterValue)")
    assert told["EC2.19, EC2.53"].endswith("is no list")
    assert told["Lambda.2, Lambda.5"].endswith("is no dict")
    assert told["EC2.16"].endswith("could not be made: SubnetId is missing")
    assert told["EC2.21"].endswith("'none' is no whole number")


def test_it_gives_an_answer_whatever_the_templates_say() -> None:
    """A check that fails over one odd policy would take every verdict along."""
    odd = {f"stack-{number}": {"Resources": each} for number, (_, each) in enumerate([*NOT_MET, *MET, *HIDDEN])}
    assert len(odd) > 100
    assert "CloudFormation.3" in prowler.opinions(Assembly.from_templates(odd), PYTHON)


def test_nothing_of_whoever_asks_is_read_and_nothing_is_written(opinions: tuple[dict[str, Opinion], Path]) -> None:
    said, folder = opinions
    assert said
    assert list(folder.rglob("*")) == []


def test_its_process_reaches_nothing(tmp_path: Path) -> None:
    """Once the program has run, the process can connect nowhere, not even to this machine."""
    program = """if True:
        import io, runpy, socket, sys
        audit = runpy.run_path(sys.argv[1])
        sys.stdin = io.StringIO(sys.argv[2])
        audit["main"]()
        socket.create_connection(("127.0.0.1", int(sys.argv[3])))
    """
    question = {"account": "123456789012", "resources": [], "checks": [], "ports": [], "runtimes": []}
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = subprocess.run(  # noqa: S603 - Prowler's own Python
            [str(PYTHON), "-I", "-c", program, str(AUDIT), json.dumps(question), str(server.getsockname()[1])],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=prowler.environment(str(tmp_path), "123456789012"),
        )
    assert json.load(io.StringIO(done.stdout)) == {"findings": [], "refused": {}}
    assert "ConnectionRefusedError: nothing here reaches a network" in done.stderr


def test_what_it_printed_is_told_when_it_gives_no_answer(tmp_path: Path) -> None:
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\necho no module named prowler >&2\n")
    silent.chmod(0o755)
    with pytest.raises(RuntimeError, match="Prowler gave no answer: no module named prowler"):
        prowler.opinions(Assembly.from_templates({"stack": {"Resources": {}}}), silent)
