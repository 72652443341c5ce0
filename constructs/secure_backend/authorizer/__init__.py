"""The JWT authorizer's own code. It runs in Lambda as the package ``authorizer`` and imports no CDK."""
