"""The edge, the authorizer and the documents service behind them."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from profiles.settings import Settings
from secure_backend import Alarms, ApiUserPool, DataKey, DeadLetterQueue, EncryptedFunction, SavedQueries
from secure_backend.lambda_code import lambda_code
from secure_backend.lambda_packages import tree_digest
from stacks.data import DataStack
from stacks.edge import READ, WRITE, Edge
from stacks.network import NetworkStack
from stacks.profile_stack import ProfileStack
from stacks.service_queries import service_queries
from stacks.trust_anchors import DOCUMENTS, trust_anchors

SCOPES = {READ: "List documents and read them", WRITE: "Create documents and delete them"}
#: Where callers upload to; the service's own word for it is in documents_bucket.py.
INCOMING = "incoming/"


class ApiStack(ProfileStack):
    """Everything that answers requests; no state but its logs and, with a user pool, the callers' identities."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        settings: Settings,
        network: NetworkStack,
        data: DataStack,
    ) -> None:
        super().__init__(scope, id, settings=settings, description="REST API, authorizer, documents service")
        self.key = DataKey(self, "Key", description=f"Logs and function settings of {self.stack_name}")
        # One asset: three functions with one of their own would have it copied and read three times.
        self._code = lambda_code(DOCUMENTS)
        self.migrator = self._function(
            "Migrator",
            network,
            data,
            handler="documents.migrate.handler",
            description="Brings the schema and roles of the database up to this deployment",
            db_user="dbowner",
            timeout=cdk.Duration.minutes(5),
        )
        self.migrations = cdk.CustomResource(
            self,
            "Migrations",
            service_token=self.migrator.function_arn,
            resource_type="Custom::DatabaseMigrations",
            service_timeout=cdk.Duration.minutes(6),
            # The database too: a new generation may begin empty.
            properties={"Migrations": tree_digest(DOCUMENTS / "migrations"), "Database": data.database.identifier},
        )
        # It answers CloudFormation by an address in S3.
        for security_group in self.migrator.connections.security_groups:
            network.vpc.allow_s3(security_group)
        # The migrator answers CloudFormation and reaches the database through these groups' rules: they come first.
        self.migrations.node.add_dependency(*self.migrator.connections.security_groups)
        self.handler = self._function(
            "Documents",
            network,
            data,
            handler="documents.handler.handler",
            description="Documents: create, read, list, delete",
            db_user="documents_api",
            timeout=cdk.Duration.seconds(10),
        )
        self.handler.node.add_dependency(self.migrations)
        # Signing an upload or a download lends these permissions: the callers' own requests use them.
        data.documents.grant_write(self.handler, prefix=INCOMING)
        data.documents.grant_read(
            self.handler, prefix=INCOMING, clean_only=settings.documents.malware_protection, list_names=False
        )
        # A delete marker is all that the handler itself sends to S3.
        self._grant_delete(self.handler, network, data)

        self.finaliser = self._function(
            "Finaliser",
            network,
            data,
            handler="documents.uploads.handler",
            description="Compares each upload with what was announced, and marks the document",
            db_user="documents_finaliser",
            timeout=cdk.Duration.seconds(30),
            memory_mib=512,
            reserved_concurrency=settings.documents.uploads_at_once,
        )
        self.finaliser.node.add_dependency(self.migrations)
        data.documents.grant_read(self.finaliser, prefix=INCOMING)
        self._grant_delete(self.finaliser, network, data)
        self.dead_letters = DeadLetterQueue(
            self, "DeadLetters", description="uploads and sweeps at which the finaliser failed", key=self.key
        )
        network.alarms.notify(self.dead_letters.alarm)
        self.dead_letters.take_failures_of(self.finaliser)
        finaliser = targets.LambdaFunction(self.finaliser, dead_letter_queue=self.dead_letters)
        events.Rule(
            self,
            "Uploaded",
            description="A document was uploaded",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [data.documents.bucket.bucket_name]},
                    "object": {"key": [{"prefix": INCOMING}]},
                },
            ),
            targets=[finaliser],
        )
        # What no event finishes: an event that was lost, an upload that never came.
        events.Rule(
            self,
            "Sweep",
            description="Settles documents that no event has settled",
            schedule=events.Schedule.rate(cdk.Duration.minutes(5)),
            targets=[finaliser],
        )
        self._alarm_of_errors(self.finaliser, network)
        limits = {
            "MAX_PENDING": settings.documents.pending_per_caller,
            "MAX_BYTES": settings.documents.gib_per_caller * 1024**3,
            "MAX_ANNOUNCED_PER_MINUTE": settings.documents.announced_per_minute,
        }
        for name, number in limits.items():
            self.handler.add_environment(name, str(number))
        if settings.api.cors_origins:
            self.handler.add_environment("CORS_ORIGINS", " ".join(settings.api.cors_origins))

        self.user_pool = self._user_pool(settings) if settings.api.issuer == "cognito" else None
        edge = Edge(
            self,
            settings=settings,
            network=network,
            handler=self.handler,
            user_pool=self.user_pool,
            key=self.key,
        )
        self.api = edge.api
        self.load_balancer = edge.load_balancer
        cdk.CfnOutput(self, "Url", value=edge.url, description="Where the API answers")
        if self.load_balancer is not None:
            address = self.load_balancer.load_balancer.load_balancer_dns_name
            cdk.CfnOutput(self, "LoadBalancerName", value=address, description="What the API's name stands for")
        SavedQueries(
            self,
            "Queries",
            folder=settings.name,
            api=self.api,
            web_acl=self.load_balancer.web_acl if self.load_balancer is not None else None,
            functions=[self.handler, self.finaliser, self.migrator],
            queries=service_queries(handler=self.handler.log_group, finaliser=self.finaliser.log_group),
        )
        if self.user_pool is not None:
            client = self.user_pool.client.user_pool_client_id
            pool = self.user_pool.user_pool.user_pool_id
            cdk.CfnOutput(
                self, "TokenEndpoint", value=self.user_pool.token_endpoint, description="Where tokens are had"
            )
            cdk.CfnOutput(self, "ClientId", value=client, description="The machine client that asks for them")
            cdk.CfnOutput(self, "UserPoolId", value=pool, description="The pool that knows the client's secret")

    def _function(
        self,
        id: str,  # noqa: A002 - the CDK's own word
        network: NetworkStack,
        data: DataStack,
        *,
        handler: str,
        description: str,
        db_user: str,
        timeout: cdk.Duration,
        memory_mib: int = 256,
        reserved_concurrency: int | None = None,
    ) -> EncryptedFunction:
        """Make a function of the documents service in the app tier, with a way to bucket and database only."""
        security_group = network.vpc.security_group(self, f"{id}SecurityGroup", description=description)
        function = EncryptedFunction(
            self,
            id,
            code=self._code,
            handler=handler,
            description=description,
            key=self.key,
            timeout=timeout,
            memory_mib=memory_mib,
            reserved_concurrency=reserved_concurrency,
            vpc=network.vpc.vpc,
            subnets=network.vpc.app_subnets,
            security_group=security_group,
            log_retention=self.log_retention,
            environment={
                "BUCKET": data.documents.bucket.bucket_name,
                "KEY_ARN": data.documents.key.key_arn,
                "DATABASE_HOST": data.database.endpoint_address,
                "DATABASE_PORT": str(data.database.port),
                "DATABASE_NAME": "documents",
                "DATABASE_USER": db_user,
                **trust_anchors(self.region, proxy=data.database.proxy is not None),
            },
        )
        data.database.allow_from(function)
        data.database.grant_connect(function, db_user=db_user)
        return function

    def _grant_delete(self, function: EncryptedFunction, network: NetworkStack, data: DataStack) -> None:
        """Let the function put delete markers, and reach S3 to do so."""
        data.documents.grant_delete(function, prefix=INCOMING)
        for security_group in function.connections.security_groups:
            network.vpc.allow_s3(security_group)

    def _alarm_of_errors(self, function: EncryptedFunction, network: NetworkStack) -> None:
        """Tell when a function that nobody waits for has failed three times within a quarter of an hour."""
        Alarms(self, topic=network.alarms).add(
            "FinaliserErrors",
            function.metric_errors(period=cdk.Duration.minutes(15), statistic="Sum"),
            threshold=3,
            happened="The finaliser fails: uploads stay pending.",
        )

    def _user_pool(self, settings: Settings) -> ApiUserPool:
        return ApiUserPool(self, "Callers", domain_prefix=f"{settings.name}-{self.account}", scopes=SCOPES)
