"""The properties of a bucket that are checked before it is built, and the object lock that is one of them.

Example::

    EncryptedBucket(self, "Records", object_lock=ObjectLock(days=365), expiration=cdk.Duration.days(400))
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3

from secure_backend.validation import Validation

_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")


@dataclass(frozen=True, kw_only=True)
class ObjectLock:
    """How long nobody may delete or overwrite a version; decided when the bucket is created, for good.

    :param mode: ``governance``: who holds ``s3:BypassGovernanceRetention`` (an administrator does) may still delete.
        ``compliance``: nobody can, the account's root user included, and the cost runs until the last lock ends.
    :param days: how long each new version is locked, 1 to 36500.
    :param confirm_compliance: must be True for compliance, which cannot be shortened or taken back.
    """

    mode: Literal["governance", "compliance"] = "governance"
    days: int
    confirm_compliance: bool = False

    def retention(self) -> s3.ObjectLockRetention:
        """Return the default retention of a bucket with this lock."""
        period = cdk.Duration.days(self.days)
        if self.mode == "compliance":
            return s3.ObjectLockRetention.compliance(period)
        return s3.ObjectLockRetention.governance(period)


def check_removal_policy(check: Validation, removal_policy: cdk.RemovalPolicy) -> None:
    """Check for a policy that S3 has: buckets make no snapshot."""
    allowed = (cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY)
    check.one_of("removal_policy", removal_policy, allowed, "leave it out to keep the bucket")


def check_name(check: Validation, name: str | None) -> None:
    """Check S3's rules for general purpose buckets, but for dots: they break TLS to the bucket's own host name."""
    if name is None:
        return
    do = "leave it out for a name that CloudFormation makes"
    if check.text(
        "bucket_name",
        name,
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "3 to 63 lowercase letters, digits and hyphens, the ends no hyphen",
        do,
    ):
        dotted = "." in name
        check.check(not dotted or not _is_address(name), "bucket_name", name, "a name, not an IP address", do)
        check.check(not dotted or _is_address(name), "bucket_name", name, "a name without dots", do)
        reserved = name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS)
        check.check(not reserved, "bucket_name", name, "a name that S3 does not reserve", do)


def check_access_logs(
    check: Validation,
    access_logs: s3.IBucket | None,
    retention: cdk.Duration | None,
    bucket_name: str | None,
) -> None:
    """Check for a target that S3 can deliver to, which is not the bucket itself."""
    if access_logs is None:
        if retention is not None:
            check.days("access_log_retention", retention, 1, 3650, "leave it out for 365 days")
        return
    do = "pass an AccessLogBucket, or leave it out for a new one"
    if not check.construct("access_logs", access_logs, s3.Bucket, do):
        return
    check.check(
        retention is None,
        "access_log_retention",
        retention,
        "nothing beside access_logs",
        "set the retention on the bucket that you pass, and leave this out",
    )
    check.check(
        access_logs.encryption_key is None,
        "access_logs",
        access_logs,
        "a bucket encrypted by S3's own keys (log delivery to a customer key loses logs)",
        do,
    )
    resource = access_logs.node.default_child
    locked = isinstance(resource, s3.CfnBucket) and bool(resource.object_lock_enabled)
    check.check(not locked, "access_logs", access_logs, "a bucket without Object Lock (logs are never delivered)", do)
    same = bucket_name is not None and access_logs.bucket_name == bucket_name
    check.check(not same, "access_logs", access_logs, "another bucket: one that logs to itself never stops", do)


def check_lock(
    check: Validation,
    lock: ObjectLock | None,
    expiration: cdk.Duration | None,
    removal_policy: cdk.RemovalPolicy,
) -> None:
    """Check the lock, the expiration, and that the one does not contradict the other."""
    expires = expiration is not None and check.days("expiration", expiration, 1, 36500, "leave it out to keep objects")
    if lock is None:
        return
    if not isinstance(lock, ObjectLock):
        check.refuse("object_lock", lock, "an ObjectLock", "pass for example ObjectLock(days=365)")
        return
    check.one_of("object_lock.mode", lock.mode, ("governance", "compliance"), "leave it out for governance")
    sound = check.whole_number("object_lock.days", lock.days, 1, 36500, "pass how long a version is locked")
    check.check(
        lock.mode != "compliance" or lock.confirm_compliance is True,
        "object_lock.confirm_compliance",
        lock.confirm_compliance,
        "True in compliance mode",
        "pass confirm_compliance=True if nobody shall be able to delete, or take governance",
    )
    check.check(
        removal_policy != cdk.RemovalPolicy.DESTROY,
        "removal_policy",
        removal_policy,
        "a bucket that is kept while its versions are locked",
        "leave removal_policy out, or the lock",
    )
    if sound and expires and expiration is not None:
        check.check(
            expiration.to_days() >= lock.days,
            "expiration",
            expiration,
            f"at least the {lock.days} days of the lock",
            "let objects expire after the lock, or leave the expiration out",
        )


def check_cors(check: Validation, rules: Sequence[s3.CorsRule]) -> None:
    """Check that browsers of named https origins are let in, and no others; http is for this machine alone."""
    do = "pass s3.CorsRule objects with origins such as https://app.example.com"
    if isinstance(rules, str) or not isinstance(rules, Sequence):
        check.refuse("cors", rules, "a list of s3.CorsRule", do)
        return
    for rule in rules:
        if not isinstance(rule, s3.CorsRule):
            check.refuse("cors", rule, "an s3.CorsRule", do)
            continue
        for origin in rule.allowed_origins:
            check.origin("cors", origin)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
