"""Fixtures shared by all tests: apps with the project's feature flags, and templates out of them."""

import node  # noqa: F401 - names the Node of the requirements to jsii

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from syrupy.assertion import SnapshotAssertion

from secure_backend.testing import TemplateSnapshotExtension

ROOT = Path(__file__).resolve().parent.parent
FLAGS: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]

NewStack = Callable[..., cdk.Stack]


@pytest.fixture
def app() -> cdk.App:
    """An app with the project's flags; the built-in validation is the gate's, not every test's (it takes seconds)."""
    # Staging copies the functions' packages, tens of megabytes, for a template that only names their hash.
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    return cdk.App(context=context, builtin_cloud_formation_validation=False, analytics_reporting=False)


@pytest.fixture
def new_stack(app: cdk.App) -> NewStack:
    """Make stacks in one app: ``new_stack("network", region="cn-north-1")``."""

    def make(name: str = "stack", region: str = "eu-central-1", account: str | None = None) -> cdk.Stack:
        return cdk.Stack(app, name, env=cdk.Environment(region=region, account=account))

    return make


@pytest.fixture
def stack(new_stack: NewStack) -> cdk.Stack:
    """One empty stack in eu-central-1."""
    return new_stack()


@pytest.fixture
def template_snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare a template with its JSON file."""
    return snapshot.use_extension(TemplateSnapshotExtension)


def template_of(stack: cdk.Stack) -> dict[str, Any]:
    """Synthesize the stack and return its template."""
    return dict(assertions.Template.from_stack(stack).to_json())


def resources_of(template: dict[str, Any], type_name: str) -> dict[str, dict[str, Any]]:
    """Return the template's resources of one type by logical id."""
    return {
        logical_id: resource
        for logical_id, resource in template.get("Resources", {}).items()
        if resource["Type"] == type_name
    }
