"""What the tests of buckets share: a bucket to look at, and requests to it that are judged as IAM would."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from secure_backend.analysis import Condition, Request
from secure_backend.analysis.requests import holds
from secure_backend.encrypted_bucket import EncryptedBucket
from tests.conftest import FLAGS, resources_of, template_of

Template = dict[str, Any]


def build(**properties: Any) -> Template:
    """Synthesize one bucket, alone in a stack."""
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    EncryptedBucket(stack, "Documents", **properties)
    return template_of(stack)


def only(template: Template, type_name: str, part: str) -> dict[str, Any]:
    """Return the one resource of the type whose logical id holds the part."""
    (resource,) = (r for name, r in resources_of(template, type_name).items() if part in name)
    return resource


def bucket_in(template: Template) -> dict[str, Any]:
    return dict(only(template, "AWS::S3::Bucket", "DocumentsBucket")["Properties"])


def policy_in(template: Template, part: str = "DocumentsBucketPolicy") -> list[dict[str, Any]]:
    policy = only(template, "AWS::S3::BucketPolicy", part)
    return list(policy["Properties"]["PolicyDocument"]["Statement"])


def new_role(stack: cdk.Stack, name: str = "Role") -> iam.Role:
    return iam.Role(stack, name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


OWN_KEY = "the bucket's key"
OTHER_KEY = "arn:aws:kms:eu-central-1:999999999999:key/of-somebody-else"

_HEADERS = {
    "algorithm": "s3:x-amz-server-side-encryption",
    "key_id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "customer_algorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
}


def upload(
    *,
    action: str = "s3:PutObject",
    secure: bool = True,
    tls: str | None = "1.2",
    service: bool = False,
    **headers: str,
) -> dict[str, str]:
    """Return the context of a request; a header or a TLS version that is left out is missing from it."""
    context = {
        "action": action,
        "aws:SecureTransport": str(secure).lower(),
        "aws:PrincipalIsAWSService": str(service).lower(),
    }
    if tls is not None:
        context["s3:TlsVersion"] = tls
    return context | {_HEADERS[name]: value for name, value in headers.items()}


def denied_by(statements: Sequence[Mapping[str, Any]], request: Mapping[str, str]) -> list[str]:
    """Return the ids of the statements that deny the request, empty text for one without an id."""
    return [
        str(statement.get("Sid", ""))
        for statement in statements
        if statement["Effect"] == "Deny"
        and fnmatch.fnmatchcase(request["action"], statement["Action"])
        and all(_holds(operator, keys, request) for operator, keys in statement["Condition"].items())
    ]


def _holds(operator: str, keys: Mapping[str, Any], request: Mapping[str, str]) -> bool:
    """Evaluate one operator's keys; the bucket's key stands in the template as a function."""
    asked = Request(action=request["action"], context=request)
    wanted = {key: OWN_KEY if isinstance(value, dict) else str(value) for key, value in keys.items()}
    return all(holds(Condition(operator=operator, key=key, values=(wanted[key],)), asked) for key in keys)
