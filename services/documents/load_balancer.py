"""A load balancer's event, told as the REST API would tell it: the handler then knows one kind of request.

Source: Elastic Load Balancing, Application Load Balancers, "Use Lambda functions as targets", "Verify JWTs".
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, unquote_plus

from .answers import Answer, Problem
from .environment import required

#: As much as the authorizer takes of a token, and of a subject.
MAX_CHARACTERS = 8192
MAX_SUBJECT = 255
SKEW_SECONDS = 30

_BEARER = re.compile(r"[Bb]earer ([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_KINDS = frozenset({"jwt", "at+jwt", "application/at+jwt"})
# Half of a surrogate pair is no character: JSON can hold it, the database cannot.
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")
# A client may send a trace id of its own; the load balancer then adds Self.
_TRACE = re.compile(r"(?:^|;)\s*(?:Self|Root)=(1-[0-9a-f]{8}-[0-9a-f]{24})(?=;|$)")


class _NoCallerError(Exception):
    """The token speaks for nobody here."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """The one target group whose events are answered, and whose tokens it has verified.

    The load balancer has checked signature, ``iss``, ``exp`` and the audience's claim before it passed the token on.
    The claims are read here from that very token and held again to all that they must be; the signature is not, since
    the function has no way to the issuer's keys. So nobody else may call it: its permission names the target group.
    """

    target_group: str
    issuer: str
    audience: str
    audience_claim: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "LoadBalancer | None":
        """Read ``TARGET_GROUP_ARN``, ``ISSUER``, ``AUDIENCE`` and ``AUDIENCE_CLAIM``; None when the first is not there.

        ``TARGET_GROUP_ARN`` ends with ``/*``: AWS makes up the last part, when the function is there already.
        """
        if "TARGET_GROUP_ARN" not in environment:
            return None
        return cls(
            target_group=required(environment, "TARGET_GROUP_ARN").removesuffix("*"),
            issuer=required(environment, "ISSUER"),
            audience=required(environment, "AUDIENCE"),
            audience_claim=required(environment, "AUDIENCE_CLAIM"),
        )

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the event as a REST API would have sent it.

        :raises Problem: when it comes from elsewhere than the target group.
        """
        self._check_sender(event)
        headers = joined(event.get("multiValueHeaders") or {})
        resource, parameters = _route(str(event.get("path", "")))
        body, is_encoded = _body(event, headers)
        trace = _TRACE.findall(headers.get("x-amzn-trace-id", ""))
        return {
            "httpMethod": event.get("httpMethod"),
            "resource": resource,
            "pathParameters": parameters,
            "multiValueQueryStringParameters": _query(event.get("multiValueQueryStringParameters") or {}),
            "headers": headers,
            "body": body,
            "isBase64Encoded": is_encoded,
            "requestContext": {
                "authorizer": self._caller(headers.get("authorization", "")),
                "extendedRequestId": trace[0] if trace else None,
            },
        }

    def answer(self, answer: Answer) -> Answer:
        """Return an answer as the load balancer takes it: each header with a list of values, the status with a word."""
        status = HTTPStatus(answer["statusCode"])
        headers = {name: [value] for name, value in answer["headers"].items()}
        rest = {name: value for name, value in answer.items() if name != "headers"}
        return {**rest, "statusDescription": f"{status.value} {status.phrase}", "multiValueHeaders": headers}

    def _check_sender(self, event: Mapping[str, Any]) -> None:
        context = event.get("requestContext")
        elb = context.get("elb") if isinstance(context, Mapping) else None
        sender = elb.get("targetGroupArn") if isinstance(elb, Mapping) else None
        own = isinstance(sender, str) and sender.startswith(self.target_group)
        if not own or not re.fullmatch(r"[0-9a-z]+", str(sender).removeprefix(self.target_group)):
            raise Problem(HTTPStatus.FORBIDDEN, "this is answered to its own load balancer only")

    def _caller(self, authorization: str) -> dict[str, str]:
        """Return whom the token speaks for, in the words of the REST API's authorizer; nothing when for nobody."""
        try:
            return self._verified(authorization)
        except (_NoCallerError, ValueError, OverflowError, RecursionError):
            return {}

    def _verified(self, authorization: str) -> dict[str, str]:
        # Two Authorization headers are one with a comma in it: it is not told which of them was verified.
        bearer = _BEARER.fullmatch(authorization) if len(authorization) <= MAX_CHARACTERS else None
        if bearer is None:
            raise _NoCallerError
        header, claims = (_part(part) for part in bearer.groups())
        if header.get("alg") != "RS256" or "crit" in header or str(header.get("typ", "JWT")).lower() not in _KINDS:
            raise _NoCallerError
        subject, audience = claims.get("sub"), claims.get(self.audience_claim)
        latest = time.time() + SKEW_SECONDS
        expected = (
            claims.get("iss") == self.issuer,
            self.audience in (audience if isinstance(audience, list) else [audience]),
            claims.get("token_use", None if self.audience_claim == "client_id" else "access") == "access",
            isinstance(subject, str) and len(subject) <= MAX_SUBJECT and _PRINTABLE.fullmatch(subject),
            _time(claims, "iat") <= latest,
            "nbf" not in claims or _time(claims, "nbf") <= latest,
        )
        if not all(expected):
            raise _NoCallerError
        scopes = claims.get("scope", claims.get("scp", ""))
        words = scopes if isinstance(scopes, list) else [scopes]
        if not all(isinstance(word, str) for word in words) or (words is scopes and any(" " in one for one in words)):
            raise _NoCallerError
        expires = str(int(_time(claims, "exp")))
        return {"issuer": self.issuer, "subject": str(subject), "exp": expires, "scope": " ".join(words)}


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _NoCallerError
    return value


def joined(lists: Mapping[str, list[str]]) -> dict[str, str]:
    """Return headers by their names in lower case; one that was sent twice is one with a comma in it (RFC 9110)."""
    found: dict[str, list[str]] = {}
    for name, values in lists.items():
        found.setdefault(name.lower(), []).extend(values)
    return {name: ", ".join(values) for name, values in found.items()}


def _part(text: str) -> dict[str, Any]:
    """Return one part of a token."""
    found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), parse_constant=_no_number)
    if not isinstance(found, dict):
        raise _NoCallerError
    return found


def _no_number(text: str) -> None:
    """Refuse NaN and Infinity, which Python's JSON takes for numbers."""
    raise ValueError(text)


def _route(path: str) -> tuple[str | None, dict[str, str] | None]:
    """Return the API's own name of a path, and what stands in it. The load balancer decodes nothing of it."""
    # Decoded after it is split: an encoded slash divides nothing.
    match [unquote(part) for part in path.split("/")]:
        case ["", "documents"]:
            return "/documents", None
        case ["", "documents", document_id]:
            return "/documents/{id}", {"id": document_id}
        case _:
            return None, None


def _query(raw: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the decoded parameters: the load balancer passes them on as they were sent."""
    decoded: dict[str, list[str]] = {}
    for name, values in raw.items():
        decoded.setdefault(unquote_plus(name), []).extend(unquote_plus(value) for value in values)
    return decoded


def _body(event: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return the body, and whether it stays encoded.

    The load balancer encodes what it does not take for text, by a list that does not say how parameters of the type
    count. A compressed body stays as it is, and so does what is no UTF-8.
    """
    body = event.get("body")
    if not event.get("isBase64Encoded") or headers.get("content-encoding"):
        return body, bool(event.get("isBase64Encoded"))
    try:
        return base64.b64decode(body or "", validate=True).decode("utf-8"), False
    except ValueError:
        return body, True
