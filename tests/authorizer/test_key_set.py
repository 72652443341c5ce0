"""Where the authorizer's keys come from: one https address, bounded, cached, kept through an outage."""

import json
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from secure_backend.authorizer import key_set
from secure_backend.authorizer.configuration import Configuration
from secure_backend.authorizer.handler import Authorizer
from secure_backend.authorizer.key_set import KeySet, https_fetch, parse
from secure_backend.authorizer.refusal import RefusedError
from tests.issuer import AUDIENCE, ISSUER, KeyServer, ec_key, jwk, key_server, rsa_key, sign

ARN = "arn:aws:execute-api:eu-central-1:111122223333:abc123/prod/GET/documents"
OLD, NEW = ec_key(), ec_key()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KeyServer, ssl.SSLContext]]:
    with key_server(tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest.fixture
def server(served: tuple[KeyServer, ssl.SSLContext]) -> KeyServer:
    state, _ = served
    state.requests.clear()
    state.drip_seconds = 0.0
    state.publish(jwk(OLD, "old"))
    return state


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server: KeyServer, served: tuple[KeyServer, ssl.SSLContext], clock: Clock) -> KeySet:
    return KeySet(server.url, https_fetch(served[1]), clock)


def call(keys: KeySet, token: str) -> dict[str, Any]:
    authorizer = Authorizer(Configuration.read({"ISSUER": ISSUER, "AUDIENCE": AUDIENCE}), keys)
    return authorizer.answer({"authorizationToken": token, "methodArn": ARN})


def refused(keys: KeySet, token: str) -> str:
    with pytest.raises(RefusedError) as refusal:
        call(keys, token)
    return refusal.value.reason


def test_keys_are_fetched_once_and_cached(keys: KeySet, server: KeyServer) -> None:
    for _ in range(5):
        assert call(keys, sign(OLD, "old"))
    assert server.requests == ["/.well-known/jwks.json"]


def test_a_rotated_key_is_let_in_by_one_fetch(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    call(keys, sign(OLD, "old"))
    server.publish(jwk(OLD, "old"), jwk(NEW, "new"))
    clock.now += 61
    assert call(keys, sign(NEW, "new"))
    assert call(keys, sign(OLD, "old"))
    assert len(server.requests) == 2


def test_a_hundred_invented_key_ids_cause_one_fetch_and_evict_no_key(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    call(keys, sign(OLD, "old"))
    clock.now += 61
    for number in range(100):
        assert refused(keys, sign(NEW, f"invented-{number}")) == "unknown key"
    assert len(server.requests) == 2
    assert call(keys, sign(OLD, "old"))
    clock.now += 61
    refused(keys, sign(NEW, "invented"))
    assert len(server.requests) == 3


def test_a_withdrawn_key_is_refused_after_ten_minutes(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    call(keys, sign(OLD, "old"))
    server.publish(jwk(NEW, "new"))
    clock.now += 599
    assert call(keys, sign(OLD, "old"))
    clock.now += 2
    assert refused(keys, sign(OLD, "old")) == "unknown key"


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"keys": []}', b'{"keys": 7}', b"[" * 100_000])
def test_the_last_good_keys_serve_through_an_outage_for_four_hours(
    body: bytes, keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    call(keys, sign(OLD, "old"))
    server.body, server.status = body, 200 if body else 503
    clock.now += 4 * 3600 - 1
    assert call(keys, sign(OLD, "old"))
    clock.now += 2
    assert refused(keys, sign(OLD, "old")) == "keys unavailable"
    server.publish(jwk(OLD, "old"))
    clock.now += 61
    assert call(keys, sign(OLD, "old"))


def test_an_outage_costs_one_fetch_a_minute_not_one_a_call(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    call(keys, sign(OLD, "old"))
    server.status = 503
    clock.now += 601
    for _ in range(20):
        call(keys, sign(OLD, "old"))
    assert len(server.requests) == 2


def test_without_any_key_callers_are_refused_and_the_fetch_is_tried_again_soon(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    server.status = 500
    for _ in range(10):
        assert refused(keys, sign(OLD, "old")) == "keys unavailable"
    assert len(server.requests) == 1
    server.status = 200
    clock.now += 6
    assert call(keys, sign(OLD, "old"))


def test_a_clock_set_back_does_not_make_old_keys_young(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    call(keys, sign(OLD, "old"))
    clock.now -= 3600
    assert call(keys, sign(OLD, "old"))
    assert len(server.requests) == 2


def test_a_redirect_is_not_followed(keys: KeySet, server: KeyServer) -> None:
    server.status, server.headers = 302, {"Location": server.url.replace(".well-known", "elsewhere")}
    assert refused(keys, sign(OLD, "old")) == "keys unavailable"
    assert server.requests == ["/.well-known/jwks.json"]


def test_a_huge_key_set_is_refused(keys: KeySet, server: KeyServer) -> None:
    server.body = json.dumps({"keys": [jwk(OLD, "old")], "padding": "x" * 128 * 1024}).encode()
    assert refused(keys, sign(OLD, "old")) == "keys unavailable"


def test_too_many_keys_are_refused(keys: KeySet, server: KeyServer) -> None:
    server.publish(*[jwk(OLD, f"k{number}") for number in range(101)])
    assert refused(keys, sign(OLD, "k0")) == "keys unavailable"


def test_a_server_that_sends_byte_by_byte_is_given_up(
    keys: KeySet, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "TIMEOUT_SECONDS", 0.3)
    server.drip_seconds = 0.05
    began = time.monotonic()
    assert refused(keys, sign(OLD, "old")) == "keys unavailable"
    assert time.monotonic() - began < 2


def test_a_server_that_this_machine_does_not_trust_is_refused(server: KeyServer, clock: Clock) -> None:
    assert refused(KeySet(server.url, https_fetch(), clock), sign(OLD, "old")) == "keys unavailable"


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/keys", "file:///etc/hostname", "ftp://127.0.0.1/keys"])
def test_nothing_but_https_is_fetched(address: str, clock: Clock) -> None:
    fetch = https_fetch()
    with pytest.raises(OSError, match="unknown url type"):
        fetch(address)


def test_a_proxy_in_the_environment_is_not_used(
    keys: KeySet, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert call(keys, sign(OLD, "old"))


def test_only_public_signing_keys_of_enough_strength_are_taken() -> None:
    rsa, ec = rsa_key(), ec_key()
    entries: list[Any] = [
        jwk(rsa, "rsa", alg="RS256", use="sig", key_ops=["verify"]),
        jwk(ec, "ec"),
        jwk(rsa, "encryption", use="enc"),
        jwk(rsa, "other-algorithm", alg="PS256"),
        jwk(rsa, "other-operation", key_ops=["encrypt"]),
        jwk(rsa_key(1024), "short"),
        {**jwk(ec, "curve"), "crv": "P-384"},
        {**jwk(ec, "off-curve"), "x": jwk(OLD, "old")["x"]},
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "RSA", "kid": 7},
        jwk(rsa, "")["kty"],
        None,
    ]
    assert sorted(parse(json.dumps({"keys": entries}).encode())) == [("ec", "ES256"), ("rsa", "RS256")]


def test_of_two_keys_with_one_id_each_serves_its_own_algorithm_and_the_first_wins() -> None:
    rsa, ec, late = rsa_key(), ec_key(), ec_key()
    keys = parse(json.dumps({"keys": [jwk(rsa, "same"), jwk(ec, "same"), jwk(late, "same")]}).encode())
    assert sorted(keys) == [("same", "ES256"), ("same", "RS256")]
    assert keys["same", "ES256"].key.public_numbers() == ec.public_key().public_numbers()
