"""What the deployed functions' roles may do, permission by permission: shown, and taken away for a while."""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.local.conftest import LocalAws

API_STACK = "secure-backend-local-api"
Document = dict[str, Any]


@dataclass(frozen=True, order=True)
class Permission:
    """One action of one statement: ``s3:PutObject``, ``kms:Decrypt via s3``, or ``not ec2:…`` where it is denied."""

    function: str
    label: str

    @property
    def action(self) -> str:
        """The action alone."""
        return self.label.removeprefix("not ").partition(" via ")[0]


@dataclass(frozen=True)
class Role:
    """A function of the api stack and what its role may do."""

    aws: LocalAws = field(repr=False)
    #: As the stack's code calls it: "Documents".
    function: str
    configuration: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """The role's name."""
        return str(self.configuration["Role"]).rsplit("/", 1)[-1]

    @property
    def principal(self) -> str:
        """Who the function's requests come from."""
        account = self.configuration["Role"].split(":")[4]
        return f"arn:aws:sts::{account}:assumed-role/{self.name}/{self.configuration['FunctionName']}"

    def inline(self) -> dict[str, Document]:
        """Return the policies that are part of the role."""
        iam = self.aws.client("iam")
        names = iam.list_role_policies(RoleName=self.name)["PolicyNames"]
        return {name: iam.get_role_policy(RoleName=self.name, PolicyName=name)["PolicyDocument"] for name in names}

    def documents(self) -> list[Document]:
        """Return all policies, those that are only attached too."""
        iam = self.aws.client("iam")
        found = list(self.inline().values())
        for attached in iam.list_attached_role_policies(RoleName=self.name)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
        return found

    def permissions(self) -> set[Permission]:
        """Return every permission of every statement."""
        return {
            Permission(self.function, label)
            for document in self.documents()
            for statement in document["Statement"]
            for label in labels(statement)
        }

    @contextmanager
    def without(self, permissions: Sequence[Permission]) -> Iterator[None]:
        """Take permissions of this role's own policies away, and put them back."""
        iam = self.aws.client("iam")
        before = self.inline()
        for name, document in before.items():
            left = less(document, permissions)
            if left["Statement"]:
                iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=json.dumps(left))
            else:
                iam.delete_role_policy(RoleName=self.name, PolicyName=name)
        try:
            yield
        finally:
            for name, document in before.items():
                iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=json.dumps(document))


def labels(statement: Document) -> dict[str, str]:
    """Return a statement's permissions and the action of each."""
    via = str(statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", "")).partition(".")[0]
    before, after = ("not " if statement["Effect"] == "Deny" else ""), (f" via {via}" if via else "")
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    return {f"{before}{action}{after}": action for action in actions}


def less(document: Document, permissions: Sequence[Permission]) -> Document:
    """Return the policy without the permissions."""
    taken = {permission.label for permission in permissions}
    left = copy.deepcopy(document)
    for statement in left["Statement"]:
        statement["Action"] = [action for label, action in labels(statement).items() if label not in taken]
    left["Statement"] = [statement for statement in left["Statement"] if statement["Action"]]
    return left


def roles_of(aws: LocalAws) -> dict[str, Role]:
    """Return the roles of the api stack's functions by the function's name in the code."""
    stack = aws.client("cloudformation").describe_stack_resources(StackName=API_STACK)["StackResources"]
    lambdas = aws.client("lambda")
    found = {}
    for resource in stack:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = re.sub(r"[0-9A-F]{8}$", "", resource["LogicalResourceId"])
            configuration = lambdas.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
            found[name] = Role(aws, name, configuration)
    return found


def end_functions(aws: LocalAws) -> None:
    """Have every function start anew: a change of its configuration ends its environments, as on AWS."""
    for role in roles_of(aws).values():
        name, seconds = role.configuration["FunctionName"], role.configuration["Timeout"]
        aws.client("lambda").update_function_configuration(FunctionName=name, Timeout=seconds)


@contextmanager
def taken_away(roles: dict[str, Role], permissions: Sequence[Permission]) -> Iterator[None]:
    """Take permissions of any roles away, and put them back."""
    with ExitStack() as stack:
        for name, role in roles.items():
            stack.enter_context(role.without([one for one in permissions if one.function == name]))
        yield
