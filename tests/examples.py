"""Runs the usage example of a module's docstring, so that what a reader copies works."""

import inspect
import textwrap
from types import ModuleType


def run_example(module: ModuleType, **names: object) -> None:
    """Execute the text after ``Example::`` with the module's own names and those given."""
    text = (inspect.getdoc(module) or "").split("Example::")[1]
    exec(textwrap.dedent(text), {**vars(module), **names})  # noqa: S102 - our own docstring
