"""A strict reader of CloudWatch Logs Insights' query language, as far as the saved queries go.

What is not documented, or not needed here, is an error: a query that CloudWatch would refuse is found when it is run,
by whoever has an incident. ``matching`` runs parse, filter and fields over events. Source: Amazon CloudWatch Logs User
Guide, "CloudWatch Logs Insights query syntax".
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

COMMANDS = ("fields", "filter", "parse", "stats", "sort", "limit")
#: Each documented function that the queries use, with how many arguments it takes.
FUNCTIONS = {"ispresent": (1, 1), "coalesce": (1, 99), "isIpv4InSubnet": (2, 2)}
AGGREGATES = {"count": (1, 1), "count_distinct": (1, 1), "sum": (1, 1), "max": (1, 1)}
DISCOVERED = {"@timestamp", "@message", "@log", "@logStream"}
KEYWORDS = {"and", "or", "not", "in", "like", "as", "by", "asc", "desc"}

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\\]*")|(?P<regex>/(?:[^/\\]|\\.)+/)|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>@?[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)|(?P<sign>>=|<=|!=|[=<>(),*|\[\]]))"""
)
Event = Mapping[str, Any]
Test = Callable[[Event], Any]


class QueryError(ValueError):
    """CloudWatch would not take the query, or nobody here knows whether it would."""


@dataclass
class Query:
    """What a query reads, names and does."""

    commands: list[str] = field(default_factory=list)
    #: Names that the events have to have.
    reads: set[str] = field(default_factory=set)
    #: Names that the query itself makes.
    makes: set[str] = field(default_factory=set)
    steps: list[Callable[[dict[str, Any]], bool]] = field(default_factory=list)

    def matching(self, events: Iterable[Event]) -> list[dict[str, Any]]:
        """Return the events that pass every filter, with what parse and fields added."""
        found = [dict(event) for event in events]
        return [event for event in found if all(step(event) for step in self.steps)]


def read(text: str) -> Query:
    """Read a query."""
    return _Reader(text).query()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._query = Query()

    def query(self) -> Query:
        while True:
            command = self._take("name")
            if command not in COMMANDS:
                raise QueryError(f"{command}: not one of {', '.join(COMMANDS)}")
            if "stats" in self._query.commands and command not in ("sort", "limit"):
                raise QueryError(f"{command} after stats: the events are gone")
            self._query.commands.append(command)
            getattr(self, f"_{command}")()
            if self._at == len(self._tokens):
                return self._query
            self._sign("|")

    def _fields(self) -> None:
        for _ in self._list():
            test, plain = self._value()
            if self._is("name", "as"):
                name = self._take("name")
                self._query.makes.add(name)
                self._query.steps.append(_assign(name, test))
            elif not plain:
                raise QueryError("a computed field without a name")

    def _filter(self) -> None:
        test = self._or()
        self._query.steps.append(lambda event: bool(test(event)))

    def _parse(self) -> None:
        source = self._field()
        expression = re.compile(self._take("regex")[1:-1].replace("(?<", "(?P<"))
        if not expression.groupindex:
            raise QueryError("parse without a named group")
        self._query.makes |= set(expression.groupindex)

        def step(event: dict[str, Any]) -> bool:
            found = expression.search(str(event.get(source, "")))
            event |= found.groupdict() if found else {}
            return True

        self._query.steps.append(step)

    def _stats(self) -> None:
        for _ in self._list():
            name = self._take("name")
            if name not in AGGREGATES:
                raise QueryError(f"{name}: not one of {', '.join(AGGREGATES)}")
            self._sign("(")
            if not self._is("sign", "*"):
                self._field()
            elif name != "count":
                raise QueryError(f"{name}(*)")
            self._sign(")")
            self._word("as")
            self._query.makes.add(self._take("name"))
        self._word("by")
        for _ in self._list():
            self._field()

    def _sort(self) -> None:
        self._field()
        if self._take("name") not in ("asc", "desc"):
            raise QueryError("sort wants asc or desc")

    def _limit(self) -> None:
        if not 1 <= int(self._take("number")) <= 10_000:
            raise QueryError("limit is 1 to 10000")

    def _or(self) -> Test:
        tests = [self._and()]
        while self._is("name", "or"):
            tests.append(self._and())
        return lambda event: any(test(event) for test in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._is("name", "and"):
            tests.append(self._not())
        return lambda event: all(test(event) for test in tests)

    def _not(self) -> Test:
        if self._is("name", "not"):
            test = self._not()
            return lambda event: not test(event)
        if self._is("sign", "("):
            test = self._or()
            self._sign(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        value, plain = self._value()
        if self._is("name", "in"):
            self._sign("[")
            allowed = [self._take("text")[1:-1] for _ in self._list()]
            self._sign("]")
            return lambda event: value(event) in allowed
        if self._is("name", "like"):
            kind, token = self._next()
            if kind == "regex":
                expression = re.compile(token[1:-1])
                return lambda event: value(event) is not None and bool(expression.search(str(value(event))))
            if kind != "text":
                raise QueryError("like wants a text or a regular expression")
            return lambda event: value(event) is not None and token[1:-1] in str(value(event))
        for sign, compare in _COMPARISONS.items():
            if self._is("sign", sign):
                other, _ = self._value()
                return _compared(value, compare, other)
        if plain:
            raise QueryError("a field alone is no condition")
        return value

    def _value(self) -> tuple[Test, bool]:
        """Return a field, a text, a number or a function; True beside a field."""
        kind, token = self._next()
        if kind == "text":
            return (lambda _: token[1:-1]), False
        if kind == "number":
            return (lambda _: float(token)), False
        if kind != "name" or token in KEYWORDS:
            raise QueryError(f"{token}: expected a value")
        if not self._is("sign", "("):
            self._read(token)
            return (lambda event: event.get(token)), True
        if token not in FUNCTIONS:
            raise QueryError(f"{token}(): not one of {', '.join(FUNCTIONS)}")
        arguments = [self._value()[0] for _ in self._list()]
        self._sign(")")
        low, high = FUNCTIONS[token]
        if not low <= len(arguments) <= high:
            raise QueryError(f"{token}() with {len(arguments)} arguments")
        return _FUNCTIONS[token](arguments), False

    def _field(self) -> str:
        name = self._take("name")
        if name in KEYWORDS:
            raise QueryError(f"{name}: expected a field")
        self._read(name)
        return name

    def _read(self, name: str) -> None:
        if name.startswith("@") and name not in DISCOVERED:
            raise QueryError(f"{name}: CloudWatch discovers no such field")
        if name not in self._query.makes:
            self._query.reads.add(name)

    def _list(self) -> Iterator[None]:
        yield
        while self._is("sign", ","):
            yield

    def _is(self, kind: str, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, token):
            self._at += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise QueryError("the query ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str) -> str:
        found, token = self._next()
        if found != kind:
            raise QueryError(f"{token}: expected a {kind}")
        return token

    def _sign(self, sign: str) -> None:
        if self._take("sign") != sign:
            raise QueryError(f"expected {sign}")

    def _word(self, word: str) -> None:
        if self._take("name") != word:
            raise QueryError(f"expected {word}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise QueryError(f"not understood: {text[at : at + 30]}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}


def _compared(value: Test, compare: Callable[[Any, Any], bool], other: Test) -> Test:
    def test(event: Event) -> bool:
        one, two = value(event), other(event)
        if one is None:
            return False
        # A number in quotes is a number.
        return compare(float(one), two) if isinstance(two, float) else compare(str(one), str(two))

    return test


def _assign(name: str, test: Test) -> Callable[[dict[str, Any]], bool]:
    def step(event: dict[str, Any]) -> bool:
        event[name] = test(event)
        return True

    return step


def _in_subnet(arguments: list[Test]) -> Test:
    return lambda event: (
        ipaddress.ip_address(str(arguments[0](event))) in ipaddress.ip_network(str(arguments[1](event)))
    )


_FUNCTIONS: dict[str, Callable[[list[Test]], Test]] = {
    "ispresent": lambda arguments: lambda event: arguments[0](event) is not None,
    "coalesce": lambda arguments: lambda event: next((v for a in arguments if (v := a(event)) is not None), None),
    "isIpv4InSubnet": _in_subnet,
}


def discovered(line: str) -> dict[str, Any]:
    """Return a log line's fields as CloudWatch discovers them: the values of JSON by their paths."""
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        document = {}
    return {**dict(_flat("", document)), "@message": line}


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(f"{path}.{index}", inner)
    elif value is not None:
        yield path, value
