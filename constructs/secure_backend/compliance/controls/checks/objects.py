"""Buckets."""

import re
from collections.abc import Container, Iterator

from secure_backend.analysis import Assembly, Resource, Statement
from secure_backend.analysis.template import Value, is_true, list_of, object_of
from secure_backend.analysis.text import could_match
from secure_backend.compliance.controls.check import Judgement, control, judge, surely_attached
from secure_backend.compliance.rules import access

_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
#: The account of a principal, which is its ARN or its id alone.
_ACCOUNT = re.compile(r"(?:arn:[^:]*:(?:iam|sts)::)?(\d{12}|\$\{AWS::AccountId\})(?::|$)")
_READS = ("s3:GetObject", "s3:ListBucket")
_WRITES = ("s3:PutObject", "s3:DeleteObject")
#: What S3.6 lets no other account do.
_RESERVED = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketPolicy",
    "s3:PutEncryptionConfiguration",
    "s3:PutObjectAcl",
)


@control("S3.2")
def no_public_read(assembly: Assembly) -> Iterator[Judgement]:
    """Let not everybody read, neither by the block, nor the policy, nor an ACL."""
    for bucket in assembly.resources(access.BUCKET):
        opened = _opened(assembly, bucket, _READS, ("PublicRead", "PublicReadWrite", "AuthenticatedRead"))
        yield judge(bucket, met=opened is None, problem=f"everybody may read it: {opened}")


@control("S3.3")
def no_public_write(assembly: Assembly) -> Iterator[Judgement]:
    """Let not everybody write, neither by the block, nor the policy, nor an ACL."""
    for bucket in assembly.resources(access.BUCKET):
        opened = _opened(assembly, bucket, _WRITES, ("PublicReadWrite",))
        yield judge(bucket, met=opened is None, problem=f"everybody may write to it: {opened}")


@control("S3.5")
def tls_only(assembly: Assembly) -> Iterator[Judgement]:
    """Deny every request without TLS in the policy, of the bucket and of its objects."""
    for bucket in assembly.resources(access.BUCKET):
        policies = surely_attached(assembly, access.BUCKET_POLICY, "Bucket", bucket)
        own = assembly.render(bucket.stack, {"Fn::GetAtt": [bucket.logical_id, "Arn"]})
        covered = {
            place
            for each in access.statements_for(assembly, policies)
            if _denies_plain_http(each)
            for place in _places(each, own)
        }
        yield judge(
            bucket,
            met=covered == {"bucket", "objects"},
            problem="no statement denies s3:* to everyone where aws:SecureTransport is false",
        )


@control("S3.6")
def no_power_for_other_accounts(assembly: Assembly) -> Iterator[Judgement]:
    """Allow another account none of the actions that change who may do what."""
    for bucket in assembly.resources(access.BUCKET):
        given = [
            action
            for each in access.statements_for(assembly, access.bucket_policies(assembly, bucket))
            for action in _RESERVED
            if each.effect != "Deny" and each.covers(action) and _names_others(assembly, bucket, each)
        ]
        yield judge(bucket, met=not given, problem=f"another account may {', '.join(given)}")


@control("S3.8")
def public_access_blocked(assembly: Assembly) -> Iterator[Judgement]:
    """Switch all four settings of the public access block on."""
    for bucket in assembly.resources(access.BUCKET):
        off = _not_blocked(bucket)
        yield judge(bucket, met=not off, problem=f"not on in PublicAccessBlockConfiguration: {', '.join(off)}")


@control("S3.9")
def requests_logged(assembly: Assembly) -> Iterator[Judgement]:
    """Log a bucket's requests; AWS exempts the bucket that takes such logs."""
    for bucket in assembly.resources(access.BUCKET):
        if surely_attached(assembly, access.BUCKET, "LoggingConfiguration.DestinationBucketName", bucket):
            yield Judgement(subject=bucket, exempt="it takes other buckets' access logs")
            continue
        logging = object_of(bucket.at("LoggingConfiguration"))
        yield judge(bucket, met=bool(logging), problem="LoggingConfiguration is missing")


@control("S3.12")
def no_acls(assembly: Assembly) -> Iterator[Judgement]:
    """Switch ACLs off by ownership, and have none."""
    for bucket in assembly.resources(access.BUCKET):
        rules = [object_of(each).get("ObjectOwnership") for each in list_of(bucket.at("OwnershipControls.Rules"))]
        met = rules == ["BucketOwnerEnforced"] and bucket.at("AccessControl") in (None, "Private")
        yield judge(bucket, met=met, problem=f"ACLs are in use: ObjectOwnership {rules or 'not set'}")


@control("S3.10", "S3.13")
def lifecycle(assembly: Assembly) -> Iterator[Judgement]:
    """Have a lifecycle rule that is on."""
    for bucket in assembly.resources(access.BUCKET):
        rules = [object_of(each) for each in list_of(bucket.at("LifecycleConfiguration.Rules"))]
        met = any(each.get("Status") == "Enabled" for each in rules)
        yield judge(bucket, met=met, problem="LifecycleConfiguration has no rule that is Enabled")


@control("S3.14")
def versioned(assembly: Assembly) -> Iterator[Judgement]:
    """Keep versions."""
    for bucket in assembly.resources(access.BUCKET):
        status = bucket.at("VersioningConfiguration.Status")
        yield judge(bucket, met=status == "Enabled", problem=f"VersioningConfiguration.Status is {status}")


@control("S3.15")
def locked(assembly: Assembly) -> Iterator[Judgement]:
    """Switch Object Lock on."""
    for bucket in assembly.resources(access.BUCKET):
        if not _takes_access_logs(assembly, bucket):
            yield judge(bucket, met=is_true(bucket.at("ObjectLockEnabled")), problem="ObjectLockEnabled is not true")


@control("S3.17")
def encrypted_by_kms(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt by KMS by default; logs are delivered to buckets without it only."""
    for bucket in assembly.resources(access.BUCKET):
        if _takes_access_logs(assembly, bucket):
            yield Judgement(subject=bucket, exempt="access logs are not delivered to a bucket with a KMS key")
            continue
        yield judge(bucket, met=access.uses_kms(bucket), problem="BucketEncryption does not name aws:kms")


@control("CloudTrail.6", "CloudTrail.7")
def trail_bucket_private_and_logged(assembly: Assembly) -> Iterator[Judgement]:
    """Close a trail's bucket to the public, and log its requests."""
    for trail in assembly.resources("AWS::CloudTrail::Trail"):
        bucket = access.resource_at(assembly, trail, "S3BucketName", access.BUCKET)
        met = bucket is not None and not _not_blocked(bucket) and bool(object_of(bucket.at("LoggingConfiguration")))
        problem = "its bucket is not here, not closed to the public, or does not log its requests"
        yield judge(bucket or trail, met=met, problem=problem)


@control("S3.22", "S3.23")
def object_events_recorded(assembly: Assembly) -> Iterator[Judgement]:
    """Record reads and writes of the objects of each bucket that holds no logs."""
    recorded = {
        assembly.render(trail.stack, value)
        for trail in assembly.resources("AWS::CloudTrail::Trail")
        if trail.condition is None and is_true(trail.at("IsLogging")) and is_true(trail.at("IsMultiRegionTrail"))
        for value in _recorded_arns(trail)
    }
    for bucket in assembly.resources(access.BUCKET):
        if _holds_logs(assembly, bucket):
            yield Judgement(subject=bucket, exempt="it holds logs: recording them would record the recording")
            continue
        own = assembly.render(bucket.stack, {"Fn::GetAtt": [bucket.logical_id, "Arn"]})
        yield judge(
            bucket,
            met=not recorded.isdisjoint({f"{own}/", f"{own}/*"}),
            problem="no trail records the events of its objects",
        )


def _recorded_arns(trail: Resource) -> Iterator[Value]:
    """Yield the beginnings of the ARNs whose reads and writes are recorded, by either kind of selectors."""
    for selector in map(object_of, list_of(trail.at("AdvancedEventSelectors"))):
        fields = {str(each.get("Field")): each for each in map(object_of, list_of(selector.get("FieldSelectors")))}
        objects = "AWS::S3::Object" in list_of(fields.get("resources.type", {}).get("Equals"))
        if objects and set(fields) <= {"eventCategory", "resources.type", "resources.ARN"}:
            yield from list_of(fields.get("resources.ARN", {}).get("StartsWith"))
    for selector in map(object_of, list_of(trail.at("EventSelectors"))):
        for data in map(object_of, list_of(selector.get("DataResources"))):
            if data.get("Type") == "AWS::S3::Object" and selector.get("ReadWriteType", "All") == "All":
                yield from list_of(data.get("Values"))


def _takes_access_logs(assembly: Assembly, bucket: Resource) -> bool:
    """Tell whether S3's or a load balancer's access logs go there: neither takes a KMS key or a lock."""
    return bool(
        surely_attached(assembly, access.BUCKET, "LoggingConfiguration.DestinationBucketName", bucket)
        or surely_attached(assembly, "AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes", bucket)
    )


def _holds_logs(assembly: Assembly, bucket: Resource) -> bool:
    return bool(
        _takes_access_logs(assembly, bucket)
        or assembly.attached("AWS::CloudTrail::Trail", "S3BucketName", bucket)
        or assembly.attached("AWS::EC2::FlowLog", "LogDestination", bucket)
    )


def _not_blocked(bucket: Resource) -> list[str]:
    return [name for name in _BLOCKS if not is_true(bucket.at(f"PublicAccessBlockConfiguration.{name}"))]


def _opened(assembly: Assembly, bucket: Resource, actions: tuple[str, ...], acls: tuple[str, ...]) -> str | None:
    """Tell by what the bucket lets everybody in; None when it does not."""
    off = _not_blocked(bucket)
    if off:
        return f"{', '.join(off)} not on"
    if bucket.at("AccessControl") in acls:
        return f"AccessControl {bucket.at('AccessControl')}"
    for each in access.statements_for(assembly, access.bucket_policies(assembly, bucket)):
        if each.may_open and not each.conditions and any(each.covers(one) for one in actions):
            return f"statement {each.sid or 'without an id'}"
    return None


def _denies_plain_http(statement: Statement) -> bool:
    refused = statement.condition_values("aws:SecureTransport")
    alone = len(statement.conditions) == 1 and statement.conditions[0].operator == "Bool"
    everyone = bool(statement.principals) and all(name == "*" for _, name in statement.principals)
    every = statement.actions == ("s3:*",) and everyone
    return statement.effect == "Deny" and every and alone and refused == ("false",)


def _places(statement: Statement, own: str) -> set[str]:
    """Return which of the bucket and its objects a statement is about; some of the objects are not all."""
    return {place for place, text in (("bucket", own), ("objects", f"{own}/*")) if text in statement.resources}


def _names_others(assembly: Assembly, bucket: Resource, statement: Statement) -> bool:
    """Tell whether a principal is everybody or of another account; a service or a role of the app is neither."""
    own = assembly.render(bucket.stack, {"Ref": "AWS::AccountId"})
    for kind, name in statement.principals:
        if name == "*":
            return not any(could_match(own, value) for value in statement.condition_values("aws:PrincipalAccount"))
        found = _ACCOUNT.match(name)
        if kind == "CanonicalUser" or (kind == "AWS" and (found[1] != own if found else not _ours(assembly, name))):
            return True
    return bool(statement.not_principals)


def _ours(assembly: Assembly, name: str) -> bool:
    """Tell whether a principal is a resource of the app, a role for example; a parameter may be anybody's account."""
    stack, _, rest = name.removeprefix("${").removesuffix("}").partition("/")
    resources: Container[str] = next((each.resources for each in assembly.stacks if each.name == stack), ())
    return rest.partition(".")[0] in resources
