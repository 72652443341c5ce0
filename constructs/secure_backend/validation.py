"""Collect every problem of one construct's properties, then raise once.

Each problem reads ``Construct.property: got X; expected Y; do Z``.
"""

import enum
import ipaddress
import math
import re
from collections.abc import Collection
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

_TOKEN = "a token (a value known only at deployment)"  # noqa: S105 - the CDK's word, no secret


HOST_NAME = r"(?=[^:]{1,253}(:|$))[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"
_ORIGIN = rf"(https://{HOST_NAME}|http://(localhost|127\.0\.0\.1))(:[0-9]{{1,5}})?"


class InvalidPropertiesError(ValueError):
    """A construct was given properties that it cannot be built from; the message lists all of them."""


class Validation:
    """The problems found so far in the properties of one construct.

    Check everything, then call :meth:`raise_problems` before the first resource is built::

        check = Validation(self, id)
        check.whole_number("port", port, 1150, 65535, "leave it out for 5433")
        check.raise_problems()
    """

    def __init__(self, construct: object, id: str) -> None:  # noqa: A002 - the CDK's own word
        self._construct = type(construct).__name__
        self._id = id
        self._problems: list[str] = []

    def refuse(self, property: str, got: object, expected: str, do: str) -> None:  # noqa: A002 - the house's word
        """Record one problem: what was given, what would be right, and what to do."""
        self._problems.append(f"{self._construct}.{property}: got {_shown(got)}; expected {expected}; {do}")

    def check(self, holds: bool, property: str, got: object, expected: str, do: str) -> bool:  # noqa: A002
        """Record a problem unless ``holds``; returns ``holds``."""
        if not holds:
            self.refuse(property, got, expected, do)
        return holds

    def raise_problems(self) -> None:
        """Raise :class:`InvalidPropertiesError` with every recorded problem, or do nothing."""
        if self._problems:
            count = "1 problem" if len(self._problems) == 1 else f"{len(self._problems)} problems"
            lines = "\n".join(f"  {problem}" for problem in self._problems)
            raise InvalidPropertiesError(f"{self._construct} '{self._id}' cannot be built, {count}:\n{lines}")

    def construct(self, property: str, value: object, kind: type | tuple[type, ...], do: str) -> bool:  # noqa: A002
        """Check that a construct object was passed where one is expected, and not its name or id.

        :param kind: the class that the CDK gives it, such as ``kms.Key``. Whatever implements the class's own
            interface (``kms.IKey``) is taken too: an imported key, another class's key.
        """
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(k.__name__ for k in kinds)
        return self.check(any(is_a(value, k) for k in kinds), property, value, f"a {names} object", do)

    def part(self, property: str, value: object, kind: str) -> bool:  # noqa: A002 - the house's word
        """Check for one of this library's constructs, or for nothing, by its class's name.

        To import the class would be to import all that it stands on, for a caller who has none.
        """
        known = value is None or any(parent.__name__ == kind for parent in type(value).__mro__)
        return self.check(
            known, property, value, f"{'an' if kind[0] in 'AE' else 'a'} {kind} object", "pass the object"
        )

    def key(self, property: str, value: object, *, optional: bool = True) -> bool:  # noqa: A002
        """Check for a KMS key object, or, where it is optional, for nothing, which stands for a new key.

        An alias is refused: log groups take none, and it could be moved to another key behind the policies that name
        this one.
        """
        if value is None and optional:
            return True
        do = "pass the key object" + (", or leave it out for a new one" if optional else "")
        return self.construct(property, value, kms.Key, do) and self.check(
            not hasattr(value, "alias_name"), property, value, "a key, not an alias of one", do
        )

    def boolean(self, property: str, value: object) -> bool:  # noqa: A002
        """Check for True or False itself: the text "false" is true in Python."""
        return self.check(
            isinstance(value, bool), property, value, "True or False", "pass a bool, not text or a number"
        )

    def whole_number(self, property: str, value: object, low: int, high: int, do: str) -> bool:  # noqa: A002
        """Check for a whole number from ``low`` to ``high``; tokens are refused, they hide the value."""
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(property, value, f"a whole number from {low} to {high}", do)
            return False
        # A number that holds a token lies far below every bound.
        return self.check(low <= value <= high, property, value, f"{low} to {high}", do)

    def one_of(self, property: str, value: object, allowed: Collection[Any], do: str) -> bool:  # noqa: A002
        """Check that the value is one of a few; True is not 1."""
        names = ", ".join(a.name if isinstance(a, enum.Enum) else str(a) for a in allowed)
        known = any(value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed)
        return self.check(known, property, value, f"one of {names}", do)

    def text(self, property: str, value: object, pattern: str, expected: str, do: str) -> bool:  # noqa: A002
        """Check for literal text that matches the whole pattern; tokens are refused."""
        return self.check(
            isinstance(value, str) and "${Token[" not in value and re.fullmatch(pattern, value) is not None,
            property,
            value,
            expected,
            do,
        )

    def days(self, property: str, value: object, low: int, high: int, do: str) -> bool:  # noqa: A002
        """Check for a :class:`aws_cdk.Duration` of whole days from ``low`` to ``high``."""
        return self._duration(property, value, f"a Duration of {low} to {high} days", (86_400_000, low, high), do)

    def seconds(self, property: str, value: object, low: int, high: int, do: str) -> bool:  # noqa: A002
        """Check for a :class:`aws_cdk.Duration` of whole seconds from ``low`` to ``high``."""
        return self._duration(property, value, f"a Duration of {low} to {high} seconds", (1_000, low, high), do)

    def _duration(
        self,
        property: str,  # noqa: A002 - the house's word
        value: object,
        expected: str,
        bounds: tuple[int, int, int],
        do: str,
    ) -> bool:
        if not isinstance(value, cdk.Duration) or value.is_unresolved():
            self.refuse(property, value, expected, do)
            return False
        unit, low, high = bounds
        amount = value.to_milliseconds() / unit
        return self.check(amount.is_integer() and low <= amount <= high, property, value, expected, do)

    def retention(self, property: str, value: object) -> bool:  # noqa: A002
        """Check for a member of :class:`aws_cdk.aws_logs.RetentionDays`, the retentions CloudWatch Logs offers."""
        return self.check(
            isinstance(value, logs.RetentionDays) and value is not logs.RetentionDays.INFINITE,
            property,
            value,
            "a bounded aws_logs.RetentionDays",
            "pass for example aws_logs.RetentionDays.ONE_YEAR",
        )

    def networks(self, property: str, values: object, do: str, *, ipv4: bool = False) -> bool:  # noqa: A002
        """Check for a non-empty list of CIDR ranges without host bits, none of which is the whole internet.

        :param ipv4: refuses ranges of IPv6.
        """
        if not isinstance(values, (list, tuple)) or not values:
            self.refuse(property, values, "at least one CIDR range", do)
            return False
        sound = True
        for value in values:
            try:
                network = ipaddress.ip_network(value if isinstance(value, str) else "")
            except ValueError:
                self.refuse(property, value, "a CIDR range without host bits, such as 203.0.113.0/24", do)
                sound = False
                continue
            sound &= self.check(network.prefixlen > 0, property, value, "a range that is not the whole internet", do)
            sound &= self.check(not ipv4 or network.version == 4, property, value, "an IPv4 network", do)
        return sound

    def origin(self, property: str, value: object) -> bool:  # noqa: A002
        """Check for one browser origin: https and a whole host name; http for this machine alone, no wildcard."""
        return self.text(
            property,
            value,
            _ORIGIN,
            "an https origin without a wildcard",
            "pass one such as https://app.example.com, without path and slash",
        )

    def email(self, property: str, value: object) -> bool:  # noqa: A002
        """Check for an address that SNS can send a confirmation to."""
        return self.text(
            property,
            value,
            r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}",
            "an e-mail address",
            "pass one such as security@example.com; its owner has to confirm the subscription",
        )


def is_a(value: object, kind: type) -> bool:
    """Say whether the value is of the class, or implements the interface that the CDK pairs with it."""
    if not getattr(kind, "_is_protocol", False) and isinstance(value, kind):
        return True
    interface = kind.__name__ if getattr(kind, "_is_protocol", False) else f"I{kind.__name__}"
    wanted = {(kind.__module__, interface), (kind.__module__, f"_{interface}Proxy")}
    # jsii hands an imported resource over as a bundle of proxies, one for each interface.
    parts = (value, *vars(value).get("_delegates", ())) if hasattr(value, "__dict__") else ()
    for part in parts:
        for parent in type(part).__mro__:
            implemented = [base for i in vars(parent).get("__jsii_ifaces__", ()) for base in i.__mro__]
            if wanted & {(c.__module__, c.__name__) for c in (parent, *implemented)}:
                return True
    return False


def _shown(value: object) -> str:
    """Return the value as its giver knows it: a construct by its path, a duration in days, a token as such."""
    if isinstance(value, cdk.Duration):
        if value.is_unresolved():
            return _TOKEN
        seconds = value.to_milliseconds() / 1000
        return f"{seconds / 86_400:g} days" if seconds % 86_400 == 0 else f"{seconds:g} seconds"
    # Infinity and NaN are not sent to Node: JSON has neither, and the process would die of them.
    sendable = not isinstance(value, float) or math.isfinite(value)
    text_or_number = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if text_or_number and sendable and cdk.Token.is_unresolved(value):
        return _TOKEN
    if isinstance(value, enum.Enum):
        return value.name
    node = getattr(value, "node", None)
    if node is not None and not isinstance(value, type):
        return f"the construct {node.path}"
    return repr(value)
