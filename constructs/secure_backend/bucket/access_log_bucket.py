"""The target of other buckets' server access logs.

Example::

    logs = AccessLogBucket(self, "AccessLogs")
    EncryptedBucket(self, "Documents", access_logs=logs)
"""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend.bucket import properties as bucket_properties
from secure_backend.validation import Validation


class AccessLogBucket(s3.Bucket):
    """A bucket that S3 can deliver access logs to, closed to everyone else; it does not log itself.

    Encrypted by S3's own keys and without Object Lock: the delivery supports neither a customer key nor a
    lock, and would lose the logs without an error. Public access blocked (FSBP S3.8), TLS 1.2 or later (S3.5),
    owner enforced, no ACL whatever the app's feature flags (S3.12), versioned, so that an overwritten or
    deleted log can be had back for 30 days, lifecycle (S3.13). Whoever logs here adds the statement that lets
    its delivery in. Source: Amazon S3 User Guide, "Enabling Amazon S3 server access logging".

    :param retention: how long log objects are kept, whole days, 365 when left out.
    :param removal_policy: ``RETAIN_ON_UPDATE_OR_DELETE`` when left out: kept, but for a failed first creation.
        ``DESTROY`` deletes the bucket with its stack once someone has emptied it.
    :raises InvalidPropertiesError: with every problem of these properties at once.
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
        bucket_properties.check_removal_policy(check, removal_policy)
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
                    id="ExpireLogs",
                    expiration=kept,
                    noncurrent_version_expiration=cdk.Duration.days(30),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
            removal_policy=removal_policy,
        )
        if self.policy is not None:
            self.policy.apply_removal_policy(removal_policy)
