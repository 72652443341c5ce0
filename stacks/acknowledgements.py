"""Every finding that stays, with the reason that a reviewer would accept. What can be fixed is fixed instead."""

import datetime
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from profiles.settings import ApiSettings
from secure_backend import DeadLetterQueue
from secure_backend.compliance import Acknowledgements
from stacks.application import Application

if TYPE_CHECKING:
    from secure_backend import HardenedLoadBalancer

Resource = TypeVar("Resource", bound=cdk.CfnResource)

OWNER = "platform"
REVIEW_BY = datetime.date(2027, 5, 31)

HIPAA, NIST4, NIST5, PCI = "HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321"
SOLUTIONS, SERVERLESS = "AwsSolutions", "Serverless"


def acknowledge(acknowledgements: Acknowledgements, application: Application) -> None:
    """Enter the application's acknowledgements into the registry."""
    registry = _Registry(acknowledgements)
    _network(registry, application)
    _data(registry, application)
    _api(registry, application)
    _audit(registry, application)


class _Registry:
    """The registry, with this application's owner and review date."""

    def __init__(self, acknowledgements: Acknowledgements) -> None:
        self._acknowledgements = acknowledgements

    def add(self, construct: IConstruct, *findings: str, reason: str) -> None:
        self._acknowledgements.add(construct, *findings, reason=reason, owner=OWNER, review_by=REVIEW_BY)


def _in(rule: str, *packs: str) -> list[str]:
    """Return the ids of one rule in several packs."""
    return [f"{pack}::{pack}-{rule}" for pack in packs]


def _below(scope: IConstruct, *types: type[Resource]) -> Iterator[Resource]:
    """Yield the resources of the given types below a construct."""
    return _of(scope.node.find_all(), *types)


def _of(constructs: Iterable[IConstruct], *types: type[Resource]) -> Iterator[Resource]:
    return (construct for construct in constructs if isinstance(construct, types))


def _network(registry: _Registry, application: Application) -> None:
    for resource in _below(application.network.vpc.data_acl, ec2.CfnNetworkAcl, ec2.CfnNetworkAclEntry):
        registry.add(
            resource,
            *_in("VPC3", SOLUTIONS),
            reason="The data tier's network ACL is wanted: a second wall that one wrong security-group rule does not "
            "open. Its entries are generated from the tiers and tested in both directions.",
        )

    for route in _below(application.network.vpc.vpc, ec2.CfnRoute):
        if route.gateway_id is not None:
            registry.add(
                route,
                *_in("VPCNoUnrestrictedRouteToIGW", HIPAA, NIST5, PCI),
                reason="The profile asks for a public tier, for NAT or a load balancer, and this route is what makes "
                "it one. Neither a function nor the database stands there, and no subnet gives out public addresses.",
            )
    for bucket in _below(application.network.vpc, s3.CfnBucket):
        _no_replica(registry, bucket)
        if bucket.node.path.endswith("/AccessLogs/Resource"):
            _log_target(registry, bucket)
        else:
            registry.add(
                bucket,
                *_in("S3BucketDefaultLockEnabled", NIST4),
                reason="Flow logs help to find a fault and expire with the profile's retention; the record that must "
                "not be deleted is the trail's, whose bucket has a lock.",
            )

    topic = application.network.alarms
    if not application.settings.alarms.email:
        registry.add(
            topic.topic,
            *_in("AlarmTopicWithoutSubscriber", "SecureBackend"),
            reason="A development profile names no address: whoever works on it looks at the alarms in the console. "
            "Production refuses an empty alarms.email.",
        )
    _dead_letters(registry, topic.dead_letters)


def _data(registry: _Registry, application: Application) -> None:
    data, settings = application.data, application.settings
    for bucket in (data.documents.bucket, data.documents.access_logs):
        _no_replica(registry, bucket)
    _log_target(registry, data.documents.access_logs)
    if settings.documents.object_lock_days is None:
        registry.add(
            data.documents.bucket,
            *_in("S3BucketDefaultLockEnabled", NIST4),
            reason="Callers may delete their documents, and a lock would forbid it. Versioning keeps a deleted "
            "document for the profile's days; documents.object_lock_days switches a lock on.",
        )
    for role in _below(data.database, iam.CfnRole):
        for name in _DATA_SERVICE_POLICIES:
            if f"/{name}'" in str(cdk.Stack.of(data).resolve(role.managed_policy_arns)):
                registry.add(role, _managed_policy(f"service-role/{name}"), reason=_SERVICE_POLICY)
    if data.documents.malware_protection is not None:
        for scanner in _below(data.documents.malware_protection, iam.CfnManagedPolicy):
            rules = f"arn:{data.partition}:events:{data.region}:{_account(data)}:rule/"
            scanned = data.get_logical_id(next(_below(data.documents.bucket, s3.CfnBucket)))
            registry.add(
                scanner,
                *_in(f"IAM5[Resource::{rules}DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*]", SOLUTIONS),
                *_in(f"IAM5[Resource::<{scanned}.Arn>/*]", SOLUTIONS),
                reason="GuardDuty scans every object of the bucket, and names its one event rule itself; AWS documents "
                "these permissions for the plan's role.",
            )
    if settings.database.proxy:
        registry.add(
            data.database.instance,
            *_in("RDS11", SOLUTIONS),
            reason="RDS Proxy listens on 5432 and on no other port, and the data tier's network ACL lets in one port.",
        )
        for policy in _below(data.database, iam.CfnPolicy):
            registry.add(policy, *_in("IAMNoInlinePolicy", HIPAA, NIST4, NIST5, PCI), reason=_INLINE)
    if settings.database.restore_snapshot is not None or settings.database.restore_resource_id is not None:
        registry.add(
            data.database.instance,
            *_in("RDS2", SOLUTIONS),
            *_in("RDSStorageEncrypted", HIPAA, NIST4, NIST5, PCI),
            reason="RDS takes a restored instance's encryption and key from its source and refuses to be told another; "
            "every instance and backup of this application is encrypted.",
        )
    if not settings.database.backup_plan:
        registry.add(
            data.database.instance,
            *_in("RDSInBackupPlan", HIPAA, NIST4, NIST5),
            reason="A development profile makes do with RDS's own backups, which end with the instance. Production "
            "refuses backup_plan = false.",
        )
    if not settings.database.multi_az:
        registry.add(
            data.database.instance,
            *_in("RDS3", SOLUTIONS),
            *_in("RDSMultiAZSupport", HIPAA, NIST4, NIST5),
            reason="A development profile pays for one instance and accepts that it is away while its zone is. "
            "Production refuses multi_az = false.",
        )
    if not settings.database.deletion_protection:
        registry.add(
            data.database.instance,
            *_in("RDS10", SOLUTIONS),
            *_in("RDSInstanceDeletionProtectionEnabled", HIPAA, NIST4, NIST5),
            reason="A development profile's instance may be deleted by hand; its stack retains it in any case. "
            "Production refuses deletion_protection = false.",
        )


def _api(registry: _Registry, application: Application) -> None:
    api = application.api
    if api.api is not None:
        _stage(registry, api.api.stage, web_acl=application.settings.api.web_acl.enabled)
    if api.load_balancer is not None:
        _load_balancer(registry, api.load_balancer, application.settings.api)
    constructs = api.node.find_all()
    for method in _of(constructs, apigateway.CfnMethod):
        if method.authorization_type == "CUSTOM":
            registry.add(
                method,
                *_in("COG4", SOLUTIONS),
                reason="The methods have a Lambda authorizer, which verifies signature, issuer, audience or client, "
                "expiry and scope of an access token; API Gateway's own would take ID tokens too.",
            )
    bound = "The stage's throttling" if api.api is not None else "The account's quota"
    for function in _of(constructs, lambda_.CfnFunction):
        if function.reserved_concurrent_executions is None:
            registry.add(
                function,
                *_in("LambdaConcurrency", HIPAA, NIST5),
                reason="Reserved concurrency takes from the account's quota, which is 10 in a fresh account: the "
                f"deployment would fail. {bound} bounds the calls, the database's roles the connections.",
            )
        else:
            registry.add(
                function,
                *_in("ReservedConcurrency", "SecureBackend"),
                reason="The profile asks for it, by documents.uploads_at_once: its author knows the account's quota.",
            )
        registry.add(
            function,
            *_in("LambdaDLQ", HIPAA, NIST5, SERVERLESS),
            reason="Who calls waits for the answer: the edge tells it the caller, CloudFormation waits for the "
            "migrator's. Only the finaliser's caller goes away, and its failures have a destination, which tells more.",
        )
        if function.vpc_config is None:
            registry.add(
                function,
                *_in("LambdaInsideVPC", HIPAA, NIST4, NIST5, PCI),
                reason="The authorizer has to fetch the issuer's keys, and the VPC has no way out. It holds no secret "
                "and may do nothing in the account but write its log.",
            )
    bucket = application.data.export_value(application.data.documents.bucket.bucket_arn)
    documents = cdk.Stack.of(api).resolve(bucket)["Fn::ImportValue"]
    of_documents = tuple(f"{function.node.path}Role/" for function in (api.handler, api.finaliser))
    for policy in _of(constructs, iam.CfnPolicy):
        registry.add(policy, *_in("IAMNoInlinePolicy", HIPAA, NIST4, NIST5, PCI), reason=_INLINE)
        registry.add(
            policy,
            *_in("IAM5[Resource::*]", SOLUTIONS),
            reason="X-Ray's actions know no resource, nor do those by which Lambda makes a function's network "
            "interfaces; a Deny keeps the function's own code from the latter.",
        )
        if policy.to_string().startswith(of_documents):
            registry.add(
                policy,
                *_in(f"IAM5[Resource::{documents}/incoming/*]", SOLUTIONS),
                reason="The keys of documents are made at run time; the wildcard is their common prefix.",
            )
    _dead_letters(registry, api.dead_letters)
    for role in _of(constructs, iam.CfnRole):
        if "AmazonAPIGatewayPushToCloudWatchLogs" in str(cdk.Stack.of(api).resolve(role.managed_policy_arns)):
            registry.add(
                role, _managed_policy("service-role/AmazonAPIGatewayPushToCloudWatchLogs"), reason=_SERVICE_POLICY
            )
    if api.user_pool is not None:
        registry.add(
            api.user_pool.user_pool,
            *_in("COG8", SOLUTIONS),
            reason="Threat protection is a plan that is paid for each user. The pool has no self sign-up, requires a "
            "second factor, and its one client is a machine.",
        )


def _stage(registry: _Registry, stage: IConstruct, *, web_acl: bool) -> None:
    registry.add(
        stage,
        *_in("APIGWCacheEnabledAndEncrypted", HIPAA, NIST4, NIST5, PCI),
        reason="Every answer belongs to one caller. A cache in front of the handler could give it to another.",
    )
    registry.add(
        stage,
        *_in("APIGWSSLEnabled", HIPAA, NIST5, PCI),
        reason="A client certificate proves the gateway to an HTTP backend. The backend here is Lambda, which is "
        "called by IAM and never sees a certificate.",
    )
    if not web_acl:
        registry.add(
            stage,
            *_in("APIG3", SOLUTIONS),
            *_in("APIGWAssociatedWithWAF", NIST5, PCI),
            reason="A development profile saves the ten dollars of a web ACL; authorizer, models and throttling stay. "
            "Production refuses web_acl.enabled = false.",
        )


def _load_balancer(registry: _Registry, made: "HardenedLoadBalancer", settings: ApiSettings) -> None:
    if made.http_listener is not None:
        registry.add(
            made.http_listener,
            *_in("ELBv2ACMCertificateRequired", HIPAA, NIST5, PCI),
            reason="The listener of port 80 answers with a redirect to HTTPS and with nothing else; there is no TLS "
            "that a certificate could be for.",
        )
    facing = settings.load_balancer is not None and settings.load_balancer.internet_facing
    if facing and settings.source_networks is None:
        registry.add(
            made.security_group,
            *_in("EC23", SOLUTIONS),
            reason="The profile asks for a service that anyone may call. Only HTTPS and its redirect are open, and no "
            "request gets past the web ACL and the token's validation; api.source_networks narrows it.",
        )
    registry.add(
        made.access_logs,
        *_in("S3DefaultEncryptionKMS", HIPAA, NIST5, PCI),
        reason="Elastic Load Balancing delivers its logs to a bucket with SSE-S3 only, and is not made with one that "
        "has a KMS key.",
    )
    registry.add(
        made.access_logs,
        *_in("S3BucketDefaultLockEnabled", NIST4),
        reason="Elastic Load Balancing delivers no logs to a bucket with a default retention; they would be lost.",
    )
    _no_replica(registry, made.access_logs)
    reads = made.node.find_child("AccessLogsReads")
    _no_replica(registry, reads)
    _log_target(registry, reads)
    if not settings.web_acl.enabled:
        registry.add(
            made.load_balancer,
            *_in("ALBWAFEnabled", NIST4, NIST5, PCI),
            reason="A development profile saves the ten dollars of a web ACL; the token's validation and the handler's "
            "own stay. Production refuses web_acl.enabled = false.",
        )
    if settings.load_balancer is not None and not settings.load_balancer.deletion_protection:
        registry.add(
            made.load_balancer,
            *_in("ELBDeletionProtectionEnabled", HIPAA, NIST4, NIST5),
            reason="A development profile's load balancer may end with its stack: it holds nothing. Production refuses "
            "load_balancer.deletion_protection = false.",
        )


def _audit(registry: _Registry, application: Application) -> None:
    audit = application.audit
    trail = audit.trail
    for bucket in (trail.bucket, trail.access_logs):
        _no_replica(registry, bucket)
    _log_target(registry, trail.access_logs)
    if application.settings.audit.existing_trail:
        registry.add(
            trail.trail,
            *_in("TrailWithoutManagementEvents", "SecureBackend"),
            reason="The profile says that the account's management events are recorded by another trail; a second copy "
            "is paid for each event.",
        )
    account = _account(audit)
    if audit.operators is not None:
        logs_of = f"arn:{audit.partition}:logs:{audit.region}:{account}:log-group"
        registry.add(
            audit.operators.policy,
            *_in("IAM5[Resource::*]", SOLUTIONS),
            *(_in(f"IAM5[Resource::{logs_of}:{name}]", SOLUTIONS)[0] for name in audit.operators.log_groups),
            reason="Looking at alarms, metrics and traces knows no resource; the names of log groups are made at "
            "deployment, and the wildcard stands after what is this application's.",
        )
    for policy in _below(trail, iam.CfnManagedPolicy):
        group = audit.get_logical_id(next(_below(trail.log_group, logs.CfnLogGroup)))
        stream = (
            f"arn:{audit.partition}:logs:{audit.region}:{account}:log-group:<{group}>"
            f":log-stream:{account}_CloudTrail_{audit.region}*"
        )
        registry.add(
            policy,
            *_in(f"IAM5[Resource::{stream}]", SOLUTIONS),
            reason="CloudTrail names its log streams itself, account and region first and a number after; the wildcard "
            "stands for the number.",
        )


def _no_replica(registry: _Registry, bucket: IConstruct) -> None:
    registry.add(
        bucket,
        *_in("S3BucketReplicationEnabled", HIPAA, NIST4, NIST5, PCI),
        reason="A copy in a second region is deliberately not built: it doubles cost and what has to be protected. S3 "
        "keeps every object in three zones, and versions keep what was overwritten or deleted.",
    )


def _log_target(registry: _Registry, bucket: IConstruct) -> None:
    registry.add(
        bucket,
        *_in("S3DefaultEncryptionKMS", HIPAA, NIST5, PCI),
        reason="S3 delivers server access logs to a bucket with SSE-S3 only; with a KMS key they would be lost.",
    )
    registry.add(
        bucket,
        *_in("S3BucketDefaultLockEnabled", NIST4),
        reason="S3 delivers no server access logs to a bucket with a default retention; they would be lost.",
    )


def _dead_letters(registry: _Registry, queue: DeadLetterQueue) -> None:
    registry.add(
        queue,
        *_in("SQSRedrivePolicy", SERVERLESS),
        *_in("SQS3", SOLUTIONS),
        reason="It is the dead-letter queue, of targets, a subscription or a function, none of them a queue. An alarm "
        "tells of the first message, and an operator sends it back.",
    )


def _account(stack: cdk.Stack) -> str:
    """Return the stack's account as cdk-nag writes it."""
    return "<AWS::AccountId>" if cdk.Token.is_unresolved(stack.account) else stack.account


def _managed_policy(name: str) -> str:
    return f"{SOLUTIONS}::{SOLUTIONS}-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]"


_DATA_SERVICE_POLICIES = (
    "AWSBackupServiceRolePolicyForBackup",
    "AWSBackupServiceRolePolicyForRestores",
    "AmazonRDSEnhancedMonitoringRole",
)
_SERVICE_POLICY = (
    "The service requires this policy of its own role, and AWS keeps it in step with what the service does. Only the "
    "service can assume the role."
)
_INLINE = (
    "The policy belongs to this one role and ends with it. A managed policy could be attached to something else, and "
    "gives no less."
)
