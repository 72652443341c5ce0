"""Each function may do what it needs and nothing beside: without one permission exactly what needs it fails.

Where the local AWS does not ask for a permission, the deployed policies are evaluated instead, with the requests that
Lambda and S3 make on AWS and with their neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local.backend import Backend
from tests.local.conftest import REGION, LocalAws
from tests.local.emulator import ask
from tests.local.roles import Permission, Role, less, roles_of, taken_away

#: What fails without a permission that the local AWS asks for.
ENFORCED: dict[Permission, set[str]] = {
    Permission("Documents", "rds-db:connect"): {"create", "list", "delete", "hide the deleted"},
    Permission("Documents", "s3:PutObject"): {"upload"},
    Permission("Documents", "s3:GetObjectVersion"): {"download"},
    # The document is gone for its owner nevertheless.
    Permission("Documents", "s3:DeleteObject"): {"hide the deleted"},
    Permission("Finaliser", "rds-db:connect"): {
        "finalise",
        "hide what nobody announced",
        "settle what no event did",
    },
    Permission("Finaliser", "s3:ListBucketVersions"): {"settle what no event did"},
    Permission("Finaliser", "s3:GetObjectVersion"): {"finalise"},
    Permission("Finaliser", "s3:DeleteObject"): {"hide what nobody announced"},
    Permission("Migrator", "rds-db:connect"): {"migrate"},
}
#: What the local AWS does not ask for, and why.
NOT_ENFORCED = {
    "logs:CreateLogStream": "the emulator writes the functions' logs itself",
    "logs:PutLogEvents": "the emulator writes the functions' logs itself",
    "xray:PutTelemetryRecords": "no daemon sends traces",
    "xray:PutTraceSegments": "no daemon sends traces",
    "ec2:AssignPrivateIpAddresses": "functions stand in no subnet",
    "ec2:CreateNetworkInterface": "functions stand in no subnet",
    "ec2:DeleteNetworkInterface": "functions stand in no subnet",
    "ec2:DescribeNetworkInterfaces": "functions stand in no subnet",
    "ec2:DescribeSubnets": "functions stand in no subnet",
    "ec2:UnassignPrivateIpAddresses": "functions stand in no subnet",
    "not ec2:AssignPrivateIpAddresses": "no function asks EC2",
    "not ec2:CreateNetworkInterface": "no function asks EC2",
    "not ec2:DeleteNetworkInterface": "no function asks EC2",
    "not ec2:DescribeNetworkInterfaces": "no function asks EC2",
    "not ec2:DescribeSubnets": "no function asks EC2",
    "not ec2:UnassignPrivateIpAddresses": "no function asks EC2",
    "kms:Decrypt via s3": "S3 asks no key",
    "kms:GenerateDataKey via s3": "S3 asks no key",
    "kms:Decrypt via sqs": "SQS asks no key",
    "kms:GenerateDataKey via sqs": "SQS asks no key",
    "s3:GetObject": "every read names a version",
    "s3:ListBucket": "every list asks for versions",
    "s3:AbortMultipartUpload": "the forms upload in one piece",
    "s3:ListMultipartUploadParts": "the forms upload in one piece",
    "sqs:SendMessage": "the emulator sends what a function failed at itself",
}


@pytest.fixture(scope="module")
def roles(aws: LocalAws) -> dict[str, Role]:
    return roles_of(aws)


@pytest.fixture(scope="module")
def backend(aws: LocalAws, roles: dict[str, Role]) -> Iterator[Backend]:
    """The backend, with functions that do not wait for a permission or a connection for as long as on AWS."""
    change = aws.client("lambda").update_function_configuration
    functions = {name: roles[name].configuration for name in ("Migrator", "Finaliser")}
    for name, seconds in {"Migrator": 61, "Finaliser": 14}.items():
        change(FunctionName=functions[name]["FunctionName"], Timeout=seconds)
    yield Backend(aws, roles)
    for function in functions.values():
        change(FunctionName=function["FunctionName"], Timeout=function["Timeout"])


@pytest.mark.parametrize("permission", ENFORCED, ids=lambda permission: f"{permission.function} {permission.label}")
def test_without_one_permission_exactly_what_needs_it_fails_until_it_is_back(
    backend: Backend, roles: dict[str, Role], permission: Permission
) -> None:
    backend.prepare()
    assert permission in roles[permission.function].permissions()
    with taken_away(roles, [permission]):
        if permission.action == "rds-db:connect":
            backend.sign_in_anew()
        assert backend.failing() == ENFORCED[permission]
    backend.prepare()
    assert {name for name, works in backend.steps.items() if name in ENFORCED[permission] and not works()} == set()


def test_what_is_said_not_to_be_asked_for_is_not_asked_for(backend: Backend, roles: dict[str, Role]) -> None:
    every = [one for role in roles.values() for one in role.permissions() if one.label in NOT_ENFORCED]
    backend.prepare()
    with taken_away(roles, every):
        backend.sign_in_anew()
        assert backend.failing() == set(), "the local AWS asks for it now: say in ENFORCED what fails without it"


def test_every_permission_of_every_function_is_in_one_of_the_tables(roles: dict[str, Role]) -> None:
    found = {one for role in roles.values() for one in role.permissions()}
    assert {"Documents", "Finaliser", "Migrator", "ApiAuthorizerFunction"} <= set(roles)
    assert {one for one in found if one not in ENFORCED and one.label not in NOT_ENFORCED} == set()
    assert set(ENFORCED) <= found, "a row of a permission that nobody has any more"
    assert set(NOT_ENFORCED) <= {one.label for one in found}, "a row of a permission that nobody has any more"


@dataclass(frozen=True)
class Request:
    """One request of a role's."""

    action: str
    resource: str
    context: dict[str, str]

    def asked_by(self, role: Role) -> dict[str, Any]:
        return {**vars(self), "principal": role.principal}


class Requests:
    """The requests that a permission is for, and neighbours that it must not be for, from what is deployed."""

    def __init__(self, aws: LocalAws, role: Role) -> None:
        environment = role.configuration.get("Environment", {}).get("Variables", {})
        self._function: str = role.configuration["FunctionArn"]
        account = self._function.split(":")[4]
        self._log_group = f"arn:aws:logs:{REGION}:{account}:log-group:{role.configuration['LoggingConfig']['LogGroup']}"
        self._bucket = f"arn:aws:s3:::{environment.get('BUCKET')}"
        self._key = environment.get("KEY_ARN", "")
        (instance,) = aws.client("rds").describe_db_instances()["DBInstances"]
        self._users = f"arn:aws:rds-db:{REGION}:{account}:dbuser:{instance['DbiResourceId']}"
        self._other_users = f"arn:aws:rds-db:{REGION}:{account}:dbuser:db-ANOTHER"
        self._user = environment.get("DATABASE_USER", "")
        (finaliser,) = [
            one["FunctionName"]
            for one in aws.client("lambda").list_functions()["Functions"]
            if "Finaliser" in one["FunctionName"]
        ]
        asynchronous = aws.client("lambda").get_function_event_invoke_config(
            FunctionName=finaliser, Qualifier="$LATEST"
        )
        self._queue: str = asynchronous["DestinationConfig"]["OnFailure"]["Destination"]
        sqs = aws.client("sqs")
        address = sqs.get_queue_url(QueueName=self._queue.rsplit(":", 1)[-1])["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["All"])["Attributes"]
        self._queue_key: str = attributes["KmsMasterKeyId"]
        self._other_queues = [
            f"{self._queue.rpartition(':')[0]}:{one.rpartition('/')[2]}"
            for one in sqs.list_queues()["QueueUrls"]
            if one != address
        ]
        assert self._other_queues, "the alarms' dead letters at least"

    def of(self, permission: Permission) -> tuple[list[Request], list[Request]]:
        """Return the requests that must be allowed and those that must not."""
        action, label = permission.action, permission.label
        service = action.partition(":")[0]
        if label.startswith("not ") or service == "ec2":
            own = {"lambda:SourceFunctionArn": self._function}
            return [Request(action, "*", {})], [Request(action, "*", own)]
        if service == "xray":
            return [Request(action, "*", {})], [Request("xray:GetTraceSummaries", "*", {})]
        if service == "logs":
            return self._on(action, [f"{self._log_group}:log-stream:a"], [f"{self._log_group}-other:log-stream:a"])
        if action.startswith("s3:ListBucket"):
            prefixes = [{"s3:prefix": prefix} for prefix in ("", "a", "incoming", "incomings/")]
            own = {"s3:prefix": "incoming/a"}
            neighbours = [Request(action, self._bucket, context) for context in [{}, *prefixes]]
            neighbours.append(Request(action, f"{self._bucket}-other", own))
            return [Request(action, self._bucket, own)], neighbours
        if service == "s3":
            others = [f"{self._bucket}/a", f"{self._bucket}/incomings/a", f"{self._bucket}-other/incoming/a"]
            return self._on(action, [f"{self._bucket}/incoming/a"], [self._bucket, *others])
        if service == "rds-db":
            everyone = {"dbowner", "documents_api", "documents_finaliser", "postgres", "*"} - {self._user}
            others = [f"{self._users}/{user}" for user in everyone]
            return self._on(action, [f"{self._users}/{self._user}"], [*others, f"{self._other_users}/{self._user}"])
        if service == "sqs":
            return self._on(action, [self._queue], [f"{self._queue}-other", *self._other_queues])
        return self._with_key(action, label.rpartition(" ")[2])

    def _on(self, action: str, real: list[str], others: list[str]) -> tuple[list[Request], list[Request]]:
        return [Request(action, one, {}) for one in real], [Request(action, one, {}) for one in others]

    def _with_key(self, action: str, service: str) -> tuple[list[Request], list[Request]]:
        real = {"s3": [self._bucket, f"{self._bucket}/incoming/a"], "sqs": [self._queue]}[service]
        others = {"s3": [f"{self._bucket}/a", f"{self._bucket}-other/incoming/a"], "sqs": [f"{self._queue}-other"]}
        key = {"s3": self._key, "sqs": self._queue_key}[service]

        def request(what: str, *, on: str = key, via: str = service) -> Request:
            context = {"kms:ViaService": f"{via}.{REGION}.amazonaws.com"}
            return Request(action, on, {**context, f"kms:EncryptionContext:aws:{service}:arn": what})

        neighbours = [request(one) for one in others[service]]
        neighbours += [request(real[0], on=f"{key[:-1]}-"), request(real[0], via="ec2"), Request(action, key, {})]
        return [request(one) for one in real], neighbours


def test_each_permission_is_for_its_requests_and_not_for_their_neighbours(
    aws: LocalAws, roles: dict[str, Role]
) -> None:
    cases, wanted = [], []
    for role in roles.values():
        requests, documents = Requests(aws, role), role.documents()
        for permission in sorted(role.permissions()):
            real, neighbours = requests.of(permission)
            asked = [one.asked_by(role) for one in [*real, *neighbours]]
            cases.append((documents, asked))
            wanted.append((permission, [True] * len(real) + [False] * len(neighbours)))
            cases.append(([less(one, [permission]) for one in documents], asked))
            # What goes away with a permission is its own requests; with a prohibition, what it prohibits.
            wanted.append((permission, [permission.label.startswith("not ")] * len(asked)))
    for (permission, allowed), (_, asked), decided in zip(wanted, cases, ask("decisions", cases=cases), strict=True):
        assert [one == "Allow" for one in decided] == allowed, (permission, asked)
