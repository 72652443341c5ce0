"""Both profiles, synthesized once a session exactly as `make synth` does, gate and built-in validation included."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from app import compose
from profiles.reading import load
from secure_backend.analysis import Assembly
from secure_backend.compliance import Verdict
from stacks.application import Application
from tests.conftest import FLAGS, ROOT

PROFILES = {"dev": "dev", "prod": str(ROOT / "tests" / "profiles" / "prod.toml")}
STACKS = ("network", "data", "api", "audit")


@dataclass(frozen=True, kw_only=True)
class Synthesized:
    """One profile's app after synth."""

    profile: str
    application: Application
    verdict: Verdict
    directory: Path

    def template(self, stack: str) -> dict[str, Any]:
        """Return a stack's template as written."""
        template: dict[str, Any] = json.loads((self.directory / f"{stack}.template.json").read_text())
        return template

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        """Return every stack's template."""
        return {stack: self.template(stack) for stack in STACKS}

    @property
    def assembly(self) -> Assembly:
        """Return the assembly as the analysis reads it."""
        return Assembly.from_directory(self.directory)


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesized]:
    """Return both profiles' apps."""
    apps: dict[str, Synthesized] = {}
    for name, profile in PROFILES.items():
        directory = tmp_path_factory.mktemp(name)
        app = cdk.App(context=FLAGS, outdir=str(directory), analytics_reporting=False)
        application, gate = compose(app, load(profile))
        apps[name] = Synthesized(profile=name, application=application, verdict=gate.synth(), directory=directory)
    return apps


@pytest.fixture(scope="session")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Production behind a load balancer, synthesized under the gate."""
    folder = tmp_path_factory.mktemp("balanced")
    tree = cdk.App(context=FLAGS, outdir=str(folder), analytics_reporting=False)
    _, gate = compose(tree, load(str(ROOT / "tests" / "profiles" / "prod-load-balancer.toml")))
    verdict = gate.synth()
    assert verdict.passed, verdict.text()
    return folder


@pytest.fixture(params=list(PROFILES))
def profile(request: pytest.FixtureRequest, synthesized: dict[str, Synthesized]) -> Synthesized:
    """Return one profile's app, each in turn."""
    name: str = request.param
    return synthesized[name]


@pytest.fixture
def dev(synthesized: dict[str, Synthesized]) -> Synthesized:
    """Return the development app."""
    return synthesized["dev"]


@pytest.fixture
def prod(synthesized: dict[str, Synthesized]) -> Synthesized:
    """Return the production app."""
    return synthesized["prod"]
