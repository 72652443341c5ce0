"""A small evaluator of CloudWatch Logs filter patterns for JSON events, to ask a metric filter what it would count.

It knows what the CIS patterns use: ``=`` and ``!=`` with ``*`` as a wildcard, EXISTS, NOT EXISTS, IS NULL, IS TRUE, IS
FALSE, numbers, ``&&``, ``||`` and parentheses. A comparison with a field that the event lacks is false, ``!=`` too.
Mixing ``&&`` and ``||`` without parentheses is refused: what it means is not worth relying on.
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from operator import eq, ge, gt, le, lt, ne
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<punctuation>&&|\|\||!=|<=|>=|[(){}=<>])
    | (?P<selector>\$(?:\.[A-Za-z_][A-Za-z0-9_]*)+)
    | "(?P<quoted>[^"]*)"
    | (?P<word>[^\s(){}=!<>&|"]+)
    )""",
    re.VERBOSE,
)
_MISSING = object()
_CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def matches(pattern: str, event: Mapping[str, Any]) -> bool:
    """Say whether the pattern counts the event.

    :raises ValueError: for a pattern that is none, or that is not known here.
    """
    return _Reader(pattern, event).read()


class _Reader:
    def __init__(self, pattern: str, event: Mapping[str, Any]) -> None:
        self._event = event
        self._tokens: list[tuple[str, str]] = []
        text, at = pattern.strip(), 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise ValueError(f"not a filter pattern at {text[at : at + 20]!r}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def read(self) -> bool:
        self._expect("{")
        result = self._expression()
        self._expect("}")
        if self._tokens:
            raise ValueError(f"more after the pattern's end: {self._tokens}")
        return result

    def _expression(self) -> bool:
        results = [self._term()]
        joint = None
        while self._tokens and self._tokens[0][1] in {"&&", "||"}:
            _, operator = self._next()
            if joint not in {None, operator}:
                raise ValueError("&& and || are mixed without parentheses")
            joint = operator
            results.append(self._term())
        return all(results) if joint == "&&" else any(results)

    def _term(self) -> bool:
        kind, text = self._next()
        if text == "(" and kind == "punctuation":
            result = self._expression()
            self._expect(")")
            return result
        if kind != "selector":
            raise ValueError(f"expected a selector, got {text!r}")
        return self._condition(self._value_of(text))

    def _condition(self, value: object) -> bool:
        _, operator = self._next()
        if operator == "NOT":
            self._expect("EXISTS")
            return value is _MISSING
        if operator == "EXISTS":
            return value is not _MISSING
        _, operand = self._next()
        if operator == "IS":
            if operand not in _CONSTANTS:
                raise ValueError(f"expected NULL, TRUE or FALSE, got {operand!r}")
            return value is _CONSTANTS[operand]
        if operator not in _COMPARISONS:
            raise ValueError(f"expected a comparison, got {operator!r}")
        if value is _MISSING or value is None:
            return False
        if operator in {"=", "!="}:
            return fnmatchcase(str(value), operand.replace("[", "[[]").replace("?", "[?]")) == (operator == "=")
        difference = float(str(value)) - float(operand)
        return _COMPARISONS[operator](difference, 0)

    def _value_of(self, selector: str) -> object:
        value: object = self._event
        for name in selector.removeprefix("$.").split("."):
            if not isinstance(value, Mapping) or name not in value:
                return _MISSING
            value = value[name]
        return value

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise ValueError("the pattern ends too early")
        return self._tokens.pop(0)

    def _expect(self, text: str) -> None:
        if self._next()[1] != text:
            raise ValueError(f"expected {text}")
