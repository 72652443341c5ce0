"""How a load balancer's logs get into their bucket."""

import json

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend.bucket.access_log_bucket import AccessLogBucket
from secure_backend.bucket.policy import deliver_access_logs
from secure_backend.validation import Validation

# Each log of the load balancer has a folder of its own.
_LOGS = {"access_logs": "access", "connection_logs": "connections"}


def check_log_bucket_region(check: Validation, bucket: s3.IBucket | None, region: str) -> None:
    """Record a bucket of another region, into which Elastic Load Balancing does not write."""
    if bucket is None or not hasattr(bucket, "env"):
        return
    actual = bucket.env.region
    if not cdk.Token.is_unresolved(actual) and not cdk.Token.is_unresolved(region):
        check.check(
            actual == region,
            "access_logs",
            f"a bucket in {actual}",
            f"one in {region}, the load balancer's region",
            "pass a bucket of that region, or leave it out for a new one",
        )


def new_log_bucket(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    *,
    retention: cdk.Duration | None,
) -> AccessLogBucket:
    """Make the bucket of both logs, and a second one for the record of who reads the first.

    Retained even when the very first creation fails: the load balancer writes a test file as soon as it is made, and
    a bucket that is not empty would stop the rollback.
    """
    bucket = AccessLogBucket(scope, id, retention=retention, removal_policy=cdk.RemovalPolicy.RETAIN)
    reads = AccessLogBucket(scope, f"{id}Reads", retention=retention)
    deliver_access_logs(bucket, reads, f"{cdk.Names.unique_resource_name(bucket, max_length=100, separator='-')}/")
    return bucket


def deliver_logs(scope: Construct, load_balancer: elbv2.ApplicationLoadBalancer, bucket: s3.IBucket) -> None:
    """Switch both logs on, and let Elastic Load Balancing write them into the bucket.

    The service principal is right in every region and partition, and what AWS recommends everywhere: the accounts of
    its own that older regions name, and that the CDK's ``log_access_logs`` lets in, do not exist in newer ones. The
    account in the path keeps other accounts' load balancers out. AWS documents no condition for this principal, and
    one on a key that it does not send would end the delivery: the load balancer tries to write a test file when it is
    made, so it waits for the policy. An imported bucket's policy cannot be changed from here: what its owner has to
    add is reported as a warning. Source: Elastic Load Balancing, Application Load Balancers, "Enable access logs",
    "Enable connection logs".
    """
    stack = cdk.Stack.of(scope)
    prefix = cdk.Names.unique_resource_name(scope, max_length=100, separator="-")
    for log, folder in _LOGS.items():
        load_balancer.set_attribute(f"{log}.s3.enabled", "true")
        load_balancer.set_attribute(f"{log}.s3.bucket", bucket.bucket_name)
        load_balancer.set_attribute(f"{log}.s3.prefix", f"{prefix}/{folder}")
    statement = iam.PolicyStatement(
        sid=f"LoadBalancerLogs{scope.node.addr[-8:]}",
        principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
        actions=["s3:PutObject"],
        resources=[bucket.arn_for_objects(f"{prefix}/{folder}/AWSLogs/{stack.account}/*") for folder in _LOGS.values()],
    )
    if not bucket.add_to_resource_policy(statement).statement_added:
        rendered = json.dumps(stack.resolve(statement.to_statement_json()), sort_keys=True)
        cdk.Annotations.of(scope).add_warning_v2(
            "secure-backend:ImportedAccessLogBucketPolicy",
            f"The imported bucket {bucket.node.path} must carry this statement, which cannot be added from here: "
            f"{rendered}. Add it to the bucket's policy, then acknowledge this warning.",
        )
    elif bucket.policy is not None:
        load_balancer.node.add_dependency(bucket.policy)
