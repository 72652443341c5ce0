"""AWS CDK constructs for a backend that is secure by default and can prove it.

Example::

    from secure_backend import EncryptedBucket, SecureVpc

    vpc = SecureVpc(self, "Vpc", cidr="10.20.0.0/16", zones=["eu-central-1a", "eu-central-1b"])
    documents = EncryptedBucket(self, "Documents")
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secure_backend.alarm_topic import AlarmTopic
    from secure_backend.alarms import Alarms
    from secure_backend.api.authorizers import CognitoAuthorizer, IamAuthorizer, JwtAuthorizer
    from secure_backend.api.options import Cors, Domain, Throttle, UsagePlan
    from secure_backend.audit_trail import AuditTrail, ExistingTrail
    from secure_backend.bucket.access_log_bucket import AccessLogBucket
    from secure_backend.bucket.properties import ObjectLock
    from secure_backend.certificate import Certificate
    from secure_backend.dead_letter_queue import DeadLetterQueue
    from secure_backend.encrypted_bucket import EncryptedBucket
    from secure_backend.encrypted_postgres import EncryptedPostgres
    from secure_backend.functions import EncryptedFunction
    from secure_backend.hardened_api import HardenedApi
    from secure_backend.hardened_load_balancer import HardenedLoadBalancer
    from secure_backend.keys import DataKey
    from secure_backend.load_balancer.jwt_validation import JwtValidation
    from secure_backend.log_groups import EncryptedLogGroup
    from secure_backend.mfa_guard import RequireMfaForDestructiveActions
    from secure_backend.operations.graphs import MetricGraph
    from secure_backend.operations.queries import SavedQuery
    from secure_backend.operations_dashboard import OperationsDashboard
    from secure_backend.postgres.restore import PointInTime, SnapshotSource
    from secure_backend.restricted_role import RestrictedRole
    from secure_backend.saved_queries import SavedQueries
    from secure_backend.secure_vpc import SecureVpc
    from secure_backend.user_pool import ApiUserPool
    from secure_backend.validation import InvalidPropertiesError
    from secure_backend.vpc.zones import zone_context
    from secure_backend.web_acl import WebAcl

# Where each public name lives. It is imported when it is first asked for: one construct does not wait for all.
_MODULES = {
    "AccessLogBucket": "secure_backend.bucket.access_log_bucket",
    "AlarmTopic": "secure_backend.alarm_topic",
    "Alarms": "secure_backend.alarms",
    "ApiUserPool": "secure_backend.user_pool",
    "AuditTrail": "secure_backend.audit_trail",
    "Certificate": "secure_backend.certificate",
    "CognitoAuthorizer": "secure_backend.api.authorizers",
    "Cors": "secure_backend.api.options",
    "DataKey": "secure_backend.keys",
    "DeadLetterQueue": "secure_backend.dead_letter_queue",
    "Domain": "secure_backend.api.options",
    "EncryptedBucket": "secure_backend.encrypted_bucket",
    "EncryptedFunction": "secure_backend.functions",
    "EncryptedLogGroup": "secure_backend.log_groups",
    "EncryptedPostgres": "secure_backend.encrypted_postgres",
    "ExistingTrail": "secure_backend.audit_trail",
    "HardenedApi": "secure_backend.hardened_api",
    "HardenedLoadBalancer": "secure_backend.hardened_load_balancer",
    "IamAuthorizer": "secure_backend.api.authorizers",
    "InvalidPropertiesError": "secure_backend.validation",
    "JwtAuthorizer": "secure_backend.api.authorizers",
    "JwtValidation": "secure_backend.load_balancer.jwt_validation",
    "MetricGraph": "secure_backend.operations.graphs",
    "ObjectLock": "secure_backend.bucket.properties",
    "OperationsDashboard": "secure_backend.operations_dashboard",
    "PointInTime": "secure_backend.postgres.restore",
    "RequireMfaForDestructiveActions": "secure_backend.mfa_guard",
    "RestrictedRole": "secure_backend.restricted_role",
    "SavedQueries": "secure_backend.saved_queries",
    "SavedQuery": "secure_backend.operations.queries",
    "SecureVpc": "secure_backend.secure_vpc",
    "SnapshotSource": "secure_backend.postgres.restore",
    "Throttle": "secure_backend.api.options",
    "UsagePlan": "secure_backend.api.options",
    "WebAcl": "secure_backend.web_acl",
    "zone_context": "secure_backend.vpc.zones",
}

__all__ = [
    "AccessLogBucket",
    "AlarmTopic",
    "Alarms",
    "ApiUserPool",
    "AuditTrail",
    "Certificate",
    "CognitoAuthorizer",
    "Cors",
    "DataKey",
    "DeadLetterQueue",
    "Domain",
    "EncryptedBucket",
    "EncryptedFunction",
    "EncryptedLogGroup",
    "EncryptedPostgres",
    "ExistingTrail",
    "HardenedApi",
    "HardenedLoadBalancer",
    "IamAuthorizer",
    "InvalidPropertiesError",
    "JwtAuthorizer",
    "JwtValidation",
    "MetricGraph",
    "ObjectLock",
    "OperationsDashboard",
    "PointInTime",
    "RequireMfaForDestructiveActions",
    "RestrictedRole",
    "SavedQueries",
    "SavedQuery",
    "SecureVpc",
    "SnapshotSource",
    "Throttle",
    "UsagePlan",
    "WebAcl",
    "zone_context",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
