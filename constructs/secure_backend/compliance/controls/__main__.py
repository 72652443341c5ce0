"""Hold the templates of any app to the control catalogue, and print the table and the figures."""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import list_of, object_of
from secure_backend.compliance.controls import control_tower, prowler
from secure_backend.compliance.controls.catalogue import differences
from secure_backend.compliance.controls.document import markdown
from secure_backend.compliance.controls.evaluation import Result, evaluate, together
from secure_backend.compliance.controls.table import lines


def main(arguments: list[str] | None = None) -> int:
    """Print the verdicts over a cloud assembly; 1 when a control is not as the catalogue says."""
    parser = argparse.ArgumentParser(prog="python -m secure_backend.compliance.controls", description=__doc__)
    parser.add_argument(
        "assembly",
        type=Path,
        nargs="+",
        help="a cloud assembly, such as cdk.out; of several, each has to meet a control",
    )
    parser.add_argument(
        "--prowler", type=Path, metavar="PYTHON", help="also ask Prowler, in the environment of this Python"
    )
    parser.add_argument("--markdown", action="store_true", help="print the page of the docs instead of the table")
    parser.add_argument("--definitions", type=Path, metavar="FILE", help="compare the ids with AWS's own list first")
    options = parser.parse_args(arguments)
    for folder in options.assembly:
        if not (folder / "manifest.json").is_file():
            print(f"{folder} is no cloud assembly: synthesize the app first", file=sys.stderr)
            return 1
    if options.definitions is not None:
        found = differences(json.loads(options.definitions.read_text(encoding="utf-8")))
        if found:
            print("\n".join(found), file=sys.stderr)
            return 1
    with ThreadPoolExecutor() as pool:
        ask = partial(_results, prowlers_python=options.prowler)
        results = together(pool.map(ask, options.assembly))
    if options.markdown:
        sys.stdout.write(markdown(results))
    else:
        print("\n".join(lines(results)))
    return int(any(result.wrong for result in results))


def _results(folder: Path, prowlers_python: Path | None) -> tuple[Result, ...]:
    """Return the results over one assembly, with the opinion of whoever can be asked."""
    assembly = Assembly.from_directory(folder)
    for stack in assembly.stacks:
        for macro in list_of(stack.template.get("Transform")):
            name = macro if isinstance(macro, str) else object_of(macro).get("Name")
            print(f"{stack.name}: what the macro {name} makes at deployment is not judged", file=sys.stderr)
    opinions = []
    try:
        opinions.append(control_tower.opinions(assembly))
    except PackageNotFoundError:
        print(
            f"without {control_tower.PACKAGE} (PyPI) there are no verdicts of AWS Control Tower's rules",
            file=sys.stderr,
        )
    if prowlers_python is not None:
        opinions.append(prowler.opinions(assembly, prowlers_python))
    return evaluate(assembly, opinions)


if __name__ == "__main__":
    sys.exit(main())
