"""Cases of the rules on databases, buckets, keys, log groups and templates as a whole."""

from typing import Any

from tests.compliance.rules.case import REMOVED, ROOT, Case, allow, arn, document, key, ref, resource

_LOGS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")


def _for_group(name: str) -> dict[str, Any]:
    pattern = {"Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:" + name}
    return allow("logs.eu-central-1", *_LOGS, Condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": pattern}})


_KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}

DATABASE = {
    "Database": resource(
        "AWS::RDS::DBInstance",
        **_KEPT,
        DBInstanceIdentifier="documents-1",
        Engine="postgres",
        EngineVersion="17",
        MasterUsername="dbowner",
        MasterUserAuthenticationType="iam-db-auth",
        EnableIAMDatabaseAuthentication=True,
        DBParameterGroupName=ref("Parameters"),
        DBSubnetGroupName=ref("Subnets"),
        StorageType="gp3",
        AllocatedStorage="100",
        MaxAllocatedStorage=200,
        DBInstanceClass="db.t4g.micro",
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=465,
        DatabaseInsightsMode="advanced",
        CACertificateIdentifier="rds-ca-rsa2048-g1",
        DeletionProtection=True,
        EnableCloudwatchLogsExports=["postgresql"],
        Port="5433",
        VPCSecurityGroups=[arn("DatabaseGroup", "GroupId")],
        DependsOn=["Logs"],
    ),
    "Parameters": resource(
        "AWS::RDS::DBParameterGroup", **_KEPT, Family="postgres17", Parameters={"rds.force_ssl": "1"}
    ),
    "Subnets": resource("AWS::RDS::DBSubnetGroup", **_KEPT),
    "Logs": resource(
        "AWS::Logs::LogGroup",
        LogGroupName="/aws/rds/instance/documents-1/postgresql",
        RetentionInDays=365,
        KmsKeyId=arn("Key"),
        **_KEPT,
    ),
    "Generated": resource("AWS::Logs::LogGroup", RetentionInDays=365, KmsKeyId=arn("Key"), **_KEPT),
    "Key": key(_for_group("/aws/rds/instance/documents-1/*"), _for_group("app-*")) | _KEPT,
    "DatabaseGroup": resource(
        "AWS::EC2::SecurityGroup", SecurityGroupEgress=[{"CidrIp": "127.0.0.1/32", "IpProtocol": "-1"}]
    ),
    "ProxyGroup": resource(
        "AWS::EC2::SecurityGroup",
        SecurityGroupEgress=[{"CidrIp": "255.255.255.255/32", "IpProtocol": "icmp", "FromPort": 252, "ToPort": 86}],
    ),
    "DatabaseIn": resource(
        "AWS::EC2::SecurityGroupIngress",
        GroupId=arn("DatabaseGroup", "GroupId"),
        SourceSecurityGroupId=arn("ProxyGroup", "GroupId"),
        IpProtocol="tcp",
        FromPort=5433,
        ToPort=5433,
    ),
    "ProxyOut": resource(
        "AWS::EC2::SecurityGroupEgress",
        GroupId=arn("ProxyGroup", "GroupId"),
        DestinationSecurityGroupId=arn("DatabaseGroup", "GroupId"),
        IpProtocol="tcp",
        FromPort=5433,
        ToPort=5433,
    ),
    "Proxy": resource(
        "AWS::RDS::DBProxy",
        RoleArn=arn("ProxyRole"),
        Auth=[{"SecretArn": ref("Secret")}],
        VpcSecurityGroupIds=[arn("ProxyGroup", "GroupId")],
    ),
    "ProxyRole": resource(
        "AWS::IAM::Role",
        Policies=[
            {
                "PolicyName": "p",
                "PolicyDocument": document({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": arn("SecretKey")}),
            }
        ],
    ),
    "Secret": resource("AWS::SecretsManager::Secret", KmsKeyId=arn("SecretKey")),
    "SecretKey": key() | _KEPT,
    "Targets": resource(
        "AWS::RDS::DBProxyTargetGroup", DBProxyName=ref("Proxy"), DBInstanceIdentifiers=[ref("Database")]
    ),
    "Attachment": resource(
        "AWS::SecretsManager::SecretTargetAttachment", TargetId=ref("Database"), TargetType="AWS::RDS::DBInstance"
    ),
}

_ENCRYPTED = {
    "ServerSideEncryptionConfiguration": [
        {
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
        }
    ]
}
_TLS_ONLY = {
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}

STORE = {
    "Bucket": resource(
        "AWS::S3::Bucket",
        BucketEncryption=_ENCRYPTED,
        ObjectLockEnabled=True,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
        VersioningConfiguration={"Status": "Enabled"},
        LoggingConfiguration={"DestinationBucketName": ref("AccessLogs")},
        **_KEPT,
    ),
    "BucketPolicy": resource("AWS::S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=document(_TLS_ONLY)),
    "AccessLogs": resource("AWS::S3::Bucket", BucketEncryption=_ENCRYPTED, **_KEPT),
    "AccessLogsPolicy": resource(
        "AWS::S3::BucketPolicy",
        Bucket=ref("AccessLogs"),
        PolicyDocument=document(
            allow("logging.s3", "s3:PutObject", Condition={"ArnLike": {"aws:SourceArn": arn("Bucket")}})
        ),
    ),
    "Notifications": resource("Custom::S3BucketNotifications", BucketName=ref("Bucket"), DependsOn="BucketPolicy"),
    "Vault": resource("AWS::Backup::BackupVault", LockConfiguration={"MinRetentionDays": 7}, **_KEPT),
    "Role": resource("AWS::IAM::Role", Description="arn:aws: in words"),
}

_DATABASE = "Database/Properties"

CASES = [
    Case("ParameterGroupFamily", DATABASE, {"Parameters/Properties/Family": "postgres16"}, "postgres16"),
    Case("ParameterGroupFamily", DATABASE, {f"{_DATABASE}/EngineVersion": "18.1"}, "postgres18"),
    *[
        Case("ReservedMasterUsername", DATABASE, {f"{_DATABASE}/MasterUsername": name}, name)
        for name in ("admin", "rdsadmin", "pg_owner", "1st", "with-dash")
    ],
    Case("Gp3Throughput", DATABASE, {f"{_DATABASE}/Iops": 4000}, "Iops stand beside 100 GiB"),
    Case("Gp3Throughput", DATABASE, {f"{_DATABASE}/StorageThroughput": 500}, "StorageThroughput"),
    Case("Gp3Throughput", DATABASE, {f"{_DATABASE}/AllocatedStorage": "400", f"{_DATABASE}/Iops": 4000}, "4000 IOPS"),
    Case("StorageMaximumTooSmall", DATABASE, {f"{_DATABASE}/MaxAllocatedStorage": 50}, "50 GiB"),
    Case("StorageMaximumTooSmall", DATABASE, {f"{_DATABASE}/MaxAllocatedStorage": 109}, "109 GiB"),
    Case("AdvancedInsightsRetention", DATABASE, {f"{_DATABASE}/PerformanceInsightsRetentionPeriod": 31}, "31 days"),
    Case("AdvancedInsightsRetention", DATABASE, {f"{_DATABASE}/EnablePerformanceInsights": False}, "without insights"),
    Case("InsightsOnSmallClass", DATABASE, {f"{_DATABASE}/Engine": "mysql"}, "db.t4g.micro"),
    Case("RetiredDatabaseCa", DATABASE, {f"{_DATABASE}/CACertificateIdentifier": "rds-ca-2019"}, "rds-ca-2019"),
    Case("MinorVersionPinnedAndUpgraded", DATABASE, {f"{_DATABASE}/EngineVersion": "17.5"}, "left on"),
    Case(
        "MinorVersionPinnedAndUpgraded",
        DATABASE,
        {f"{_DATABASE}/EngineVersion": "17.5", f"{_DATABASE}/AutoMinorVersionUpgrade": True},
        "is on",
    ),
    Case("DatabaseWithoutForcedTls", DATABASE, {"Parameters/Properties/Parameters": {}}, "not set"),
    Case("DatabaseWithoutForcedTls", DATABASE, {"Parameters/Properties/Parameters/rds.force_ssl": "0"}, "force_ssl 0"),
    Case("DatabaseWithoutForcedTls", DATABASE, {f"{_DATABASE}/DBParameterGroupName": REMOVED}, "default"),
    Case("DatabaseWithoutForcedTls", DATABASE, {f"{_DATABASE}/DBParameterGroupName": "default.postgres17"}, "default"),
    Case("DatabasePasswordInTemplate", DATABASE, {f"{_DATABASE}/MasterUserPassword": "correct horse"}),
    Case("MasterUserSignsInTwice", DATABASE, {f"{_DATABASE}/MasterUserPassword": ref("Password")}, "A password"),
    Case("MasterUserSignsInTwice", DATABASE, {f"{_DATABASE}/ManageMasterUserPassword": True}, "A secret"),
    Case("MasterUserSignsInTwice", DATABASE, {f"{_DATABASE}/EnableIAMDatabaseAuthentication": REMOVED}, "is off"),
    Case("ManagedSecretWithoutKey", DATABASE, {f"{_DATABASE}/ManageMasterUserPassword": True}),
    Case("ProtectedDatabaseRollsBack", DATABASE, {"Database/DeletionPolicy": "Snapshot"}, "Snapshot"),
    Case("RetainedDatabaseLosesItsGroups", DATABASE, {"Subnets/DeletionPolicy": "Delete"}, "app/Database"),
    Case("RetainedDatabaseLosesItsGroups", DATABASE, {"Parameters/DeletionPolicy": REMOVED}, "app/Database"),
    Case(
        "SecretAttachedToProxy",
        DATABASE,
        {"Attachment/Properties/TargetId": ref("Proxy"), "Attachment/Properties/TargetType": "AWS::RDS::DBProxy"},
    ),
    Case("ProxyWithoutSecretKey", DATABASE, {"ProxyRole/Properties/Policies": []}, "app/SecretKey"),
    Case("ProxyCannotReachDatabase", DATABASE, {"DatabaseIn": REMOVED}, "lets no security group"),
    Case("ProxyCannotReachDatabase", DATABASE, {"DatabaseIn/Properties/FromPort": 5434}, "lets no security group"),
    Case("ProxyCannotReachDatabase", DATABASE, {"ProxyOut": REMOVED}, "may not go out"),
    Case("LogGroupKeyPolicy", DATABASE, {"Key/Properties/KeyPolicy": document(ROOT)}, "kms:Encrypt"),
    Case("LogGroupKeyPolicy", DATABASE, {"Key/Properties/KeyPolicy/Statement/1": REMOVED}, "app/Logs"),
    Case("LogGroupKeyPolicy", DATABASE, {"Key/Properties/KeyPolicy/Statement/2": REMOVED}, "app/Generated"),
    Case("KeyWithoutAccount", DATABASE, {"SecretKey/Properties/KeyPolicy/Statement": [allow("logs", "kms:*")]}),
    Case("KeySkipsLockoutCheck", DATABASE, {"SecretKey/Properties/BypassPolicyLockoutSafetyCheck": True}),
    Case("LogRetentionByCustomResource", DATABASE, {"Retention": resource("Custom::LogRetention")}),
    Case("RetainedLogGroupWithFixedName", DATABASE, {"Generated/Properties/LogGroupName": "service"}, "service"),
    Case("LogGroupAfterItsWriter", DATABASE, {"Database/DependsOn": REMOVED}, "app/Logs"),
    Case("LogGroupWithoutRetention", DATABASE, {"Logs/Properties/RetentionInDays": REMOVED}),
    Case("LogGroupWithoutKey", DATABASE, {"Logs/Properties/KmsKeyId": REMOVED}),
    Case("NotificationBeforeBucketPolicy", STORE, {"Notifications/DependsOn": REMOVED}, "app/BucketPolicy"),
    Case("ObjectLockWithoutVersions", STORE, {"Bucket/Properties/ObjectLockEnabled": REMOVED}, "no lock"),
    Case("ObjectLockWithoutVersions", STORE, {"Bucket/Properties/VersioningConfiguration": REMOVED}, "no versions"),
    Case("BucketAcceptsForeignKeys", STORE, {"Bucket/Properties/BucketEncryption": REMOVED}),
    Case("BucketWithAcl", STORE, {"AccessLogs/Properties/AccessControl": "LogDeliveryWrite"}, "LogDeliveryWrite"),
    Case(
        "BucketPolicyLocksOut",
        STORE,
        {"BucketPolicy/Properties/PolicyDocument/Statement/0/Condition": REMOVED},
        "without a condition",
    ),
    Case(
        "BucketPolicyLocksOut",
        STORE,
        {
            "BucketPolicy/Properties/PolicyDocument/Statement/0/Condition": {
                "StringNotEquals": {"aws:SourceVpce": "vpce-1"}
            }
        },
        "on aws:sourcevpce only",
    ),
    Case(
        "AccessLogTargetWithKms",
        STORE,
        {
            "AccessLogs/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0": {
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}
            }
        },
        "app/Bucket",
    ),
    Case("AccessLogTargetWithObjectLock", STORE, {"AccessLogs/Properties/ObjectLockEnabled": True}, "app/Bucket"),
    Case("AccessLogIntoItself", STORE, {"Bucket/Properties/LoggingConfiguration": {"LogFilePrefix": "logs/"}}),
    Case("AccessLogTargetPolicy", STORE, {"AccessLogsPolicy": REMOVED}, "app/Bucket"),
    Case(
        "AccessLogTargetPolicy",
        STORE,
        {
            "AccessLogsPolicy/Properties/PolicyDocument/Statement/0/Condition/ArnLike/aws:SourceArn": "arn:aws:s3:::x",
            "Bucket/Properties/BucketName": "documents",
        },
        "arn:aws:s3:::x",
    ),
    Case(
        "TemplateNearItsLimit",
        {"Role": resource("AWS::IAM::Role")},
        {f"Role{number}": resource("AWS::IAM::Role") for number in range(480)},
        "481 resources of 500",
    ),
    Case("NameTooLong", STORE, {"Role/Properties/RoleName": "r" * 65}, "65 characters"),
    Case("FixedPhysicalName", STORE, {"Bucket/Properties/BucketName": "documents"}, "documents"),
    Case("FixedPhysicalName", STORE, {"Role/Properties/RoleName": "deployer"}, "deployer"),
    Case(
        "ArnOfAnotherPartition",
        STORE,
        {"Role/Properties/ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        "cn-north-1",
        region="cn-north-1",
    ),
    Case(
        "ArnOfAnotherPartition",
        STORE,
        {"Role/Properties/ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        "known only at deployment",
        region=None,
    ),
    Case("StateWithoutBothPolicies", STORE, {"Bucket/UpdateReplacePolicy": REMOVED}, "no UpdateReplacePolicy"),
    Case("StateLostOnReplacement", STORE, {"Bucket/UpdateReplacePolicy": "Delete"}, "UpdateReplacePolicy deletes"),
    Case("BackupVaultLockedForGood", STORE, {"Vault/Properties/LockConfiguration/ChangeableForDays": 3}, "3 days"),
]
