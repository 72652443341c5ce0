"""A Lambda function as every construct here wants one: encrypted, traced, with its log group made first."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend.log_groups import EncryptedLogGroup


class EncryptedFunction(lambda_.Function):
    """An arm64 function whose environment and logs a customer key encrypts, traced, with no address of its own.

    Its log group is made before it, so that Lambda never makes one without encryption or retention. Concurrency is
    not reserved: a fresh account's quota of 10 leaves nothing to reserve (FSBP Lambda.1, Lambda.2, Lambda.7).

    :param code: the function's code with its arm64 dependencies.
    :param handler: ``module.function``.
    :param description: what it does; the console shows it.
    :param key: encrypts its environment and its log group.
    :param environment: no secrets: whoever may read the function's configuration sees it.
    :param timeout: 10 seconds when left out.
    :param memory_mib: 256 when left out.
    :param vpc: the VPC that it runs in, with ``subnets`` and ``security_group``; outside any VPC when left out.
    :param log_retention: one year when left out.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        code: lambda_.Code,
        handler: str,
        description: str,
        key: kms.IKey,
        runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_14,
        environment: Mapping[str, str] | None = None,
        timeout: cdk.Duration | None = None,
        memory_mib: int = 256,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_group: ec2.ISecurityGroup | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        log_group = EncryptedLogGroup(scope, f"{id}Logs", key=key, retention=log_retention)
        super().__init__(
            scope,
            id,
            code=code,
            handler=handler,
            description=description,
            runtime=runtime,
            architecture=lambda_.Architecture.ARM_64,
            environment=dict(environment or {}),
            environment_encryption=key,
            timeout=timeout or cdk.Duration.seconds(10),
            memory_size=memory_mib,
            tracing=lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=log_group,
            vpc=vpc,
            vpc_subnets=subnets,
            security_groups=[security_group] if security_group is not None else None,
        )
