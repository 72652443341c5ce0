"""The engine and its parameter group: TLS only, and logs that say who did what without repeating the data."""

import aws_cdk as cdk
from aws_cdk import aws_rds as rds
from constructs import Construct

# The first major whose log_connections is a list of what to log instead of a switch.
_LISTS_CONNECTION_LOGS = 18


class PostgresParameters(rds.ParameterGroup):
    """The parameters of a PostgreSQL database.

    The engine is named by its major version alone. With a minor one, RDS's own upgrades would be taken back by the next
    deployment, which RDS refuses: "Cannot upgrade postgres from 17.x to 17.y".

    Connections without TLS are refused (FSBP RDS.38). Sessions, slow statements and changes of the schema are logged.
    ``log_error_verbosity`` is terse, so that neither bound values nor the rows of a violated constraint are: both
    stand in the DETAIL lines that it leaves out. (``log_parameter_max_length`` would be the narrower switch, but RDS
    does not document it as settable.)

    :param major_version: decides the group's family.
    :param slow_statement: from which duration on a statement is logged.
    :param removal_policy: that of the instance which uses the group.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        major_version: str,
        slow_statement: cdk.Duration,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        self.engine = rds.DatabaseInstanceEngine.postgres(
            version=rds.PostgresEngineVersion.of(major_version, major_version)
        )
        super().__init__(
            scope,
            id,
            engine=self.engine,
            parameters={
                "rds.force_ssl": "1",
                "log_connections": "all" if int(major_version) >= _LISTS_CONNECTION_LOGS else "1",
                "log_disconnections": "1",
                "log_min_duration_statement": str(int(slow_statement.to_milliseconds())),
                "log_statement": "ddl",
                "log_error_verbosity": "terse",
            },
            removal_policy=removal_policy,
        )
        self.group_name = self.bind_to_instance().parameter_group_name
