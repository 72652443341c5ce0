"""A second independent opinion: checkov's checks, for controls that Control Tower has no rule for."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.evaluation import Opinion

#: With all four settings of its public access block on, nobody reads or writes a bucket in public.
_BLOCKED = ("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56")

#: The checks that ask for the whole of what a control asks for.
CHECKS: dict[str, tuple[str, ...]] = {
    "Backup.1": ("CKV_AWS_166",),
    "EC2.53": ("CKV_AWS_24", "CKV_AWS_25"),
    "KMS.4": ("CKV_AWS_7",),
    "KMS.5": ("CKV_AWS_33",),
    "Lambda.2": ("CKV_AWS_363",),
    "S3.2": _BLOCKED,
    "S3.3": _BLOCKED,
    "SNS.1": ("CKV_AWS_26",),
}


def opinions(assembly: Assembly, program: Path) -> dict[str, Opinion]:
    """Return what checkov says of each control that these templates concern.

    :param program: checkov's own, of whatever environment it stands in.
    """
    with tempfile.TemporaryDirectory() as directory:
        stacks = {f"{index}.template.json": stack for index, stack in enumerate(assembly.stacks)}
        for name, stack in stacks.items():
            (Path(directory) / name).write_text(json.dumps(stack.template), encoding="utf-8")
        wanted = ",".join(sorted({check for found in CHECKS.values() for check in found}))
        command = [str(program), "--directory", directory, "--framework", "cloudformation", "--check", wanted]
        command += ["--output", "json", "--compact", "--skip-download"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the caller's checkov
        results = _results(done.stdout, done.stderr)
    said: dict[str, set[str]] = {}
    for kind in ("passed_checks", "failed_checks"):
        for each in results[kind]:
            stack = stacks[Path(each["file_path"]).name]
            address = f"{stack.name}/{str(each['resource']).rpartition('.')[2]}"
            said.setdefault(each["check_id"], set()).update({address} if kind == "failed_checks" else ())
    found = {}
    for id_, ids in CHECKS.items():
        spoken = [check for check in ids if check in said]
        if spoken:
            failed = frozenset(address for check in spoken for address in said[check])
            found[id_] = Opinion(rule=", ".join(spoken), failed=failed)
    return found


def _results(output: str, errors: str) -> dict[str, Any]:
    try:
        return dict(json.loads(output)["results"])
    except (ValueError, KeyError):
        raise RuntimeError(f"checkov gave no results: {errors.strip() or output.strip()}") from None
