"""What only a deployment decides meets no control: conditions, and what parameters say."""

from typing import Any

import pytest

from tests.compliance.controls.templates import (
    ALL,
    ARN,
    BUCKET,
    EVERY,
    FUNCTION,
    GROUP,
    OBJECTS,
    ORACLE_LOGS,
    PARAMETER,
    ROLE,
    SELECTION,
    acl_entry,
    alarm_on_policy_changes,
    allowing,
    association,
    attached,
    balancer,
    beginning_with,
    bucket_policy,
    database,
    either,
    group,
    ingress,
    instance_in,
    key_policy,
    listener,
    managed,
    permission,
    plain_http,
    problems,
    recording,
    resource,
    role,
    sometimes,
    stage,
    trail,
)

NOT_MET: list[tuple[str, dict[str, Any]]] = [
    # A resource that meets the control is there on a condition only, or refers to what it protects on one.
    ("APIGateway.4", {"Stage": stage(), "A": sometimes(attached("WAFv2::WebACLAssociation", "ResourceArn", "Stage"))}),
    (
        "APIGateway.4",
        {"Stage": stage(), "A": resource("WAFv2::WebACLAssociation", ResourceArn=either({"Ref": "Stage"}))},
    ),
    (
        "EC2.6",
        {"Vpc": resource("EC2::VPC"), "L": sometimes(attached("EC2::FlowLog", "ResourceId", "Vpc", TrafficType="ALL"))},
    ),
    (
        "RDS.26",
        {"Instance": database(), "S": sometimes(resource("Backup::BackupSelection", BackupSelection=SELECTION))},
    ),
    (
        "RDS.26",
        {
            "Instance": database(),
            "S": resource("Backup::BackupSelection", BackupSelection={"Resources": [either({"Ref": "Instance"})]}),
        },
    ),
    ("S3.5", {"Bucket": BUCKET, "Policy": sometimes(plain_http(ARN, OBJECTS))}),
    (
        "WAF.11",
        {
            "Acl": resource("WAFv2::WebACL"),
            "L": sometimes(attached("WAFv2::LoggingConfiguration", "ResourceArn", "Acl")),
        },
    ),
    (
        "ELB.16",
        {"Balancer": balancer(), "A": sometimes(attached("WAFv2::WebACLAssociation", "ResourceArn", "Balancer"))},
    ),
    (
        "S3.9",
        {
            "Bucket": BUCKET,
            "Other": sometimes(
                resource("S3::Bucket", LoggingConfiguration={"DestinationBucketName": {"Ref": "Bucket"}})
            ),
        },
    ),
    # The property that meets it is set on a condition only, or is a parameter's.
    ("SNS.1", {"Topic": resource("SNS::Topic", KmsMasterKeyId=either("key"))}),
    ("SQS.1", {"Queue": resource("SQS::Queue", SqsManagedSseEnabled=False, KmsMasterKeyId=either("key"))}),
    ("CloudTrail.2", {"Trail": trail(KMSKeyId=either("key"))}),
    ("CloudTrail.5", {"Trail": trail(CloudWatchLogsLogGroupArn=either("group"), CloudWatchLogsRoleArn="role")}),
    ("Backup.1", {"Vault": resource("Backup::BackupVault", EncryptionKeyArn=either("key"))}),
    ("RDS.25", {"Instance": database(MasterUsername=PARAMETER)}),
    ("RDS.25", {"Instance": database(MasterUsername="{{resolve:ssm:/master/name}}")}),
    ("RDS.23", {"Instance": database(Engine=PARAMETER, Port=3306)}),
    ("KMS.4", {"Key": resource("KMS::Key", KeySpec=PARAMETER)}),
    ("WAF.10", {"Acl": resource("WAFv2::WebACL", Rules=[either({"Name": "rule"})])}),
    ("ELB.13", {"Balancer": balancer(Subnets=["subnet-1", either("subnet-2")])}),
    (
        "Cognito.3",
        {
            "Pool": resource(
                "Cognito::UserPool",
                Policies={
                    "PasswordPolicy": {
                        "MinimumLength": 12,
                        **dict.fromkeys(
                            ("RequireLowercase", "RequireUppercase", "RequireNumbers", "RequireSymbols"), True
                        ),
                        "TemporaryPasswordValidityDays": PARAMETER,
                    }
                },
            )
        },
    ),
    # What breaks it stands in one case of a condition.
    ("EC2.18", {"Group": group(either({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": ALL}))}),
    (
        "EC2.19",
        {"Group": GROUP, "Rule": ingress(IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=either(ALL, "10.0.0.0/8"))},
    ),
    ("EC2.53", {"Group": GROUP, "Rule": ingress(IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=PARAMETER)}),
    ("EC2.53", {"Group": GROUP, "Rule": ingress(IpProtocol="tcp", FromPort="22", ToPort="22", CidrIp="10.0.0.0/0")}),
    ("EC2.54", {"Group": GROUP, "Rule": ingress(IpProtocol=-1, CidrIpv6="0:0:0:0:0:0:0:0/0")}),
    ("EC2.21", {"Acl": resource("EC2::NetworkAcl"), "Entry": acl_entry(RuleAction=either("allow", "deny"))}),
    ("EC2.21", {"Acl": resource("EC2::NetworkAcl"), "Entry": acl_entry(CidrBlock=PARAMETER)}),
    ("APIGateway.5", {"Stage": stage(EVERY, either({**EVERY, "CachingEnabled": True}))}),
    ("APIGateway.5", {"Stage": stage({**EVERY, "CachingEnabled": PARAMETER})}),
    ("IAM.1", {"Role": role(either([{"PolicyDocument": {}}]))}),
    ("IAM.1", {"Policy": managed(Action=either("*", "s3:GetObject"), Resource="*")}),
    ("IAM.1", {"Policy": managed(Effect=either("Allow", "Deny"), Action="*", Resource="*")}),
    ("IAM.1", {"Policy": resource("IAM::ManagedPolicy", PolicyDocument=either({}, {}))}),
    (
        "IAM.27",
        {"Role": resource("IAM::Role", ManagedPolicyArns=[either("arn:aws:iam::aws:policy/AWSCloudShellFullAccess")])},
    ),
    (
        "KMS.5",
        {"Key": key_policy({"Effect": "Allow", "Principal": {"AWS": either("*", "123456789012")}, "Action": "kms:*"})},
    ),
    ("KMS.5", {"Key": key_policy(either({"Effect": "Allow"}))}),
    (
        "S3.5",
        {
            "Bucket": BUCKET,
            "Policy": bucket_policy(
                Effect=either("Deny", "Allow"),
                Principal="*",
                Action="s3:*",
                Resource=[ARN, OBJECTS],
                Condition={"Bool": {"aws:SecureTransport": "false"}},
            ),
        },
    ),
    ("S3.6", {"Bucket": BUCKET, "Policy": allowing(Principal={"AWS": PARAMETER})}),
    ("S3.6", {"Bucket": BUCKET, "Policy": allowing(Principal={"AWS": {"Fn::Sub": "arn:aws:iam::${Parameter}:root"}})}),
    ("RDS.46", instance_in(PARAMETER)),
    ("RDS.46", {**instance_in("vgw-1"), "Association": association(PARAMETER)}),
    ("EC2.18", {"Group": group(PARAMETER)}),
    ("ELB.17", {"Balancer": balancer(), "L": listener(Protocol=PARAMETER)}),
    ("Lambda.1", {"Function": FUNCTION, "P": permission(Principal="1", FunctionUrlAuthType=PARAMETER)}),
    ("Lambda.1", {"Function": FUNCTION, "Who": BUCKET, "P": permission(Principal={"Ref": "Who"})}),
    ("S3.5", {"Bucket": BUCKET, "Policy": plain_http(ARN, OBJECTS, principal={"AWS": either("*", "1")})}),
    ("RDS.46", instance_in(either("igw-1", "vgw-1"))),
    ("RDS.9", {"Instance": database(Engine=PARAMETER, EnableCloudwatchLogsExports=["postgresql"])}),
    ("Lambda.1", {"Function": FUNCTION, "P": permission(Principal=PARAMETER)}),
]

MET: list[tuple[str, dict[str, Any]]] = [
    (
        "APIGateway.4",
        {"Stage": sometimes(stage()), "A": sometimes(attached("WAFv2::WebACLAssociation", "ResourceArn", "Stage"))},
    ),
    (
        "EC2.53",
        {
            "Vpc": resource("EC2::VPC"),
            "Group": GROUP,
            "Rule": ingress(IpProtocol="-1", CidrIp={"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
        },
    ),
    ("EC2.18", {"Group": group(either({"IpProtocol": "tcp", "FromPort": "443", "ToPort": "443", "CidrIp": ALL}))}),
    (
        "ELB.4",
        {
            "Balancer": balancer(
                LoadBalancerAttributes=[{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": True}]
            )
        },
    ),
    ("SNS.1", {"Topic": resource("SNS::Topic", KmsMasterKeyId=either("one", "other"))}),
    ("RDS.11", {"Instance": database(BackupRetentionPeriod="7")}),
    ("RDS.5", {"Instance": database(MultiAZ="true")}),
    ("Lambda.1", {"Function": FUNCTION, "Role": ROLE, "P": permission(Principal={"Fn::GetAtt": ["Role", "Arn"]})}),
    (
        "Lambda.1",
        {"Function": FUNCTION, "P": permission(Principal={"Fn::Sub": "events.${AWS::URLSuffix}"}, SourceArn=ARN)},
    ),
    ("S3.22", {"Bucket": BUCKET, "Trail": recording(beginning_with("/"))}),
    ("KMS.1", {"Policy": managed(Action="kms:Decrypt", Resource=[PARAMETER])}),
    ("CIS 4.5", alarm_on_policy_changes()),
    ("RDS.9", {"Instance": database(Engine="custom-oracle-ee", EnableCloudwatchLogsExports=ORACLE_LOGS)}),
    (
        "RDS.9",
        {
            "Instance": database(
                Engine="mariadb", EnableCloudwatchLogsExports=["audit", "error", "general", "slowquery"]
            )
        },
    ),
]


@pytest.mark.parametrize(("control", "resources"), NOT_MET)
def test_what_may_be_missing_or_open_at_deployment_does_not_meet_a_control(
    control: str, resources: dict[str, Any]
) -> None:
    assert any(problems(control, resources))


@pytest.mark.parametrize(("control", "resources"), MET)
def test_what_is_so_in_every_case_meets_it_however_it_is_written(control: str, resources: dict[str, Any]) -> None:
    assert not any(problems(control, resources))
