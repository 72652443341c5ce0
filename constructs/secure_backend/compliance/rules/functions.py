"""Lambda functions that cannot be deployed."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import number_of
from secure_backend.compliance.rules.rule import Finding, rule

_FUNCTION = "AWS::Lambda::Function"


@rule(
    aws="Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
    "its minimum value of [10]",
    reason="A fresh account may run 10 executions at a time and has to keep them all unreserved.",
    fix="leave ReservedConcurrentExecutions out, or acknowledge the quota that the account has",
    source="aws-samples/serverless-full-stack-webapp-starter-kit#26",
)
def reserved_concurrency(assembly: Assembly) -> Iterator[Finding]:
    """Reserve no concurrency that a fresh account does not have."""
    for function in assembly.resources(_FUNCTION):
        reserved = number_of(function.at("ReservedConcurrentExecutions"))
        if reserved is not None and reserved > 0:
            problem = f"The function reserves {reserved:g} concurrent executions"
            yield Finding(function, "Properties.ReservedConcurrentExecutions", problem)


@rule(
    aws="The code signature failed the integrity check (CodeVerificationFailedException)",
    reason="The CDK uploads its assets unsigned.",
    fix="set CodeSigningPolicies.UntrustedArtifactOnDeployment to Warn, or deploy code that is signed beforehand",
    source="aws-cdk#29474, #13286",
)
def code_signing_of_assets(assembly: Assembly) -> Iterator[Finding]:
    """Enforce code signing only on code that is signed."""
    for function in assembly.resources(_FUNCTION):
        config = assembly.follow(function.stack, function.at("CodeSigningConfigArn"))
        if config is None or config.at("CodeSigningPolicies.UntrustedArtifactOnDeployment") != "Enforce":
            continue
        bucket = assembly.render(function.stack, function.at("Code.S3Bucket") or "")
        if function.at("Code.ZipFile") is not None or (bucket.startswith("cdk-") and "-assets-" in bucket):
            yield Finding(function, "Properties.CodeSigningConfigArn", "Signing is enforced on an unsigned CDK asset")
