"""One synthesized template and its resources, as CloudFormation will read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: A value of a template: text, a number, a list, an object, or an intrinsic function.
Value = Any
_NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """A resource of a template. Two resources are the same only if they are the same object."""

    stack: "Stack" = field(repr=False)
    logical_id: str
    type: str
    properties: Mapping[str, Value]
    depends_on: tuple[str, ...] = ()
    deletion_policy: str | None = None
    update_replace_policy: str | None = None
    #: The condition on which it is made at all; None for always.
    condition: str | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The stack's name and the logical id, for a person."""
        return f"{self.stack.name}/{self.logical_id}"

    def at(self, path: str) -> Value:
        """Return the value at a dotted path of properties; None when it is absent.

        Where an intrinsic function computes what holds the value, the function itself is returned: it is known only
        at deployment whether the value is there.
        """
        first, *others = path.split(".")
        value: Value = self.properties.get(first)
        for name in others:
            if is_intrinsic(value):
                break
            value = value.get(name) if isinstance(value, dict) else None
        return None if value == _NO_VALUE else value


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """A stack's template and where it will be deployed; ``None`` for what is known only at deployment."""

    name: str
    template: Mapping[str, Value] = field(repr=False)
    region: str | None = None
    account: str | None = None
    file: Path | None = None
    construct_path: str | None = None
    #: Names of the stacks that are deployed before this one.
    dependencies: tuple[str, ...] = ()
    #: For a nested stack, the resource that creates it.
    parent: Resource | None = None
    termination_protection: bool = False
    #: The ARN of the role that CloudFormation acts as; None for the deploying person's own permissions.
    service_role: str | None = None
    resources: Mapping[str, Resource] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the resources once."""
        resources = {
            logical_id: _resource(self, logical_id, body)
            for logical_id, body in object_of(self.template.get("Resources")).items()
            if isinstance(body, dict)
        }
        object.__setattr__(self, "resources", resources)

    @property
    def partition(self) -> str | None:
        """The AWS partition of the region, if the region is known."""
        if self.region is None:
            return None
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"


def is_intrinsic(value: Value) -> bool:
    """Tell whether CloudFormation computes the value: ``Ref`` or a function."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = next(iter(value))
    return isinstance(name, str) and (name in ("Ref", "Condition") or name.startswith("Fn::"))


def object_of(value: Value) -> Mapping[str, Value]:
    """Return a literal object, or an empty one for anything else, intrinsic functions included."""
    return value if isinstance(value, dict) and not is_intrinsic(value) else {}


def list_of(value: Value) -> list[Value]:
    """Return a literal list, a single value as a list of one, or an empty list for nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def alternatives(value: Value) -> Iterator[Value]:
    """Yield what the items of a list, or a single value, may turn out to be: of ``Fn::If`` either case."""
    if isinstance(value, list):
        for item in value:
            yield from alternatives(item)
    elif is_intrinsic(value) and "Fn::If" in value:
        yield from alternatives(list_of(value["Fn::If"])[1:])
    elif value is not None and value != _NO_VALUE:
        yield value


def is_set(value: Value) -> bool:
    """Tell whether a value is certainly there: of ``Fn::If`` in either case, and not empty."""
    if is_intrinsic(value) and "Fn::If" in value:
        return all(is_set(case) for case in list_of(value["Fn::If"])[1:])
    return value not in (None, "", [], {}, _NO_VALUE)


def is_conditional(value: Value) -> bool:
    """Tell whether some of the value depends on a condition of the deployment."""
    return any(isinstance(each, dict) and "Fn::If" in each for _, each in walk(value))


def is_true(value: Value) -> bool:
    """Tell whether a boolean of a template is certainly true; templates also hold it as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_false(value: Value) -> bool:
    """Tell whether a boolean of a template is certainly false or left out."""
    return value is None or value is False or (isinstance(value, str) and value.lower() == "false")


def number_of(value: Value) -> float | None:
    """Return a literal number, also one held as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def walk(value: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """Yield every value below ``value`` with its dotted path, the value itself first."""
    yield path, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from walk(child, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, f"{path}.{index}")


def _resource(stack: Stack, logical_id: str, body: Mapping[str, Value]) -> Resource:
    depends_on = body.get("DependsOn", [])
    return Resource(
        stack=stack,
        logical_id=logical_id,
        type=str(body.get("Type", "")),
        properties=object_of(body.get("Properties")),
        depends_on=tuple([depends_on] if isinstance(depends_on, str) else depends_on),
        deletion_policy=body.get("DeletionPolicy"),
        update_replace_policy=body.get("UpdateReplacePolicy"),
        condition=body.get("Condition"),
        metadata=object_of(body.get("Metadata")),
    )
