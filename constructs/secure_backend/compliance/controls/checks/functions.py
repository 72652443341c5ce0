"""Functions."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, alternatives, is_conditional, is_set, list_of
from secure_backend.compliance.controls.check import Judgement, control, judge

_FUNCTION = "AWS::Lambda::Function"
#: The runtimes of Lambda.2, as of August 2026.
RUNTIMES = (
    *("dotnet10", "dotnet8", "java25", "java21", "java17", "java11", "java8.al2"),
    *("java17.al2023", "java11.al2023", "java8.al2023", "nodejs24.x", "nodejs22.x"),
    *("python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "ruby4.0", "ruby3.4", "ruby3.3"),
)


@control("Lambda.1")
def not_public(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody call a function but named principals, and services on behalf of a named source."""
    for function in assembly.resources(_FUNCTION):
        bad = [
            permission.logical_id
            for permission in assembly.resources("AWS::Lambda::Permission")
            if _function_of(assembly, permission) in (function, None) and not _narrow(assembly, permission)
        ]
        yield judge(function, met=not bad, problem=f"anybody may call it by {', '.join(bad)}")


@control("Lambda.2")
def runtime_supported(assembly: Assembly) -> Iterator[Judgement]:
    """Use a supported runtime; images have none."""
    for function in assembly.resources(_FUNCTION):
        if function.at("PackageType") == "Image":
            continue
        runtime = assembly.render(function.stack, function.at("Runtime"))
        yield judge(function, met=runtime in RUNTIMES, problem=f"Runtime is {runtime}")


@control("Lambda.5")
def in_two_zones(assembly: Assembly) -> Iterator[Judgement]:
    """Put a function in a VPC into two zones or more."""
    for function in assembly.resources(_FUNCTION):
        subnets = [assembly.follow(function.stack, each) for each in list_of(function.at("VpcConfig.SubnetIds"))]
        if subnets:
            zones = {assembly.render(each.stack, each.at("AvailabilityZone")) for each in subnets if each is not None}
            yield judge(function, met=len(zones) >= 2, problem=f"it stands in {', '.join(zones) or 'unknown zones'}")


@control("Lambda.7")
def traced(assembly: Assembly) -> Iterator[Judgement]:
    """Trace calls by X-Ray; CDK's own custom resources have no such option."""
    for function in assembly.resources(_FUNCTION):
        if "CustomResourceProvider" in function.logical_id and function.at("Handler") == "__entrypoint__.handler":
            yield Judgement(subject=function, exempt="CDK's own custom resource, called at deployments only")
            continue
        mode = function.at("TracingConfig.Mode")
        yield judge(function, met=mode == "Active", problem=f"TracingConfig.Mode is {mode}")


def _function_of(assembly: Assembly, permission: Resource) -> Resource | None:
    """Return the function that a permission is about, also by an alias, a version or its name; None when unknown."""
    found = assembly.follow(permission.stack, permission.at("FunctionName"))
    if found is not None and found.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        found = assembly.follow(found.stack, found.at("FunctionName"))
    if found is None:
        name = assembly.render(permission.stack, permission.at("FunctionName"))
        named = [each for each in assembly.resources(_FUNCTION) if each.at("FunctionName") in name.split(":")]
        found = named[0] if len(named) == 1 else None
    return found


def _narrow(assembly: Assembly, permission: Resource) -> bool:
    principal = permission.at("Principal")
    if permission.at("FunctionUrlAuthType") not in (None, "AWS_IAM") or principal is None:
        return False
    if not isinstance(principal, str):
        caller = None if is_conditional(principal) else assembly.follow(permission.stack, principal)
        if caller is not None and caller.type in ("AWS::IAM::Role", "AWS::IAM::User"):
            return True
        principal = assembly.render(permission.stack, principal)
    named = any(_names_one(permission.at(name)) for name in ("SourceArn", "SourceAccount", "PrincipalOrgID"))
    if principal == "*" or "${" in principal or principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return named and (principal != "s3.amazonaws.com" or is_set(permission.at("SourceAccount")))
    return True


def _names_one(value: Value) -> bool:
    return is_set(value) and all(each != "*" for each in alternatives(value))
