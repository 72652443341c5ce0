"""A Lambda function as every construct here wants one: encrypted, traced, with its log group made first.

Example::

    from pathlib import Path
    from secure_backend.lambda_code import lambda_code

    EncryptedFunction(
        self,
        "Documents",
        code=lambda_code(Path("services/documents")),
        handler="documents.handler.handler",
        description="Answers the API",
        key=DataKey(self, "Key", description="Logs of the documents service"),
    )
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend.lambda_code import PYTHON_ARCHITECTURE, PYTHON_RUNTIME
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.validation import Validation

_NETWORK_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


class EncryptedFunction(lambda_.Function):
    """An arm64 Python function that a customer key encrypts, traced, with a role that is its own.

    * Environment and log group are encrypted; the log group is made first, so that Lambda never makes one without
      encryption or retention (FSBP Lambda.2 by the runtime, Lambda.7 by tracing).
    * The role writes this function's log and traces and nothing else: AWS's managed policies would let it write
      every log of the account. In a VPC, Lambda itself manages the network interfaces with the role, and a Deny on
      ``lambda:SourceFunctionArn`` keeps the function's code from doing so.
    * Concurrency is not reserved unless asked for: a fresh account's quota of 10 leaves nothing to reserve.

    :param code: the function's code with its arm64 dependencies.
    :param handler: ``module.function``.
    :param description: what it does; the console shows it.
    :param key: encrypts its environment and its log group.
    :param runtime: Python 3.14 when left out.
    :param environment: no secrets: whoever may read the function's configuration sees it.
    :param timeout: 1 second to 15 minutes, 10 seconds when left out.
    :param memory_mib: 256 when left out, 128 to 10240.
    :param reserved_concurrency: how many calls at once at most, 1 to 1000, taken from the account's quota; unlimited
        within the quota when left out. Synchronous callers beyond it get 429, asynchronous events wait up to six hours.
    :param vpc: the VPC that it runs in; outside any VPC when left out.
    :param subnets: where in the VPC, such as :attr:`SecureVpc.app_subnets`; needed beside ``vpc``.
    :param security_group: the function's own, such as one of :meth:`SecureVpc.security_group`; needed beside ``vpc``.
    :param log_retention: one year when left out.
    :raises InvalidPropertiesError: with every problem of these properties at once.
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
        runtime: lambda_.Runtime = PYTHON_RUNTIME,
        environment: Mapping[str, str] | None = None,
        timeout: cdk.Duration | None = None,
        memory_mib: int = 256,
        reserved_concurrency: int | None = None,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        security_group: ec2.ISecurityGroup | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        limit = cdk.Duration.seconds(10) if timeout is None else timeout
        check = Validation(self, id)
        check.key("key", key, optional=False)
        check.whole_number("memory_mib", memory_mib, 128, 10_240, "leave it out for 256")
        if reserved_concurrency is not None:
            check.whole_number("reserved_concurrency", reserved_concurrency, 1, 1000, "leave it out for no limit")
        check.seconds("timeout", limit, 1, 900, "leave it out for 10 seconds")
        check.retention("log_retention", log_retention)
        check.check(
            vpc is None or (subnets is not None and security_group is not None),
            "vpc",
            "a VPC alone",
            "subnets and security_group beside it",
            "pass SecureVpc.app_subnets and a group of SecureVpc.security_group",
        )
        if vpc is not None:
            check.construct("vpc", vpc, ec2.Vpc, "pass the VPC object, such as SecureVpc.vpc")
        check.raise_problems()

        log_group = EncryptedLogGroup(scope, f"{id}Logs", key=key, retention=log_retention)
        role = iam.Role(
            scope,
            f"{id}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Runs the function: {description}"[:1000],
        )
        log_group.grant_write(role)
        if vpc is not None:
            role.add_to_policy(iam.PolicyStatement(actions=list(_NETWORK_INTERFACES), resources=["*"]))
        super().__init__(
            scope,
            id,
            code=code,
            handler=handler,
            description=description,
            runtime=runtime,
            architecture=PYTHON_ARCHITECTURE,
            environment=dict(environment or {}),
            environment_encryption=key,
            timeout=limit,
            memory_size=memory_mib,
            reserved_concurrent_executions=reserved_concurrency,
            tracing=lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=log_group,
            role=role,
            vpc=vpc,
            vpc_subnets=subnets,
            security_groups=[security_group] if security_group is not None else None,
        )
        if vpc is not None:
            # A policy of its own: the role's other one must exist before the function whose ARN stands here.
            iam.ManagedPolicy(
                self,
                "NoNetworkInterfaces",
                description="Lambda manages the network interfaces; the function's code must not",
                roles=[role],
                statements=[
                    iam.PolicyStatement(
                        effect=iam.Effect.DENY,
                        actions=list(_NETWORK_INTERFACES),
                        resources=["*"],
                        conditions={"ArnEquals": {"lambda:SourceFunctionArn": self.function_arn}},
                    )
                ],
            )
