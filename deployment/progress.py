"""Shows what is done, and how long after the start."""

import textwrap
import time

from deployment.walk import Step

WIDTH = 120
_BEGAN = time.monotonic()


def say(what: str, detail: str) -> None:
    """Show a line of progress with the seconds since the command began."""
    print(f"{what:10} {detail}  ({time.monotonic() - _BEGAN:.0f} s)", flush=True)


def show(step: Step) -> None:
    """Show one request of the walk and its answer."""
    mark = "" if step.passed else "  NOT AS EXPECTED" if step.missed else f"  EXPECTED {step.expected}"
    begin = f"  {step.request:50} {step.status}  "
    lines = textwrap.wrap(step.detail + mark, WIDTH - len(begin)) or [""]
    print(f"\n{' ' * len(begin)}".join([begin + lines[0], *lines[1:]]).rstrip(), flush=True)
