"""Deploys the stacks with the CDK CLI, to the local AWS or to an account, and walks through the API."""
