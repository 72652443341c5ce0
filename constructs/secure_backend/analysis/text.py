"""Values of a template as text that can be compared.

What is known only at deployment stays in the text as a marker: ``${AWS::AccountId}`` or ``${network/Vpc.Arn}``, the
stack's name before the resource's, so that a value reads the same on both sides of an export.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from secure_backend.analysis.template import Stack, Value, is_intrinsic

#: Stands for a value that cannot be told from the templates.
UNKNOWN = "${?}"

_MARKER = re.compile(r"\$\{[^}]*\}")
_SUB_NAME = re.compile(r"\$\{(!?)([^}]*)\}")

#: Renders ``Ref`` and ``Fn::GetAtt`` of a name and an attribute ("" for Ref), and ``Fn::ImportValue`` and the like.
Lookup = Callable[[Stack, str, str], str]
Import = Callable[[Stack, Value], str]


def render(stack: Stack, value: Value, lookup: Lookup, imported: Import) -> str:
    """Return the value as text with markers; a list as its items joined by commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return ",".join(render(stack, item, lookup, imported) for item in value)
    if not is_intrinsic(value):
        return UNKNOWN
    function, argument = next(iter(value.items()))
    if function == "Ref":
        return lookup(stack, str(argument), "")
    if function == "Fn::GetAtt":
        name, attribute = attribute_of(argument)
        return lookup(stack, name, attribute)
    if function in ("Fn::ImportValue", "Fn::GetStackOutput"):
        return imported(stack, value)
    if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], list):
        return str(argument[0]).join(render(stack, item, lookup, imported) for item in argument[1])
    if function == "Fn::Sub":
        return _substitute(stack, argument, lookup, imported)
    return UNKNOWN


def attribute_of(argument: Value) -> tuple[str, str]:
    """Return the logical id and the attribute of ``Fn::GetAtt``, written as a list or as dotted text."""
    if isinstance(argument, list):
        return str(argument[0]), ".".join(str(part) for part in argument[1:] if isinstance(part, str))
    name, _, attribute = str(argument).partition(".")
    return name, attribute


def sub_names(argument: Value) -> list[str]:
    """Return the names that ``Fn::Sub`` looks up in the template, its own variables left out."""
    text, variables = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    return [name for bang, name in _SUB_NAME.findall(str(text)) if not bang and name not in variables]


def could_match(pattern: str, text: str) -> bool:
    """Tell whether an IAM pattern (``*``, ``?``) could match the text at deployment, whatever the markers stand for."""
    if pattern == text or pattern == "*":
        return True
    if "${" in pattern or "${" in text:
        # A marker in both stands for the same value in both, so it is a letter of its own; any other may be anything.
        shared = set(_MARKER.findall(pattern)) & set(_MARKER.findall(text)) - {UNKNOWN}
        for index, marker in enumerate(sorted(shared)):
            pattern, text = (each.replace(marker, chr(0xE000 + index)) for each in (pattern, text))
        pattern, text = _MARKER.sub("*", pattern), _MARKER.sub("*", text)
    return _globs_meet(pattern, text)


def certain(text: str) -> bool:
    """Tell whether the text holds no marker, so that it is what AWS will see."""
    return "${" not in text


@lru_cache(maxsize=4096)
def _globs_meet(left: str, right: str) -> bool:
    """Tell whether two glob patterns have a text in common."""
    if "*" not in right and "?" not in right:
        return _matches(left, right)
    if "*" not in left and "?" not in left:
        return _matches(right, left)
    reachable = {0}
    for start in range(len(left) + 1):
        reachable = _stars(right, reachable)
        if start == len(left):
            break
        if left[start] == "*":
            reachable = set(range(min(reachable), len(right) + 1)) if reachable else set()
            continue
        step = set()
        for at in reachable:
            if at < len(right) and right[at] == "*":
                step.add(at)
            elif at < len(right) and (left[start] == "?" or right[at] in ("?", left[start])):
                step.add(at + 1)
        reachable = step
    return len(right) in reachable


def _stars(pattern: str, positions: set[int]) -> set[int]:
    found = set(positions)
    for at in positions:
        end = at
        while end < len(pattern) and pattern[end] == "*":
            end += 1
            found.add(end)
    return found


def _matches(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _substitute(stack: Stack, argument: Value, lookup: Lookup, imported: Import) -> str:
    text, variables = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    if not isinstance(text, str) or not isinstance(variables, Mapping):
        return UNKNOWN

    def replaced(match: re.Match[str]) -> str:
        bang, name = match.groups()
        if bang:
            return "${" + name + "}"
        if name in variables:
            return render(stack, variables[name], lookup, imported)
        logical_id, _, attribute = name.partition(".")
        return lookup(stack, logical_id, attribute)

    return _SUB_NAME.sub(replaced, text)
