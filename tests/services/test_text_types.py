"""Each type of text takes and refuses the same in pydantic, in JSON Schema draft 4 and in a JavaScript engine."""

import json
import os
import re
import subprocess
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import TypeAdapter, ValidationError

from services.documents import text_types

#: What no type takes: a trailing newline, which ``$`` lets through in some engines, and characters that are not seen.
NEVER = ["", "\n", "{good}\n", "\n{good}", "{good}\r", "{good}\u2028", "{good}\x00", "\x1b[31m{good}"]
CASES: dict[str, tuple[list[str], list[str]]] = {
    "Name": (["report.pdf", "O'Brien <b>.txt", "été 文書.pdf", "a" * 255], ["a/b", "a\\b", "a" * 256, "a\x7f"]),
    "MediaType": (
        ["application/pdf", "image/svg+xml", "text/x.y-z"],
        ["pdf", "Text/html", "text/html; charset=utf-8", "/", "a/", "text/ html", f"a/{'b' * 126}"],
    ),
    "Sha256": (["ab" * 32, "0" * 64], ["AB" * 32, "ab" * 31, "ab" * 33, "g" * 64]),
    "Email": (
        ["a@b.co", "jane.o'brien+news@mail.example.com", "x_y-z!#$%&*/=?^`{|}~@a-b.example", f"{'a' * 64}@example.com"],
        [
            "a", "a@b", "@example.com", "a@.com", "a@-b.com", "a@b-.com", "a@b..com", "a b@c.de", "a@b_c.de",
            "a@exampleXcom", "ü@example.com", "a@münchen.de", "a@b.c", "<a@b.co>", "a@b.co,c@d.co",
            f"{'a' * 65}@example.com", f"a@{'b' * 64}.com", "a@" + "b." * 9 + "com",
        ],
    ),
    "Phone": (
        ["+442071838750", "+12", "+999999999999999"],
        ["442071838750", "+0442071838750", "+1", "+1234567890123456", "+44 20 7183", "+44-20", "+٤٤٢٠٧١", "++4420"],
    ),
    "Alphanumeric": (["a", "Z9", "a" * 1000], ["a b", "a_b", "é", "٣", "a-b", "a" * 1001]),
    "SafeString": (
        ["O'Brien; DROP TABLE x --", "<script>alert(1)</script>", "naïve 文書 😀", "a\u00a0b", "a" * 1000],
        ["a\tb", "a\u202eb", "a\u200bb", "a\ufeffb", "a\u0085b", "a\u2066b", "a\u061cb", "a" * 1001],
    ),
}  # fmt: skip
TEXTS = {
    name: [(text, True) for text in good]
    + [(text, False) for text in bad]
    + [(template.replace("{good}", good[0]), False) for template in NEVER]
    for name, (good, bad) in CASES.items()
}
EACH = [(name, text, taken) for name, texts in TEXTS.items() for text, taken in texts]
_IN_JAVASCRIPT = """
const [schemas, texts] = JSON.parse(require("fs").readFileSync(0));
const taken = ([name, text]) => {
  const schema = schemas[name], length = [...text].length;
  return new RegExp(schema.pattern).test(text)
    && length >= (schema.minLength ?? 0) && length <= schema.maxLength;
};
console.log(JSON.stringify(texts.map(taken)));
"""


def schema(name: str) -> dict[str, Any]:
    return TypeAdapter(getattr(text_types, name)).json_schema()


def test_every_type_has_its_cases() -> None:
    public = {name for name in vars(text_types) if re.fullmatch("[A-Z][A-Za-z0-9]+", name)} - {"Annotated", "Field"}
    assert public == set(CASES)


@pytest.mark.parametrize(("name", "text", "taken"), EACH)
def test_the_handler_and_the_edge_agree(name: str, text: str, taken: bool) -> None:
    try:
        TypeAdapter(getattr(text_types, name)).validate_python(text, strict=True)
    except ValidationError:
        assert not taken
    else:
        assert taken
    # Python's "$" is the one that lets a newline through; API Gateway's engine is no Python.
    if not text.endswith("\n"):
        assert jsonschema.Draft4Validator(schema(name)).is_valid(text) == taken


def test_a_javascript_engine_agrees() -> None:
    asked = [{name: schema(name) for name in CASES}, [(name, text) for name, text, _ in EACH]]
    done = subprocess.run(  # noqa: S603 - the Node of the requirements
        [os.environ["JSII_NODE"], "-e", _IN_JAVASCRIPT],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    assert [case for case, answer in zip(EACH, answers, strict=True) if case[2] is not answer] == []


@pytest.mark.parametrize("name", CASES)
def test_each_type_is_bounded_anchored_and_needs_nothing_newer_than_draft_4(name: str) -> None:
    found = schema(name)
    jsonschema.Draft4Validator.check_schema(found)
    assert found["maxLength"] <= 1000
    assert found["pattern"].startswith("^")
    assert found["pattern"].endswith("$")


@pytest.mark.parametrize("text", ["a@" + "a-" * 500, "a" * 5000 + "@", "a@" + "a." * 2000, "+" + "1" * 5000])
@pytest.mark.parametrize("name", CASES)
def test_text_that_is_made_to_be_slow_is_refused_at_once(name: str, text: str) -> None:
    """The pattern is tried in an engine that goes back and forth: it would not end."""
    if re.search(schema(name)["pattern"], text) is None:
        with pytest.raises(ValidationError):
            TypeAdapter(getattr(text_types, name)).validate_python(text)
