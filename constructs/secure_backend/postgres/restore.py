"""Where a database's first contents come from, when it does not start empty.

Example::

    snapshot = SnapshotSource(snapshot="orders-before-the-migration")
    EncryptedPostgres(self, "Restored", vpc=network, generation=2, restore_from=snapshot)
    latest = PointInTime(source_resource_id="db-ABCDEFGHIJKLMNOPQRSTUVWXY")
    EncryptedPostgres(self, "Copy", vpc=network, restore_from=latest)
"""

import datetime as dt
from dataclasses import dataclass

from aws_cdk import aws_rds as rds

from secure_backend.validation import Validation

_SNAPSHOT = r"[A-Za-z][A-Za-z0-9:-]{0,254}|arn:[a-z-]+:rds:[a-z0-9-]+:\d{12}:snapshot:[A-Za-z0-9:-]{1,255}"


@dataclass(frozen=True, kw_only=True)
class SnapshotSource:
    """A snapshot to restore from, AWS Backup's (``awsbackup:job-…``) included.

    :param snapshot: its identifier, or its ARN when another account shares it. It has to be encrypted: the restored
        database keeps the snapshot's encryption and key, whatever the template says.
    """

    snapshot: str


@dataclass(frozen=True, kw_only=True)
class PointInTime:
    """A moment in another database's life to restore from.

    :param source_resource_id: the other instance's ``DbiResourceId`` (``db-…``). Unlike its identifier it is never
        used twice, and it cannot be mistaken for the source of a read replica.
    :param time: a moment with a time zone, within the source's backup retention; the latest possible when left out.
    """

    source_resource_id: str
    time: dt.datetime | None = None


def check_source(check: Validation, source: object, *, managed_secret: bool) -> None:
    """Record what is wrong with ``restore_from``."""
    if source is None:
        return
    check.check(
        managed_secret is not True,
        "managed_secret",
        managed_secret,
        "False for a restored database: RDS for PostgreSQL restores none with a managed secret",
        "leave it out",
    )
    if isinstance(source, SnapshotSource):
        check.text(
            "restore_from.snapshot",
            source.snapshot,
            _SNAPSHOT,
            "the identifier or ARN of a DB snapshot",
            "find it with: aws rds describe-db-snapshots",
        )
    elif isinstance(source, PointInTime):
        check.text(
            "restore_from.source_resource_id",
            source.source_resource_id,
            r"db-[A-Z0-9]{10,60}",
            "a DbiResourceId such as db-ABCDEFGHIJKLMNOPQRSTUVWXY",
            "find it with: aws rds describe-db-instances",
        )
        check.check(
            source.time is None or (isinstance(source.time, dt.datetime) and source.time.tzinfo is not None),
            "restore_from.time",
            source.time,
            "a datetime with a time zone",
            "pass datetime(…, tzinfo=UTC), or leave it out for the latest restorable moment",
        )
    else:
        check.refuse(
            "restore_from",
            source,
            "a SnapshotSource or a PointInTime",
            "wrap a snapshot's name: SnapshotSource(snapshot=…)",
        )


def restore(instance: rds.CfnDBInstance, source: SnapshotSource | PointInTime) -> None:
    """Make the instance start from the source, without the properties that RDS then inherits and refuses.

    Source: CloudFormation Template Reference, AWS::RDS::DBInstance, ``DBSnapshotIdentifier`` and ``KmsKeyId``.
    """
    instance.db_name = None
    instance.master_username = None
    instance.kms_key_id = None
    instance.storage_encrypted = None
    if isinstance(source, SnapshotSource):
        instance.db_snapshot_identifier = source.snapshot
        return
    instance.source_dbi_resource_id = source.source_resource_id
    if source.time is None:
        instance.use_latest_restorable_time = True
    else:
        instance.restore_time = source.time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
