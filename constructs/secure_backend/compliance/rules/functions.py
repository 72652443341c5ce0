"""Lambda functions that cannot be deployed, or cannot start."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import list_of, number_of
from secure_backend.analysis.text import certain
from secure_backend.compliance.rules.rule import Finding, rule

_FUNCTION = "AWS::Lambda::Function"
#: The machine of an ELF file's header, as Lambda names it.
_MACHINES = {62: "x86_64", 183: "arm64"}
#: As much of an ELF file as tells its machine.
_HEADER = 20


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


@rule(
    aws="Runtime.ImportModuleError: invalid ELF header, or: cannot open shared object file (at the first invocation)",
    reason="The packages were installed for the machine that built them, and the function runs on another.",
    fix="install them for the function's architecture (pip install --platform manylinux2014_aarch64 "
    "--only-binary=:all:), or set Architectures to theirs",
    source="aws-cdk#15731, #19648",
)
def function_of_another_architecture(assembly: Assembly) -> Iterator[Finding]:
    """Package native libraries for the architecture that the function runs on."""
    for function in assembly.resources(_FUNCTION):
        names = list_of(function.at("Architectures") or "x86_64")
        asset = _asset(assembly, function)
        if asset is None or len(names) != 1 or names[0] not in _MACHINES.values():
            continue
        for library, header in sorted(_libraries(asset)):
            machine = _machine(header)
            if machine is not None and machine != names[0]:
                problem = f"{library} is built for {machine}, the function for {names[0]}"
                yield Finding(function, "Properties.Architectures", problem)
                break


def _asset(assembly: Assembly, function: Resource) -> Path | None:
    """Return a function's code beside the template, a folder or an archive, if it is an asset."""
    key = assembly.render(function.stack, function.at("Code.S3Key") or "")
    if function.stack.file is None or not certain(key) or not key.endswith(".zip"):
        return None
    archive = function.stack.file.parent / f"asset.{key.rpartition('/')[2]}"
    return next((path for path in (archive, archive.with_suffix("")) if path.exists()), None)


def _libraries(asset: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the first bytes of each shared library in a function's code."""
    if asset.is_dir():
        for path in asset.rglob("*.so*"):
            with path.open("rb") as file:
                yield path.relative_to(asset).as_posix(), file.read(_HEADER)
    if not zipfile.is_zipfile(asset):
        return
    with zipfile.ZipFile(asset) as archive:
        for name in archive.namelist():
            if ".so" in name.rpartition("/")[2]:
                with archive.open(name) as entry:
                    yield name, entry.read(_HEADER)


def _machine(header: bytes) -> str | None:
    return _MACHINES.get(int.from_bytes(header[18:20], "little")) if header.startswith(b"\x7fELF") else None
