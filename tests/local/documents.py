"""Documents as a caller of the deployed API makes, uploads and lists them."""

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from deployment.walk import Answer
from tests.local.conftest import LocalAws


@dataclass(frozen=True)
class Caller:
    """One user of the API."""

    aws: LocalAws
    token: str

    @classmethod
    def named(cls, aws: LocalAws, user: str) -> "Caller":
        return cls(aws, aws.token(user))

    def create(self, content: bytes, name: str = "test.txt") -> Answer:
        """Announce a document of this content."""
        body = {
            "name": name,
            "type": "text/plain",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return self.aws.api.call("POST", "/documents", token=self.token, body=body)

    def created(self, content: bytes, name: str = "test.txt") -> dict[str, Any]:
        """Announce a document, which must succeed; return what was answered."""
        answer = self.create(content, name)
        assert answer.status == HTTPStatus.CREATED, answer.body
        return dict(answer.json)

    def upload(self, document: dict[str, Any], content: bytes) -> Answer:
        """Send a document's content with the form that came with it."""
        return self.aws.api.upload(document["upload"], content)

    def list(self) -> Answer:
        """List the newest documents."""
        return self.aws.api.call("GET", "/documents?limit=50", token=self.token)

    def ids(self) -> set[str]:
        """Return the ids of the newest documents; the request must succeed."""
        answer = self.list()
        assert answer.status == HTTPStatus.OK, answer.body
        return {document["id"] for document in answer.json["documents"]}
