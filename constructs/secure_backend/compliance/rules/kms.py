"""KMS keys that AWS refuses, that lock everyone out, or that the services which need them cannot use."""

import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_true
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import Finding, rule

KEY = "AWS::KMS::Key"
#: The account as a principal: its root, its id, or everyone.
_ACCOUNT = re.compile(r"(arn:([a-z-]+|\$\{[^}]*\}):iam::)?(\d{12}|\$\{[^}]*\})(:root)?|\*")


@rule(
    aws="The new key policy will not allow you to update the key policy in the future "
    "(MalformedPolicyDocumentException)",
    reason="Without the account in it, nobody's IAM policy counts, and the deploying role cannot change the key again.",
    fix="keep the statement that allows arn:<partition>:iam::<account>:root kms:*",
    source="aws-solutions/innovation-sandbox-on-aws#31; trussworks/terraform-aws-cloudtrail#178",
)
def key_without_account(assembly: Assembly) -> Iterator[Finding]:
    """Keep the account's root in the policy of every key."""
    for key in assembly.resources(KEY):
        if key.at("KeyPolicy") is None:
            continue
        administered = any(
            statement.allows
            and statement.covers("kms:PutKeyPolicy")
            and any(kind == "*" or (kind == "AWS" and _ACCOUNT.fullmatch(name)) for kind, name in statement.principals)
            for statement in assembly.policy_statements(key)
        )
        if not administered:
            yield Finding(key, "Properties.KeyPolicy", "The account's root may not administer the key")


@rule(
    aws="The new key policy will not allow you to update the key policy in the future",
    reason="The switch silences this very check, and a key that nobody can administer is lost with all its data.",
    fix="remove BypassPolicyLockoutSafetyCheck",
    source="AWS KMS API Reference, PutKeyPolicy",
)
def key_skips_lockout_check(assembly: Assembly) -> Iterator[Finding]:
    """Leave the lockout check of key policies on."""
    for key in assembly.resources(KEY):
        if is_true(key.at("BypassPolicyLockoutSafetyCheck")):
            problem = "The key's policy is written without the lockout check"
            yield Finding(key, "Properties.BypassPolicyLockoutSafetyCheck", problem)


@rule(
    aws="The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:...'",
    reason="CloudWatch Logs tries the key while the group is created, and the CDK's LogGroup adds nothing to it.",
    fix="in the key's policy allow logs.<region>.amazonaws.com kms:Encrypt, Decrypt, ReEncrypt*, GenerateDataKey* and "
    "Describe*, with kms:EncryptionContext:aws:logs:arn of the group, its name written as text",
    source="hashicorp/terraform-provider-aws#29282; Amazon CloudWatch Logs User Guide, Encrypt log data using KMS",
)
def log_group_key_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let CloudWatch Logs use the key of an encrypted log group, for that group."""
    wanted = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey")
    for group in assembly.resources(access.LOG_GROUP):
        key = access.key_at(assembly, group, "KmsKeyId")
        if key is None:
            continue
        statements = assembly.policy_statements(key)
        missing = access.missing_for(statements, "logs", *wanted)
        if missing:
            problem = f"The key of log group {group.address} does not allow CloudWatch Logs {', '.join(missing)}"
            yield Finding(key, "Properties.KeyPolicy", problem)
            continue
        group_arn = access.arn(assembly, group, "logs", f"log-group:{_name(assembly, group)}")
        for_logs = [each for each in statements if each.allows and each.names_service("logs")]
        if all(access.outside([each], group_arn, "kms:EncryptionContext:aws:logs:arn") for each in for_logs):
            problem = f"The key lets CloudWatch Logs in for other log groups than {group.address} ({group_arn})"
            yield Finding(key, "Properties.KeyPolicy", problem)


def _name(assembly: Assembly, group: Resource) -> str:
    name = group.at("LogGroupName")
    if name is not None:
        return assembly.render(group.stack, name)
    return f"{'*' if group.stack.parent else group.stack.name}-{group.logical_id}-*"
