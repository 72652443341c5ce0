"""The issuer's public keys: fetched from one https address, bounded, cached, and kept through a short outage."""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .configuration import KEY_TYPES
from .refusal import RefusedError

MAX_BYTES = 128 * 1024
MAX_KEYS = 100
TIMEOUT_SECONDS = 3.0
FRESH_SECONDS = 600.0
COOL_DOWN_SECONDS = 60.0
COOL_DOWN_WITHOUT_KEYS_SECONDS = 5.0
MAX_STALE_SECONDS = 4 * 3600.0
MIN_RSA_BITS = 2048

# What makes a public key; everything else in a JWK (x5u, x5c, jku, private parts) is not even read.
_PUBLIC_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}

Keys = dict[tuple[str, str], jwt.PyJWK]


class KeySet:
    """The keys at one address, by key id and algorithm.

    An unknown key id causes one fetch, and none again for a minute: a flood of invented ids cannot become
    a flood of fetches. A failed or empty fetch never replaces the last good keys; they serve until four
    hours after they were fetched. Without any key, a fetch is tried again after five seconds.
    """

    def __init__(self, url: str, fetch: Callable[[str], bytes], clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._fetch = fetch
        # The wall clock: a monotonic one stands still while Lambda freezes the function.
        self._clock = clock
        self._keys: Keys = {}
        self._fetched: float | None = None
        self._tried: float | None = None

    def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """Return the key for a token's header, or raise :class:`RefusedError`."""
        if not self._younger_than(FRESH_SECONDS) or (kid, algorithm) not in self._keys:
            self._refetch()
        if not self._younger_than(MAX_STALE_SECONDS):
            raise RefusedError("keys unavailable")
        try:
            return self._keys[kid, algorithm]
        except KeyError:
            raise RefusedError("unknown key") from None

    def _younger_than(self, seconds: float) -> bool:
        return self._fetched is not None and 0 <= self._clock() - self._fetched < seconds

    def _refetch(self) -> None:
        now = self._clock()
        cool_down = COOL_DOWN_SECONDS if self._younger_than(MAX_STALE_SECONDS) else COOL_DOWN_WITHOUT_KEYS_SECONDS
        if self._tried is not None and 0 <= now - self._tried < cool_down:
            return
        self._tried = now
        try:
            keys = parse(self._fetch(self._url))
        except (OSError, http.client.HTTPException, ValueError, RecursionError):
            return
        if keys:
            self._keys, self._fetched = keys, now


def parse(document: bytes) -> Keys:
    """Return the usable signing keys of a JWK set; others are passed over, as the standard asks."""
    content = json.loads(document)
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError("not a bounded JWK set")
    keys: Keys = {}
    for entry in entries:
        for algorithm, key_type in KEY_TYPES.items():
            key = _signing_key(entry, algorithm, key_type)
            if key is not None:
                keys.setdefault((entry["kid"], algorithm), key)
    return keys


def _signing_key(entry: Any, algorithm: str, key_type: str) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("kty") != key_type:
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    if "verify" not in entry.get("key_ops", ["verify"]) or (key_type == "EC" and entry.get("crv") != "P-256"):
        return None
    try:
        key = jwt.PyJWK({name: entry[name] for name in _PUBLIC_MEMBERS[key_type]}, algorithm)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS:
        return None
    return key


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from the configured address and no other: a redirect is an error."""

    def redirect_request(self, *_: Any) -> None:
        return None


def https_fetch(context: ssl.SSLContext | None = None) -> Callable[[str], bytes]:
    """Return a function that gets an https address: no redirect, no proxy, at most 128 KiB, in about three seconds.

    :param context: the trusted authorities; the system's when left out.
    """
    opener = urllib.request.OpenerDirector()
    for part in (
        urllib.request.HTTPSHandler(context=context or ssl.create_default_context()),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _NoRedirects(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(part)

    def fetch(url: str) -> bytes:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - https handler only
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            if response.status != http.HTTPStatus.OK:
                raise urllib.error.URLError("not 200")
            return _bounded(response, deadline)

    return fetch


def _bounded(response: http.client.HTTPResponse, deadline: float) -> bytes:
    content = bytearray()
    # One receive at a time: a server that sends a byte now and then would outlast the socket's own timeout.
    while part := response.read1(16 * 1024):
        content += part
        if len(content) > MAX_BYTES:
            raise ValueError("too large")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(content)
