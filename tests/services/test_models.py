"""The model of a new document, as the handler and the API's edge both use it."""

import re

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.documents.models import NewDocument

SCHEMA = NewDocument.model_json_schema()
GOOD = {"name": "report.pdf", "type": "application/pdf", "size": 12, "sha256": "ab" * 32}


def test_the_schema_is_closed_and_bounds_every_field() -> None:
    assert SCHEMA["additionalProperties"] is False
    assert sorted(SCHEMA["required"]) == ["name", "sha256", "size", "type"]
    for name, field in SCHEMA["properties"].items():
        bounds = {"minimum", "maximum"} if name == "size" else {"maxLength", "pattern"}
        assert bounds <= set(field)
        assert field.get("pattern", "^$").startswith("^")
        assert field.get("pattern", "^$").endswith("$")


def test_the_schema_needs_nothing_newer_than_draft_4() -> None:
    jsonschema.Draft4Validator.check_schema(SCHEMA)
    assert not re.search(r"exclusive|const|\$defs|anyOf|null", str(SCHEMA))


@given(st.text(max_size=20), st.text(max_size=20), st.integers(-5, 2**40), st.text(max_size=66))
@settings(max_examples=100, deadline=None)
def test_what_the_handler_takes_the_edge_takes_too(name: str, kind: str, size: int, sha256: str) -> None:
    document = {"name": name, "type": kind, "size": size, "sha256": sha256}
    for changed in (document, {**GOOD, "name": name}, {**GOOD, "type": kind}, {**GOOD, "size": size}):
        try:
            NewDocument.model_validate(changed)
        except ValidationError:
            continue
        jsonschema.Draft4Validator(SCHEMA).validate(changed)


@pytest.mark.parametrize("name", ["O'Brien.pdf", "a b.txt", "été.pdf", "文書", "..hidden", "<b>&amp;", '"quoted"'])
def test_ordinary_names_are_taken_as_they_are(name: str) -> None:
    assert NewDocument.model_validate({**GOOD, "name": name}).name == name
