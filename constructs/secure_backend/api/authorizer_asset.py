"""The JWT authorizer's Lambda asset: its own code and its locked arm64 packages, both carried by the wheel."""

from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from secure_backend.lambda_code import lambda_code

AUTHORIZER_HANDLER = "authorizer.handler.handler"


def authorizer_code() -> lambda_.Code:
    """Return the code of the JWT authorizer; needs neither network nor Docker.

    :raises LambdaPackagesError: in a checkout whose packages were not fetched; the message says how to.
    """
    return lambda_code(Path(__file__).parent.parent / "authorizer")
