"""The local profile is the dev profile on this machine: what passes here is what is deployed there."""

import json
import re
from typing import Any

import aws_cdk as cdk

from profiles.reading import load
from profiles.settings import Settings
from stacks.application import Application
from tests.conftest import FLAGS, template_of

ACCOUNT = "000000000000"


def templates(settings: Settings) -> dict[str, Any]:
    """Synthesize the four stacks without their names, assets left where they are."""
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, builtin_cloud_formation_validation=False, analytics_reporting=False)
    made = {stack.node.id: template_of(stack) for stack in Application(app, settings).stacks}
    # The export names and the like carry the application's name, and hashes of it.
    text = json.dumps(made, sort_keys=True).replace(settings.name, "NAME")
    return dict(json.loads(text.replace(settings.name.replace("-", ""), "NAME")))


def test_the_local_profile_differs_from_dev_in_name_account_and_issuer_only() -> None:
    local, dev = load("local"), load("dev")
    changes = {"name": dev.name, "account": dev.account, "api": local.api.model_copy(update={"issuer": dev.api.issuer})}
    assert local.model_copy(update=changes) == dev
    assert local.account == ACCOUNT
    assert local.api.issuer.startswith("https://127.0.0.1:")


def test_the_templates_differ_in_who_issues_the_tokens_only() -> None:
    local = load("local")
    dev = load("dev").model_copy(update={"account": ACCOUNT, "name": local.name})
    here, there = templates(local), templates(dev)
    different = {
        (stack, there[stack]["Resources"].get(logical_id, here[stack]["Resources"].get(logical_id))["Type"])
        for stack in there
        for logical_id in here[stack]["Resources"].keys() | there[stack]["Resources"].keys()
        if here[stack]["Resources"].get(logical_id) != there[stack]["Resources"].get(logical_id)
    }
    assert different == {
        # The pool of dev's callers.
        ("api", "AWS::Cognito::UserPool"),
        ("api", "AWS::Cognito::UserPoolClient"),
        ("api", "AWS::Cognito::UserPoolDomain"),
        ("api", "AWS::Cognito::UserPoolResourceServer"),
        # Whose tokens it takes, and the names of the scopes in them.
        ("api", "AWS::Lambda::Function"),
        # Its id holds a digest of what it deploys, the authorizer among it.
        ("api", "AWS::ApiGateway::Deployment"),
        ("api", "AWS::ApiGateway::Stage"),
    }
    changed = [
        logical_id
        for logical_id, found in there["api"]["Resources"].items()
        if found["Type"] == "AWS::Lambda::Function" and found != here["api"]["Resources"][logical_id]
    ]
    assert [re.sub("[0-9A-F]{8}$", "", logical_id) for logical_id in sorted(changed)] == [
        "ApiAuthorizerFunction",
        "Documents",
    ]
    authorizers = [template["api"]["Resources"][changed[0]]["Properties"] for template in (here, there)]
    for authorizer in authorizers:
        del authorizer["Environment"]
    assert authorizers[0] == authorizers[1]
