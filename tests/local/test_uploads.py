"""Uploads and downloads on the local AWS: what the signed form and address permit, and what becomes of events."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from deployment.walk import Answer
from local.folder import ACCOUNT
from services.documents import documents_bucket
from services.documents.documents_bucket import DocumentsBucket
from services.documents.environment import UploadTarget
from services.documents.models import NewDocument
from tests.local.conftest import REGION, LocalAws
from tests.local.documents import Caller
from tests.local.roles import Permission, roles_of

CONTENT = b"what alice wants to keep\n"
SECONDS = 30


@pytest.fixture(scope="module")
def alice(aws: LocalAws) -> Caller:
    """A caller."""
    return Caller.named(aws, f"alice-{uuid.uuid4().hex[:8]}")


def read(alice: Caller, document: dict[str, Any]) -> Answer:
    return alice.aws.api.call("GET", f"/documents/{document['id']}", token=alice.token)


def settled(alice: Caller, document: dict[str, Any]) -> dict[str, Any]:
    """Wait until an upload's event has been dealt with."""
    deadline = time.monotonic() + SECONDS
    while (found := read(alice, document).json)["state"] == "pending":
        assert time.monotonic() < deadline, alice.aws.logs()
        time.sleep(0.1)
    return dict(found)


def stored(alice: Caller) -> dict[str, Any]:
    """Upload a document as it was announced."""
    document = alice.created(CONTENT)
    assert alice.upload(document, CONTENT).status == HTTPStatus.NO_CONTENT
    found = settled(alice, document)
    assert found["state"] == "stored"
    return found


def resource(aws: LocalAws, type_name: str, stack: str, part: str) -> str:
    """Return the physical id of the one resource of a type whose logical id holds a part."""
    listed = aws.client("cloudformation").list_stack_resources(StackName=f"secure-backend-local-{stack}")
    (found,) = [
        one["PhysicalResourceId"]
        for one in listed["StackResourceSummaries"]
        if one["ResourceType"] == type_name and part in one["LogicalResourceId"]
    ]
    return str(found)


def bucket(aws: LocalAws) -> str:
    return resource(aws, "AWS::S3::Bucket", "data", "DocumentsBucket")


def function(aws: LocalAws) -> str:
    return resource(aws, "AWS::Lambda::Function", "api", "Finaliser")


Fields = dict[str, str]


@pytest.mark.parametrize(
    ("change", "content"),
    [
        pytest.param(lambda form: form | {"key": f"incoming/{uuid.uuid4()}"}, CONTENT, id="another-key"),
        pytest.param(lambda form: form | {"key": f"other/{uuid.uuid4()}"}, CONTENT, id="another-prefix"),
        pytest.param(lambda form: form | {"Content-Type": "text/html"}, CONTENT, id="another-type"),
        pytest.param(lambda form: form, CONTENT + b"!", id="longer"),
        pytest.param(lambda form: form, CONTENT[:-1], id="shorter"),
        pytest.param(lambda form: form, b"", id="empty"),
        pytest.param(lambda form: form | {"x-amz-checksum-sha256": "A" * 43 + "="}, CONTENT, id="another-checksum"),
        pytest.param(lambda form: form | {"x-amz-server-side-encryption": "AES256"}, CONTENT, id="another-encryption"),
        pytest.param(lambda form: form | {"acl": "public-read"}, CONTENT, id="a-field-more"),
        pytest.param(lambda form: form | {"x-amz-signature": "0" * 64}, CONTENT, id="another-signature"),
        pytest.param(
            lambda form: {name: text for name, text in form.items() if name != "x-amz-security-token"},
            CONTENT,
            id="without-its-session",
        ),
    ],
)
def test_a_form_that_was_altered_is_refused(change: Callable[[Fields], Fields], content: bytes, alice: Caller) -> None:
    document = alice.created(CONTENT)
    form = document["upload"]
    answer = alice.aws.api.upload({**form, "fields": change(form["fields"])}, content)
    assert answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}
    assert read(alice, document).json["state"] == "pending"


def test_a_form_is_refused_after_its_time(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_bucket, "UPLOAD_SECONDS", -60)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "/".join(alice.aws.url.split("/", 3)[:3]))
    target = UploadTarget(bucket=bucket(alice.aws), key_arn=key_arn(alice.aws), region=REGION)
    new = NewDocument(name="n", type="text/plain", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    old = DocumentsBucket(target).upload_form(uuid.uuid4(), new)
    assert alice.aws.api.upload(old, CONTENT).status == HTTPStatus.FORBIDDEN
    monkeypatch.setattr(documents_bucket, "UPLOAD_SECONDS", 60)
    good = DocumentsBucket(target).upload_form(uuid.uuid4(), new)
    assert alice.aws.api.upload(good, CONTENT).status == HTTPStatus.NO_CONTENT, "or the refusal above proves nothing"


def key_arn(aws: LocalAws) -> str:
    key = resource(aws, "AWS::KMS::Key", "data", "DocumentsKey")
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"


def test_content_that_the_local_aws_lets_through_is_caught_by_the_finaliser(alice: Caller) -> None:
    """AWS compares the checksum before it takes the object; here nobody does but the service itself."""
    document = alice.created(CONTENT)
    assert alice.upload(document, CONTENT.swapcase()).status == HTTPStatus.NO_CONTENT
    found = settled(alice, document)
    assert (found["state"], found["reason"]) == ("rejected", "the upload differs from what was announced: sha256")
    assert "download" not in found


def test_an_address_is_good_for_its_document_name_and_time_only(alice: Caller) -> None:
    url = stored(alice)["download"]["url"]
    answer = alice.aws.api.send("GET", url, headers={}, data=None)
    assert answer.body == CONTENT
    other = stored(alice)["id"]
    altered = [
        url.replace(url.split("incoming/")[1][:36], other),
        url.replace("test.txt", "test.html"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
    ]
    for one in altered:
        assert one != url
        assert alice.aws.api.send("GET", one, headers={}, data=None).status == HTTPStatus.FORBIDDEN


def events_of(aws: LocalAws, document: dict[str, Any]) -> list[dict[str, str]]:
    with aws.superuser() as connection:
        return connection.execute(
            "SELECT action FROM documents.audit_record WHERE document_id = %s ORDER BY id", [document["id"]]
        ).fetchall()


def send_event(aws: LocalAws, document: dict[str, Any], version_id: str) -> None:
    """Bring the event of an upload, as EventBridge may do more than once, and wait for its end."""
    found = {"key": f"incoming/{document['id']}", "version-id": version_id, "sequencer": "0055AED6DCD90281E5"}
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket(aws)}, "object": found},
    }
    called = aws.client("lambda").invoke(FunctionName=function(aws), Payload=json.dumps(event))
    assert "FunctionError" not in called, called["Payload"].read()


def version_of(aws: LocalAws, document: dict[str, Any]) -> str:
    with aws.superuser() as connection:
        found = connection.execute(
            "SELECT version_id FROM documents.document WHERE id = %s", [document["id"]]
        ).fetchone()
    assert found is not None
    return str(found["version_id"])


def make_old(aws: LocalAws, document: dict[str, Any]) -> None:
    """Make a document as old as one that no event will settle any more."""
    with aws.superuser() as connection:
        # A document's age is nothing that its states let anybody change.
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE documents.document SET created_at = created_at - interval '1 hour' WHERE id = %s", [document["id"]]
        )


def sweep(aws: LocalAws) -> None:
    """Call the finaliser as the clock does."""
    clock = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    called = aws.client("lambda").invoke(FunctionName=function(aws), Payload=json.dumps(clock))
    assert "FunctionError" not in called, called["Payload"].read()


def test_an_event_that_comes_twice_or_after_the_deletion_changes_nothing(alice: Caller) -> None:
    document = stored(alice)
    version = version_of(alice.aws, document)
    send_event(alice.aws, document, version)
    assert read(alice, document).json["state"] == "stored"
    answer = alice.aws.api.call("DELETE", f"/documents/{document['id']}", token=alice.token)
    assert answer.status == HTTPStatus.NO_CONTENT
    send_event(alice.aws, document, version)
    assert read(alice, document).status == HTTPStatus.NOT_FOUND
    assert [event["action"] for event in events_of(alice.aws, document)] == ["created", "stored", "deleted"]


def test_what_the_finaliser_cannot_decide_about_ends_in_the_dead_letter_queue_and_is_sent_again_by_one_command(
    alice: Caller,
) -> None:
    """Its role may not read the upload for a while: the event comes three times, then the operators have it."""
    aws = alice.aws
    sqs, queue = aws.client("sqs"), resource(aws, "AWS::SQS::Queue", "api", "DeadLetters")
    sqs.purge_queue(QueueUrl=queue)
    finaliser = roles_of(aws)["Finaliser"]
    with finaliser.without([Permission("Finaliser", "s3:GetObjectVersion")]):
        document = alice.created(CONTENT)
        assert alice.upload(document, CONTENT).status == HTTPStatus.NO_CONTENT
        deadline = time.monotonic() + SECONDS
        letters: list[Any] = []
        while not letters:
            assert time.monotonic() < deadline, aws.logs()
            letters = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, VisibilityTimeout=0).get("Messages", [])
    (letter,) = [json.loads(one["Body"]) for one in letters]
    assert letter["requestPayload"]["detail"]["object"]["key"] == f"incoming/{document['id']}"
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert read(alice, document).json["state"] == "pending"
    assert "(RetriesExhausted) to " in aws.ask("redrive")
    assert settled(alice, document)["state"] == "stored"
    assert "there is no dead letter" in aws.ask("redrive")


def test_a_deleted_document_lies_behind_a_delete_marker_and_its_version_is_still_there(alice: Caller) -> None:
    document = stored(alice)
    alice.aws.api.call("DELETE", f"/documents/{document['id']}", token=alice.token)
    listed = alice.aws.client("s3").list_object_versions(Bucket=bucket(alice.aws), Prefix=f"incoming/{document['id']}")
    assert [one["IsLatest"] for one in listed["DeleteMarkers"]] == [True]
    assert [one["IsLatest"] for one in listed["Versions"]] == [False]


def test_an_upload_whose_event_was_lost_is_stored_by_the_sweeper(alice: Caller) -> None:
    events, rule = alice.aws.client("events"), resource(alice.aws, "AWS::Events::Rule", "api", "Uploaded")
    document = alice.created(CONTENT)
    events.disable_rule(Name=rule)
    try:
        assert alice.upload(document, CONTENT).status == HTTPStatus.NO_CONTENT
    finally:
        events.enable_rule(Name=rule)
    make_old(alice.aws, document)
    assert read(alice, document).json["state"] == "pending"
    sweep(alice.aws)
    assert read(alice, document).json["state"] == "stored"
