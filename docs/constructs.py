"""Write constructs.md, what the library has and what each of it takes and gives, from the code: ``make docs``."""

import node  # noqa: F401 - names the Node of the requirements to jsii

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence

from constructs import Construct

import secure_backend

LARGE = ("SecureVpc", "EncryptedBucket", "EncryptedPostgres", "HardenedApi", "HardenedLoadBalancer", "AuditTrail")
HEAD = """\
# The constructs

Each takes the CDK's own `scope` and `id`, and the keyword arguments below. An argument without a default is required;
`None` stands for what its text says. Under *gives* stand its parts and methods. What each guarantees, and the controls
that this meets, is in its docstring: `python -c "import secure_backend; help(secure_backend.SecureVpc)"`.

`iam.PermissionsBoundary.of(self).apply(policy)` sets a permissions boundary on every role below `self`, those of L1s
and of the CDK's helper functions too, in place of one that a role was given itself.

Written by `make docs` from signatures and docstrings.
"""


def page() -> str:
    """Return the whole page."""
    exported = {name: getattr(secure_backend, name) for name in secure_backend.__all__}
    constructs = sorted((name for name, value in exported.items() if _is_construct(value)), key=_order)
    values = [name for name, value in exported.items() if name not in constructs and _arguments(value)]
    rest = [(f"`{name}`", _first_sentence(exported[name])) for name in exported if name not in (*constructs, *values)]
    return "\n".join(
        [
            HEAD,
            *(_section(name, exported[name]) for name in constructs),
            "## What they take\n",
            *(f"#{_section(name, exported[name])}" for name in values),
            f"## What else there is\n\n{_table('name', 'what it is', rows=rest)}",
        ]
    )


def _order(name: str) -> tuple[int, str]:
    """Return what sorts the large ones in the order of the stacks, the others by name."""
    return (LARGE.index(name) if name in LARGE else len(LARGE), name)


def _is_construct(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Construct)


def _section(name: str, value: type) -> str:
    texts = _texts(value)
    arguments = [(f"`{each.name}`", _default(each), texts[each.name]) for each in _arguments(value)]
    gives = [(f"`{part}`", text) for part, text in _gives(value)] if _is_construct(value) else []
    parts = [f"## {name}\n\n{_first_sentence(value)}{_kind(value)}\n"]
    if arguments:
        parts.append(_table("argument", "default", "what it does", rows=arguments))
    if gives:
        parts.append(_table("gives", "what it is", rows=gives))
    return "\n".join(parts)


def _arguments(value: object) -> list[inspect.Parameter]:
    if not inspect.isclass(value):
        return []
    parameters = inspect.signature(value.__init__).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each for each in parameters if each.name not in ("self", "scope", "id") and each.kind not in variable]


def _kind(construct: type) -> str:
    """Return which of the CDK's own constructs one is, with all that this has."""
    kind = next(each for each in construct.__mro__ if not each.__module__.startswith("secure_backend"))
    if kind in (Construct, object):
        return ""
    return f" It is a CDK `{kind.__module__.removeprefix('aws_cdk.').removeprefix('aws_')}.{kind.__name__}`."


def _gives(construct: type) -> Iterator[tuple[str, str]]:
    """Yield the public attributes, properties and methods of a class of ours with what their docstrings say."""
    statements = [each for top in ast.parse(textwrap.dedent(inspect.getsource(construct))).body for each in _body(top)]
    for pair in zip(statements, [*statements[1:], None], strict=True):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                pass
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                text = ""
            case ast.FunctionDef(name=name, args=arguments) as function, _:
                text = ast.get_docstring(function) or ""
                if not any(isinstance(each, ast.Name) and each.id == "property" for each in function.decorator_list):
                    name += f"({', '.join(each.arg for each in [*arguments.args[1:], *arguments.kwonlyargs])})"
            case _:
                continue
        if not name.startswith("_"):
            yield name, _markdown(text.split("\n\n", maxsplit=1)[0])


def _body(statement: ast.stmt) -> list[ast.stmt]:
    return statement.body if isinstance(statement, ast.ClassDef) else []


def _table(*heads: str, rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


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
    # An object of the CDK's or a factory has no form to show: its text tells what it stands for.
    return "as told" if repr(value).startswith("<") else f"`{value!r}`"


if __name__ == "__main__":
    print(page(), end="")
