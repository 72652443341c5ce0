"""An independent opinion: AWS Control Tower's own rules for CloudFormation Guard, with Guard's program.

Both come in the package ``cdklabs.cdk-validator-cfnguard`` of PyPI; each rule names the control of Security Hub that it
serves. Control Tower's hook sees values, not functions: joined text is joined here before the rules see it.
"""

import json
import platform
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from secure_backend.analysis import Assembly, Stack
from secure_backend.analysis.template import Value, walk
from secure_backend.compliance.controls.evaluation import Opinion

PACKAGE = "cdklabs.cdk-validator-cfnguard"
_RULES = "package/rules/control-tower"
_PLATFORMS = {"Linux": "ubuntu", "Darwin": "macos"}
_MACHINES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def opinions(assembly: Assembly) -> dict[str, Opinion]:
    """Return what Control Tower's rules say of each control that they know and that these templates concern.

    :raises importlib.metadata.PackageNotFoundError: without the package.
    """
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _extract(folder)
        rules = _rules_by_control(folder)
        templates = _written(assembly, folder / "templates")
        names = sorted({name for found in rules.values() for name in found})
        report = _run(folder, [folder / _RULES / "cfn-guard" / name for name in names], folder / "templates")
        return _opinions(report, rules, folder, templates)


def _extract(folder: Path) -> None:
    """Unpack the program for this machine, and the rules; the others' programs stay where they are."""
    program = f"package/bin/{_PLATFORMS[platform.system()]}/{_MACHINES[platform.machine()]}/"
    archive = next(str(file.locate()) for file in distribution(PACKAGE).files or () if file.name.endswith(".tgz"))
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            content = packed.extractfile(member) if member.name.startswith((program, f"{_RULES}/")) else None
            # By hand: the first releases of Python 3.11 know no filter that keeps names below the folder.
            if content is not None and ".." not in Path(member.name).parts:
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
                target.chmod(0o755 if member.name.startswith(program) else 0o644)


def _rules_by_control(folder: Path) -> dict[str, dict[str, str]]:
    """Return, by control, the rule files below ``cfn-guard`` with the id of each rule."""
    found: dict[str, dict[str, str]] = {}
    metadata = folder / _RULES / "metadata"
    for file in sorted(metadata.rglob("*.metadata.json")):
        body = json.loads(file.read_text(encoding="utf-8"))
        rule = f"{file.parent.name}/{file.name.removesuffix('.metadata.json')}.guard"
        for relation in body.get("Relationships", ()):
            owner, _, id_ = str(relation["ControlId"]).partition(".")
            exists = (folder / _RULES / "cfn-guard" / rule).is_file()
            if owner == "SH" and exists:
                found.setdefault(id_, {})[rule] = body["Id"]
    return found


def _written(assembly: Assembly, folder: Path) -> dict[str, Stack]:
    folder.mkdir()
    stacks = {f"{index}.json": stack for index, stack in enumerate(assembly.stacks)}
    for name, stack in stacks.items():
        (folder / name).write_text(json.dumps(_joined(assembly, stack, stack.template)), encoding="utf-8")
    return stacks


def _joined(assembly: Assembly, stack: Stack, value: Value) -> Value:
    """Return the template with the permissions' sources as text: a rule takes a join for nothing at all."""
    template: dict[str, Any] = json.loads(json.dumps(value))
    for body in template.get("Resources", {}).values():
        source = body.get("Properties", {}).get("SourceArn") if body["Type"] == "AWS::Lambda::Permission" else None
        if isinstance(source, dict) and "Fn::Join" in source:
            body["Properties"]["SourceArn"] = assembly.render(stack, source)
    return template


def _run(folder: Path, rules: list[Path], templates: Path) -> list[Mapping[str, Any]]:
    program = next((folder / "package/bin").rglob("cfn-guard"))
    command = [str(program), "validate", "--structured", "--show-summary", "none", "--output-format", "json"]
    command += ["--data", str(templates), "--rules", *map(str, rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the package's own program
    # 0: every rule passes; 19: some fail.
    if done.returncode not in (0, 19):
        raise RuntimeError(f"cfn-guard ended with {done.returncode}: {done.stderr.strip()}")
    return list(json.loads(done.stdout))


def _opinions(
    report: list[Mapping[str, Any]], rules: Mapping[str, Mapping[str, str]], folder: Path, stacks: Mapping[str, Stack]
) -> dict[str, Opinion]:
    passed: set[str] = set()
    failed: dict[str, set[str]] = {}
    for part in report:
        stack = stacks[Path(part["name"]).name]
        passed |= set(part["compliant"])
        for entry in part["not_compliant"]:
            rule = entry["Rule"]
            named = {text.split("/")[2] for _, text in walk(rule) if _is_path(text)}
            failed.setdefault(rule["name"], set()).update(f"{stack.name}/{name}" for name in named)
    found: dict[str, Opinion] = {}
    for id_, files in rules.items():
        names = {file: _rule_name(folder / _RULES / "cfn-guard" / file) for file in files}
        spoken = {file: name for file, name in names.items() if name in passed or name in failed}
        if spoken:
            broken = frozenset(address for name in spoken.values() for address in failed.get(name, ()))
            found[id_] = Opinion(rule=", ".join(sorted(files[file] for file in spoken)), failed=broken)
    return found


def _is_path(value: Value) -> bool:
    return isinstance(value, str) and value.startswith("/Resources/") and value.count("/") >= 2


def _rule_name(file: Path) -> str:
    """Return the name of a file's first rule, which is the one that it is about."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("rule "):
            return line.split()[1]
    raise ValueError(f"{file.name} has no rule")
