"""Shows what is done, and how long after the start."""

import time

from deployment.walk import Step

_BEGAN = time.monotonic()


def say(what: str, detail: str) -> None:
    """Show a line of progress with the seconds since the command began."""
    print(f"{what:10} {detail}  ({time.monotonic() - _BEGAN:.0f} s)", flush=True)


def show(step: Step) -> None:
    """Show one request of the walk and its answer."""
    mark = "" if step.passed else "  NOT AS EXPECTED" if step.missed else f"  EXPECTED {step.expected}"
    print(f"  {step.request:50} {step.status}  {step.detail}{mark}".rstrip(), flush=True)
