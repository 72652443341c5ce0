"""The same tree at another path gives the same templates, byte for byte."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import FLAGS, ROOT

TREE = ("app.py", "node.py", "constructs", "stacks", "profiles", "services", "tests/profiles")


def synth(tree: Path, out: Path) -> dict[str, str]:
    out.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'constructs'}",
        "CDK_OUTDIR": str(out),
        "CDK_CONTEXT_JSON": json.dumps({**FLAGS, "profile": str(tree / "tests/profiles/prod.toml")}),
        "CDK_VALIDATION": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    program = "import sys, secure_backend; sys.stderr.write(secure_backend.__file__); import app; app.main()"
    result = subprocess.run(  # noqa: S603 - our own app
        [sys.executable, "-c", program], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert str(tree) in result.stderr, "the copy must not import the original"
    templates = {path.name: path.read_text() for path in out.glob("*.template.json")}
    assert len(templates) == 4, result.stderr
    return templates


def test_the_same_tree_at_two_paths_gives_identical_templates(tmp_path: Path) -> None:
    copy = tmp_path / "somewhere else" / "deeper"
    for name in TREE:
        source, target = ROOT / name, copy / name
        if source.is_dir():
            shutil.copytree(source, target)  # with its __pycache__: caches must not count
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    shutil.rmtree(copy / "stacks" / "__pycache__", ignore_errors=True)
    assert synth(copy, tmp_path / "out1") == synth(ROOT, tmp_path / "out2")
