"""An S3 bucket that holds data: encrypted by a customer key, reached over TLS only, versioned, logged and retained.

Example::

    documents = EncryptedBucket(self, "Documents")
    documents.grant_read(handler, prefix="incoming/")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend import bucket_policy
from secure_backend.keys import DataKey
from secure_backend.validation import Validation


@dataclass(frozen=True, kw_only=True)
class ObjectLock:
    """How long nobody may delete or overwrite a version.

    :param mode: ``governance`` lets a principal with ``s3:BypassGovernanceRetention`` delete all the same;
        ``compliance`` lets nobody, the account's root user included.
    :param days: how long each new version is locked.
    :param confirm_compliance: must be True for compliance: it cannot be taken back, the cost included.
    """

    mode: Literal["governance", "compliance"] = "governance"
    days: int
    confirm_compliance: bool = False


class AccessLogBucket(s3.Bucket):
    """A target for the server access logs of other buckets, which stays usable by S3's log delivery.

    SSE-S3 without Object Lock, because the delivery supports neither a customer key nor a lock. It does not log itself.

    :param retention: how long log objects are kept, 365 days when left out.
    :param removal_policy: kept when left out, except when its very first creation fails.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        retention: cdk.Duration | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        kept = cdk.Duration.days(365) if retention is None else retention
        check = Validation(self, id)
        check.days("retention", kept, 1, 3650, "leave it out for 365 days")
        check.raise_problems()
        super().__init__(
            scope,
            id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            blocked_encryption_types=[s3.BlockedEncryptionType.SSE_C],
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=kept,
                    noncurrent_version_expiration=cdk.Duration.days(30),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
            removal_policy=removal_policy,
        )
        if self.policy is not None:
            self.policy.apply_removal_policy(removal_policy)


class EncryptedBucket(Construct):
    """An S3 bucket for data.

    :param key: the caller's key; one is made when left out.
    :param access_logs: the caller's target for access logs; one is made when left out.
    :param access_log_retention: how long a target made here keeps its logs, 365 days when left out.
    :param noncurrent_version_expiration: how long an old version is kept, 90 days when left out.
    :param abort_incomplete_uploads: when an unfinished multipart upload is dropped, 7 days when left out.
    :param expiration: when current objects expire; never, when left out.
    :param event_bridge: send the bucket's events to EventBridge.
    :param object_lock: refuse deletion of versions for a time.
    :param cors: rules for browsers.
    :param malware_protection: have GuardDuty scan each upload.
    :param removal_policy: kept when left out, except when the very first creation fails.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        access_log_retention: cdk.Duration | None = None,
        noncurrent_version_expiration: cdk.Duration | None = None,
        abort_incomplete_uploads: cdk.Duration | None = None,
        expiration: cdk.Duration | None = None,
        event_bridge: bool = False,
        object_lock: ObjectLock | None = None,
        cors: Sequence[s3.CorsRule] = (),
        malware_protection: bool = False,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        noncurrent = noncurrent_version_expiration or cdk.Duration.days(90)
        abort = abort_incomplete_uploads or cdk.Duration.days(7)
        self.key: kms.IKey = key or DataKey(
            self, "Key", description=f"Objects of {self.node.path}", removal_policy=removal_policy
        )
        self.access_logs: s3.IBucket = access_logs or AccessLogBucket(
            self, "AccessLogs", retention=access_log_retention, removal_policy=removal_policy
        )
        retention = None
        if object_lock is not None:
            lock_for = cdk.Duration.days(object_lock.days)
            retention = (
                s3.ObjectLockRetention.compliance(lock_for)
                if object_lock.mode == "compliance"
                else s3.ObjectLockRetention.governance(lock_for)
            )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            blocked_encryption_types=[s3.BlockedEncryptionType.SSE_C],
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            object_lock_default_retention=retention,
            cors=list(cors),
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=noncurrent,
                    abort_incomplete_multipart_upload_after=abort,
                    expiration=expiration,
                    expired_object_delete_marker=None if expiration else True,
                )
            ],
            removal_policy=removal_policy,
        )
        bucket_policy.refuse_foreign_encryption(self.bucket, self.key)
        if self.bucket.policy is not None:
            self.bucket.policy.apply_removal_policy(removal_policy)

        prefix = cdk.Names.unique_resource_name(self, max_length=100, separator="-") + "/"
        bucket_policy.allow_access_logs(self.access_logs, self.bucket, prefix)
        resource = self.bucket.node.default_child
        if not isinstance(resource, s3.CfnBucket):
            raise TypeError("aws_s3.Bucket no longer has a CfnBucket as its default child")
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=self.access_logs.bucket_name, log_file_prefix=prefix
        )
        if event_bridge or malware_protection:
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )

    def grant_read(self, grantee: iam.IGrantable, *, prefix: str) -> iam.Grant:
        """Let the grantee read and list the objects below the prefix, old versions included."""
        return bucket_policy.grant_on_prefix(
            grantee,
            self,
            self.bucket,
            self.key,
            self._checked(prefix),
            object_actions=["s3:GetObject", "s3:GetObjectVersion"],
            key_actions=["kms:Decrypt"],
            list_objects=True,
        )

    def grant_write(self, grantee: iam.IGrantable, *, prefix: str) -> iam.Grant:
        """Let the grantee store objects below the prefix; not read, not delete."""
        return bucket_policy.grant_on_prefix(
            grantee,
            self,
            self.bucket,
            self.key,
            self._checked(prefix),
            object_actions=["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            key_actions=["kms:Decrypt", "kms:GenerateDataKey"],
        )

    def grant_delete(self, grantee: iam.IGrantable, *, prefix: str) -> iam.Grant:
        """Let the grantee put a delete marker on objects below the prefix; never delete a version."""
        return bucket_policy.grant_on_prefix(
            grantee, self, self.bucket, self.key, self._checked(prefix), object_actions=["s3:DeleteObject"]
        )

    def _checked(self, prefix: str) -> str:
        check = Validation(self, self.node.id)
        check.text(
            "prefix",
            prefix,
            r"[^/*?$][^*?$]{0,500}/",
            'a key prefix that ends in "/" and holds no wildcard',
            'pass for example "incoming/"; for the whole bucket use the grants of .bucket',
        )
        check.raise_problems()
        return prefix
