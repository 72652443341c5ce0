"""Cases of the rules on load balancers."""

from typing import Any

from tests.compliance.rules.case import REMOVED, Case, allow, arn, document, ref, resource


def _encrypted(algorithm: str) -> dict[str, Any]:
    default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return {"ServerSideEncryptionConfiguration": [default]}


EDGE = {
    "LoadBalancer": resource(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        LoadBalancerAttributes=[
            {"Key": "access_logs.s3.enabled", "Value": "true"},
            {"Key": "access_logs.s3.bucket", "Value": ref("Logs")},
            {"Key": "connection_logs.s3.enabled", "Value": "false"},
            {"Key": "connection_logs.s3.bucket", "Value": ref("Encrypted")},
        ],
        DependsOn=["LogsPolicy"],
    ),
    "Logs": resource("AWS::S3::Bucket", BucketEncryption=_encrypted("AES256")),
    "LogsPolicy": resource(
        "AWS::S3::BucketPolicy",
        Bucket=ref("Logs"),
        PolicyDocument=document(allow("logdelivery.elasticloadbalancing", "s3:PutObject")),
    ),
    "Encrypted": resource("AWS::S3::Bucket", BucketEncryption=_encrypted("aws:kms")),
    "Listener": resource(
        "AWS::ElasticLoadBalancingV2::Listener",
        Protocol="HTTPS",
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    ),
    "Redirect": resource("AWS::ElasticLoadBalancingV2::Listener", Protocol="HTTP"),
    "Function": resource("AWS::Lambda::Function"),
    "Permission": resource(
        "AWS::Lambda::Permission", Principal="elasticloadbalancing.amazonaws.com", FunctionName=arn("Function")
    ),
    "Functions": resource(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        TargetType="lambda",
        Targets=[{"Id": arn("Function")}],
        DependsOn=["Permission"],
    ),
    "Addresses": resource("AWS::ElasticLoadBalancingV2::TargetGroup", TargetType="ip", Targets=[{"Id": "10.0.0.1"}]),
}

_STATEMENT = "LogsPolicy/Properties/PolicyDocument/Statement/0"
_ATTRIBUTES = "LoadBalancer/Properties/LoadBalancerAttributes"
_OF_OLD = {
    **EDGE,
    "LogsPolicy": resource(
        "AWS::S3::BucketPolicy",
        Bucket=ref("Logs"),
        PolicyDocument=document(allow({"AWS": "arn:aws:iam::054676820928:root"}, "s3:PutObject")),
    ),
}

CASES = [
    Case("LoadBalancerLogBucketPolicy", EDGE, {"LogsPolicy": REMOVED}, "may not write the access logs into"),
    Case("LoadBalancerLogBucketPolicy", EDGE, {f"{_STATEMENT}/Action": ["s3:GetObject"]}, "may not write"),
    Case(
        "LoadBalancerLogBucketPolicy",
        EDGE,
        {f"{_STATEMENT}/Principal": {"Service": "delivery.logs.amazonaws.com"}},
        "may not write",
    ),
    Case("LoadBalancerLogBucketPolicy", _OF_OLD, {f"{_STATEMENT}/Effect": "Deny"}, "may not write"),
    Case("LoadBalancerLogBucketPolicy", EDGE, {f"{_ATTRIBUTES}/2/Value": "true"}, "may not write the connection logs"),
    Case("LoadBalancerBeforeLogBucketPolicy", EDGE, {"LoadBalancer/DependsOn": []}, "does not wait for"),
    Case("LoadBalancerLogBucketWithKms", EDGE, {f"{_ATTRIBUTES}/1/Value": ref("Encrypted")}, "with KMS encryption"),
    Case("LoadBalancerLogBucketWithKms", EDGE, {f"{_ATTRIBUTES}/2/Value": "true"}, "The connection logs of"),
    Case("FunctionTargetBeforePermission", EDGE, {"Functions/DependsOn": []}, "does not wait for a permission"),
    Case("FunctionTargetBeforePermission", EDGE, {"Permission": REMOVED, "Functions/DependsOn": []}, "does not wait"),
    Case(
        "FunctionTargetBeforePermission",
        EDGE,
        {"Permission/Properties/Principal": "apigateway.amazonaws.com"},
        "does not wait",
    ),
    Case("ListenerWithOldTls", EDGE, {"Listener/Properties/SslPolicy": REMOVED}, "is that of 2016"),
    Case("ListenerWithOldTls", EDGE, {"Listener/Properties/SslPolicy": "ELBSecurityPolicy-2016-08"}, "-2016-08"),
    Case("ListenerWithOldTls", EDGE, {"Listener/Properties/SslPolicy": "ELBSecurityPolicy-TLS13-1-0-2021-06"}, "1-0"),
    Case("ListenerWithOldTls", EDGE, {"Redirect/Properties/Protocol": "TLS"}, "is that of 2016"),
]
