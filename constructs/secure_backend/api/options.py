"""The options of :class:`~secure_backend.hardened_api.HardenedApi` that belong together, as frozen groups of values.

Example::

    api = HardenedApi(
        self,
        "Partners",
        authorizer=authorizer,
        throttle=Throttle(rate=50, burst=100),
        usage_plan=UsagePlan(daily_quota=5_000),
        cors=Cors(origins=["https://app.example.com"], headers=["Authorization", "Content-Type", "x-api-key"]),
        domain=Domain(name="api.example.com", certificate=certificate, hosted_zone=zone),
    )
    api.add_method("GET", "/documents/{id}", handler, throttle=Throttle(rate=20, burst=40))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53

from secure_backend.certificate import check_certificate_region
from secure_backend.validation import HOST_NAME, Validation

_HEADER = r"[A-Za-z][A-Za-z0-9-]{0,63}"


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests are let through, over all callers together; the rest get a 429.

    :param rate: requests a second in the long run, above 0.
    :param burst: requests at once, above 0.
    """

    rate: int
    burst: int

    def check(self, check: Validation, name: str) -> None:
        """Record what is wrong with the values."""
        check.whole_number(f"{name}.rate", self.rate, 1, 10_000, "pass requests a second, the account's quota is 10000")
        check.whole_number(f"{name}.burst", self.burst, 1, 10_000, "pass requests at once, for example twice the rate")


@dataclass(frozen=True, kw_only=True)
class UsagePlan:
    """Metering by API key: what one key's holder may use. It says who pays, never who is calling.

    A key is a shared secret in a header, without expiry or signature: it never stands in for the authorizer, which
    every method keeps.

    :param rate: requests a second for each key, 100 when left out.
    :param burst: requests at once for each key, 200 when left out.
    :param daily_quota: requests a day for each key, 10,000 when left out.
    """

    rate: int = 100
    burst: int = 200
    daily_quota: int = 10_000

    def check(self, check: Validation, name: str) -> None:
        """Record what is wrong with the values."""
        check.whole_number(f"{name}.rate", self.rate, 1, 10_000, "leave it out for 100 requests a second")
        check.whole_number(f"{name}.burst", self.burst, 1, 10_000, "leave it out for 200 requests at once")
        check.whole_number(f"{name}.daily_quota", self.daily_quota, 1, 10**9, "leave it out for 10000 requests a day")


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Which web pages may call the API from a browser.

    Preflight requests carry no token, so their OPTIONS methods are the only ones without the authorizer.

    :param origins: ``https://app.example.com`` and the like, or ``*`` alone for pages of any site.
    :param headers: request headers that a page may set, ``Authorization`` and ``Content-Type`` when left out; with a
        usage plan, name ``x-api-key`` too.
    :param credentials: whether browsers send cookies along; only with one named origin. A bearer token needs none.
    :param max_age: how long a browser may remember the answer, an hour when left out.
    """

    origins: Sequence[str]
    headers: Sequence[str] = ("Authorization", "Content-Type")
    credentials: bool = False
    max_age: cdk.Duration | None = None

    def check(self, check: Validation, name: str) -> None:
        """Record what is wrong with the values."""
        origins = _texts(check, f"{name}.origins", self.origins, 'pass origins such as ["https://app.example.com"]')
        for origin in origins:
            if origin != "*":
                check.origin(f"{name}.origins", origin)
        check.check(
            "*" not in origins or len(origins) == 1, f"{name}.origins", origins, "* alone", "drop the other origins"
        )
        for header in _texts(check, f"{name}.headers", self.headers, 'pass names such as ["Authorization"]'):
            check.text(f"{name}.headers", header, _HEADER, "a header's name", "name each header, * is not one")
        if check.boolean(f"{name}.credentials", self.credentials) and self.credentials:
            check.check(
                len(origins) == 1 and origins[0] != "*",
                f"{name}.credentials",
                f"True with origins {origins}",
                "one named origin with credentials",
                "name the one origin, or leave credentials out: a bearer token needs none",
            )
        if self.max_age is not None:
            check.seconds(f"{name}.max_age", self.max_age, 0, 86_400, "leave it out for an hour")

    @property
    def error_origin(self) -> str:
        """The origin that may read the gateway's own errors; they hold nothing of the inside, so ``*`` for several."""
        return self.origins[0] if len(self.origins) == 1 else "*"


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The API's own name; the default execute-api endpoint is closed when there is one.

    :param name: for example ``api.example.com``, the certificate's name or one of its alternatives.
    :param certificate: an ACM certificate in the API's own region.
    :param hosted_zone: the zone that gets the alias record.
    """

    name: str
    certificate: acm.ICertificate
    hosted_zone: route53.IHostedZone

    def check(self, check: Validation, name: str) -> None:
        """Record what is wrong with the values."""
        check.text(f"{name}.name", self.name, HOST_NAME, "a lowercase host name", "pass one such as api.example.com")
        check.construct(
            f"{name}.hosted_zone",
            self.hosted_zone,
            route53.HostedZone,
            "pass the zone object that is to hold the record",
        )
        check.construct(
            f"{name}.certificate",
            self.certificate,
            acm.Certificate,
            "pass the certificate object, imported by acm.Certificate.from_certificate_arn if need be",
        )

    def check_region(self, check: Validation, name: str, region: str) -> None:
        """Record a certificate of another region than the API's."""
        check_certificate_region(check, f"{name}.certificate", self.certificate, region, "API")


def check_option(check: Validation, name: str, value: object, kind: type[Any]) -> bool:
    """Record what is wrong with an option of one of these kinds; returns whether it is one, or left out."""
    if value is None:
        return True
    if check.check(isinstance(value, kind), name, value, f"a {kind.__name__}", f"pass {kind.__name__}(...)"):
        value.check(check, name)  # type: ignore[attr-defined]  # one of the kinds above
        return True
    return False


def _texts(check: Validation, name: str, values: object, do: str) -> list[str]:
    if isinstance(values, (list, tuple)) and values and all(isinstance(value, str) for value in values):
        return list(values)
    check.refuse(name, values, "a non-empty list of texts", do)
    return []
