"""Both profiles synthesize for every partition, with nothing that names or lacks one."""

import json
import re

import aws_cdk as cdk
import pytest

from profiles.reading import load
from profiles.settings import Settings
from secure_backend.analysis import Assembly
from secure_backend.compliance.rules import RULES
from stacks.application import Application
from tests.app.conftest import PROFILES
from tests.conftest import FLAGS

REGIONS = ("us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1")


def moved(settings: Settings, region: str) -> Settings:
    """Return the settings for another region; China has no user pools, so an issuer is named there."""
    issuer = "https://login.example.com/" if region.startswith("cn-") else settings.api.issuer
    api = settings.api.model_copy(update={"issuer": issuer})
    return settings.model_copy(update={"region": region, "zones": (f"{region}a", f"{region}b"), "api": api})


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_synthesizes_in_every_partition(profile: str, region: str) -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    Application(app, moved(load(PROFILES[profile]), region))
    app.synth()
    assembly = Assembly.from_directory(app.outdir)
    text = json.dumps([stack.template for stack in assembly.stacks])
    assert re.findall(r"arn:aws(?:-cn|-us-gov)?:[a-z]", text) == []
    assert {stack.region for stack in assembly.stacks} == {region}
    if region.startswith("cn-"):
        assert "amazonaws.com/" not in text.replace("amazonaws.com.cn", "")
        assert assembly.resources("AWS::Cognito::UserPool") == []
    assert [rule.message(finding) for rule in RULES for finding in rule.findings(assembly)] == []
