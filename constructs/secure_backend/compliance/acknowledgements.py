"""The registry of findings that stay: each with its construct, a true reason, an owner and a date for the next look."""

import datetime
import re
from dataclasses import dataclass

import aws_cdk as cdk
from constructs import IConstruct

_ID = re.compile(r"(?P<pack>[A-Za-z][\w.]*)::(?P<rule>[A-Za-z][\w.]*-\S.*)")


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """One finding on one resource that stays, and why.

    :param finding: the exact id with its pack's prefix, ``AwsSolutions::AwsSolutions-IAM5[Resource::*]``.
    :param construct: the path of the resource.
    """

    finding: str
    construct: str
    reason: str
    owner: str
    review_by: datetime.date

    @property
    def rule(self) -> str:
        """The rule's name without its pack's prefix and the finding's argument."""
        pack, _, name = self.finding.partition("::")
        return name.removeprefix(f"{pack}-").partition("[")[0]


class Acknowledgements:
    """Every acknowledgement of an app, in one place that the gate compares with what the packs found.

    Example::

        acknowledgements.add(
            role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="X-Ray has no resource-level permissions.",
            owner="platform",
            review_by=datetime.date(2027, 5, 31),
        )
    """

    def __init__(self) -> None:
        self.entries: list[Acknowledgement] = []
        # Asked of each resource once: a call into the CDK takes longer than all else here.
        self._paths: dict[cdk.CfnResource, str] = {}
        self._validations: dict[cdk.CfnResource, cdk.Validations] = {}

    def add(self, construct: IConstruct, *findings: str, reason: str, owner: str, review_by: datetime.date) -> None:
        """Acknowledge findings of one resource.

        :param construct: the resource itself, or the L2 construct whose main resource it is: never a wider scope.
        :param findings: exact ids with the pack's prefix; a bare id would hide the finding without a trace.
        :param reason: why a reviewer would accept the finding: a sentence.
        :param owner: who looks again.
        :param review_by: until when.
        :raises ValueError: when an id has no prefix, a reason says nothing, or the construct is not one resource.
        """
        main = construct if isinstance(construct, cdk.CfnResource) else construct.node.default_child
        resource = main if isinstance(main, cdk.CfnResource) else None
        if resource is None:
            raise ValueError(
                f"Acknowledgements.construct: got {construct.node.path}, which is not one resource; expected the "
                "resource that the finding names; pass it, or the L2 construct around it"
            )
        if resource not in self._paths:
            # A resource writes itself as "path [type]": half the calls into the CDK of node.path.
            self._paths[resource] = resource.to_string().rpartition(" [")[0]
            self._validations[resource] = cdk.Validations.of(resource)
        path = self._paths[resource]
        if not findings:
            raise ValueError(
                f"Acknowledgements.findings: got none for {path}; expected the ids of the findings; pass them"
            )
        if len(reason.split()) < 4:
            raise ValueError(
                f"Acknowledgements.reason: got {reason!r} for {path}; expected a sentence that a reviewer would "
                "accept; say why the finding stays"
            )
        if not owner.strip():
            raise ValueError(f"Acknowledgements.owner: got {owner!r} for {path}; expected a name; say who looks again")
        for finding in findings:
            if _ID.fullmatch(finding) is None:
                raise ValueError(
                    f"Acknowledgements.findings: got {finding!r} for {path}; expected an id with its pack's prefix, "
                    "such as AwsSolutions::AwsSolutions-S1; copy it from the gate's output"
                )
        self._validations[resource].acknowledge(
            *(cdk.Acknowledgment(id=finding, reason=reason) for finding in findings)
        )
        self.entries += [
            Acknowledgement(finding=finding, construct=path, reason=reason, owner=owner, review_by=review_by)
            for finding in findings
        ]
