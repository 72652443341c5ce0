"""The JWT authorizer: what it lets in and what it refuses, with real keys."""

import base64
import hashlib
import hmac
import json
import logging
import subprocess
import sys
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.authorizer import handler as entry
from secure_backend.authorizer.configuration import Configuration, ConfigurationError
from secure_backend.authorizer.handler import Authorizer, UnauthorizedError
from secure_backend.authorizer.key_set import Keys, parse
from secure_backend.authorizer.refusal import RefusedError
from tests.issuer import AUDIENCE, ISSUER, claims, ec_key, jwk, rsa_key, sign

ARN = "arn:aws:execute-api:eu-central-1:111122223333:abc123/prod"
SCOPES = {
    "documents:read": ["GET/documents", "GET/documents/*"],
    "documents:write": ["POST/documents"],
}
ENVIRONMENT = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "SCOPES": json.dumps(SCOPES)}
COGNITO = {"ISSUER": ISSUER, "TOKEN_USE": "access", "CLIENT_IDS": "app-1,app-2"}

RSA, EC, OTHER, WEAK = rsa_key(), ec_key(), rsa_key(), rsa_key(1024)


class PublishedKeys:
    """The issuer's keys, without a fetch."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self._keys: Keys = parse(json.dumps({"keys": entries}).encode())

    def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        try:
            return self._keys[kid, algorithm]
        except KeyError:
            raise RefusedError("unknown key") from None


KEYS = PublishedKeys(jwk(RSA, "rsa"), jwk(EC, "ec"), jwk(WEAK, "weak"), jwk(OTHER, "encryption", use="enc"))


def answer(authorization: object, method: str = "GET/documents", **environment: str) -> dict[str, Any]:
    authorizer = Authorizer(Configuration.read(environment or ENVIRONMENT), KEYS)
    return authorizer.answer({"type": "TOKEN", "authorizationToken": authorization, "methodArn": f"{ARN}/{method}"})


def reason(authorization: object, **environment: str) -> str:
    with pytest.raises(RefusedError) as refused:
        answer(authorization, **environment)
    return refused.value.reason


def allows(policy: dict[str, Any], arn: str) -> bool:
    """Evaluate a cached policy as API Gateway does: * matches any characters, slashes included."""
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"

    def matches(pattern: str) -> bool:
        head, *rest = pattern.split("*")
        if not rest:
            return arn == head
        return len(rest) == 1 and arn.startswith(head) and arn.endswith(rest[0])

    return statement["Effect"] == "Allow" and any(matches(pattern) for pattern in statement["Resource"])


@pytest.mark.parametrize(("key", "kid"), [(RSA, "rsa"), (EC, "ec")])
def test_a_valid_token_is_let_in_and_the_context_says_in_text_who_until_when_and_for_what(key: Any, kid: str) -> None:
    exp = int(time.time()) + 120
    result = answer(sign(key, kid, exp=exp))
    assert result["principalId"] == "alice"
    assert result["context"] == {
        "issuer": ISSUER,
        "subject": "alice",
        "exp": str(exp),
        "scope": "documents:read documents:write",
    }


def test_one_cached_policy_serves_every_method_of_the_token_and_no_other() -> None:
    both = answer(sign(RSA, "rsa"), "GET/documents")
    assert allows(both, f"{ARN}/GET/documents")
    assert allows(both, f"{ARN}/POST/documents")
    assert allows(both, f"{ARN}/GET/documents/6f1c")
    assert not allows(both, f"{ARN}/DELETE/documents/6f1c")
    read = answer(sign(RSA, "rsa", scope="documents:read"), "POST/documents")
    assert allows(read, f"{ARN}/GET/documents/6f1c")
    assert not allows(read, f"{ARN}/POST/documents")
    assert not allows(read, f"{ARN.replace('/prod', '/dev')}/GET/documents")
    assert not allows(read, f"{ARN.replace('abc123', 'zzz999')}/GET/documents")


def test_the_policy_is_the_same_whichever_method_was_called_first() -> None:
    token = sign(RSA, "rsa")
    assert answer(token, "GET/documents") == answer(token, "POST/documents") == answer(token, "GET/documents/a/b")


def test_a_token_whose_scopes_open_nothing_is_known_and_denied() -> None:
    (statement,) = answer(sign(RSA, "rsa", scope="mail:read"))["policyDocument"]["Statement"]
    assert statement == {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": [f"{ARN}/*"]}
    (statement,) = answer(sign(RSA, "rsa", scope=None))["policyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"


def test_without_a_scope_map_a_valid_token_may_call_the_whole_stage_and_no_other() -> None:
    result = answer(sign(RSA, "rsa"), ISSUER=ISSUER, AUDIENCE=AUDIENCE)
    assert allows(result, f"{ARN}/DELETE/anything")
    assert not allows(result, f"{ARN.replace('/prod', '/dev')}/GET/documents")
    assert result["context"]["scope"] == "documents:read documents:write"


@pytest.mark.parametrize("scope", [["documents:read"], "documents:read"])
def test_scopes_are_also_read_from_scp_as_a_list_or_text(scope: object) -> None:
    assert answer(sign(RSA, "rsa", scope=None, scp=scope))["context"]["scope"] == "documents:read"


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_policy_names_the_stage_in_every_partition(partition: str) -> None:
    stage = f"arn:{partition}:execute-api:xx-east-1:111122223333:abc123/prod"
    authorizer = Authorizer(Configuration.read(ENVIRONMENT), KEYS)
    result = authorizer.answer({"authorizationToken": sign(RSA, "rsa"), "methodArn": f"{stage}/GET/"})
    assert allows(result, f"{stage}/GET/documents")


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _hs256(secret: bytes, kid: str) -> str:
    signed = f"{_segment({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{_segment(claims())}"
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"Bearer {signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def test_a_token_signed_by_hmac_with_the_public_key_is_refused() -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert reason(_hs256(pem, "rsa")) == "algorithm"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS512", "PS256", "ES384", "", 7, None])
def test_an_algorithm_off_the_list_is_refused(algorithm: object) -> None:
    unsigned = f"{_segment({'alg': algorithm, 'typ': 'JWT', 'kid': 'rsa'})}.{_segment(claims())}."
    assert reason(f"Bearer {unsigned}") == "no bearer token"
    assert reason(f"Bearer {unsigned}AAAA") in {"algorithm", "malformed"}


def test_an_algorithm_that_the_configuration_leaves_out_is_refused() -> None:
    assert reason(sign(EC, "ec"), **ENVIRONMENT, ALGORITHMS="RS256") == "algorithm"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (sign(RSA, "ec"), "unknown key"),
        (sign(EC, "rsa"), "unknown key"),
        (sign(OTHER, "rsa"), "signature"),
        (sign(OTHER, "encryption"), "unknown key"),
        (sign(WEAK, "weak"), "unknown key"),
        (sign(RSA, "gone"), "unknown key"),
        (sign(RSA, None), "key id"),
        (sign(RSA, ""), "key id"),
        (sign(RSA, "k" * 300), "key id"),
    ],
    ids=[
        "key of another type",
        "key of another type, the other way",
        "signed by another key",
        "a key for encryption",
        "a key too short",
        "unknown",
        "no key id",
        "empty key id",
        "oversized key id",
    ],
)
def test_a_key_that_does_not_fit_is_refused(token: str, expected: str) -> None:
    assert reason(token) == expected


class MistakenKeys:
    """A source of keys that pays no heed to the algorithm."""

    def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        assert (kid, algorithm) == ("rsa", "ES256")
        return KEYS.key("rsa", "RS256")


def test_a_key_of_another_type_than_the_algorithm_needs_is_refused_wherever_it_comes_from() -> None:
    authorizer = Authorizer(Configuration.read(ENVIRONMENT), MistakenKeys())
    with pytest.raises(RefusedError, match="key type"):
        authorizer.answer({"authorizationToken": sign(EC, "rsa"), "methodArn": f"{ARN}/GET/documents"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"iat": int(time.time()) + 600}, "not yet valid"),
        ({"nbf": int(time.time()) + 600}, "not yet valid"),
        ({"iss": "https://evil.example.com/"}, "issuer"),
        ({"iss": ISSUER.rstrip("/")}, "issuer"),
        ({"iss": [ISSUER]}, "issuer"),
        ({"aud": "mail"}, "audience"),
        ({"aud": None}, "claim missing"),
        ({"aud": ["mail", "calendar"]}, "audience"),
        ({"exp": None}, "claim missing"),
        ({"iat": None}, "claim missing"),
        ({"sub": None}, "claim missing"),
        ({"iss": None}, "claim missing"),
        ({"exp": str(int(time.time()) + 300)}, "time is no number"),
        ({"exp": True}, "expired"),
        ({"iat": True}, "time is no number"),
        ({"sub": ""}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": "a\ud800"}, "subject"),
        ({"sub": "a" * 256}, "subject"),
        ({"sub": 7}, "malformed"),
        ({"scope": {"documents:read": True}}, "scopes"),
        ({"scope": ["documents:read", 7]}, "scopes"),
        ({"token_use": "id"}, "token use"),
    ],
)
def test_a_claim_that_is_not_right_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert reason(sign(RSA, "rsa", **changes)) == expected


def test_clocks_may_differ_by_half_a_minute_and_no_more() -> None:
    now = int(time.time())
    assert answer(sign(RSA, "rsa", exp=now - 15, nbf=now + 15, iat=now + 15))
    assert reason(sign(RSA, "rsa", exp=now - 45)) == "expired"


def test_one_of_several_audiences_is_enough() -> None:
    assert answer(sign(RSA, "rsa", aud=["mail", AUDIENCE]))
    assert answer(sign(RSA, "rsa"), ISSUER=ISSUER, AUDIENCE=f"mail,{AUDIENCE}")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"typ": "logout+jwt"}, "kind of token"),
        ({"typ": "dpop+jwt"}, "kind of token"),
        ({"crit": ["b64"], "b64": True}, "kind of token"),
        ({"crit": ["b64"], "b64": False}, "malformed"),
        ({"crit": ["unknown"], "unknown": 1}, "malformed"),
    ],
)
def test_a_token_for_another_purpose_or_with_a_critical_extension_is_refused(
    header: dict[str, Any], expected: str
) -> None:
    # Signed by hand: an honest library would change such a header first.
    signed = f"{_segment({'alg': 'RS256', 'kid': 'rsa', **header})}.{_segment(claims())}"
    signature = RSA.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert reason(f"Bearer {signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}") == expected


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "application/at+jwt", None])
def test_an_access_token_may_say_that_it_is_one(typ: str | None) -> None:
    assert answer(sign(RSA, "rsa", {"typ": typ}))


def test_addresses_and_keys_inside_the_token_are_ignored() -> None:
    header = {"jku": "https://evil.example.com/k", "x5u": "https://evil.example.com/x", "jwk": jwk(OTHER, "rsa")}
    assert reason(sign(OTHER, "rsa", header)) == "signature"
    assert answer(sign(RSA, "rsa", header))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        7,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        sign(RSA, "rsa").removeprefix("Bearer "),
        sign(RSA, "rsa") + "\n",
        sign(RSA, "rsa") + "==",
        sign(RSA, "rsa").replace("Bearer ", "Bearer  "),
        sign(RSA, "rsa") + "." + "A" * 20,
        "Bearer " + "A" * 9000,
        sign(RSA, "rsa", padding="x" * 9000),
        "Bearer a.b.c",
        "Bearer AAAA.AAAA.AAAA",
    ],
)
def test_what_is_no_bearer_token_of_bounded_size_is_refused(authorization: object) -> None:
    assert reason(authorization) in {"no bearer token", "too long or no text", "malformed"}


def test_a_changed_payload_is_refused() -> None:
    head, _, signature = sign(RSA, "rsa").split(".")
    assert reason(f"{head}.{_segment(claims(sub='mallory'))}.{signature}") == "signature"


def test_cognito_access_tokens_of_a_listed_client_are_let_in_without_an_audience() -> None:
    token = sign(RSA, "rsa", aud=None, token_use="access", client_id="app-2")
    assert answer(token, **COGNITO)["context"]["subject"] == "alice"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_use": "id", "aud": "app-1"}, "token use"),
        ({"token_use": "id", "aud": "app-1", "client_id": "app-1"}, "audience"),
        ({"client_id": "app-1"}, "token use"),
        ({"token_use": "access"}, "client"),
        ({"token_use": "access", "client_id": "other"}, "client"),
        ({"token_use": "access", "client_id": ["app-1"]}, "client"),
    ],
)
def test_other_tokens_of_a_cognito_pool_are_refused(changes: dict[str, Any], expected: str) -> None:
    token = sign(RSA, "rsa", **{"aud": None, **changes})
    assert reason(token, **COGNITO) in {expected, "token use"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "ISSUER"),
        ({"ISSUER": "", "AUDIENCE": "a"}, "ISSUER"),
        ({"ISSUER": "*", "AUDIENCE": "a"}, "ISSUER"),
        ({"ISSUER": "https://*.example.com/", "AUDIENCE": "a"}, "ISSUER"),
        ({"ISSUER": "http://login.example.com", "AUDIENCE": "a"}, "ISSUER"),
        ({"ISSUER": "https://user:pass@login.example.com", "AUDIENCE": "a"}, "ISSUER"),
        ({"ISSUER": ISSUER}, "AUDIENCE"),
        ({"ISSUER": ISSUER, "AUDIENCE": "*"}, "AUDIENCE"),
        ({"ISSUER": ISSUER, "AUDIENCE": "a,,b"}, "AUDIENCE"),
        ({"ISSUER": ISSUER, "AUDIENCE": "a", "CLIENT_IDS": "b"}, "TOKEN_USE"),
        ({"ISSUER": ISSUER, "AUDIENCE": "a", "TOKEN_USE": "access"}, "CLIENT_IDS"),
        ({"ISSUER": ISSUER, "TOKEN_USE": "access"}, "CLIENT_IDS"),
        ({**COGNITO, "AUDIENCE": "a"}, "no AUDIENCE"),
        ({"ISSUER": ISSUER, "TOKEN_USE": "id", "CLIENT_IDS": "b"}, "TOKEN_USE"),
        ({**ENVIRONMENT, "JWKS_URL": "http://login.example.com/keys"}, "JWKS_URL"),
        ({**ENVIRONMENT, "JWKS_URL": "file:///etc/passwd"}, "JWKS_URL"),
        ({**ENVIRONMENT, "ALGORITHMS": "HS256"}, "ALGORITHMS"),
        ({**ENVIRONMENT, "ALGORITHMS": "RS256,none"}, "ALGORITHMS"),
        ({**ENVIRONMENT, "SCOPES": "{"}, "SCOPES"),
        ({**ENVIRONMENT, "SCOPES": "{}"}, "SCOPES"),
        ({**ENVIRONMENT, "SCOPES": '{"a": []}'}, "SCOPES"),
        ({**ENVIRONMENT, "SCOPES": '{"a b": ["GET/x"]}'}, "SCOPES"),
        ({**ENVIRONMENT, "SCOPES": '{"a": ["documents"]}'}, "SCOPES"),
        ({**ENVIRONMENT, "SCOPES": '{"a": ["get/documents"]}'}, "SCOPES"),
    ],
)
def test_an_environment_that_cannot_be_right_is_an_error(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Configuration.read(environment)


@pytest.mark.parametrize("issuer", [ISSUER, ISSUER.rstrip("/")])
def test_the_key_address_follows_from_the_issuer_unless_it_is_given(issuer: str) -> None:
    read = Configuration.read({**ENVIRONMENT, "ISSUER": issuer})
    assert read.jwks_url == "https://login.example.com/.well-known/jwks.json"
    given = Configuration.read({**ENVIRONMENT, "JWKS_URL": "https://keys.example.com/set"})
    assert given.jwks_url == "https://keys.example.com/set"


class Lambda:
    """The entry, as Lambda calls it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def use(self, keys: Any) -> None:
        self._monkeypatch.setattr(entry, "_authorizer", Authorizer(Configuration.read(ENVIRONMENT), keys))

    def refuses(self, event: Any) -> None:
        with pytest.raises(UnauthorizedError) as refused:
            entry.handler(event, None)
        assert str(refused.value) == "Unauthorized"
        assert refused.value.__cause__ is None


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    monkeypatch.setattr(entry, "_authorizer", None)
    return Lambda(monkeypatch)


def test_the_entry_answers_a_policy(function: Lambda) -> None:
    function.use(KEYS)
    event = {"authorizationToken": sign(RSA, "rsa"), "methodArn": f"{ARN}/GET/documents"}
    assert entry.handler(event, None)["principalId"] == "alice"


class BrokenKeys:
    def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        raise RuntimeError(f"internal detail about {kid} and {algorithm}")


def test_whatever_goes_wrong_the_answer_is_unauthorized_and_the_log_holds_nothing_of_the_token(
    function: Lambda, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("ISSUER", "AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    token = sign(RSA, "rsa", sub="secret-subject")
    function.refuses({"authorizationToken": token, "methodArn": f"{ARN}/GET/documents"})
    function.use(BrokenKeys())
    function.refuses({"authorizationToken": token, "methodArn": f"{ARN}/GET/documents"})
    function.use(KEYS)
    function.refuses({"authorizationToken": token, "methodArn": "arn:aws:s3:::bucket"})
    function.refuses({"authorizationToken": sign(OTHER, "rsa"), "methodArn": f"{ARN}/GET/documents"})
    function.refuses({})
    function.refuses(None)
    function.refuses([])
    assert len(caplog.records) == 7
    assert "secret-subject" not in caplog.text
    assert token.removeprefix("Bearer ") not in caplog.text
    assert "internal detail" not in caplog.text


@given(st.one_of(st.text(max_size=200), st.from_regex(r"Bearer [A-Za-z0-9_-]{0,60}(\.[A-Za-z0-9_-]{0,60}){0,4}")))
@settings(max_examples=100, deadline=None)
def test_no_text_gets_more_than_a_refusal(text: str) -> None:
    assert reason(text)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "scope", "scp", "token_use", "client_id"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
        min_size=1,
    )
)
@settings(max_examples=100, deadline=None)
def test_claims_of_any_shape_give_a_policy_or_a_refusal_and_nothing_else(changes: dict[str, Any]) -> None:
    try:
        result = answer(sign(EC, "ec", **changes))
    except RefusedError:
        return
    assert all(isinstance(value, str) for value in result["context"].values())


def test_the_runtime_code_imports_no_cdk() -> None:
    code = (
        "import sys, pathlib; sys.path.insert(0, str(pathlib.Path('constructs/secure_backend').resolve()));"
        "import authorizer.handler; print([m for m in sys.modules if m.startswith(('aws_cdk', 'jsii', 'secure_'))])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert shown.stdout.strip() == "[]"
