"""Encrypted, retained log groups, made before whoever writes to them."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend import keys


class EncryptedLogGroup(logs.LogGroup):
    """A log group encrypted by a customer key, with bounded retention, protected against deletion.

    Without a name CloudFormation makes one from the stack's, so that a retained group never stands in
    the way of a later deployment. A name is for services that insist on one; the key's policy then
    names it as text.

    :param key: the key; it gets the statement that CloudWatch Logs needs.
    :param retention: how long events are kept, one year when left out.
    :param name: the fixed name that the writing service insists on.
    :param name_pattern: the text that the key's policy allows when ``name`` holds a token; else the name itself.
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
        super().__init__(
            scope,
            id,
            encryption_key=key,
            retention=retention,
            log_group_name=name,
            deletion_protection_enabled=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        pattern = name_pattern or name or f"{cdk.Stack.of(self).stack_name}-*"
        keys.allow_log_groups(key, self, pattern)
