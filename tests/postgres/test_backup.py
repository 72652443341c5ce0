"""AWS Backup's snapshots of the database, and where a database may start from."""

import datetime as dt
import json
import re
from typing import Any

import pytest

from secure_backend.postgres.restore import PointInTime, SnapshotSource
from tests.conftest import resources_of, template_of
from tests.postgres.cases import database, instance_of, new_app, new_stack, only, template_with

INHERITED = {"DBName", "KmsKeyId", "MasterUsername", "MasterUserPassword", "StorageEncrypted"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with(restore_testing=True)


def minutes(clock: str) -> int:
    hours, rest = clock.split(":")
    return int(hours) * 60 + int(rest)


def test_the_plan_takes_a_snapshot_of_this_database_each_day_and_keeps_it(template: dict[str, Any]) -> None:
    (rule,) = only(template, "AWS::Backup::BackupPlan")["Properties"]["BackupPlan"]["BackupPlanRule"]
    selection = only(template, "AWS::Backup::BackupSelection")["Properties"]["BackupSelection"]
    instance = next(iter(resources_of(template, "AWS::RDS::DBInstance")))

    assert rule["ScheduleExpression"] == "cron(0 6 * * ? *)"
    assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
    assert "EnableContinuousBackup" not in rule
    (resource,) = selection["Resources"]
    assert resource["Fn::Join"][1][-1] == {"Ref": instance}
    assert "ListOfTags" not in selection


def test_the_three_windows_keep_apart(template: dict[str, Any]) -> None:
    properties = instance_of(template)
    backup = [minutes(clock) for clock in properties["PreferredBackupWindow"].split("-")]
    maintenance = [minutes(clock) for clock in re.findall(r"\d\d:\d\d", properties["PreferredMaintenanceWindow"])]

    assert backup[1] - backup[0] >= 30
    assert backup[1] + 60 <= maintenance[0]
    assert maintenance[1] + 60 <= 6 * 60


def test_nobody_deletes_a_recovery_point_by_hand_and_no_lock_lasts_for_ever(template: dict[str, Any]) -> None:
    vault = only(template, "AWS::Backup::BackupVault")["Properties"]
    (statement,) = vault["AccessPolicy"]["Statement"]

    assert statement["Effect"] == "Deny"
    assert "backup:DeleteRecoveryPoint" in statement["Action"]
    assert "ChangeableForDays" not in json.dumps(template)
    assert vault["BackupVaultName"] == instance_of(template)["DBInstanceIdentifier"]


def test_a_restore_is_tested_each_week_in_the_databases_own_network(template: dict[str, Any]) -> None:
    plan = only(template, "AWS::Backup::RestoreTestingPlan")["Properties"]
    selection = only(template, "AWS::Backup::RestoreTestingSelection")["Properties"]

    assert plan["ScheduleExpression"] == "cron(0 8 ? * MON *)"
    assert re.fullmatch(r"[A-Za-z0-9_]{1,50}", plan["RestoreTestingPlanName"])
    assert selection["ProtectedResourceType"] == "RDS"
    overrides = selection["RestoreMetadataOverrides"]
    assert overrides["dbInstanceClass"] == "db.t4g.medium"
    assert overrides["dbSubnetGroupName"]["Ref"] in resources_of(template, "AWS::RDS::DBSubnetGroup")
    assert "DatabaseSecurityGroup" in json.dumps(overrides["vpcSecurityGroupIds"])


def test_restore_tests_and_the_plan_can_be_left_out() -> None:
    stack = new_stack(new_app())
    construct = database(stack, backup_plan=False)
    types = {resource["Type"] for resource in template_of(stack)["Resources"].values()}

    assert construct.backup_vault is None
    assert not [name for name in types if name.startswith("AWS::Backup")]


def test_no_restore_is_tested_unless_asked_for() -> None:
    assert not resources_of(template_with(), "AWS::Backup::RestoreTestingPlan")


def test_a_snapshot_is_restored_without_what_rds_inherits_from_it() -> None:
    properties = instance_of(template_with(generation=2, restore_from=SnapshotSource(snapshot="awsbackup:job-1f2e")))

    assert properties["DBSnapshotIdentifier"] == "awsbackup:job-1f2e"
    assert not INHERITED & set(properties)
    assert properties["MasterUserAuthenticationType"] == "iam-db-auth"
    assert properties["EnableIAMDatabaseAuthentication"] is True
    assert properties["DBInstanceIdentifier"].endswith("-g2")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (None, {"UseLatestRestorableTime": True}),
        (
            dt.datetime(2026, 11, 1, 13, 30, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            {"RestoreTime": "2026-11-01T12:30:00Z"},
        ),
    ],
)
def test_a_moment_is_restored_and_never_becomes_a_read_replica(
    time: dt.datetime | None, expected: dict[str, object]
) -> None:
    source = PointInTime(source_resource_id="db-ABCDEFGHIJKLMNOPQRSTUVWXY", time=time)
    properties = instance_of(template_with(generation=2, restore_from=source))

    assert properties["SourceDbiResourceId"] == "db-ABCDEFGHIJKLMNOPQRSTUVWXY"
    assert {name: properties.get(name) for name in ("UseLatestRestorableTime", "RestoreTime")} == {
        "UseLatestRestorableTime": None,
        "RestoreTime": None,
        **expected,
    }
    assert "SourceDBInstanceIdentifier" not in properties
    assert not INHERITED & set(properties)


def test_a_restored_database_has_the_logical_ids_of_the_one_that_it_follows() -> None:
    first = template_with()
    second = template_with(generation=2, restore_from=SnapshotSource(snapshot="mine"))

    assert set(first["Resources"]) == set(second["Resources"])
