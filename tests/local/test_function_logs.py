"""What the deployed functions really wrote tells an operator enough, and nobody what is not theirs."""

import time
import uuid
from http import HTTPStatus

from tests.local.conftest import LocalAws
from tests.local.documents import Caller

SECONDS = 30


def test_no_log_line_holds_a_name_an_owner_a_token_a_body_or_a_signed_address(aws: LocalAws) -> None:
    secret = f"secret-{uuid.uuid4().hex}"
    caller, content = Caller.named(aws, f"owner-{secret}"), f"content of {secret}\n".encode()
    document = caller.created(content, name=f"name-{secret}.txt")
    assert caller.upload(document, content).status == HTTPStatus.NO_CONTENT
    path, deadline = f"/documents/{document['id']}", time.monotonic() + SECONDS
    while (read := aws.api.call("GET", path, token=caller.token).json)["state"] == "pending":
        assert time.monotonic() < deadline, aws.logs()
        time.sleep(0.1)
    assert aws.api.send("GET", read["download"]["url"], headers={}, data=None).body == content
    bad = {**document, "name": f"bad-{secret}"}
    assert aws.api.call("POST", "/documents", token=caller.token, body=bad).status == HTTPStatus.BAD_REQUEST
    assert aws.api.call("DELETE", path, token=caller.token).status == HTTPStatus.NO_CONTENT

    text = "\n".join(aws.written())
    assert document["id"] in text, "the finaliser tells what it decided"
    assert '"method":"DELETE","route":"/documents/{id}","status":204' in text
    unsigned = caller.token.rpartition(".")[0]
    for hidden in (secret, unsigned, document["sha256"], "X-Amz-Signature", document["upload"]["fields"]["policy"]):
        assert hidden not in text
