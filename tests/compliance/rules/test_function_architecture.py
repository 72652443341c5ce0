"""The rule on native libraries reads the assets beside the template."""

import shutil
from pathlib import Path

import pytest

from secure_backend.analysis import Assembly, Stack
from secure_backend.compliance.rules.functions import function_of_another_architecture
from tests.compliance.rules.case import resource

X86_64, ARM64 = 62, 183


def problems(
    folder: Path, machine: int, *, key: str = "abc.zip", archived: bool = False, **properties: object
) -> list[str]:
    asset = folder / "asset.abc" / "package"
    asset.mkdir(parents=True)
    (asset / "native.so").write_bytes(b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))
    (asset / "script.so").write_bytes(b"INPUT(libx.so)")
    if archived:
        shutil.make_archive(str(folder / "asset.abc"), "zip", folder / "asset.abc")
        shutil.rmtree(folder / "asset.abc")
    function = resource("AWS::Lambda::Function", Code={"S3Bucket": "assets", "S3Key": key}, **properties)
    file = folder / "app.template.json"
    stack = Stack(name="app", template={"Resources": {"Function": function}}, file=file)
    return [finding.problem for finding in function_of_another_architecture.findings(Assembly([stack]))]


@pytest.mark.parametrize("archived", [False, True], ids=["in a folder", "in an archive"])
@pytest.mark.parametrize(("machine", "architecture"), [(X86_64, "arm64"), (ARM64, "x86_64")])
def test_a_library_of_another_architecture_is_found(
    tmp_path: Path, machine: int, architecture: str, archived: bool
) -> None:
    other = "x86_64" if machine == X86_64 else "arm64"
    assert problems(tmp_path, machine, archived=archived, Architectures=[architecture]) == [
        f"package/native.so is built for {other}, the function for {architecture}"
    ]


def test_a_function_that_names_no_architecture_runs_on_x86_64(tmp_path: Path) -> None:
    assert len(problems(tmp_path, ARM64)) == 1


def test_a_library_of_the_functions_own_architecture_is_no_finding(tmp_path: Path) -> None:
    assert problems(tmp_path, ARM64, Architectures=["arm64"]) == []


def test_a_file_that_is_no_archive_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "asset.abc.zip").write_bytes(b"not an archive")
    assert problems(tmp_path, ARM64) == []


def test_code_that_is_not_beside_the_template_is_no_finding(tmp_path: Path) -> None:
    assert problems(tmp_path, ARM64, key="elsewhere.zip") == []
