"""How a rule is shown: a sound template, and what is changed in it to break the rule."""

import copy
from dataclasses import dataclass
from typing import Any

from secure_backend.analysis import Assembly

Template = dict[str, Any]

#: As a change's value: take the property away.
REMOVED = object()


@dataclass(frozen=True)
class Case:
    """One way to break a rule.

    :param rule: the rule's name.
    :param sound: resources by logical id, or templates by stack name, that do not break it.
    :param changes: dotted paths and the values that break it.
    :param says: words of the finding's problem.
    """

    rule: str
    sound: Template
    changes: dict[str, Any]
    says: str = ""
    region: str | None = "eu-central-1"

    @property
    def broken(self) -> Template:
        """The sound template with the changes."""
        return changed(self.sound, self.changes)


def changed(template: Template, changes: dict[str, Any]) -> Template:
    """Return a copy of the template with the changes made; a number in a path is an index of a list."""
    result = copy.deepcopy(template)
    for path, value in changes.items():
        *parents, last = path.split("/")
        place: Any = result
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        key: Any = int(last) if isinstance(place, list) else last
        if value is REMOVED:
            del place[key]
        else:
            place[key] = value
    return result


def assembly_of(template: Template, region: str | None = "eu-central-1") -> Assembly:
    """Return an assembly of one stack, ``app``, or of several."""
    stacks = template if all("Resources" in body for body in template.values()) else {"app": {"Resources": template}}
    return Assembly.from_templates(stacks, region=region)


def resource(type_name: str, /, **properties: Any) -> Template:
    """Return a resource; ``DependsOn`` and the policies stand beside its properties."""
    attributes = ("DependsOn", "DeletionPolicy", "UpdateReplacePolicy")
    beside = {name: properties.pop(name) for name in attributes if name in properties}
    return {"Type": type_name, "Properties": properties, **beside}


def ref(name: str) -> Template:
    """Return a Ref."""
    return {"Ref": name}


def arn(name: str, attribute: str = "Arn") -> Template:
    """Return a Fn::GetAtt."""
    return {"Fn::GetAtt": [name, attribute]}


def allow(principal: str | Template, *actions: str, **rest: Any) -> Template:
    """Return a statement that allows actions to a service, or to any principal."""
    who = {"Service": f"{principal}.amazonaws.com"} if isinstance(principal, str) and principal != "*" else principal
    return {"Effect": "Allow", "Principal": who, "Action": list(actions), "Resource": "*", **rest}


def document(*statements: Template) -> Template:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


ROOT = allow({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}, "kms:*")


def key(*statements: Template) -> Template:
    """Return a key with the account's root and more statements in its policy."""
    return resource("AWS::KMS::Key", KeyPolicy=document(ROOT, *statements))
