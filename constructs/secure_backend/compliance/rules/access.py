"""What several rules ask of keys, buckets, topics and roles: who is let in, by which policy."""

from collections.abc import Iterable, Mapping

from secure_backend.analysis import Assembly, Resource, Statement
from secure_backend.analysis.template import Value, list_of, object_of
from secure_backend.analysis.text import could_match

BUCKET = "AWS::S3::Bucket"
BUCKET_POLICY = "AWS::S3::BucketPolicy"
LOG_GROUP = "AWS::Logs::LogGroup"
ROLE = "AWS::IAM::Role"
TOPIC = "AWS::SNS::Topic"


def key_at(assembly: Assembly, resource: Resource, path: str) -> Resource | None:
    """Return the KMS key that a property names, also through an alias; None when it is not in the templates."""
    found = assembly.follow(resource.stack, resource.at(path))
    if found is not None and found.type == "AWS::KMS::Alias":
        found = assembly.follow(found.stack, found.at("TargetKeyId"))
    return found if found is not None and found.type in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey") else None


def resource_at(assembly: Assembly, resource: Resource, path: str, *types: str) -> Resource | None:
    """Return the resource that a property names if it is of one of the types."""
    found = assembly.follow(resource.stack, resource.at(path))
    return found if found is not None and found.type in types else None


def missing_for(statements: Iterable[Statement], service: str, *actions: str) -> list[str]:
    """Return those of the actions that no statement allows to the service."""
    allowing = [statement for statement in statements if statement.allows and statement.names_service(service)]
    return [action for action in actions if not any(statement.covers(action) for statement in allowing)]


def bucket_key(assembly: Assembly, bucket: Resource) -> Resource | None:
    """Return the KMS key of a bucket's default encryption, if it is in the templates."""
    for default in _default_encryptions(bucket):
        found = assembly.follow(bucket.stack, default.get("KMSMasterKeyID"))
        if found is not None and found.type == "AWS::KMS::Key":
            return found
    return None


def uses_kms(bucket: Resource) -> bool:
    """Tell whether a bucket's default encryption is by KMS."""
    return any(str(default.get("SSEAlgorithm")).startswith("aws:kms") for default in _default_encryptions(bucket))


def names_key(bucket: Resource) -> bool:
    """Tell whether a bucket's default encryption names a key."""
    return any(default.get("KMSMasterKeyID") is not None for default in _default_encryptions(bucket))


def bucket_policies(assembly: Assembly, bucket: Resource) -> list[Resource]:
    """Return the bucket policies of a bucket."""
    return assembly.attached(BUCKET_POLICY, "Bucket", bucket)


def statements_for(assembly: Assembly, policies: Iterable[Resource]) -> list[Statement]:
    """Return the statements of several policies."""
    return [statement for policy in policies for statement in assembly.policy_statements(policy)]


def role_policies(assembly: Assembly, role: Resource) -> list[Resource]:
    """Return what grants a role its permissions, the role itself for its inline policies among them."""
    return [
        role,
        *assembly.attached("AWS::IAM::Policy", "Roles", role),
        *assembly.attached("AWS::IAM::ManagedPolicy", "Roles", role),
        *assembly.attached("AWS::IAM::RolePolicy", "RoleName", role),
    ]


def arn(assembly: Assembly, resource: Resource, service: str, rest: str) -> str:
    """Return the ARN of a resource of this stack's account and region as comparable text."""
    prefix = "arn:${AWS::Partition}:" + service + ":${AWS::Region}:${AWS::AccountId}:"
    return assembly.render(resource.stack, {"Fn::Sub": prefix}) + rest


def outside(statements: Iterable[Statement], text: str, key: str) -> list[str]:
    """Return the values of a condition key when each statement has some and none of them could match the text."""
    values: list[str] = []
    for statement in statements:
        compared = statement.condition_values(key)
        if not compared or any(could_match(value, text) for value in compared):
            return []
        values += compared
    return values


def _default_encryptions(bucket: Resource) -> list[Mapping[str, Value]]:
    rules = list_of(bucket.at("BucketEncryption.ServerSideEncryptionConfiguration"))
    return [object_of(object_of(rule).get("ServerSideEncryptionByDefault")) for rule in rules]
