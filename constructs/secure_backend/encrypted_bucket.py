"""An S3 bucket that holds data: encrypted by a customer key, reached over TLS only, versioned, logged and retained.

Example::

    documents = EncryptedBucket(self, "Documents", event_bridge=True)
    documents.grant_read(handler, prefix="incoming/")
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend.bucket import policy as bucket_policy
from secure_backend.bucket import properties as bucket_properties
from secure_backend.bucket.access_log_bucket import AccessLogBucket
from secure_backend.bucket.malware_protection import CLEAN_TAG, CLEAN_VALUE, MalwareProtection
from secure_backend.bucket.properties import ObjectLock
from secure_backend.keys import DataKey
from secure_backend.validation import Validation


class EncryptedBucket(Construct):
    """An S3 bucket for one class of data, closed by default on every side.

    - Encrypted by one customer key with a bucket key; SSE-C, foreign keys and other algorithms are refused, an upload
      without encryption headers is not (FSBP S3.17, KMS.3 to KMS.5).
    - TLS 1.2 or later only (S3.5), all public access blocked (S3.2, S3.3, S3.8), owner enforced, no ACL (S3.6, S3.12).
    - Versioned (S3.14); old versions and unfinished uploads expire (S3.10, S3.13).
    - Every request logged to a bucket of its own (S3.9).
    - Kept with its policy and key when the stack or the resource goes; only a failed first creation leaves nothing.

    Grants are limited to a prefix and to KMS through S3, and stand in the grantee's own policy. Anything not foreseen
    is done on ``bucket``, but for ``add_event_notification``: its helper function turns EventBridge off again.

    :param key: the caller's KMS key; one is made when left out. An alias is refused: policies compare the key's ARN.
    :param access_logs: the target of the access logs, encrypted by S3 and without Object Lock; an
        :class:`~secure_backend.bucket.access_log_bucket.AccessLogBucket` is made when left out.
    :param access_log_retention: how long a target made here keeps its logs, 365 days when left out.
    :param noncurrent_version_expiration: how long an old version is kept, 1 to 3650 days, 90 when left out.
    :param abort_incomplete_uploads: when an unfinished multipart upload is dropped, 1 to 365 days, 7 when left out.
    :param expiration: when current objects become old versions; never, when left out. Not shorter than the lock.
    :param event_bridge: send the bucket's events to EventBridge, without a helper function.
    :param object_lock: refuse deletion of versions for a time (S3.15). A locked version outlives the lifecycle's days.
    :param cors: rules for browsers; each origin an https address, none a wildcard.
    :param malware_protection: let GuardDuty scan and tag each upload (priced by the gigabyte); implies
        ``event_bridge``. It blocks nothing by itself: see ``clean_only`` of :meth:`grant_read`.
    :param bucket_name: a fixed name for those who must know it; it stands in the way when the stack is made anew.
    :param removal_policy: ``RETAIN_ON_UPDATE_OR_DELETE`` when left out. ``DESTROY`` gives up the retention of bucket,
        logs and key made here; a bucket that is not empty still refuses to be deleted.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    bucket: s3.Bucket
    """The bucket."""
    key: kms.IKey
    """The key that encrypts it: the caller's or the one made here."""
    access_logs: s3.IBucket
    """The bucket that really gets the access logs: the caller's or the one made here."""
    malware_protection: MalwareProtection | None
    """GuardDuty's plan and role, if asked for."""

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
        bucket_name: str | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        old_versions = cdk.Duration.days(90) if noncurrent_version_expiration is None else noncurrent_version_expiration
        unfinished = cdk.Duration.days(7) if abort_incomplete_uploads is None else abort_incomplete_uploads
        check = Validation(self, id)
        check.days("noncurrent_version_expiration", old_versions, 1, 3650, "leave it out for 90 days")
        check.days("abort_incomplete_uploads", unfinished, 1, 365, "leave it out for 7 days")
        check.boolean("event_bridge", event_bridge)
        check.boolean("malware_protection", malware_protection)
        bucket_properties.check_removal_policy(check, removal_policy)
        check.key("key", key)
        bucket_properties.check_name(check, bucket_name)
        bucket_properties.check_access_logs(check, access_logs, access_log_retention, bucket_name)
        bucket_properties.check_lock(check, object_lock, expiration, removal_policy)
        bucket_properties.check_cors(check, cors)
        check.raise_problems()

        self.key = key or DataKey(
            self, "Key", description=f"Objects of {self.node.path}", removal_policy=removal_policy
        )
        self.access_logs = access_logs or AccessLogBucket(
            self, "AccessLogs", retention=access_log_retention, removal_policy=removal_policy
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            blocked_encryption_types=[s3.BlockedEncryptionType.SSE_C],
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            object_lock_default_retention=None if object_lock is None else object_lock.retention(),
            cors=list(cors),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireOldVersions",
                    expiration=expiration,
                    # S3 takes one or the other; with an expiration it clears lone delete markers by itself.
                    expired_object_delete_marker=True if expiration is None else None,
                    noncurrent_version_expiration=old_versions,
                    abort_incomplete_multipart_upload_after=unfinished,
                )
            ],
            removal_policy=removal_policy,
        )
        bucket_policy.refuse_foreign_encryption(self.bucket, self.key)
        if self.bucket.policy is not None:
            self.bucket.policy.apply_removal_policy(removal_policy)
        log_prefix = cdk.Names.unique_resource_name(self, max_length=100, separator="-")
        bucket_policy.deliver_access_logs(self.bucket, self.access_logs, f"{log_prefix}/")
        if event_bridge or malware_protection:
            resource = self.bucket.node.default_child
            if not isinstance(resource, s3.CfnBucket):
                raise TypeError(f"{self.bucket.node.path} has no AWS::S3::Bucket to send events from")
            # The L2 property would add a helper function with a role of its own.
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        self.malware_protection = (
            MalwareProtection(self, "MalwareProtection", bucket=self.bucket, key=self.key)
            if malware_protection
            else None
        )

    def grant_read(
        self, grantee: iam.IGrantable, *, prefix: str, clean_only: bool = False, list_names: bool = True
    ) -> iam.Grant:
        """Let the grantee read the objects below the prefix, old versions included, and list their names.

        :param prefix: the start of the keys, ending in ``/``; it is no pattern.
        :param clean_only: only objects that GuardDuty has scanned and found free of threats, so none before the scan.
            Needs ``malware_protection``.
        :param list_names: False for who knows the keys: without it S3 answers 403 where an object is missing.
        :raises InvalidPropertiesError: for another prefix, or a grantee that has no policy of its own.
        """
        check = Validation(self, self.node.id)
        check.boolean("list_names", list_names)
        if check.boolean("clean_only", clean_only) and clean_only:
            check.check(
                self.malware_protection is not None,
                "clean_only",
                clean_only,
                "a bucket whose uploads are scanned",
                "build the bucket with malware_protection=True, or nothing could ever be read",
            )
        clean = {"StringEquals": {f"s3:ExistingObjectTag/{CLEAN_TAG}": CLEAN_VALUE}}
        return self._grant(
            check,
            grantee,
            prefix,
            object_actions=["s3:GetObject", "s3:GetObjectVersion"],
            object_conditions=clean if clean_only else None,
            key_actions=["kms:Decrypt"],
            list_objects=list_names,
        )

    def grant_write(self, grantee: iam.IGrantable, *, prefix: str) -> iam.Grant:
        """Let the grantee store objects below the prefix, in one piece or in parts; not read, list, tag or delete.

        An overwritten object stays as an old version. ``kms:Decrypt`` is needed to put parts together; without
        ``s3:GetObject`` it reads nothing.

        :param prefix: the start of the keys, ending in ``/``; it is no pattern.
        :raises InvalidPropertiesError: for another prefix, or a grantee that has no policy of its own.
        """
        return self._grant(
            Validation(self, self.node.id),
            grantee,
            prefix,
            object_actions=["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            key_actions=["kms:Decrypt", "kms:GenerateDataKey"],
        )

    def grant_delete(self, grantee: iam.IGrantable, *, prefix: str) -> iam.Grant:
        """Let the grantee put a delete marker on objects below the prefix; every version stays until it expires.

        :param prefix: the start of the keys, ending in ``/``; it is no pattern.
        :raises InvalidPropertiesError: for another prefix, or a grantee that has no policy of its own.
        """
        return self._grant(Validation(self, self.node.id), grantee, prefix, object_actions=["s3:DeleteObject"])

    def _grant(
        self,
        check: Validation,
        grantee: iam.IGrantable,
        prefix: str,
        *,
        object_actions: Sequence[str],
        object_conditions: Mapping[str, Mapping[str, str]] | None = None,
        key_actions: Sequence[str] = (),
        list_objects: bool = False,
    ) -> iam.Grant:
        do = "pass a role, a user or a function of this account"
        check.text(
            "prefix",
            prefix,
            r"[^/*?$\s][^*?$]{0,500}(?<!/)/",
            'the start of the keys, ending in one "/", without wildcards',
            'pass for example "incoming/"; for the whole bucket use the grants of .bucket',
        )
        has_principal = hasattr(grantee, "grant_principal")
        check.check(has_principal, "grantee", grantee, "an identity with a policy of its own", do)
        check.raise_problems()
        grant = bucket_policy.grant_below(
            prefix,
            grantee,
            self,
            self.bucket,
            self.key,
            object_actions=object_actions,
            object_conditions=object_conditions,
            key_actions=key_actions,
            list_objects=list_objects,
        )
        check.check(grant.success, "grantee", grantee, "an identity with a policy of its own", do)
        check.raise_problems()
        return grant
