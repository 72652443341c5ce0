"""The wheel: the library and the authorizer's packages, and an app that synthesizes from it without a network."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from secure_backend.lambda_code import _asset
from tests.conftest import ROOT

APP = """
import socket
import sys

def refuse(*_):
    raise OSError("the network was used")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
import secure_backend
from secure_backend.api.authorizer_asset import AUTHORIZER_HANDLER, authorizer_code
from secure_backend.lambda_code import PYTHON_ARCHITECTURE, PYTHON_RUNTIME

app = cdk.App(outdir=sys.argv[1], builtin_cloud_formation_validation=False, analytics_reporting=False)
stack = cdk.Stack(app, "stack")
lambda_.Function(
    stack, "F", code=authorizer_code(), handler=AUTHORIZER_HANDLER, runtime=PYTHON_RUNTIME,
    architecture=PYTHON_ARCHITECTURE,
)
app.synth()
print(secure_backend.__file__)
"""


def run(*command: object, **options: object) -> str:
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload] # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a copy, so that nothing of an earlier build gets in and nothing is left behind."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "constructs", source / "constructs", ignore=ignored)
    # Neighbours that a careless package search would take along.
    for neighbour in ("stacks", "services", "profiles", "tests"):
        (source / neighbour).mkdir()
        (source / neighbour / "__init__.py").touch()
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    run(*command, "--wheel-dir", target, source, cwd=source)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_is_pure_and_named_after_the_distribution(wheel: Path) -> None:
    assert re.fullmatch(r"cdk_secure_backend-[0-9.]+-py3-none-any\.whl", wheel.name)


def test_the_wheel_holds_the_library_and_nothing_beside_it(names: list[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"secure_backend"}
    assert [name for name in names if re.search(r"__pycache__|\.pyc$|/\.vendor", name)] == []
    assert [name for name in names if name.endswith("dist-info/licenses/LICENSE") and name.startswith("cdk_")]


def test_the_wheel_is_typed_and_carries_the_authorizer(names: list[str]) -> None:
    package = ROOT / "constructs/secure_backend"
    assert "secure_backend/py.typed" in names
    modules = {path.relative_to(package.parent).as_posix() for path in (package / "authorizer").glob("*.py")}
    assert modules <= set(names)
    assert "secure_backend/authorizer/requirements.sha256" in names


def test_the_wheel_carries_the_control_catalogue(names: list[str]) -> None:
    folder = ROOT / "constructs/secure_backend/compliance/controls"
    data = {path.relative_to(ROOT / "constructs").as_posix() for path in folder.rglob("*.toml")}
    assert len(data) > 15
    assert data <= set(names)
    assert "secure_backend/compliance/controls/account/audit.py" in names, "the program in Prowler's environment"


def test_the_wheel_carries_the_authorizers_packages_licences_included(wheel: Path, tmp_path: Path) -> None:
    packages = "secure_backend/authorizer/site-packages.zip"
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(packages, tmp_path)
    assert (tmp_path / packages).read_bytes() == (ROOT / "constructs" / packages).read_bytes()
    with zipfile.ZipFile(tmp_path / packages) as archive:
        licences = [name for name in archive.namelist() if re.search(r"dist-info/licenses/LICENSE", name)]
    assert len(licences) >= 4


def test_an_app_synthesizes_from_the_installed_wheel_without_network_or_docker(wheel: Path, tmp_path: Path) -> None:
    installed, out, script = tmp_path / "installed", tmp_path / "cdk.out", tmp_path / "app.py"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    run(*command, "--target", installed, wheel)
    # As an installation that compiles leaves it: bytecode beside the sources for another platform.
    cache = installed / "secure_backend/authorizer/__pycache__"
    cache.mkdir()
    (cache / "handler.cpython-311.pyc").write_bytes(b"compiled")
    script.write_text(APP)
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    assert node is not None
    # No PATH: docker, or anything else that one might call, is not there.
    environment = {"PYTHONPATH": str(installed), "PATH": str(tmp_path), "JSII_NODE": node, "HOME": str(Path.home())}
    shown = run(sys.executable, script, out, cwd=tmp_path, env=environment)
    assert shown.strip() == str(installed / "secure_backend/__init__.py")
    assets = json.loads((out / "stack.assets.json").read_text())["files"].values()
    (asset,) = [out / file["source"]["path"] for file in assets if file["source"]["path"].endswith(".zip")]
    from_checkout, _ = _asset(ROOT / "constructs/secure_backend/authorizer")
    assert asset.read_bytes() == from_checkout.read_bytes()
