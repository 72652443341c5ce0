"""Everything that the deployed backend does, each as a step that works or does not."""

import itertools
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from tests.local.conftest import LocalAws
from tests.local.documents import Caller
from tests.local.roles import Role

CONTENT = b"what the roles are tried with\n"
_STORED_SECONDS = 30


class Backend:
    """The steps of the service, and what each needs made beforehand with all permissions in place."""

    def __init__(self, aws: LocalAws, roles: dict[str, Role]) -> None:
        self._aws = aws
        self._roles = roles
        self._caller = Caller.named(aws, "carol")
        # A caller may announce only so many documents a minute.
        self._announcers = itertools.cycle([Caller.named(aws, f"carol-{number}") for number in range(4)])
        self._announcer = self._caller
        self._s3, self._lambda = aws.client("s3"), aws.client("lambda")
        self._bucket = roles["Documents"].configuration["Environment"]["Variables"]["BUCKET"]
        self._stored = self._caller.created(CONTENT)
        assert self._caller.upload(self._stored, CONTENT).status == HTTPStatus.NO_CONTENT
        self._wait_until_stored()
        (version,) = self._versions(self._stored["id"])["Versions"]
        self._version = version["VersionId"]
        self._form: dict[str, Any] = {}
        #: Nobody uploads these: the finaliser would hide what comes after their deletion.
        self._doomed: list[str] = []
        self._download = ""
        self.prepare()

    @property
    def steps(self) -> dict[str, Callable[[], bool]]:
        """The steps by name."""
        return {
            "create": lambda: self._announcer.create(CONTENT).status == HTTPStatus.CREATED,
            "list": lambda: self._caller.list().status == HTTPStatus.OK,
            "upload": lambda: self._announcer.upload(self._form, CONTENT).status == HTTPStatus.NO_CONTENT,
            "download": self._downloads,
            "delete": lambda: self._deletes(self._doomed[0]),
            "hide the deleted": lambda: self._deletes(self._doomed[1]) and self._is_hidden(self._doomed[1]),
            "finalise": lambda: self._finalises(self._stored["id"], self._version),
            "hide what nobody announced": lambda: self._finalises(str(uuid4()), "none"),
            "settle what no event did": lambda: self._succeeds("Finaliser", {"detail-type": "Scheduled Event"}),
            "migrate": lambda: self._succeeds("Migrator", {}),
        }

    def prepare(self) -> None:
        """Make afresh what expires or is used up: forms to upload with, an address to download from."""
        self._announcer = next(self._announcers)
        self._form = self._announcer.created(CONTENT)
        *self._doomed, old = [self._announcer.created(CONTENT)["id"] for _ in range(3)]
        with self._aws.superuser() as connection:
            # Past the triggers: nobody can make a document older.
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "UPDATE documents.document SET created_at = created_at - interval '1 hour' WHERE id = %s", [old]
            )
        self._download = self._read(self._stored["id"])["download"]["url"]

    def failing(self) -> set[str]:
        """Return the steps that do not work now."""
        return {name for name, works in self.steps.items() if not works()}

    def sign_in_anew(self) -> None:
        """End every connection to the database: a sign-in is checked when a connection is made, and never again."""
        with self._aws.superuser() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    def _wait_until_stored(self) -> None:
        deadline = time.monotonic() + _STORED_SECONDS
        while self._read(self._stored["id"])["state"] != "stored":
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _read(self, document_id: str) -> dict[str, Any]:
        answer = self._aws.api.call("GET", f"/documents/{document_id}", token=self._caller.token)
        assert answer.status == HTTPStatus.OK, answer.body
        return dict(answer.json)

    def _downloads(self) -> bool:
        answer = self._aws.api.send("GET", self._download, headers={}, data=None)
        return (answer.status, answer.body) == (HTTPStatus.OK, CONTENT)

    def _deletes(self, document_id: str) -> bool:
        answer = self._aws.api.call("DELETE", f"/documents/{document_id}", token=self._announcer.token)
        return answer.status == HTTPStatus.NO_CONTENT

    def _is_hidden(self, document_id: str) -> bool:
        return bool(self._versions(document_id).get("DeleteMarkers"))

    def _versions(self, document_id: str) -> dict[str, Any]:
        return dict(self._s3.list_object_versions(Bucket=self._bucket, Prefix=f"incoming/{document_id}"))

    def _finalises(self, document_id: str, version: str) -> bool:
        """Bring an event as EventBridge does, but wait for its end."""
        detail = {
            "bucket": {"name": self._bucket},
            "object": {"key": f"incoming/{document_id}", "version-id": version, "sequencer": "0A"},
        }
        event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
        return self._succeeds("Finaliser", event)

    def _succeeds(self, function: str, event: dict[str, Any]) -> bool:
        name = self._roles[function].configuration["FunctionName"]
        return "FunctionError" not in self._lambda.invoke(FunctionName=name, Payload=json.dumps(event))
