"""Encrypted, retained log groups, made before whoever writes to them.

Example::

    group = EncryptedLogGroup(self, "Access", key=key)
"""

import re

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend import keys
from secure_backend.validation import Validation

_NAME = r"[A-Za-z0-9_/.#-]{1,512}"
_NAME_RULE = "1 to 512 letters, digits and _ / . # -"


class EncryptedLogGroup(logs.LogGroup):
    """A log group encrypted by a customer key, with bounded retention, protected against deletion, kept.

    Without a name CloudFormation makes one from the stack's, so that a retained group never stands in
    the way of a later deployment. A name is for services that insist on one; the key's policy then
    names it as text, so key and group never wait for each other.

    :param key: the key; it gets the statement that CloudWatch Logs needs. Of an imported key, whose policy cannot be
        changed from here, the statement is reported as a warning.
    :param retention: how long events are kept, one year when left out; never without end.
    :param name: the fixed name that the writing service insists on.
    :param name_pattern: what the key's policy allows, ``*`` for any characters. Needed when ``name`` holds a token;
        the name itself when left out.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        key: kms.IKey,
        retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        name: str | None = None,
        name_pattern: str | None = None,
    ) -> None:
        check = Validation(self, id)
        check.key("key", key, optional=False)
        check.retention("retention", retention)
        token = isinstance(name, str) and cdk.Token.is_unresolved(name)
        if name is not None and not token:
            check.text("name", name, _NAME, _NAME_RULE, "leave it out for a name that CloudFormation makes")
        if name_pattern is not None:
            self._check_pattern(check, name_pattern, None if token else name)
        elif token:
            check.refuse(
                "name_pattern", None, "a pattern beside a name that holds a token", "pass the name's fixed part and *"
            )
        check.raise_problems()
        super().__init__(
            scope,
            id,
            encryption_key=key,
            retention=retention,
            log_group_name=name,
            deletion_protection_enabled=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        keys.allow_log_groups(key, self, name_pattern or name or f"{cdk.Stack.of(self).stack_name}-*")

    @staticmethod
    def _check_pattern(check: Validation, pattern: str, name: str | None) -> None:
        do = "pass the name's fixed part and *"
        fixed = r"[A-Za-z0-9_/.#-]{3,}[A-Za-z0-9_/.#*-]{0,509}"
        if not check.text("name_pattern", pattern, fixed, "3 fixed characters or more before the first *", do):
            return
        if name is not None:
            expression = ".*".join(re.escape(part) for part in pattern.split("*"))
            matches = re.fullmatch(expression, name) is not None
            check.check(matches, "name_pattern", pattern, f"a pattern that matches {name}", do)
