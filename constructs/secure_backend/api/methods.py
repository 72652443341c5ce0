"""What :meth:`~secure_backend.hardened_api.HardenedApi.add_method` checks, and which scope opens which method."""

import functools
import json
import re
from collections.abc import Sequence

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from constructs import IValidation

from secure_backend.api.authorizers import Authorizer, CognitoAuthorizer, JwtAuthorizer
from secure_backend.validation import Validation

_WITH_BODY = ("POST", "PUT", "PATCH")
_METHODS = ("GET", "HEAD", "DELETE", *_WITH_BODY)
_PATH = re.compile(r"/|(/([A-Za-z0-9._~:-]+|\{[A-Za-z0-9._-]+\+?\}))+")
_PARAMETER = re.compile(r"\{([A-Za-z0-9._-]+)\+?\}")
_SCOPE = r"[\x21\x23-\x5b\x5d-\x7e]{1,256}"
_NAME = r"[A-Za-z0-9._$-]{1,128}"


def check_method(
    check: Validation,
    http_method: str,
    path: str,
    *,
    has_model: bool,
    scopes: Sequence[str],
    query: Sequence[str],
    headers: Sequence[str],
) -> None:
    """Record what is wrong with a method."""
    check.one_of("add_method.http_method", http_method, _METHODS, "add one method at a time; CORS adds OPTIONS itself")
    check.text(
        "add_method.path", path, _PATH.pattern, "a path such as /documents/{id}", "start with / and end without it"
    )
    if http_method in _WITH_BODY:
        check.check(
            has_model,
            "add_method.body",
            f"None for {http_method} {path}",
            "a model of the body",
            "pass a pydantic model class or a closed JSON schema",
        )
    else:
        check.check(
            not has_model,
            "add_method.body",
            f"a model for {http_method} {path}",
            "none: such a request has no body with a meaning",
            "drop the body, or use POST, PUT or PATCH",
        )
    for name, values, pattern in (("scopes", scopes, _SCOPE), ("query", query, _NAME), ("headers", headers, _NAME)):
        if isinstance(values, str) or not isinstance(values, Sequence):
            check.refuse(f"add_method.{name}", values, "a list of names", f'pass ["{values}"]')
            continue
        for value in values:
            check.text(f"add_method.{name}", value, pattern, "a name", "write it as the request carries it")


def check_content_types(check: Validation, method: apigateway.Method) -> None:
    """Record an integration that hands on a body whose content type it has no template for.

    A proxy integration hands on every type, and API Gateway takes no setting against it.
    """
    resource = method.node.default_child
    if not isinstance(resource, apigateway.CfnMethod):
        raise TypeError(f"{method.node.path} has no CfnMethod")
    integration = cdk.Stack.of(method).resolve(resource.integration)
    check.check(
        integration["type"].endswith("_PROXY") or integration.get("passthroughBehavior") == "NEVER",
        "add_method.handler",
        f"an {integration['type']} integration that passes other content types on",
        "passthrough_behavior NEVER, which answers them with a 415",
        "pass passthrough_behavior=apigateway.PassthroughBehavior.NEVER and a template for application/json",
    )


def required_parameters(path: str, query: Sequence[str], headers: Sequence[str]) -> dict[str, bool]:
    """Return the method's request parameters, every one of them required."""
    return {
        **{f"method.request.path.{name}": True for name in _PARAMETER.findall(path)},
        **{f"method.request.querystring.{name}": True for name in query},
        **{f"method.request.header.{name}": True for name in headers},
    }


class MethodScopes:
    """Which scopes open which methods, as the authorizer is told it.

    The authorizer answers with a policy for all that a token may do, and there a ``*`` matches across slashes:
    ``GET/documents/*`` also opens ``GET /documents/{id}/audit``. Where that would give a method to a scope that was
    not named for it, the method is refused.
    """

    def __init__(self, authorizer: Authorizer) -> None:
        self._by_function = isinstance(authorizer, (JwtAuthorizer, CognitoAuthorizer))
        kind = None if self._by_function else getattr(authorizer, "authorization_type", None)
        self.by_api_gateway = kind is apigateway.AuthorizationType.COGNITO
        self._methods: dict[tuple[str, str], frozenset[str]] = {}

    def add(self, check: Validation, http_method: str, path: str, scopes: Sequence[str]) -> None:
        """Take a method in, or record why it cannot be."""
        named = frozenset(scopes)
        if not self._by_function:
            check.check(
                self.by_api_gateway or not named,
                "add_method.scopes",
                scopes,
                "none with this authorizer, which knows no scopes",
                "use JwtAuthorizer or CognitoAuthorizer, or leave the scopes out",
            )
            return
        if self._methods:
            some = any(self._methods.values())
            check.check(
                bool(named) == some,
                "add_method.scopes",
                f"{sorted(named)} for {http_method} {path}",
                "scopes for every method or for none",
                "name this method's scopes" if some else "name those of the earlier methods too",
            )
        for (other_method, other_path), others in self._methods.items():
            if other_method != http_method:
                continue
            for pattern, route, gained in ((path, other_path, named - others), (other_path, path, others - named)):
                check.check(
                    not (gained and opens(pattern, route)),
                    "add_method.path",
                    f"{path} beside {other_path}",
                    "paths that no other method's policy covers, or the same scopes",
                    f"rename one: {', '.join(sorted(gained))} for {pattern} would open {route} as well",
                )
        self._methods[(http_method, path)] = named

    def environment(self) -> str:
        """Return the authorizer's SCOPES variable; empty when no method names a scope."""
        opened: dict[str, list[str]] = {}
        for (http_method, path), scopes in self._methods.items():
            for scope in scopes:
                opened.setdefault(scope, []).append(f"{http_method}{_PARAMETER.sub('*', path)}")
        return json.dumps({scope: sorted(opened[scope]) for scope in sorted(opened)}) if opened else ""


@jsii.implements(IValidation)
class GuardedMethods:
    """Refuses, at synthesis, methods that were added past :meth:`HardenedApi.add_method` without what it gives them."""

    def __init__(self, api: apigateway.RestApi) -> None:
        self._api = api

    def validate(self) -> list[str]:
        """Return a problem for each method without an authorizer or a validator."""
        problems = []
        for method in self._api.methods:
            resource = method.node.default_child
            if not isinstance(resource, apigateway.CfnMethod):
                continue
            preflight = resource.http_method == "OPTIONS"
            for missing, got in (
                ("authorizer", resource.authorization_type in {None, "NONE"} and not preflight),
                ("request validator", resource.request_validator_id is None),
            ):
                if got:
                    problems.append(
                        f"HardenedApi.rest_api: got {resource.http_method} {method.node.path} without "
                        f"{missing}; expected one on every method; add it by HardenedApi.add_method"
                    )
        return problems


_ONE, _SEGMENT, _ANYTHING = "\0", "\1", "\2"


def opens(pattern: str, route: str) -> bool:
    """Tell whether the policy for ``pattern`` lets in some request that API Gateway routes to ``route``."""
    wildcards = _PARAMETER.sub("*", pattern)
    requests = _PARAMETER.sub(lambda m: _ONE + (_ANYTHING if m[0].endswith("+}") else _SEGMENT), route)

    @functools.cache
    def meet(at: int, then: int) -> bool:
        here, there = wildcards[at : at + 1], requests[then : then + 1]
        if here == "*":
            return meet(at + 1, then) or (bool(there) and meet(at, then + 1))
        if there in {_SEGMENT, _ANYTHING} and there:
            stays = bool(here) and (here != "/" or there == _ANYTHING)
            return meet(at, then + 1) or (stays and meet(at + 1, then))
        if not here or not there:
            return here == there
        return (here != "/" if there == _ONE else here == there) and meet(at + 1, then + 1)

    return meet(0, 0)
