"""IAM policies, managed and inline."""

import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource, Statement
from secure_backend.analysis.template import alternatives
from secure_backend.analysis.text import UNKNOWN
from secure_backend.compliance.controls.check import Judgement, control, judge

_MANAGED = "AWS::IAM::ManagedPolicy"
_USER_POLICY = "AWS::IAM::UserPolicy"
_INLINE = (
    *("AWS::IAM::Policy", "AWS::IAM::RolePolicy", _USER_POLICY, "AWS::IAM::GroupPolicy"),
    *("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"),
)
_DECRYPTING = ("kms:Decrypt", "kms:ReEncryptFrom")


@control("IAM.1")
def no_administrators(assembly: Assembly) -> Iterator[Judgement]:
    """Allow no policy every action on everything."""
    for policy in assembly.resources(_MANAGED, *_INLINE):
        found = [
            each
            for each in _allowing(assembly, policy)
            if any(_everything(action) for action in each.actions)
            and any(_everything(place) for place in each.resources)
        ]
        yield judge(policy, met=not found, problem='it allows "*" on "*"')


@control("IAM.2")
def nothing_for_single_users(assembly: Assembly) -> Iterator[Judgement]:
    """Attach no policy to a user and write none into one."""
    for policy in assembly.resources(_MANAGED, "AWS::IAM::Policy", "AWS::IAM::User", _USER_POLICY):
        given = [name for name in ("Users", "Policies", "ManagedPolicyArns") if policy.at(name)]
        users = given if policy.type == "AWS::IAM::User" else [name for name in given if name == "Users"]
        users += [_USER_POLICY] if policy.type == _USER_POLICY else []
        yield judge(policy, met=not users, problem="a user has a policy of its own: give it to a group")


@control("IAM.21")
def no_service_whole(assembly: Assembly) -> Iterator[Judgement]:
    """Allow no managed policy every action of a service."""
    for policy in assembly.resources(_MANAGED):
        whole = [
            action
            for each in _allowing(assembly, policy)
            for action in each.actions
            if ":" in action and not action.partition(":")[2].strip("*")
        ]
        whole += ["NotAction" for each in _allowing(assembly, policy) if each.not_actions]
        yield judge(policy, met=not whole, problem=f"it allows {', '.join(whole)}")


@control("IAM.27")
def no_cloud_shell(assembly: Assembly) -> Iterator[Judgement]:
    """Give no identity AWSCloudShellFullAccess."""
    for identity in assembly.resources("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        named = [assembly.render(identity.stack, each) for each in alternatives(identity.at("ManagedPolicyArns"))]
        met = not any("AWSCloudShellFullAccess" in name for name in named)
        yield judge(identity, met=met, problem="it has AWSCloudShellFullAccess")


@control("KMS.1")
def managed_policies_name_keys(assembly: Assembly) -> Iterator[Judgement]:
    """Let no managed policy decrypt with every key."""
    yield from _decrypting(assembly, _MANAGED)


@control("KMS.2")
def inline_policies_name_keys(assembly: Assembly) -> Iterator[Judgement]:
    """Let no inline policy decrypt with every key."""
    yield from _decrypting(assembly, *_INLINE)


def _decrypting(assembly: Assembly, *types: str) -> Iterator[Judgement]:
    for policy in assembly.resources(*types):
        found = [
            each
            for each in _allowing(assembly, policy)
            if (each.not_resources or any(_every_key(text) for text in each.resources))
            and any(each.covers(one) for one in _DECRYPTING)
        ]
        yield judge(policy, met=not found, problem="it lets decrypt with every key: name the keys in Resource")


def _every_key(text: str) -> bool:
    """Tell whether a resource is every key; AWS lets all keys of one region be named."""
    return _everything(text) or re.fullmatch(r"arn:[^:]*:(kms|\*):\*(:[^:]*(:(key/)?\*)?)?", text) is not None


def _everything(text: str) -> bool:
    """Tell whether an action or a resource is all there are, or may turn out to be."""
    return text in ("*", "*:*", UNKNOWN)


def _allowing(assembly: Assembly, policy: Resource) -> list[Statement]:
    return [each for each in assembly.policy_statements(policy) if each.effect != "Deny"]
