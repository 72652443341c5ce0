"""Make API Gateway request models (JSON Schema draft 4) of pydantic models, or of other JSON schemas.

What passes a model is closed and bounded: no property that is not listed, no text, number or array without an end.
The same pydantic model then checks the body again in the handler, whole.

Example::

    from typing import Annotated
    from pydantic import BaseModel, ConfigDict, Field

    class NewDocument(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        name: Annotated[str, Field(min_length=1, max_length=255)]
        size: Annotated[int, Field(ge=1, le=10_000_000)]

    schema = request_model(NewDocument)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from secure_backend.api.request_patterns import pattern_problem
from secure_backend.validation import Validation

DRAFT_4 = "http://json-schema.org/draft-04/schema#"

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "discriminator"}
    | {"$comment", "$schema", "$id", "id", "$defs", "definitions", "format", "contentEncoding", "contentMediaType"}
)
_NUMBER = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_KEYWORDS: dict[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    "array": frozenset({"items", "minItems", "maxItems", "uniqueItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": _NUMBER,
    "number": _NUMBER,
    "boolean": frozenset(),
}
# The longest text of a format that pydantic takes. The format itself is the handler's to check: no two validators
# agree on what a date is.
_FORMAT_LENGTHS = {"date": 10, "date-time": 40, "time": 30, "duration": 60, "uuid": 45, "ipv4": 15, "ipv6": 45}


@dataclass(frozen=True, kw_only=True)
class ModelProblem:
    """One place of a schema that lets too much through, or that draft 4 cannot say."""

    path: str
    got: object
    expected: str
    do: str


class RequestModelError(ValueError):
    """A schema is not fit for a request model; the message lists every place and its fix."""

    def __init__(self, problems: list[ModelProblem]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {each.path}: got {each.got!r}; expected {each.expected}; {each.do}" for each in problems)
        super().__init__(f"the body cannot be a request model:\n{lines}")


def request_model(body: Any) -> dict[str, Any]:
    """Return the draft 4 schema of a body.

    :param body: a pydantic model class (whatever has ``model_json_schema``), or a JSON schema as a dict.
    :raises RequestModelError: when the schema is open or unbounded anywhere, with the JSON path of each place.
    """
    conversion = _Conversion(body)
    schema = conversion.node(conversion.root, "$")
    if schema.get("type") != "object" and not conversion.problems:
        conversion.refuse("$", schema.get("type"), "an object", "wrap the value in an object with a property")
    if conversion.problems:
        raise RequestModelError(conversion.problems)
    return {"$schema": DRAFT_4, **schema}


def checked_request_model(check: Validation, name: str, body: Any) -> dict[str, Any] | None:
    """Return the schema of a body, or record its problems."""
    if body is None:
        return None
    if not isinstance(body, Mapping) and not hasattr(body, "model_json_schema"):
        check.refuse(name, body, "a pydantic model class or a JSON schema as a dict", "pass the class itself")
        return None
    try:
        return request_model(body)
    except RequestModelError as error:
        for problem in error.problems:
            check.refuse(f"{name} {problem.path}", problem.got, problem.expected, problem.do)
    return None


class _Conversion:
    """One schema on its way to draft 4, and what is wrong with it."""

    def __init__(self, body: Any) -> None:
        self.root: Mapping[str, Any] = body if isinstance(body, Mapping) else body.model_json_schema()
        self.problems: list[ModelProblem] = []
        self._open: list[str] = []

    def refuse(self, path: str, got: object, expected: str, do: str) -> None:
        self.problems.append(ModelProblem(path=path, got=got, expected=expected, do=do))

    def node(self, schema: Any, path: str) -> dict[str, Any]:
        """Return one schema's draft 4 form; what cannot be had is recorded, and left out."""
        if not isinstance(schema, Mapping):
            self.refuse(path, schema, "a schema with a type", "say what the value is")
            return {}
        if "$ref" in schema:
            return self._reference(schema, path)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self._several(schema, several, path)
        schema = _without_null(schema)
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else list(schema["enum"])
            scalar = all(isinstance(value, (str, int, float, bool)) for value in values)
            if not values or not scalar:
                self.refuse(path, values, "a list of texts, numbers or booleans", "spell objects out as properties")
            return {"type": schema["type"], "enum": values} if "type" in schema else {"enum": values}
        kind = schema.get("type")
        if not isinstance(kind, str) or kind not in _KEYWORDS:
            self.refuse(path, kind, "one type of " + ", ".join(_KEYWORDS), "say what the value is")
            return {}
        for keyword in schema.keys() - _KEYWORDS[kind] - _ANNOTATIONS - {"type"}:
            self.refuse(path, keyword, f"keywords that API Gateway checks for {kind}", f"express {keyword} without it")
        convert: dict[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._number,
            "number": self._number,
        }
        return {"type": kind, **(convert[kind](schema, path) if kind in convert else {})}

    def _reference(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        reference = str(schema["$ref"])
        target: Any = self.root
        for name in reference.removeprefix("#").split("/")[1:]:
            target = target.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        beside = schema.keys() - _ANNOTATIONS - {"$ref"}
        if not reference.startswith("#/") or target is None or beside:
            self.refuse(path, dict(schema), "a $ref into this schema, alone", "define it under $defs")
            return {}
        if reference in self._open:
            self.refuse(path, reference, "a schema of bounded depth", "write the levels out: a model holds no cycle")
            return {}
        self._open.append(reference)
        try:
            return self.node(target, path)
        finally:
            self._open.pop()

    def _several(self, schema: Mapping[str, Any], several: str, path: str) -> dict[str, Any]:
        beside = schema.keys() - _ANNOTATIONS - {several}
        choices = [each for each in schema[several] if not (isinstance(each, Mapping) and each.get("type") == "null")]
        if beside or not choices or (several == "allOf" and len(choices) > 1):
            self.refuse(path, dict(schema), "one schema, or anyOf alone", "merge the parts into one")
            return {}
        if len(choices) == 1:
            return self.node(choices[0], path)
        # oneOf becomes anyOf, which API Gateway knows; that exactly one fits is the handler's to check.
        return {"anyOf": [self.node(choice, f"{path}<{at}>") for at, choice in enumerate(choices)]}

    def _object(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        if schema.get("additionalProperties", True) is not False:
            self.refuse(
                path,
                "additionalProperties " + str(schema.get("additionalProperties", "left out")),
                "additionalProperties false",
                'close it: ConfigDict(extra="forbid") in pydantic, listed properties instead of a dict',
            )
        properties, required = schema.get("properties", {}), list(schema.get("required", []))
        for name in required:
            if name not in properties:
                self.refuse(f"{path}.{name}", "required, but not listed", "a listed property", "list it, or drop it")
            elif _nullable(properties[name]):
                self.refuse(
                    f"{path}.{name}",
                    "a required value that may be null",
                    "a value, or nothing",
                    "give it the default None and let callers leave it out: draft 4 models know no null",
                )
        closed: dict[str, Any] = {
            "properties": {name: self.node(each, f"{path}.{name}") for name, each in properties.items()},
            "additionalProperties": False,
        }
        if required:  # draft 4 has no empty list here
            closed["required"] = required
        return closed | {name: schema[name] for name in ("minProperties", "maxProperties") if name in schema}

    def _array(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        self._bounded(schema, "maxItems", path, "Field(max_length=…)")
        items = self.node(schema.get("items"), f"{path}[]")
        kept = {name: schema[name] for name in ("minItems", "maxItems", "uniqueItems") if name in schema}
        return {"items": items, **kept}

    def _string(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        kept = {name: schema[name] for name in ("minLength", "maxLength", "pattern") if name in schema}
        kept.setdefault("maxLength", _FORMAT_LENGTHS.get(str(schema.get("format"))))
        self._bounded(kept, "maxLength", path, "Field(max_length=…)")
        problem = pattern_problem(str(kept["pattern"])) if "pattern" in kept else None
        if problem:
            self.refuse(
                path,
                f"pattern {kept['pattern']} with {problem}",
                "a pattern that ECMA-262 and Python read alike, from ^ to $",
                "rewrite it, or leave it to the handler",
            )
        return kept

    def _bounded(self, schema: Mapping[str, Any], bound: str, path: str, pydantic: str) -> None:
        value = schema.get(bound)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.refuse(path, f"no {bound}", f"a {bound}", f"bound it: {pydantic} in pydantic")

    def _number(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for bound, exclusive, tighter in (
            ("minimum", "exclusiveMinimum", max),
            ("maximum", "exclusiveMaximum", min),
        ):
            limit, beyond = schema.get(bound), schema.get(exclusive)
            if isinstance(beyond, bool):  # draft 4 already
                kept |= {bound: limit, exclusive: True} if beyond else {bound: limit}
            elif beyond is not None and (limit is None or tighter(limit, beyond) == beyond):
                kept |= {bound: beyond, exclusive: True}
            else:
                kept[bound] = limit
            if kept[bound] is None:
                self.refuse(path, f"no {bound}", f"a {bound}", "bound it: Field(ge=…, le=…) in pydantic")
        return kept | ({"multipleOf": schema["multipleOf"]} if "multipleOf" in schema else {})


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Drop null from a list of types: a value that may be null is one that may be left out."""
    kinds = schema.get("type")
    if not isinstance(kinds, list):
        return schema
    kinds = [kind for kind in kinds if kind != "null"]
    return {**schema, "type": kinds[0] if len(kinds) == 1 else kinds}


def _nullable(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    choices = schema.get("anyOf", schema.get("oneOf", []))
    return "null" in (schema.get("type"), *(c.get("type") for c in choices if isinstance(c, Mapping))) or (
        isinstance(schema.get("type"), list) and "null" in schema["type"]
    )
