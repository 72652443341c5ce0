"""The synthesized templates of an app as one whole: what is in them and what refers to what.

It reads what ``cdk synth`` wrote, of any app in any language, and imports nothing of the CDK.

Example::

    assembly = Assembly.from_directory("cdk.out")
    for trail in assembly.resources("AWS::CloudTrail::Trail"):
        key = assembly.follow(trail.stack, trail.at("KMSKeyId"))
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, Self

from secure_backend.analysis import directory, policies, text
from secure_backend.analysis.policies import Statement
from secure_backend.analysis.template import Resource, Stack, Value, list_of, object_of


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A resource that a value refers to, and the attribute of it: "" for its ``Ref``."""

    resource: Resource
    attribute: str


class Assembly:
    """All stacks that are deployed together, nested stacks among them.

    :param stacks: the stacks, in any order.
    """

    def __init__(self, stacks: Iterable[Stack]) -> None:
        self.stacks = tuple(stacks)
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        for stack in self.stacks:
            for resource in stack.resources.values():
                self._by_type[resource.type].append(resource)
        self._nested = {stack.parent: stack for stack in self.stacks if stack.parent is not None}
        self._exports: dict[str, list[tuple[Stack, Value]]] | None = None
        self._attached: dict[tuple[str, str], dict[Resource, list[Resource]]] = {}
        self._statements: dict[Resource, list[Statement]] = {}
        self._referred: dict[Resource, list[Resource]] = {}
        self._waits: dict[Resource, set[Resource]] = {}
        self._before: dict[Stack, set[str]] = {}

    @classmethod
    def from_directory(cls, path: str | PathLike[str]) -> Self:
        """Read a cloud assembly directory; stages and nested stacks too.

        :raises FileNotFoundError: when the directory holds no ``manifest.json``.
        """
        return cls(directory.stacks_of(path))

    @classmethod
    def from_templates(cls, templates: Mapping[str, Mapping[str, Any]], region: str | None = None) -> Self:
        """Take templates by stack name, all for one region; None when it is known only at deployment."""
        return cls(Stack(name=name, template=template, region=region) for name, template in templates.items())

    def resources(self, *types: str) -> list[Resource]:
        """Return the resources of the given types, or all of them."""
        if not types:
            return [resource for stack in self.stacks for resource in stack.resources.values()]
        return [resource for type_name in types for resource in self._by_type.get(type_name, ())]

    def references(self, stack: Stack, value: Value) -> Iterator[Reference]:
        """Yield every resource that a value of the stack refers to, through imports and nested stacks too."""
        if isinstance(value, list):
            for item in value:
                yield from self.references(stack, item)
        elif isinstance(value, dict):
            if len(value) == 1:
                function, argument = next(iter(value.items()))
                if function == "Ref":
                    yield from self._named(stack, str(argument), "")
                    return
                if function == "Fn::GetAtt":
                    yield from self._named(stack, *text.attribute_of(argument))
                    return
                if function in ("Fn::ImportValue", "Fn::GetStackOutput"):
                    found = self._imported(stack, value)
                    if found is not None:
                        yield from self.references(*found)
                    return
                if function == "Fn::Sub":
                    for name in text.sub_names(argument):
                        logical_id, _, attribute = name.partition(".")
                        yield from self._named(stack, logical_id, attribute)
            for child in value.values():
                yield from self.references(stack, child)

    def follow(self, stack: Stack, value: Value) -> Resource | None:
        """Return the one resource that the value refers to; None when there is none here, or more than one."""
        found: Resource | None = None
        for reference in self.references(stack, value):
            if found is not None and reference.resource is not found:
                return None
            found = reference.resource
        return found

    def render(self, stack: Stack, value: Value) -> str:
        """Return the value as comparable text; see :mod:`secure_backend.analysis.text`."""
        return text.render(stack, value, self._lookup, self._import)

    def attached(self, type_name: str, property_path: str, to: Resource) -> list[Resource]:
        """Return the resources of a type with a property, or an item of it, that refers to the given resource."""
        if (type_name, property_path) not in self._attached:
            found: dict[Resource, list[Resource]] = defaultdict(list)
            for resource in self.resources(type_name):
                for target in {self.follow(resource.stack, item) for item in list_of(resource.at(property_path))}:
                    if target is not None:
                        found[target].append(resource)
            self._attached[type_name, property_path] = found
        return list(self._attached[type_name, property_path].get(to, ()))

    def policy_statements(self, resource: Resource) -> list[Statement]:
        """Return the statements of the resource's policy documents, who may assume a role left out."""
        if resource not in self._statements:
            documents = policies.policy_documents(resource)
            self._statements[resource] = [each for body in documents for each in self.statements(resource.stack, body)]
        return self._statements[resource]

    def statements(self, stack: Stack, document: Value) -> list[Statement]:
        """Return the statements of one policy document."""
        return policies.statements_of(document, lambda value: self.render(stack, value))

    def waits_for(self, resource: Resource, other: Resource) -> bool:
        """Tell whether CloudFormation creates ``other`` before ``resource``: by DependsOn, reference or stack order."""
        if resource.stack is not other.stack:
            if resource.stack not in self._before:
                self._before[resource.stack] = self._stacks_before(resource.stack)
            return other.stack.name in self._before[resource.stack]
        if resource not in self._waits:
            self._waits[resource] = self._waited_for(resource)
        return other in self._waits[resource]

    def _waited_for(self, resource: Resource) -> set[Resource]:
        seen: set[Resource] = set()
        pending = [resource]
        while pending:
            current = pending.pop()
            named = [current.stack.resources[name] for name in current.depends_on if name in current.stack.resources]
            for earlier in (*named, *self._referred_by(current)):
                if earlier.stack is resource.stack and earlier not in seen:
                    seen.add(earlier)
                    pending.append(earlier)
        return seen

    def _referred_by(self, resource: Resource) -> list[Resource]:
        if resource not in self._referred:
            found = self.references(resource.stack, resource.properties)
            self._referred[resource] = list({reference.resource: None for reference in found})
        return self._referred[resource]

    def _stacks_before(self, stack: Stack) -> set[str]:
        by_name = {each.name: each for each in self.stacks}
        seen: set[str] = set()
        pending = [stack]
        while pending:
            current = pending.pop()
            names = set(current.dependencies)
            if current.parent is not None:
                names.add(current.parent.stack.name)
            for resource in current.resources.values():
                names |= {referred.stack.name for referred in self._referred_by(resource)}
            for name in names - seen - {stack.name}:
                seen.add(name)
                if name in by_name:
                    pending.append(by_name[name])
        return seen

    def _named(self, stack: Stack, name: str, attribute: str) -> Iterator[Reference]:
        resource = stack.resources.get(name)
        if resource is not None:
            output = self._nested_output(resource, attribute)
            if output is not None:
                yield from self.references(*output)
            else:
                yield Reference(resource=resource, attribute=attribute)
        elif stack.parent is not None and not attribute:
            yield from self.references(stack.parent.stack, object_of(stack.parent.at("Parameters")).get(name))

    def _nested_output(self, resource: Resource, attribute: str) -> tuple[Stack, Value] | None:
        child = self._nested.get(resource)
        if child is None or not attribute.startswith("Outputs."):
            return None
        output = object_of(child.template.get("Outputs")).get(attribute.removeprefix("Outputs."))
        return child, object_of(output).get("Value")

    def _imported(self, stack: Stack, value: Mapping[str, Value]) -> tuple[Stack, Value] | None:
        function, argument = next(iter(value.items()))
        if function == "Fn::GetStackOutput":
            wanted = self.render(stack, object_of(argument).get("StackName"))
            output = self.render(stack, object_of(argument).get("OutputName"))
            for producer in self.stacks:
                if producer.name == wanted:
                    return producer, object_of(object_of(producer.template.get("Outputs")).get(output)).get("Value")
            return None
        if self._exports is None:
            self._exports = defaultdict(list)
            for producer in self.stacks:
                for body in object_of(producer.template.get("Outputs")).values():
                    name = object_of(object_of(body).get("Export")).get("Name")
                    if name is not None:
                        self._exports[self.render(producer, name)].append((producer, object_of(body).get("Value")))
        found = self._exports.get(self.render(stack, argument), [])
        same_place = [each for each in found if (each[0].account, each[0].region) == (stack.account, stack.region)]
        return next(iter(same_place or found), None)

    def _lookup(self, stack: Stack, name: str, attribute: str) -> str:
        known = {
            "AWS::Region": stack.region,
            "AWS::AccountId": stack.account,
            "AWS::Partition": stack.partition,
            "AWS::StackName": stack.name if stack.parent is None else None,
            "AWS::URLSuffix": {"aws-cn": "amazonaws.com.cn", None: None}.get(stack.partition, "amazonaws.com"),
        }
        if name.startswith("AWS::"):
            return known.get(name) or f"${{{name}}}"
        resource = stack.resources.get(name)
        if resource is not None:
            output = self._nested_output(resource, attribute)
            if output is not None:
                return self.render(*output)
            if resource.type == "AWS::S3::Bucket" and attribute in ("", "Arn"):
                # Policies write the ARN of a bucket with a name of its own as text as often as by reference.
                bucket = resource.at("BucketName")
                if isinstance(bucket, str):
                    return f"arn:{self._lookup(stack, 'AWS::Partition', '')}:s3:::{bucket}" if attribute else bucket
        elif stack.parent is not None and not attribute:
            given = object_of(stack.parent.at("Parameters")).get(name)
            if given is not None:
                return self.render(stack.parent.stack, given)
        return f"${{{stack.name}/{name}{'.' if attribute else ''}{attribute}}}"

    def _import(self, stack: Stack, value: Value) -> str:
        found = self._imported(stack, value)
        return text.UNKNOWN if found is None else self.render(*found)
