"""What EncryptedPostgres guarantees by default."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from syrupy.assertion import SnapshotAssertion

from secure_backend.encrypted_postgres import EncryptedPostgres
from tests.conftest import resources_of, template_of
from tests.postgres.cases import (
    DATA,
    REGIONS,
    database,
    instance_of,
    network,
    new_app,
    new_stack,
    only,
    template_with,
)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with()


@pytest.fixture(scope="module")
def properties(template: dict[str, Any]) -> dict[str, Any]:
    return instance_of(template)


@pytest.fixture(scope="module")
def unprotected() -> dict[str, Any]:
    return template_with(deletion_protection=False)


def test_the_template_at_the_defaults_is_the_reviewed_one(
    template: dict[str, Any], template_snapshot: SnapshotAssertion
) -> None:
    assert template == template_snapshot(name="defaults")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Engine", "postgres"),
        ("EngineVersion", "17"),
        ("AutoMinorVersionUpgrade", True),
        ("EngineLifecycleSupport", "open-source-rds-extended-support-disabled"),
        ("CACertificateIdentifier", "rds-ca-rsa2048-g1"),
        ("DBInstanceClass", "db.t4g.medium"),
        ("MultiAZ", True),
        ("StorageType", "gp3"),
        ("AllocatedStorage", "100"),
        ("MaxAllocatedStorage", 200),
        ("StorageEncrypted", True),
        ("PubliclyAccessible", False),
        ("Port", "5433"),
        ("DBName", "app"),
        ("MasterUsername", "dbowner"),
        ("EnableIAMDatabaseAuthentication", True),
        ("BackupRetentionPeriod", 7),
        ("DeleteAutomatedBackups", False),
        ("CopyTagsToSnapshot", True),
        ("DeletionProtection", True),
        ("EnableCloudwatchLogsExports", ["postgresql", "upgrade"]),
        ("MonitoringInterval", 60),
        ("EnablePerformanceInsights", True),
        ("PerformanceInsightsRetentionPeriod", 7),
    ],
)
def test_the_instance_has_each_guarantee_by_default(properties: dict[str, Any], name: str, value: object) -> None:
    assert properties[name] == value


def test_nobody_has_a_password_and_no_secret_exists(template: dict[str, Any], properties: dict[str, Any]) -> None:
    assert properties["MasterUserAuthenticationType"] == "iam-db-auth"
    assert not [name for name in properties if "Password" in name or "Secret" in name]
    assert not resources_of(template, "AWS::SecretsManager::Secret")
    assert "assword" not in json.dumps(template)


def test_the_l2_says_that_it_has_no_secret() -> None:
    construct = database(new_stack(new_app()))

    assert construct.instance.secret is None
    assert construct.master_secret is None


def test_a_managed_secret_exists_only_by_asking_and_is_encrypted_by_the_database_key() -> None:
    stack = new_stack(new_app())
    construct = database(stack, managed_secret=True)
    properties = instance_of(template_of(stack))

    assert properties["ManageMasterUserPassword"] is True
    assert properties["MasterUserSecret"] == {"KmsKeyId": stack.resolve(construct.key.key_arn)}
    assert "MasterUserAuthenticationType" not in properties
    assert "MasterUserPassword" not in properties
    assert construct.master_secret is not None
    assert stack.resolve(construct.master_secret.secret_arn)["Fn::GetAtt"][1] == "MasterUserSecret.SecretArn"


def test_storage_insights_logs_and_vault_share_the_one_key(
    template: dict[str, Any], properties: dict[str, Any]
) -> None:
    key = properties["KmsKeyId"]

    assert properties["PerformanceInsightsKMSKeyId"] == key
    assert only(template, "AWS::Backup::BackupVault")["Properties"]["EncryptionKeyArn"] == key
    groups = resources_of(template, "AWS::Logs::LogGroup").values()
    assert [group["Properties"]["KmsKeyId"] for group in groups] == [key, key]


def test_the_log_groups_exist_before_the_instance_under_its_name(template: dict[str, Any]) -> None:
    groups = resources_of(template, "AWS::Logs::LogGroup")
    instance = only(template, "AWS::RDS::DBInstance")
    identifier = instance["Properties"]["DBInstanceIdentifier"]

    assert sorted(group["Properties"]["LogGroupName"] for group in groups.values()) == [
        f"/aws/rds/instance/{identifier}/postgresql",
        f"/aws/rds/instance/{identifier}/upgrade",
    ]
    assert set(groups) <= set(instance["DependsOn"])
    assert all(group["Properties"]["RetentionInDays"] == 365 for group in groups.values())
    assert all(group["Properties"]["DeletionProtectionEnabled"] is True for group in groups.values())


def test_the_key_lets_cloudwatch_logs_use_it_for_those_groups_alone(template: dict[str, Any]) -> None:
    keys = resources_of(template, "AWS::KMS::Key").values()
    (statement,) = [
        statement
        for key in keys
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if "kms:EncryptionContext:aws:logs:arn" in json.dumps(statement)
    ]
    identifier = instance_of(template)["DBInstanceIdentifier"]

    pattern = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]["Fn::Join"][1][-1]
    assert pattern == f":log-group:/aws/rds/instance/{identifier}/*"


def test_the_identifier_is_short_lower_case_and_ends_in_the_generation(properties: dict[str, Any]) -> None:
    assert properties["DBInstanceIdentifier"].startswith("stack-database-")
    assert properties["DBInstanceIdentifier"].endswith("-g1")


def test_the_identifier_fits_the_vault_also_under_long_names() -> None:
    stack = new_stack(new_app(), "a-stack-with-a-name-of-more-than-forty-characters-in-it")
    construct = database(stack, "ADatabaseWithAVeryLongNameThatGoesOnAndOn", generation=12)

    assert len(construct.identifier) <= 50
    assert construct.identifier.endswith("-g12")
    assert "--" not in construct.identifier
    assert construct.identifier == construct.identifier.lower()


def test_a_new_generation_renames_the_instance_and_its_groups_under_the_same_logical_ids(
    template: dict[str, Any],
) -> None:
    second = template_with(generation=2)

    assert set(second["Resources"]) == set(template["Resources"])
    assert instance_of(second)["DBInstanceIdentifier"].endswith("-g2")
    names = [group["Properties"]["LogGroupName"] for group in resources_of(second, "AWS::Logs::LogGroup").values()]
    assert all("-g2/" in name for name in names)


def test_the_instance_stands_in_the_data_tier_of_two_zones(template: dict[str, Any]) -> None:
    subnets = only(template, "AWS::RDS::DBSubnetGroup")["Properties"]["SubnetIds"]

    assert len(subnets) == 2
    assert all("VpcdataSubnet" in subnet["Ref"] for subnet in subnets)


def test_the_security_group_lets_nothing_in_or_out(template: dict[str, Any]) -> None:
    group = only(template, "AWS::EC2::SecurityGroup")["Properties"]

    assert group["SecurityGroupEgress"][0]["CidrIp"] == "127.0.0.1/32"
    assert "SecurityGroupIngress" not in group


def test_only_this_instance_may_use_the_monitoring_role(template: dict[str, Any]) -> None:
    (role,) = [
        role["Properties"]
        for role in resources_of(template, "AWS::IAM::Role").values()
        if "monitoring.rds" in json.dumps(role)
    ]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    identifier = instance_of(template)["DBInstanceIdentifier"]

    assert statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1][-1] == f":db:{identifier}"
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


RETAIN = ("Retain", "Retain")
ON_CREATE = ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize(
    ("type_name", "logical_id", "protected", "given_up"),
    [
        ("AWS::RDS::DBInstance", "DatabaseInstance", RETAIN, ON_CREATE),
        ("AWS::RDS::DBSubnetGroup", "DatabaseSubnets", RETAIN, ON_CREATE),
        ("AWS::RDS::DBParameterGroup", "DatabaseParameters", RETAIN, ON_CREATE),
        ("AWS::EC2::SecurityGroup", "DatabaseSecurityGroup", RETAIN, ON_CREATE),
        ("AWS::KMS::Key", "DatabaseKey", RETAIN, RETAIN),
        ("AWS::Logs::LogGroup", "DatabasePostgresqlLog", RETAIN, RETAIN),
        ("AWS::Logs::LogGroup", "DatabaseUpgradeLog", RETAIN, RETAIN),
        ("AWS::Backup::BackupVault", "DatabaseBackupVault", ON_CREATE, ON_CREATE),
    ],
)
def test_each_resource_outlives_what_the_table_says(
    template: dict[str, Any],
    unprotected: dict[str, Any],
    type_name: str,
    logical_id: str,
    protected: tuple[str, str],
    given_up: tuple[str, str],
) -> None:
    for document, policies in ((template, protected), (unprotected, given_up)):
        (resource,) = [
            resource for name, resource in resources_of(document, type_name).items() if name.startswith(logical_id)
        ]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == policies


def test_giving_up_protection_is_visible_on_the_instance(unprotected: dict[str, Any]) -> None:
    assert instance_of(unprotected)["DeletionProtection"] is False


def test_each_region_and_partition_gets_the_same_resources_and_no_fixed_partition(template: dict[str, Any]) -> None:
    for region in REGIONS:
        document = template_with(region=region, proxy=True, restore_testing=True)
        types = {resource["Type"] for resource in document["Resources"].values()}

        assert {resource["Type"] for resource in template["Resources"].values()} < types
        text = json.dumps(document)
        assert ("arn:aws:" in text) == (region in {"us-east-1", "eu-central-1"})
        assert f'rds.force_ssl": "1"' in text  # noqa: F541 - reads like the template


def test_two_databases_stand_side_by_side_in_one_stack() -> None:
    stack = new_stack(new_app())
    vpc = network(stack)
    first = database(stack, "First", vpc=vpc, proxy=True)
    second = database(stack, "Second", vpc=vpc, proxy=True)
    instances = resources_of(template_of(stack), "AWS::RDS::DBInstance")

    assert len(instances) == 2
    assert first.identifier != second.identifier


def test_the_caller_may_bring_a_key_and_then_none_is_made_for_the_data() -> None:
    stack = new_stack(new_app())
    key = kms.Key(stack, "Mine")
    construct = database(stack, key=key)
    template = template_of(stack)

    assert construct.key is key
    assert instance_of(template)["KmsKeyId"] == stack.resolve(key.key_arn)
    assert not [name for name in resources_of(template, "AWS::KMS::Key") if name.startswith("DatabaseKey")]


def test_a_secure_vpc_brings_its_own_data_tier() -> None:
    class Tiers:
        """The part of a SecureVpc that a database needs."""

        def __init__(self, stack: cdk.Stack) -> None:
            self.vpc: ec2.IVpc = network(stack)
            self.data_subnets = DATA

    stack = new_stack(new_app())
    EncryptedPostgres(stack, "Database", vpc=Tiers(stack))

    subnets = only(template_of(stack), "AWS::RDS::DBSubnetGroup")["Properties"]["SubnetIds"]
    assert all("VpcdataSubnet" in subnet["Ref"] for subnet in subnets)


def test_large_storage_takes_iops_and_throughput() -> None:
    properties = instance_of(template_with(allocated_storage_gib=400, iops=16_000, storage_throughput=1_000))

    assert (properties["Iops"], properties["StorageThroughput"]) == (16_000, 1_000)


def test_storage_under_400_gib_has_neither_iops_nor_throughput(properties: dict[str, Any]) -> None:
    assert "Iops" not in properties
    assert "StorageThroughput" not in properties


def test_advanced_insights_keep_15_months_as_they_must() -> None:
    properties = instance_of(template_with(insights=rds.DatabaseInsightsMode.ADVANCED))

    assert properties["DatabaseInsightsMode"] == "advanced"
    assert properties["PerformanceInsightsRetentionPeriod"] == 465


def test_a_small_development_database_is_possible_and_says_what_it_gives_up() -> None:
    properties = instance_of(
        template_with(
            instance_type=ec2.InstanceType("t4g.micro"),
            allocated_storage_gib=20,
            multi_az=False,
            deletion_protection=False,
            backup_retention=cdk.Duration.days(1),
            backup_plan=False,
        )
    )

    assert properties["DBInstanceClass"] == "db.t4g.micro"
    assert properties["MultiAZ"] is False
    assert properties["BackupRetentionPeriod"] == 1


def test_the_owner_may_be_upgraded_to_a_new_major_version_in_place() -> None:
    properties = instance_of(template_with(major_version="18", allow_major_upgrade=True))

    assert properties["AllowMajorVersionUpgrade"] is True
    assert properties["EngineVersion"] == "18"


def test_the_default_port_of_postgresql_is_used_only_by_naming_it() -> None:
    assert instance_of(template_with(port=5432))["Port"] == "5432"
