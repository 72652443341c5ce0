"""The authorities that the service trusts are those that their notes name, and stay valid for a while."""

import datetime
import hashlib
import re
import warnings
from pathlib import Path

import pytest
from cryptography import x509

from services.documents import environment

BUNDLES = sorted(Path(environment.__file__).parent.glob("*.pem"))


def certificates(bundle: Path) -> list[x509.Certificate]:
    with warnings.catch_warnings():
        # One of Amazon's roots has a serial number that RFC 5280 would not allow any more.
        warnings.simplefilter("ignore")
        return x509.load_pem_x509_certificates(bundle.read_bytes())


def test_there_are_anchors_for_instances_and_for_proxies() -> None:
    assert [bundle.name for bundle in BUNDLES] == ["rds-global-bundle.pem", "rds-proxy-roots.pem"]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_a_bundle_is_the_one_that_its_note_describes(bundle: Path) -> None:
    note = bundle.with_suffix(".md").read_text()
    assert re.findall(r"SHA-256: `([0-9a-f]{64})`", note) == [hashlib.sha256(bundle.read_bytes()).hexdigest()]
    assert "Source: npm package" in note


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_every_authority_signs_itself_and_is_valid_for_half_a_year_more(bundle: Path) -> None:
    soon = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=183)
    found = certificates(bundle)
    assert found
    for certificate in found:
        assert certificate.subject == certificate.issuer
        assert certificate.not_valid_after_utc > soon, f"{certificate.subject}: fetch the bundle anew"


def test_a_proxy_is_trusted_by_amazons_own_roots_only() -> None:
    names = [certificate.subject.rfc4514_string() for certificate in certificates(BUNDLES[1])]
    assert len(names) == 5
    assert all("Amazon" in name or "Starfield" in name for name in names)
