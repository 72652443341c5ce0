"""Lambda code with its locked packages: arm64, the same bytes anywhere, and an error that helps when it is not so."""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from secure_backend import lambda_packages
from secure_backend.api.authorizer_asset import AUTHORIZER_HANDLER
from secure_backend.lambda_code import PYTHON_ARCHITECTURE, PYTHON_RUNTIME, _asset, lambda_code
from secure_backend.lambda_packages import (
    LOCK,
    PACKAGES,
    RECORD,
    STAMP,
    LambdaPackagesError,
    check_packages,
    main,
    tree_digest,
    tree_files,
    unpack,
    vendor,
)
from tests.conftest import ROOT

AUTHORIZER = ROOT / "constructs/secure_backend/authorizer"
DOCUMENTS = ROOT / "services/documents"
FUNCTIONS = pytest.mark.parametrize("folder", [AUTHORIZER, DOCUMENTS], ids=["authorizer", "documents"])


def extracted(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        opened.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """The packages of each function, unpacked as Lambda does."""
    return {
        folder: extracted(folder / PACKAGES, tmp_path_factory.mktemp(folder.name)) for folder in (AUTHORIZER, DOCUMENTS)
    }


ELF_MAGIC, ELF_64_BIT_LITTLE_ENDIAN, ELF_AARCH64 = b"\x7fELF", b"\x02\x01", (183).to_bytes(2, "little")


@FUNCTIONS
def test_the_packages_are_those_of_the_lock(folder: Path) -> None:
    assert check_packages(folder) == folder / PACKAGES


@FUNCTIONS
def test_every_binary_is_for_arm64(folder: Path, unpacked: dict[Path, Path]) -> None:
    headers = {path: path.open("rb").read(20) for path in tree_files(unpacked[folder])}
    binaries = {path: header for path, header in headers.items() if header.startswith(ELF_MAGIC)}
    assert binaries
    for path, header in binaries.items():
        assert header[4:6] == ELF_64_BIT_LITTLE_ENDIAN, path
        assert header[18:20] == ELF_AARCH64, path
    assert PYTHON_ARCHITECTURE.name == "arm64"


@FUNCTIONS
def test_extension_modules_are_for_the_python_of_the_function(folder: Path, unpacked: dict[Path, Path]) -> None:
    tags = {match[1] for path in tree_files(unpacked[folder]) if (match := re.search(r"\.cpython-(\d+)-", path.name))}
    assert tags == {PYTHON_RUNTIME.name.removeprefix("python").replace(".", "")}
    assert PYTHON_RUNTIME.name == f"python{lambda_packages.PYTHON_VERSION}"


def test_the_runtime_is_the_newest_python_that_the_cdk_knows() -> None:
    versions = [runtime.name.removeprefix("python") for runtime in lambda_.Runtime.ALL if "python" in runtime.name]
    newest = max(tuple(int(part) for part in version.split(".")) for version in versions)
    assert PYTHON_RUNTIME.name == "python{}.{}".format(*newest)


@FUNCTIONS
def test_every_package_brings_its_licence_and_no_trace_of_an_installation(
    folder: Path, unpacked: dict[Path, Path]
) -> None:
    paths = [path.relative_to(unpacked[folder]).as_posix() for path in unpacked[folder].rglob("*") if path.is_file()]
    packages = {path.split("/")[0] for path in paths if ".dist-info/" in path}
    licensed = {path.split("/")[0] for path in paths if re.search(r"\.dist-info/.*(LICEN[CS]E|COPYING)", path)}
    assert packages
    assert licensed == packages
    traces = r"__pycache__|\.pyc$|/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$|(^|/)(bin|tests?)/"
    assert [path for path in paths if re.search(traces, path)] == []


@FUNCTIONS
def test_the_locked_release_is_the_one_that_is_tested_here(folder: Path) -> None:
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", (folder / LOCK).read_text(), re.MULTILINE)
    assert pins
    assert {name: importlib.metadata.version(name) for name, _ in pins} == dict(pins)


@FUNCTIONS
def test_every_line_of_the_lock_has_hashes_and_no_condition(folder: Path) -> None:
    lines = (folder / LOCK).read_text().replace("\\\n", "").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert all("--hash=sha256:" in line and ";" not in line for line in pins)


def use_index(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make one folder pip's whole package index, so that pip itself runs without a network."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        patch.delenv(name)
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder))


def write_wheel(folder: Path, files: dict[str, str] | None = None, name: str = "greeting") -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
        f"{info}/licenses/LICENSE": "free",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in {**metadata, **(files or {f"{name}/__init__.py": "HELLO = 1\n"})}.items():
            archive.writestr(entry, text)
    return path


def write_function(folder: Path, wheel: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "handler.py").write_text("def handler(event, context): return 'hello'\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / LOCK).write_text(f"greeting==1.0 --hash=sha256:{digest}\n")
    return folder


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index and a function whose packages were recorded and fetched from it."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "index").mkdir()
    function = write_function(folder / "hello", write_wheel(folder / "index"))
    with pytest.MonkeyPatch.context() as patch:
        use_index(folder / "index", patch)
        assert main(["--record", str(function)]) == 0
    return folder


@pytest.fixture
def index(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    shutil.copytree(recorded / "index", folder)
    use_index(folder, monkeypatch)
    return folder


@pytest.fixture
def function(recorded: Path, index: Path, tmp_path: Path) -> Path:
    """A copy of the function for one test."""
    return Path(shutil.copytree(recorded / "hello", tmp_path / "one" / "hello"))


def greeting(function: Path) -> str:
    with zipfile.ZipFile(function / PACKAGES) as archive:
        return archive.read("greeting/__init__.py").decode()


def test_packages_are_fetched_once_and_then_found(function: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (function / PACKAGES).unlink()
    assert vendor(function) is True
    assert greeting(function) == "HELLO = 1\n"
    assert vendor(function) is False
    assert main([str(function)]) == 0
    assert "already there" in capsys.readouterr().out
    assert [path.name for path in function.iterdir() if path.name.startswith(".vendor")] == []


def test_packages_that_were_touched_are_refused_and_fetched_again(function: Path) -> None:
    with zipfile.ZipFile(function / PACKAGES, "a") as archive:
        archive.writestr("greeting/evil.py", "")
    with pytest.raises(LambdaPackagesError, match="has changed since it was made"):
        check_packages(function)
    assert vendor(function) is True
    check_packages(function)


def test_packages_of_another_record_are_refused_and_fetched_again(function: Path) -> None:
    archive, _ = (function / STAMP).read_text().splitlines()
    (function / STAMP).write_text(f"{archive}\n{'0' * 64}  site-packages\n")
    with pytest.raises(LambdaPackagesError, match="is not what"):
        check_packages(function)
    assert vendor(function) is True
    check_packages(function)


def test_packages_whose_stamp_is_lost_are_fetched_again(function: Path) -> None:
    (function / STAMP).unlink()
    assert vendor(function) is True
    check_packages(function)


def test_packages_other_than_recorded_are_an_error_and_do_not_replace_what_is_there(
    function: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, _ = (function / RECORD).read_text().splitlines()
    (function / RECORD).write_text(f"{lock}\n{'0' * 64}  site-packages\n")
    assert main(["--rebuild", str(function)]) == 1
    message = capsys.readouterr().err
    assert "find out why before shipping them" in message
    assert "--record" in message
    assert greeting(function) == "HELLO = 1\n"


def test_a_wheel_other_than_locked_is_refused_by_its_hash(
    function: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wheel(index, {"greeting/__init__.py": "import evil\n"})
    assert main(["--rebuild", str(function)]) == 1
    assert "DO NOT MATCH THE HASHES" in capsys.readouterr().err
    assert greeting(function) == "HELLO = 1\n"


def test_a_lock_without_hashes_is_refused(function: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (function / LOCK).write_text("greeting==1.0\n")
    assert main(["--record", str(function)]) == 1
    assert "--require-hashes" in capsys.readouterr().err


def test_a_lock_that_was_changed_needs_a_new_record(function: Path) -> None:
    (function / LOCK).write_text((function / LOCK).read_text() + "# changed\n")
    with pytest.raises(LambdaPackagesError, match=r"is not the lock that .* --record"):
        vendor(function)
    with pytest.raises(LambdaPackagesError, match="has changed since"):
        check_packages(function)


def test_a_function_without_its_packages_says_what_to_run(function: Path) -> None:
    (function / PACKAGES).unlink()
    with pytest.raises(LambdaPackagesError) as error:
        lambda_code(function)
    assert f"run: python -m secure_backend.lambda_packages {function}" in str(error.value)


def test_without_an_index_the_error_is_pips_own(
    index: Path, function: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (index / "greeting-1.0-py3-none-any.whl").unlink()
    assert main(["--rebuild", str(function)]) == 1
    assert "No matching distribution" in capsys.readouterr().err


def test_scripts_tests_and_records_are_left_out(tmp_path: Path) -> None:
    files = {
        "greeting/__init__.py": "",
        "greeting/tests/test_it.py": "",
        "greeting/__pycache__/x.pyc": "",
        "greeting-1.0.data/scripts/greet": "",
        "greeting-1.0.data/data/etc/greeting.conf": "",
        "greeting-1.0.data/platlib/greeting/fast.so": "",
    }
    unpack(write_wheel(tmp_path, files), tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in tree_files(tmp_path / "out")] == [
        "greeting-1.0.dist-info/METADATA",
        "greeting-1.0.dist-info/WHEEL",
        "greeting-1.0.dist-info/licenses/LICENSE",
        "greeting/__init__.py",
        "greeting/fast.so",
    ]


@pytest.mark.parametrize("entry", ["../evil.py", "/evil.py", "greeting/../../evil.py"])
def test_a_wheel_that_leads_out_of_its_folder_is_refused(entry: str, tmp_path: Path) -> None:
    with pytest.raises(LambdaPackagesError, match="leads out of it"):
        unpack(write_wheel(tmp_path, {entry: ""}), tmp_path / "out")
    assert not (tmp_path / "evil.py").exists()


def test_two_wheels_with_one_file_are_refused(tmp_path: Path) -> None:
    unpack(write_wheel(tmp_path, {"same.py": ""}), tmp_path / "out")
    with pytest.raises(LambdaPackagesError, match="a second time"):
        unpack(write_wheel(tmp_path, {"same.py": ""}, name="other"), tmp_path / "out")


def test_the_digest_sees_names_and_contents_and_neither_time_nor_mode_nor_place(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    (one / "package").mkdir(parents=True)
    (one / "package/a.py").write_text("a")
    (one / "package.txt").write_text("b")
    shutil.copytree(one, other)
    os.utime(other / "package/a.py", (1, 1))
    (other / "package/a.py").chmod(0o600)
    assert tree_digest(one) == tree_digest(other)
    (other / "package/a.py").write_text("c")
    assert tree_digest(one) != tree_digest(other)
    (other / "package/a.py").write_text("a")
    (other / "package/a.py").rename(other / "package/b.py")
    assert tree_digest(one) != tree_digest(other)


def asset_of(folder: Path, outdir: Path) -> tuple[str, Path]:
    """Synthesize a function of the folder; return the asset's hash, and the folder that Lambda would unpack."""
    app = cdk.App(outdir=str(outdir), builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack")
    code = lambda_code(folder)
    lambda_.Function(stack, "F", code=code, handler=f"{folder.name}.handler.handler", runtime=PYTHON_RUNTIME)
    app.synth()
    files: dict[str, Any] = json.loads((outdir / "stack.assets.json").read_text())["files"]
    ((digest, path),) = [(digest, file["source"]["path"]) for digest, file in files.items() if path_is_zip(file)]
    return digest, extracted(outdir / path, outdir / "unpacked")


def path_is_zip(file: dict[str, Any]) -> bool:
    return str(file["source"]["path"]).endswith(".zip")


def test_the_asset_is_code_and_packages_side_by_side_and_the_same_at_two_paths(function: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "hello"
    shutil.copytree(function, other)
    (other / "__pycache__").mkdir()
    (other / "__pycache__/handler.cpython-311.pyc").write_bytes(b"compiled")
    os.utime(other / "handler.py", (1, 1))
    digest, asset = asset_of(function, tmp_path / "out-1")
    again, _ = asset_of(other, tmp_path / "out-2")
    assert digest == again
    assert sorted(path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()) == [
        "greeting-1.0.dist-info/METADATA",
        "greeting-1.0.dist-info/WHEEL",
        "greeting-1.0.dist-info/licenses/LICENSE",
        "greeting/__init__.py",
        "hello/__init__.py",
        "hello/handler.py",
    ]


def test_the_archive_is_the_same_bytes_whenever_it_is_made(function: Path, tmp_path: Path) -> None:
    first, _ = _asset(function)
    os.utime(function / "handler.py", (1, 1))
    (function / "handler.py").chmod(0o600)
    assert vendor(function, rebuild=True) is True
    _asset.cache_clear()
    second, _ = _asset(function)
    assert first != second
    assert first.read_bytes() == second.read_bytes()


def test_every_user_may_read_what_lambda_unpacks(function: Path) -> None:
    (function / "handler.py").chmod(0o600)
    with zipfile.ZipFile(_asset(function)[0]) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


def test_a_folder_that_may_not_be_written_to_is_an_asset_too(function: Path, tmp_path: Path) -> None:
    function.chmod(0o500)
    before = sorted(function.iterdir())
    _, asset = asset_of(function, tmp_path / "out")
    assert (asset / "hello/handler.py").is_file()
    assert sorted(function.iterdir()) == before


def test_the_asset_changes_with_the_code(function: Path, tmp_path: Path) -> None:
    other = tmp_path / "changed" / "hello"
    shutil.copytree(function, other)
    (other / "handler.py").write_text("def handler(event, context): return 'bye'\n")
    assert asset_of(function, tmp_path / "out-1")[0] != asset_of(other, tmp_path / "out-2")[0]


@pytest.mark.parametrize(
    ("folder", "handlers"),
    [(AUTHORIZER, [AUTHORIZER_HANDLER]), (DOCUMENTS, ["documents.handler.handler", "documents.migrate.handler"])],
    ids=["authorizer", "documents"],
)
def test_the_handler_is_where_lambda_looks_for_it_and_the_asset_fits(
    folder: Path, handlers: list[str], tmp_path: Path
) -> None:
    staged = extracted(_asset(folder)[0], tmp_path)
    for handler in handlers:
        *module, name = handler.split(".")
        source = staged.joinpath(*module).with_suffix(".py").read_text()
        assert re.search(rf"^def {name}\(", source, re.MULTILINE)
        assert not re.search(r"aws_cdk|secure_backend", source)
    # Lambda takes 250 MiB unpacked; what is bigger also starts more slowly.
    assert sum(path.stat().st_size for path in tree_files(staged)) < 40 * 1024 * 1024
    assert not [path for path in staged.rglob("*") if path.name.startswith(("requirements", "site-packages"))]


def test_the_migrations_and_the_trust_anchors_are_shipped(tmp_path: Path) -> None:
    staged = extracted(_asset(DOCUMENTS)[0], tmp_path)
    assert (staged / "documents/migrations/0001_documents.sql").is_file()
    assert (staged / "documents/rds-global-bundle.pem").is_file()
