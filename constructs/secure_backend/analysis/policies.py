"""IAM policy documents of a template in one shape: lists where IAM allows one value, text where it allows functions."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from secure_backend.analysis.template import Resource, Value, alternatives, is_intrinsic, list_of, object_of
from secure_backend.analysis.text import UNKNOWN, could_match

#: The properties that hold policy documents, by resource type; PolicyDocument where the type is not listed.
_DOCUMENTS = {
    "AWS::ApiGateway::RestApi": ("Policy",),
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::KMS::ReplicaKey": ("KeyPolicy",),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
    "AWS::Backup::BackupVault": ("AccessPolicy",),
}

_SERVICE_END = re.compile(
    r"((?:[a-z]{2}(?:-[a-z]+)+-\d|\$\{[^}]*\})\.)?(?:amazonaws\.com(?:\.cn)?|\$\{AWS::URLSuffix\})"
)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One line of a statement's conditions: an operator, a key in lower case and its values."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of a policy; its texts may hold the markers of :mod:`secure_backend.analysis.text`."""

    sid: str
    effect: str
    #: Kind ("AWS", "Service", "Federated", or "*") and name of each principal.
    principals: tuple[tuple[str, str], ...]
    not_principals: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @property
    def allows(self) -> bool:
        """Whether the effect is Allow."""
        return self.effect == "Allow"

    @property
    def names_everyone(self) -> bool:
        """Whether a principal is ``*``."""
        return any(name == "*" for _, name in self.principals)

    @property
    def may_open(self) -> bool:
        """Whether it may allow something to everyone, or to everyone but some; unless it certainly denies."""
        return self.effect != "Deny" and (self.names_everyone or bool(self.not_principals))

    def names_service(self, service: str) -> bool:
        """Whether a principal is the service, ``logs`` or ``delivery.logs``, regional or not, or everyone."""
        for kind, name in self.principals:
            if name == "*":
                return True
            if kind == "Service" and name.startswith(f"{service}."):
                rest = name[len(service) + 1 :]
                if _SERVICE_END.fullmatch(rest):
                    return True
        return False

    def covers(self, action: str) -> bool:
        """Whether the statement speaks of the action; upper and lower case are the same to IAM."""
        wanted = action.lower()
        if self.not_actions:
            return not any(could_match(pattern.lower(), wanted) for pattern in self.not_actions)
        return any(could_match(pattern.lower(), wanted) for pattern in self.actions)

    def condition_values(self, *keys: str) -> tuple[str, ...]:
        """Return the values that the given condition keys are compared with."""
        wanted = {key.lower() for key in keys}
        return tuple(value for condition in self.conditions if condition.key in wanted for value in condition.values)


#: Stands for a statement that is known only at deployment: it may allow anything, on some condition.
COMPUTED = Statement(
    sid=UNKNOWN,
    effect="Allow",
    principals=(("*", "*"),),
    not_principals=(),
    actions=("*",),
    not_actions=(),
    resources=("*",),
    not_resources=(),
    conditions=(Condition(operator=UNKNOWN, key=UNKNOWN, values=(UNKNOWN,)),),
)


def policy_documents(resource: Resource) -> Iterator[Value]:
    """Yield the documents that say what the resource may do, or who may do what with it; not who may assume a role."""
    for name in _DOCUMENTS.get(resource.type, ("PolicyDocument",)):
        if resource.at(name) is not None:
            yield resource.at(name)
    for inline in list_of(resource.at("Policies")):
        if is_intrinsic(inline):
            yield inline
        elif object_of(inline).get("PolicyDocument") is not None:
            yield object_of(inline)["PolicyDocument"]


def statements_of(document: Value, render: Callable[[Value], str]) -> list[Statement]:
    """Return the statements of a document; one that CloudFormation computes may allow anything: :data:`COMPUTED`."""
    if is_intrinsic(document):
        return [COMPUTED]
    bodies = list_of(object_of(document).get("Statement"))
    return [COMPUTED if is_intrinsic(body) else _statement(object_of(body), render) for body in bodies]


def _statement(body: Mapping[str, Value], render: Callable[[Value], str]) -> Statement:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(render(value) for value in list_of(body.get(name)))

    return Statement(
        sid=render(body.get("Sid", "")),
        effect=render(body.get("Effect", "")),
        principals=_principals(body.get("Principal"), render),
        not_principals=_principals(body.get("NotPrincipal"), render),
        actions=texts("Action"),
        not_actions=texts("NotAction"),
        resources=texts("Resource"),
        not_resources=texts("NotResource"),
        conditions=tuple(
            Condition(operator=operator, key=key.lower(), values=tuple(render(value) for value in list_of(values)))
            for operator, keys in object_of(body.get("Condition")).items()
            for key, values in object_of(keys).items()
        ),
    )


def _principals(value: Value, render: Callable[[Value], str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for each in alternatives(value):
        if isinstance(each, str):
            found.append(("*" if each == "*" else "AWS", each))
        found += [(kind, render(name)) for kind, names in object_of(each).items() for name in alternatives(names)]
    return tuple(found)
