"""The regular expressions that API Gateway (ECMA-262), pydantic and Python read alike."""

import re
import warnings

_QUANTIFIER = re.compile(r"[*+?]|\{[0-9]{1,6}(,[0-9]{0,6})?\}")
_CODE = re.compile(r"u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}")
_PUNCTUATION = frozenset("^$\\.*+?()[]{}|/-")


def pattern_problem(pattern: str) -> str | None:
    """Return what keeps a pattern out of the common subset, or None.

    Alike are literals, classes of listed characters, groups, alternatives in groups, and quantifiers. Different, and
    so refused, are ``.`` and the shorthand classes (line ends and Unicode), negated classes with a count (characters
    beyond 16 bit count twice in ECMA-262), flags, named groups, assertions and back references. The pattern must be
    anchored: JSON Schema searches for it anywhere in the text.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what may change its meaning is refused below
            re.compile(pattern)
    except re.error as error:
        return f"a pattern that does not compile ({error})"
    if any(ord(character) > 0xFFFF for character in pattern):
        return "a character beyond 16 bit"
    return _Scanner(pattern).problem()


class _Scanner:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def problem(self) -> str | None:
        body = self._text[1:-1]
        escaped = (len(body) - len(body.rstrip("\\"))) % 2 == 1
        if len(self._text) == 1 or self._text[:1] != "^" or self._text[-1:] != "$" or escaped:
            return "no ^ at the start and $ at the end"
        self._at = 1
        end, depth = len(self._text) - 1, 0
        while self._at < end:
            character = self._text[self._at]
            if character == "|" and depth == 0:
                return "an alternative outside a group: ^a|b$ anchors neither side whole"
            problem = self._element(character)
            if problem:
                return problem
            depth += {"(": 1, ")": -1}.get(character, 0)
        return None

    def _element(self, character: str) -> str | None:
        """Read one element and its quantifier."""
        negated = False
        if character == "\\":
            problem = self._escape()
        elif character == "[":
            negated = self._text[self._at + 1] == "^"
            problem = self._character_class()
        elif character == "(":
            self._at += 1
            if self._text.startswith("?", self._at) and not self._text.startswith("?:", self._at):
                return "a group other than (…) and (?:…)"
            self._at += 2 if self._text.startswith("?:", self._at) else 0
            return None
        elif character in ".^$":
            return f"{character} inside; list the characters that are meant"
        elif character in "{}":
            return f"{character} that is no quantifier; escape it"
        else:
            self._at += 1
            problem = None
        return problem or ("" if character == "|" else self._quantifier(negated=negated)) or None

    def _quantifier(self, *, negated: bool) -> str | None:
        match = _QUANTIFIER.match(self._text, self._at)
        if negated and (match is None or match[0] not in {"*", "+"}):
            return "a negated class without * or +: it counts some characters twice in ECMA-262"
        if match is None:
            return None
        self._at = match.end()
        if self._text.startswith("+", self._at):
            return "a possessive quantifier"
        if self._text.startswith("?", self._at):
            self._at += 1
        return None

    def _escape(self) -> str | None:
        code = _CODE.match(self._text, self._at + 1)
        if code:
            self._at = code.end()
            return None
        escaped = self._text[self._at + 1]
        if escaped not in _PUNCTUATION and escaped not in "tnrf":
            return f"\\{escaped}; list the characters that are meant, such as [0-9] for digits"
        self._at += 2
        return None

    def _character_class(self) -> str | None:
        self._at += 2 if self._text[self._at + 1] == "^" else 1
        if self._text[self._at] == "]":
            return "a class that starts with ]; escape it"
        while self._text[self._at] != "]":
            if self._text[self._at] == "\\":
                problem = self._escape()
                if problem:
                    return problem
            elif self._text[self._at] == "[" or self._text[self._at : self._at + 2] in {"--", "&&", "||", "~~"}:
                return f"{self._text[self._at]} in a class; escape it"
            else:
                self._at += 1
        self._at += 1
        return None
