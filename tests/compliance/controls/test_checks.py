"""What the templates of this project never show: the near misses of a control, and the other ways to meet it."""

from typing import Any

import pytest

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.checks import CHECKS
from tests.compliance.controls.templates import (
    ARN,
    BLOCKED,
    BUCKET,
    EVERY,
    FUNCTION,
    GROUP,
    OBJECTS,
    OTHER,
    OWN,
    ROLE,
    ROLE_ARN,
    allowing,
    ingress,
    instance_in,
    managed,
    open_ports,
    permission,
    plain_http,
    resource,
    stage,
    trail,
)


@pytest.mark.parametrize(
    ("control", "is_met", "resources"),
    [
        ("S3.2", True, {"Bucket": resource("S3::Bucket", **BLOCKED)}),
        ("S3.2", False, {"Bucket": resource("S3::Bucket", AccessControl="PublicRead", **BLOCKED)}),
        ("S3.5", True, {"Bucket": BUCKET, "Policy": plain_http(ARN, OBJECTS)}),
        ("S3.5", False, {"Bucket": BUCKET, "Policy": plain_http(ARN)}),
        ("S3.5", False, {"Bucket": BUCKET, "Policy": plain_http(ARN, OBJECTS, action="s3:PutObject")}),
        ("S3.6", True, {"Bucket": BUCKET, "Policy": allowing(Principal={"AWS": OWN})}),
        ("S3.6", True, {"Bucket": BUCKET, "Policy": allowing(Principal={"Service": "logging.s3.amazonaws.com"})}),
        ("S3.6", True, {"Bucket": BUCKET, "Role": ROLE, "Policy": allowing(Principal={"AWS": ROLE_ARN})}),
        ("S3.6", False, {"Bucket": BUCKET, "Policy": allowing(Principal={"AWS": OTHER})}),
        ("S3.6", False, {"Bucket": BUCKET, "Policy": allowing(Principal={"AWS": "999999999999"})}),
        ("S3.6", False, {"Bucket": BUCKET, "Policy": allowing(Principal={"CanonicalUser": "79a59d"})}),
        ("S3.6", False, {"Bucket": BUCKET, "Policy": allowing(Principal="*")}),
        (
            "S3.22",
            True,
            {
                "Bucket": BUCKET,
                "Trail": trail(EventSelectors=[{"DataResources": [{"Type": "AWS::S3::Object", "Values": [OBJECTS]}]}]),
            },
        ),
        (
            "S3.22",
            False,
            {
                "Bucket": BUCKET,
                "Trail": trail(
                    EventSelectors=[
                        {
                            "ReadWriteType": "WriteOnly",
                            "DataResources": [{"Type": "AWS::S3::Object", "Values": [OBJECTS]}],
                        }
                    ]
                ),
            },
        ),
        ("Lambda.1", True, {"Function": FUNCTION, "P": permission(Principal="123456789012")}),
        ("Lambda.1", True, {"Function": FUNCTION, "P": permission(Principal="*", PrincipalOrgID="o-1234567890")}),
        ("Lambda.1", False, {"Function": FUNCTION, "P": permission(Principal="*")}),
        ("Lambda.1", False, {"Function": FUNCTION, "P": permission(Principal="events.amazonaws.com.cn")}),
        ("Lambda.1", False, {"Function": FUNCTION, "P": permission(Principal="s3.amazonaws.com", SourceArn=ARN)}),
        ("Lambda.1", False, {"Function": FUNCTION, "P": permission(Principal="1", FunctionUrlAuthType="NONE")}),
        ("Lambda.2", True, {"Function": resource("Lambda::Function", Runtime="nodejs24.x")}),
        ("Lambda.2", False, {"Function": resource("Lambda::Function", Runtime="nodejs20.x")}),
        ("KMS.1", True, {"Policy": managed(Action="kms:Decrypt", Resource="arn:aws:kms:eu-central-1:1:key/*")}),
        ("KMS.1", False, {"Policy": managed(Action="kms:*", Resource="arn:aws:kms:*:1:key/*")}),
        ("KMS.1", False, {"Policy": managed(NotAction="s3:*", Resource="*")}),
        ("KMS.4", False, {"Key": resource("KMS::Key")}),
        ("IAM.1", False, {"Policy": managed(Action=["s3:GetObject", "*"], Resource=["*"])}),
        ("IAM.21", False, {"Policy": managed(NotAction="iam:*", Resource="*")}),
        ("EC2.18", True, {"Group": GROUP, "Rule": open_ports(443, 443)}),
        ("EC2.18", False, {"Group": GROUP, "Rule": open_ports(80, 443)}),
        ("EC2.19", False, {"Group": GROUP, "Rule": ingress(IpProtocol="-1", CidrIpv6="::/0")}),
        ("EC2.53", True, {"Group": GROUP, "Rule": ingress(IpProtocol="-1", CidrIpv6="::/0")}),
        ("EC2.54", False, {"Group": GROUP, "Rule": ingress(IpProtocol="-1", CidrIpv6="::/0")}),
        ("APIGateway.1", True, {"Stage": stage(EVERY)}),
        ("APIGateway.1", False, {"Stage": stage(EVERY, {**EVERY, "ResourcePath": "/x", "LoggingLevel": "OFF"})}),
        ("APIGateway.5", True, {"Stage": stage({**EVERY, "CachingEnabled": True, "CacheDataEncrypted": True})}),
        ("RDS.46", True, instance_in("vgw-1")),
        ("RDS.46", False, instance_in("igw-1")),
        ("RDS.11", False, {"Instance": resource("RDS::DBInstance", BackupRetentionPeriod=6)}),
        ("SQS.1", True, {"Queue": resource("SQS::Queue")}),
    ],
)
def test_a_control_tells_near_misses_from_what_meets_it(control: str, is_met: bool, resources: dict[str, Any]) -> None:
    judged = list(CHECKS[control](Assembly.from_templates({"app": {"Resources": resources}}, region="eu-central-1")))
    assert judged
    assert all(each.problem is None for each in judged) is is_met
