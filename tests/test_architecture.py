"""The rooms of the house and the arrows between them, read from the imports."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import secure_backend
from tests.conftest import ROOT

ROOMS = ("bench", "constructs", "deployment", "docs", "local", "profiles", "services", "stacks", "tests")
LIBRARY = ROOT / "constructs" / "secure_backend"
# Rooms inside the library that are no constructs: what reads templates, what checks them, what runs in Lambda.
READERS = ("analysis", "compliance", "testing")
RUNTIME = "authorizer"
CDK = ("aws_cdk", "cdk_nag", "constructs", "jsii")
# Only these make assets, of a folder that the caller names or the wheel carries.
ASSETS = ("lambda_code.py", "lambda_packages.py", "api/authorizer_asset.py")


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if not {"__pycache__", "build"} & set(path.parts))


def imports_of(source: str) -> set[str]:
    """Return the dotted names of every module, or name in a module, that the source imports, anywhere in it."""
    names: set[str] = set()
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
            names |= {f"{statement.module}.{alias.name}" for alias in statement.names}
    return names


def arrows(paths: list[Path], *targets: str) -> Iterator[str]:
    """Yield each import, by one of the modules, of a target or of something below it."""
    for path in paths:
        for name in sorted(imports_of(path.read_text())):
            if any(name == target or name.startswith(f"{target}.") for target in targets):
                yield f"{path.relative_to(ROOT)} imports {name}"


def in_library(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in modules(LIBRARY / room)]


def construct_modules() -> list[Path]:
    elsewhere = set(in_library(*READERS, RUNTIME))
    return [path for path in modules(LIBRARY) if path not in elsewhere]


def test_imports_are_found_wherever_they_stand() -> None:
    source = "import os.path\ndef f():\n    from aws_cdk import aws_s3 as s3\n    from . import near\n"
    assert imports_of(source) == {"os.path", "aws_cdk.aws_s3"}


def test_the_library_knows_nothing_of_stacks_profiles_and_the_service() -> None:
    assert modules(LIBRARY)
    above = ("app", "bench", "deployment", "local", "node", "profiles", "services", "stacks", "tests")
    assert list(arrows(modules(LIBRARY), *above)) == []


def test_no_construct_knows_who_reads_its_template() -> None:
    assert LIBRARY / "secure_vpc.py" in construct_modules()
    assert list(arrows(construct_modules(), *(f"secure_backend.{room}" for room in READERS))) == []


def test_the_analysis_reads_the_templates_of_any_app_without_the_cdk() -> None:
    others = [
        f"secure_backend.{path.stem}" for path in LIBRARY.iterdir() if path.name not in {"analysis", "__init__.py"}
    ]
    assert list(arrows(in_library("analysis"), *CDK, *others)) == []


def test_what_runs_in_lambda_imports_neither_the_cdk_nor_the_library() -> None:
    runtime = [*in_library(RUNTIME), *modules(ROOT / "services")]
    assert list(arrows(runtime, *CDK, "secure_backend", "stacks", "profiles")) == []


def test_the_profiles_know_nothing_of_what_is_built_from_them() -> None:
    assert list(arrows(modules(ROOT / "profiles"), *CDK, "secure_backend", "stacks", "services")) == []


def test_the_test_helpers_for_other_apps_stand_on_the_analysis_alone() -> None:
    others = [path.stem for path in LIBRARY.iterdir() if path.name not in {"analysis", "testing", "__init__.py"}]
    assert list(arrows(in_library("testing"), *(f"secure_backend.{name}" for name in others))) == []


def test_the_local_aws_knows_neither_who_deploys_to_it_nor_what() -> None:
    above = ("app", "deployment", "profiles", "secure_backend", "services", "stacks")
    assert list(arrows(modules(ROOT / "local"), *above, *CDK)) == []


def test_only_app_and_tests_reach_the_stacks() -> None:
    below = [*modules(LIBRARY), *modules(ROOT / "profiles"), *modules(ROOT / "services"), *modules(ROOT / "bench")]
    assert list(arrows(below, "stacks")) == []


@pytest.mark.parametrize("path", construct_modules(), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_no_construct_reads_the_environment_the_context_or_a_file(path: Path) -> None:
    """What a template holds comes from arguments, or the same call would build something else elsewhere."""
    names = {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    read = {"try_get_context", "get_context", "get_all_context", "open", "environ", "getenv", "read_text", "read_bytes"}
    if path.relative_to(LIBRARY).as_posix() not in ASSETS:
        assert names & read == set()
        assert list(arrows([path], "os", "io", "pathlib", "shutil", "subprocess", "tempfile", "urllib")) == []


def test_the_source_root_is_no_package() -> None:
    """It would shadow the distribution ``constructs`` that aws-cdk-lib imports."""
    assert not (ROOT / "constructs" / "__init__.py").exists()


def test_no_module_is_named_after_nothing_in_particular() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    tracked = [path for room in ROOMS for path in modules(ROOT / room)]
    assert [path for path in [*tracked, *ROOT.glob("*.py")] if {path.stem, path.parent.name} & empty] == []


def test_each_public_name_can_be_imported_and_is_what_type_checkers_see() -> None:
    """The names stand three times: for ``import *``, for the late import, and for type checkers."""
    assert secure_backend.__all__ == sorted(secure_backend.__all__)
    seen: dict[str, str] = {}
    for statement in ast.parse((LIBRARY / "__init__.py").read_text()).body:
        if isinstance(statement, ast.If):
            for line in statement.body:
                assert isinstance(line, ast.ImportFrom)
                seen |= {alias.name: str(line.module) for alias in line.names}
    assert seen == secure_backend._MODULES
    assert sorted(seen) == secure_backend.__all__
    for name, module in seen.items():
        assert getattr(secure_backend, name) is getattr(import_module(module), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'secure_backend' has no attribute 'SecureVpn'"):
        getattr(secure_backend, "SecureVpn")  # noqa: B009 - mypy knows that it is not there
