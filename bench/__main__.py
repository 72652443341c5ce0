"""Synthesizes the floor, the peer and this application in turn, and prints medians and ratios.

Whole processes, from the interpreter's start to the written assembly, with the flags of cdk.json, the same packs, the
built-in validation and compiled bytecode: once into a new assembly, as CI does and a first synth, which copies the
functions' archives, and once more into the assembly that then lies there. This app runs without garbage collection,
imports while Node loads and ends at once (see app.py and node.py), the peer as anybody's would. Raw seconds go to
bench/results.json.
"""

import argparse
import compileall
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = {
    "floor": ["bench/floor.py"],
    "plain L2": ["bench/plain_l2.py"],
    "this app, dev": ["app.py"],
    "this app, prod": ["app.py"],
}
CASES = ("into a new assembly", "into the assembly that lies there")
PROFILES = {"this app, dev": "dev", "this app, prod": "tests/profiles/prod.toml"}


def main() -> int:
    """Run the benchmark; 1 when this app takes longer than the bound allows, in either case."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each app, alternating (default 7)")
    parser.add_argument("--bound", type=float, default=1.3, help="how many times the peer's time is too slow")
    options = parser.parse_args()
    for folder in ("constructs", "stacks", "profiles", "bench"):
        compileall.compile_dir(ROOT / folder, quiet=1)
    seconds: dict[str, dict[str, list[float]]] = {case: {name: [] for name in APPS} for case in CASES}
    for round_number in range(options.rounds + 1):
        with tempfile.TemporaryDirectory() as directory:
            for case in CASES:
                for name in APPS:
                    taken = _seconds(name, Path(directory))
                    if round_number:  # the first round warms the disk's cache
                        seconds[case][name].append(taken)
        sys.stderr.write(f"round {round_number} of {options.rounds}\n")
    _keep(seconds)
    slow = [line for case in CASES for line in _report(case, seconds[case], options.bound)]
    print("\n".join(slow))
    return 1 if slow else 0


def _report(case: str, seconds: dict[str, list[float]], bound: float) -> list[str]:
    """Print one case; return a line for each profile that is too slow in it."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(case)
    for name, median in medians.items():
        low, high = min(seconds[name]), max(seconds[name])
        print(f"  {name:16} {median:5.2f} s  ({low:.2f} to {high:.2f})  {median / medians['plain L2']:.2f} x the peer")
    return [
        f"{name}, {case}: slower than {bound} x the peer"
        for name in PROFILES
        if medians[name] > bound * medians["plain L2"]
    ]


def _seconds(name: str, assemblies: Path) -> float:
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    context["profile"] = PROFILES.get(name, "dev")
    assembly = assemblies / name
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CDK_OUTDIR": str(assembly),
        "CDK_CONTEXT_JSON": json.dumps(context),
    }
    (assembly / "validation-report.json").unlink(missing_ok=True)
    start = time.perf_counter()
    result = subprocess.run(  # noqa: S603 - our own apps
        [sys.executable, *APPS[name]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - start
    if not (assembly / "validation-report.json").exists():
        raise RuntimeError(f"{name} wrote no validation report:\n{result.stderr}")
    return taken


def _keep(seconds: dict[str, dict[str, list[float]]]) -> None:
    document = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "seconds": {
            case: {name: [round(value, 3) for value in values] for name, values in apps.items()}
            for case, apps in seconds.items()
        },
    }
    (ROOT / "bench" / "results.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
