"""Each profile, with a load balancer too, synthesizes for every partition, with nothing that names or lacks one."""

import json
import re
from pathlib import Path

import aws_cdk as cdk
import pytest

from app import compose
from profiles.reading import load
from profiles.settings import Settings
from secure_backend.analysis import Assembly
from stacks.summary import not_built
from stacks.trust_anchors import trust_anchors
from tests.app.conftest import PROFILES
from tests.conftest import FLAGS, ROOT

# The action that verifies tokens is documented for China's regions too, and nowhere as missing from one.
EDGES = {**PROFILES, "load-balancer": str(ROOT / "tests/profiles/load-balancer.toml")}
PARTITIONS = {"us-east-1": "aws", "eu-central-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}


def moved(settings: Settings, region: str) -> Settings:
    """Return the settings for another region; China has no user pools, so an issuer is named there."""
    issuer = "https://login.example.com/" if region.startswith("cn-") else settings.api.issuer
    api = settings.api.model_copy(update={"issuer": issuer})
    # No public source names the prefix lists of these partitions, so a profile for them has to.
    network = settings.network.model_copy(
        update={"s3_prefix_list": "pl-0123abcd"} if region.startswith(("cn-", "us-gov-")) else {}
    )
    zones = (f"{region}a", f"{region}b")
    return settings.model_copy(update={"region": region, "zones": zones, "api": api, "network": network})


@pytest.mark.parametrize("region", PARTITIONS)
@pytest.mark.parametrize("profile", EDGES)
def test_a_profile_synthesizes_in_every_partition(profile: str, region: str) -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    _, gate = compose(app, moved(load(EDGES[profile]), region))
    verdict = gate.synth()
    assert verdict.passed, verdict.text()
    assembly = Assembly.from_directory(app.outdir)
    text = json.dumps([stack.template for stack in assembly.stacks])
    assert set(re.findall(r"arn:(aws[a-z-]*):", text)) <= {PARTITIONS[region]}
    assert {stack.region for stack in assembly.stacks} == {region}
    if region.startswith("cn-"):
        assert "amazonaws.com/" not in text.replace("amazonaws.com.cn", "")
        assert assembly.resources("AWS::Cognito::UserPool") == []


@pytest.mark.parametrize(("region", "told"), [("eu-central-1", False), ("us-gov-west-1", True), ("cn-north-1", True)])
def test_a_region_whose_database_certificates_nobody_can_verify_is_told(region: str, told: bool) -> None:
    missing = [line for line in not_built(moved(load("dev"), region)) if "trust in the database" in line]
    assert bool(missing) is told
    assert all(f"services/documents/rds-{region}.pem" in line for line in missing)


def test_a_bundle_of_the_region_is_used_as_soon_as_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.trust_anchors.DOCUMENTS", tmp_path)
    assert trust_anchors("cn-north-1", proxy=False) == {}
    (tmp_path / "rds-cn-north-1.pem").touch()
    assert trust_anchors("cn-north-1", proxy=False) == {"DATABASE_CA_FILE": "/var/task/documents/rds-cn-north-1.pem"}
