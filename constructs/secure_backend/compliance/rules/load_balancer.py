"""Load balancers that cannot be made, and listeners that speak the TLS of ten years ago."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource, Statement
from secure_backend.analysis.template import is_true, list_of, object_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
_PERMISSION = "AWS::Lambda::Permission"
_ATTRIBUTES = "Properties.LoadBalancerAttributes"
_LOGS = ("access_logs", "connection_logs")
#: Whom AWS tells to let in: its service, or in older regions an account of its own.
_SERVICE = "logdelivery.elasticloadbalancing"


@rule(
    aws="Access Denied for bucket: X. Please check S3bucket permission (InvalidConfigurationRequestException)",
    reason="Elastic Load Balancing writes a test file when the log is switched on.",
    fix="in the bucket's policy allow logdelivery.elasticloadbalancing.amazonaws.com s3:PutObject below "
    "<prefix>/AWSLogs/<account>/",
    source="Elastic Load Balancing, Application Load Balancers, Enable access logs",
)
def load_balancer_log_bucket_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let Elastic Load Balancing write into the bucket of its logs."""
    for load_balancer, log, bucket in _logged(assembly):
        statements = access.statements_for(assembly, access.bucket_policies(assembly, bucket))
        if not any(_lets_in(statement) for statement in statements):
            problem = f"Elastic Load Balancing may not write the {_words(log)} into {bucket.address}"
            yield Finding(load_balancer, _ATTRIBUTES, problem)


@rule(
    aws="Access Denied for bucket: X. Please check S3bucket permission (InvalidConfigurationRequestException)",
    reason="Elastic Load Balancing writes a test file when the log is switched on, by the policy that is there then.",
    fix="add the bucket's policy to the DependsOn of the load balancer",
    source="aws-cdk#1633; Elastic Load Balancing, Application Load Balancers, Enable access logs",
)
def load_balancer_before_log_bucket_policy(assembly: Assembly) -> Iterator[Finding]:
    """Make a load balancer after the policy of the bucket of its logs."""
    for load_balancer, log, bucket in _logged(assembly):
        for policy in access.bucket_policies(assembly, bucket):
            if not assembly.waits_for(load_balancer, policy):
                problem = f"The load balancer with {_words(log)} does not wait for {policy.address}"
                yield Finding(load_balancer, "DependsOn", problem)


@rule(
    aws="Access Denied for bucket: X. Please check S3bucket permission (InvalidConfigurationRequestException)",
    reason="Load balancer logs are delivered to buckets with SSE-S3 as their default encryption only.",
    fix="set SSEAlgorithm to AES256 on the bucket (encryption=s3.BucketEncryption.S3_MANAGED)",
    source="Elastic Load Balancing, Application Load Balancers, Enable access logs",
)
def load_balancer_log_bucket_with_kms(assembly: Assembly) -> Iterator[Finding]:
    """Encrypt the bucket of a load balancer's logs with SSE-S3."""
    for load_balancer, log, bucket in _logged(assembly):
        if access.uses_kms(bucket):
            problem = f"The {_words(log)} of {load_balancer.address} go to a bucket with KMS encryption"
            yield Finding(bucket, "Properties.BucketEncryption", problem)


@rule(
    aws="elasticloadbalancing principal does not have permission to invoke X from target group Y "
    "(AccessDeniedException)",
    reason="The permission is asked for when the function is registered, which is when the group is made.",
    fix="make an AWS::Lambda::Permission for elasticloadbalancing.amazonaws.com, its SourceArn by the group's name, "
    "and add it to the group's DependsOn",
    source="Elastic Load Balancing, Application Load Balancers, Use Lambda functions as targets",
)
def function_target_before_permission(assembly: Assembly) -> Iterator[Finding]:
    """Register a function as a target after the permission to call it."""
    for group in assembly.resources(_TARGET_GROUP):
        if group.at("TargetType") != "lambda":
            continue
        for target in list_of(group.at("Targets")):
            function = assembly.follow(group.stack, object_of(target).get("Id"))
            if function is None:
                continue
            permissions = [
                permission
                for permission in assembly.resources(_PERMISSION)
                if permission.at("Principal") == "elasticloadbalancing.amazonaws.com"
                and assembly.follow(permission.stack, permission.at("FunctionName")) is function
            ]
            if not any(assembly.waits_for(group, permission) for permission in permissions):
                problem = f"The target group does not wait for a permission to call {function.address}"
                yield Finding(group, "DependsOn", problem)


@rule(
    aws=SILENT,
    reason="A template's listener without a policy takes ELBSecurityPolicy-2016-08, with TLS 1.0.",
    fix="set SslPolicy to ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09 (elbv2.SslPolicy.TLS13_12_RES_PQ)",
    source="Elastic Load Balancing, Application Load Balancers, Security policies; AWS Security Hub ELB.17",
)
def listener_with_old_tls(assembly: Assembly) -> Iterator[Finding]:
    """Name a TLS policy of today on every listener that speaks TLS."""
    for listener in assembly.resources(_LISTENER):
        if listener.at("Protocol") not in ("HTTPS", "TLS"):
            continue
        policy = listener.at("SslPolicy")
        if policy is None or (isinstance(policy, str) and "-TLS13-1-2" not in policy and "-TLS13-1-3" not in policy):
            yield Finding(listener, "Properties.SslPolicy", f"The listener's TLS policy is {policy or 'that of 2016'}")


def _logged(assembly: Assembly) -> Iterator[tuple[Resource, str, Resource]]:
    """Yield each load balancer with each log that is on and its bucket, when that is in the templates."""
    for load_balancer in assembly.resources(_LOAD_BALANCER):
        attributes = {
            object_of(each).get("Key"): object_of(each).get("Value")
            for each in list_of(load_balancer.at("LoadBalancerAttributes"))
        }
        for log in _LOGS:
            bucket = assembly.follow(load_balancer.stack, attributes.get(f"{log}.s3.bucket"))
            if is_true(attributes.get(f"{log}.s3.enabled")) and bucket is not None and bucket.type == access.BUCKET:
                yield load_balancer, log, bucket


def _lets_in(statement: Statement) -> bool:
    # An account is taken to be the region's of Elastic Load Balancing: which one that is stands in no template.
    account = any(kind == "AWS" for kind, _ in statement.principals)
    return statement.allows and statement.covers("s3:PutObject") and (statement.names_service(_SERVICE) or account)


def _words(log: str) -> str:
    return log.replace("_", " ")
