"""The API's entry: ``POST`` and ``GET /documents``, ``GET`` and ``DELETE /documents/{id}``.

Whichever edge stands before it, REST API or load balancer, who may do what and what may be sent is decided here.
"""

import functools
import os
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from pydantic import ValidationError

from . import documents_table, limits
from .answers import Answer, Problem, no_content, ok
from .database import Database, DatabaseUnavailableError, connect
from .documents_bucket import DocumentsBucket
from .environment import DatabaseAddress, UploadTarget
from .limits import Limits
from .load_balancer import LoadBalancer, joined
from .models import Document, NewDocument
from .observability import logger, traced_entry

MAX_PAGE = 50
MAX_BODY = 8 * 1024
DEFAULT_PAGE = 20

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_JSON = re.compile(r"application/json(\s*;\s*charset=\"?utf-8\"?)?\s*", re.IGNORECASE)
READ, WRITE = "documents:read", "documents:write"
#: Which scope each method of a path needs.
_SCOPES = {
    "/documents": {"GET": READ, "POST": WRITE},
    "/documents/{id}": {"GET": READ, "DELETE": WRITE},
}


class Service:
    """What the API does, for one caller at a time."""

    def __init__(self, database: Database, bucket: DocumentsBucket, caller_limits: Limits) -> None:
        self._database = database
        self._bucket = bucket
        self._limits = caller_limits

    def create(self, owner: str, event: Mapping[str, Any]) -> Answer:
        """Announce a document: a row in state ``pending``, and the form to upload it with.

        The same request with the same ``Idempotency-Key`` gets the same document.
        """
        document, key = _body(event), _idempotency_key(event)
        document_id = uuid4()
        with self._database.transaction(owner) as cursor:
            row = limits.first_answer(cursor, owner, key, document, document_id) if key else None
            if row is None:
                row = documents_table.add(cursor, owner, document_id, document)
                self._limits.check(cursor)
        if row["id"] == document_id:
            logger.info("audit", action="created", document=str(document_id))
        form = self._bucket.upload_form(row["id"], document) if row["state"] == "pending" else None
        location = {"Location": f"/documents/{row['id']}"}
        return ok(_document(row, upload=form).shown(), HTTPStatus.CREATED, location)

    def read(self, owner: str, event: Mapping[str, Any]) -> Answer:
        """Return one document, with an address to download it from once it is stored.

        Another caller's and a missing one get the same answer.
        """
        document_id = _document_id(event)
        with self._database.transaction(owner) as cursor:
            row = documents_table.find(cursor, document_id) if document_id else None
        if row is None:
            raise _missing()
        stored = row["state"] == "stored"
        address = self._bucket.download(row["id"], row["version_id"], row["name"]) if stored else None
        return ok(_document(row, download=address).shown())

    def delete(self, owner: str, event: Mapping[str, Any]) -> Answer:
        """Delete one document: it is gone for callers at once, its versions when the bucket's lifecycle ends them."""
        document_id = _document_id(event)
        with self._database.transaction(owner) as cursor:
            if document_id is None or not documents_table.delete(cursor, owner, document_id):
                raise _missing()
        logger.info("audit", action="deleted", document=str(document_id))
        try:
            self._bucket.hide(document_id)
        except (ClientError, BotoCoreError) as error:
            # It is deleted nevertheless: the row says so, and nobody is given an address any more.
            logger.warning("no delete marker", document=str(document_id), error=type(error).__name__)
        return no_content()

    def list(self, owner: str, event: Mapping[str, Any]) -> Answer:
        """Return the caller's documents, the newest first, by pages: ``?limit=20&after=<the last page's next>``."""
        limit, after = _limit(_query(event, "limit")), _query(event, "after")
        with self._database.transaction(owner) as cursor:
            last = None
            if after is not None:
                last = documents_table.position(cursor, UUID(after)) if _ID.fullmatch(after) else None
                if last is None:
                    raise Problem(HTTPStatus.BAD_REQUEST, "after must be the next of a page of yours")
            rows = documents_table.page(cursor, limit + 1, last)
        following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return ok({"documents": [_document(row).shown() for row in rows[:limit]], "next": following})


@functools.cache
def service() -> Service:
    """Return the process's one service; its connection stays open between requests."""
    address = DatabaseAddress.read(os.environ)
    database, bucket = Database(functools.partial(connect, address)), DocumentsBucket(UploadTarget.read(os.environ))
    return Service(database, bucket, Limits.read(os.environ))


@traced_entry
def handler(event: dict[str, Any], context: object) -> Answer:  # noqa: ARG001 - Lambda's signature
    """Answer the edge's event; the log gets method, route and status, never a body, name or token."""
    began = time.monotonic()
    logger.set_correlation_id((event.get("requestContext") or {}).get("extendedRequestId"))
    load_balancer = LoadBalancer.read(os.environ)
    try:
        if load_balancer is not None:
            event = load_balancer.event(event)
            logger.set_correlation_id(event["requestContext"]["extendedRequestId"])
        answer = _route(event)
    except Problem as problem:
        answer = problem.answer()
    except DatabaseUnavailableError:
        retry = {"Retry-After": "2"}
        answer = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "try again in a moment", headers=retry).answer()
    except Exception as error:  # noqa: BLE001 - the caller is told nothing of it
        # No trace: it might hold values of the request.
        logger.error("failed", error=type(error).__name__)
        answer = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the request could not be answered").answer()
    answer["headers"] |= _for_browsers(event)
    took = round((time.monotonic() - began) * 1000)
    logger.info(
        "answered",
        method=event.get("httpMethod"),
        route=event.get("resource"),
        status=answer["statusCode"],
        milliseconds=took,
    )
    return answer if load_balancer is None else load_balancer.answer(answer)


def _route(event: Mapping[str, Any]) -> Answer:
    owner, scopes = _caller(event)
    method, resource = event.get("httpMethod"), event.get("resource")
    methods = _SCOPES.get(str(resource))
    if methods is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is nothing here")
    scope = methods.get(str(method))
    if scope is None:
        allowed = ", ".join(methods)
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"this takes {allowed}", headers={"Allow": allowed})
    scope = os.environ.get("SCOPE_PREFIX", "") + scope
    if scope not in scopes:
        told = f'Bearer error="insufficient_scope", scope="{scope}"'
        raise Problem(HTTPStatus.FORBIDDEN, f"the token needs the scope {scope}", headers={"WWW-Authenticate": told})
    match method, resource:
        case "POST", "/documents":
            return service().create(owner, event)
        case "GET", "/documents":
            return service().list(owner, event)
        case "GET", _:
            return service().read(owner, event)
        case _:
            return service().delete(owner, event)


def _caller(event: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return whose documents these are, issuer and subject as the edge verified them, and the caller's scopes.

    Only until exp: API Gateway may serve a cached answer of the authorizer for minutes after the token has expired.
    """
    caller = (event.get("requestContext") or {}).get("authorizer") or {}
    issuer, subject, expires = (str(caller.get(name, "")) for name in ("issuer", "subject", "exp"))
    if not issuer or not subject or not expires.isdigit() or int(expires) <= time.time():
        raise Problem(HTTPStatus.UNAUTHORIZED, "sign in again", headers={"WWW-Authenticate": "Bearer"})
    # Spaces alone part scopes (RFC 6749): another white space inside one makes no two of it.
    return f"{issuer}|{subject}", str(caller.get("scope", "")).split(" ")


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    lists = event.get("multiValueHeaders")
    if lists is not None:
        return joined(lists)
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _query(event: Mapping[str, Any], name: str) -> str | None:
    """Return a parameter of the query."""
    values = (event.get("multiValueQueryStringParameters") or {}).get(name)
    if values is None:
        return (event.get("queryStringParameters") or {}).get(name)
    if len(values) != 1:
        raise Problem(HTTPStatus.BAD_REQUEST, f"send {name} once")
    return str(values[0])


def _for_browsers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return what lets pages of ``CORS_ORIGINS`` read the answer: the gateway answers preflight requests only."""
    origins = os.environ.get("CORS_ORIGINS", "").split()
    if not origins:
        return {}
    allowed = {"Vary": "Origin"}
    origin = _headers(event).get("origin")
    if origin in origins:
        allowed |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Location, Retry-After"}
    return allowed


def _body(event: Mapping[str, Any]) -> NewDocument:
    headers = _headers(event)
    if len((event.get("body") or "").encode("utf-8", "replace")) > MAX_BODY:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"send no more than {MAX_BODY} bytes")
    if not _JSON.fullmatch(headers.get("content-type") or "") or event.get("isBase64Encoded"):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body as application/json")
    try:
        return NewDocument.model_validate_json(event.get("body") or "")
    except ValidationError as error:
        # What was sent is not sent back.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        errors = [{"field": ".".join(str(part) for part in one["loc"]), "problem": one["msg"]} for one in found]
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not a new document", errors=errors) from None


def _document_id(event: Mapping[str, Any]) -> UUID | None:
    text = (event.get("pathParameters") or {}).get("id", "")
    return UUID(text) if _ID.fullmatch(text) else None


def _missing() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "there is no such document")


def _idempotency_key(event: Mapping[str, Any]) -> str | None:
    key = _headers(event).get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(HTTPStatus.BAD_REQUEST, "Idempotency-Key must be 1 to 128 visible ASCII characters")
    return key


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not re.fullmatch(r"[1-9][0-9]?", text) or int(text) > MAX_PAGE:
        raise Problem(HTTPStatus.BAD_REQUEST, f"limit must be a whole number from 1 to {MAX_PAGE}")
    return int(text)


def _document(row: Mapping[str, Any], **more: Any) -> Document:
    """Return what a caller is shown of a document: not the object's version."""
    return Document(**{name: value for name, value in row.items() if name != "version_id"}, **more)
