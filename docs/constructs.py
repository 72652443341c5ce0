"""Write constructs.md, the large constructs' arguments, from their signatures and docstrings: ``make docs``."""

import node  # noqa: F401 - names the Node of the requirements to jsii

import enum
import inspect
import re
from collections.abc import Sequence

from constructs import Construct

import secure_backend

CONSTRUCTS = ("SecureVpc", "EncryptedBucket", "EncryptedPostgres", "HardenedApi", "HardenedLoadBalancer", "AuditTrail")
HEAD = """\
# The constructs

Each takes the CDK's own `scope` and `id`, and the keyword arguments below. An argument without a default is required;
`None` stands for what its text says. What each guarantees, and the controls that this meets, is in its
docstring: `python -c "import secure_backend; help(secure_backend.SecureVpc)"`.

`iam.PermissionsBoundary.of(self).apply(policy)` sets a permissions boundary on every role below `self`, those of L1s
and of the CDK's helper functions too, in place of one that a role was given itself.

Written by `make docs` from signatures and docstrings.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(_section(name) for name in CONSTRUCTS), _others()])


def _section(name: str) -> str:
    construct = getattr(secure_backend, name)
    texts = _texts(construct)
    rows = [
        (f"`{argument.name}`", _default(argument), texts[argument.name])
        for argument in inspect.signature(construct.__init__).parameters.values()
        if argument.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    return f"## {name}\n\n{_first_sentence(construct)}\n\n{_table('argument', 'default', 'what it does', rows=rows)}"


def _others() -> str:
    others = {name: getattr(secure_backend, name) for name in secure_backend.__all__ if name not in CONSTRUCTS}
    rows = [(f"`{name}`", _kind(value), _first_sentence(value)) for name, value in others.items()]
    return f"## What they take, and what else there is\n\n{_table('name', 'kind', 'what it is', rows=rows)}"


def _table(*heads: str, rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _kind(value: object) -> str:
    if not inspect.isclass(value):
        return "function"
    if issubclass(value, Construct):
        return "construct"
    return "error" if issubclass(value, Exception) else "value"


def _texts(construct: type) -> dict[str, str]:
    """Return what the docstring says of each argument."""
    text = inspect.getdoc(construct) or ""
    found = re.findall(r"^:param (\w+): (.*(?:\n +.*)*)", text, re.MULTILINE)
    return {name: _markdown(description) for name, description in found}


def _first_sentence(value: object) -> str:
    return _markdown((inspect.getdoc(value) or "").split("\n\n", maxsplit=1)[0])


def _markdown(text: str) -> str:
    """Return a docstring's words in one line: references by their last name, code in single backticks."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


def _default(argument: inspect.Parameter) -> str:
    value = argument.default
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, enum.Enum):
        return f"`{value.name}`"
    return f"`{value!r}`"


if __name__ == "__main__":
    print(page(), end="")
