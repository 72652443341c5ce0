"""Say what a caller may do on this stage of this API, whole: the answer is cached and served for other methods too."""

import re
from collections.abc import Mapping
from typing import Any

from .configuration import Configuration
from .refusal import RefusedError
from .token import Caller

# arn:<partition>:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>
_METHOD_ARN = re.compile(
    r"(arn:aws[a-z-]*:execute-api:[a-z0-9-]+:[0-9]{12}:[a-z0-9]+/[A-Za-z0-9_-]+)/[A-Z]+(?:/.*)?", re.DOTALL
)


def policy(method_arn: object, caller: Caller, configuration: Configuration) -> dict[str, Any]:
    """Return the authorizer's answer: every method that the caller's scopes open, not only the one just called.

    API Gateway caches the answer by token. A policy for the called method alone would refuse the same
    caller's next method; one for everything would let a narrow token through. A caller whose scopes open
    nothing is known, and denied: 403.
    """
    match = _METHOD_ARN.fullmatch(method_arn) if isinstance(method_arn, str) else None
    if match is None:
        raise RefusedError("method arn")
    stage = match[1]
    granted, methods = _open_to(caller, configuration.scopes)
    effect = "Allow" if methods else "Deny"
    return {
        "principalId": caller.subject,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": effect,
                    "Action": "execute-api:Invoke",
                    "Resource": [f"{stage}/{method}" for method in methods or ("*",)],
                }
            ],
        },
        # Text only: API Gateway takes no objects or lists. The handler refuses past exp, since the cache may not.
        "context": {
            "issuer": caller.issuer,
            "subject": caller.subject,
            "exp": str(caller.expires),
            "scope": " ".join(granted),
        },
    }


def _open_to(caller: Caller, scopes: Mapping[str, tuple[str, ...]] | None) -> tuple[list[str], list[str]]:
    if scopes is None:
        return list(caller.scopes), ["*"]
    granted = [scope for scope in scopes if scope in caller.scopes]
    methods = {method: None for scope in granted for method in scopes[scope]}
    return granted, list(methods)
