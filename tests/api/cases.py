"""Stacks with an API, for the tests of HardenedApi."""

from typing import Annotated, Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from pydantic import BaseModel, ConfigDict, Field

from secure_backend.api.authorizers import JwtAuthorizer
from secure_backend.hardened_api import HardenedApi

ISSUER = "https://login.example.com/"


class NewDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=255)]
    size: Annotated[int, Field(ge=1, le=10_000_000)]


def jwt(**changes: Any) -> JwtAuthorizer:
    return JwtAuthorizer(**{"issuer": ISSUER, "audience": "documents", **changes})


def handler_in(stack: cdk.Stack, id: str = "Handler") -> lambda_.Function:  # noqa: A002 - the CDK's own word
    return lambda_.Function(
        stack,
        id,
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )


def api_in(stack: cdk.Stack, id: str = "Api", **options: Any) -> HardenedApi:  # noqa: A002 - the CDK's own word
    """Make an API with a method that has a body and one that has none."""
    api = HardenedApi(stack, id, **{"authorizer": jwt(), **options})
    handler = handler_in(stack, f"{id}Handler")
    api.add_method("POST", "/documents", handler, body=NewDocument)
    api.add_method("GET", "/documents/{id}", handler)
    return api
