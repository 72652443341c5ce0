"""A second factor for whoever would destroy, stop or expose something.

Example::

    from aws_cdk import aws_iam as iam

    operators = iam.Group.from_group_name(self, "Operators", "operators")
    RequireMfaForDestructiveActions(self, "MfaGuard", groups=[operators])
"""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_backend.mfa.actions import DESTRUCTIVE, WAYS_AROUND
from secure_backend.validation import Validation

# A managed policy may have 6144 characters, white space not counted; names of the caller's own need some.
_MOST_CHARACTERS = 6144


class RequireMfaForDestructiveActions(iam.ManagedPolicy):
    """A policy of IAM groups: without a second factor their users destroy, stop and expose nothing of the application.

    * Denied without MFA are the actions that delete, stop or open a resource of any kind that this library makes, and
      those that take its protection away: key deletion, policies, lifecycle, retention, deletion protection, trails.
    * So are the ways around: to assume a role or to pass one on, to change users, groups, policies or second factors,
      the first factor of one's own included (somebody who has one enables it), to change who may sign in by IAM
      Identity Center, and to let a service such as CloudFormation do the work.
    * A long-lived access key carries no word of MFA at all; that counts as none. With ``aws sts get-session-token`` its
      owner gets a session with MFA. A federation token never has one.
    * Roles are never touched, whatever the policy is attached to: neither the deploying role nor people who sign in by
      IAM Identity Center. What a service does for a caller (``aws:ViaAWSService``) passes: such a call need not carry
      the MFA, and the caller needed it to begin.
    * It allows nothing. It has no say over the root user, nor over a role that a service holds already and that others
      may set to work, as with ``lambda:InvokeFunction``.

    Sources: IAM User Guide, "Secure API access with MFA", "AWS global condition context keys", "Forward access
    sessions".

    :param groups: whose users need MFA, at least one group: a policy that nobody has protects nothing, and users have
        policies by groups only (FSBP IAM.2).
    :param additional_actions: further actions that need MFA, such as ``dynamodb:DeleteTable`` for a table of your own;
        none when left out.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        groups: Sequence[iam.IGroup],
        additional_actions: Sequence[str] = (),
    ) -> None:
        check = Validation(self, id)
        _check_groups(check, groups)
        further = list(additional_actions) if _check_actions(check, additional_actions) else []
        statements = [
            _denied("DestructiveActions", [*_named(DESTRUCTIVE), *further]),
            _denied("WaysAround", _named(WAYS_AROUND)),
        ]
        size = len(json.dumps([one.to_statement_json() for one in statements], separators=(",", ":"))) + 50
        check.check(
            size <= _MOST_CHARACTERS,
            "additional_actions",
            f"{len(further)} actions, {size} characters of policy",
            f"at most {_MOST_CHARACTERS} characters",
            "use patterns such as dynamodb:Delete*, or a second policy for some of them",
        )
        check.raise_problems()
        super().__init__(
            scope,
            id,
            description="Destructive actions need MFA; roles are not touched",
            groups=list(groups),
            statements=statements,
        )


def _denied(sid: str, actions: Sequence[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        actions=list(actions),
        resources=["*"],
        conditions={
            # Not "User": a user's federation token is another type, and would go free.
            "StringNotEquals": {"aws:PrincipalType": "AssumedRole"},
            "BoolIfExists": {"aws:MultiFactorAuthPresent": "false", "aws:ViaAWSService": "false"},
        },
    )


def _named(actions: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{service}:{pattern}" for service, patterns in actions.items() for pattern in patterns]


def _check_groups(check: Validation, groups: Sequence[iam.IGroup]) -> None:
    if isinstance(groups, str) or not isinstance(groups, Sequence) or not groups:
        check.refuse("groups", groups, "at least one group", "pass for example [iam.Group(self, 'Operators')]")
        return
    for group in groups:
        check.construct("groups", group, iam.Group, "pass the group object; iam.Group.from_group_name knows it by name")


def _check_actions(check: Validation, actions: Sequence[str]) -> bool:
    if isinstance(actions, str) or not isinstance(actions, Sequence):
        check.refuse("additional_actions", actions, "a list", f"pass [{actions!r}]")
        return False
    do = "pass for example dynamodb:DeleteTable, * and ? as wildcards"
    pattern = r"[a-z0-9-]+:[A-Za-z*?]+"
    sound = [check.text("additional_actions", one, pattern, "a service and an action", do) for one in actions]
    return all(sound)
