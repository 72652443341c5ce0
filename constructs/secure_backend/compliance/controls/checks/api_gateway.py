"""REST APIs, their stages and their names."""

from collections.abc import Iterator, Mapping

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, alternatives, is_conditional, is_false, is_true, object_of
from secure_backend.compliance.controls.check import Judgement, control, judge

_STAGE = "AWS::ApiGateway::Stage"
#: The policies that APIGateway.11 recommends.
_POLICIES = (
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
)


@control("APIGateway.1")
def execution_logged(assembly: Assembly) -> Iterator[Judgement]:
    """Log every method's errors, at least."""
    for stage in assembly.resources(_STAGE):
        levels = {_path(each): each.get("LoggingLevel") for each in _settings(stage)}
        met = "/* *" in levels and all(level in ("ERROR", "INFO") for level in levels.values())
        yield judge(stage, met=met, problem=f"LoggingLevel is {levels or 'not set'}")


@control("APIGateway.2")
def client_certificate(assembly: Assembly) -> Iterator[Judgement]:
    """Show backends a certificate; a function is called by IAM, and there is nobody to show it to."""
    for stage in assembly.resources(_STAGE):
        api = assembly.follow(stage.stack, stage.at("RestApiId"))
        methods = [] if api is None else assembly.attached("AWS::ApiGateway::Method", "RestApiId", api)
        kinds = {str(object_of(method.at("Integration")).get("Type")) for method in methods}
        # An OpenAPI document makes methods that no template shows.
        known = api is not None and api.at("Body") is None and api.at("BodyS3Location") is None
        if known and kinds <= {"AWS", "AWS_PROXY", "MOCK"}:
            yield Judgement(subject=stage, exempt="its methods call functions, by IAM and without TLS of their own")
        else:
            met = stage.at("ClientCertificateId") is not None
            yield judge(stage, met=met, problem="ClientCertificateId is missing before a backend that speaks HTTP")


@control("APIGateway.3")
def traced(assembly: Assembly) -> Iterator[Judgement]:
    """Trace requests by X-Ray."""
    for stage in assembly.resources(_STAGE):
        yield judge(stage, met=is_true(stage.at("TracingEnabled")), problem="TracingEnabled is not true")


@control("APIGateway.4")
def behind_a_web_acl(assembly: Assembly) -> Iterator[Judgement]:
    """Have a web ACL before the stage."""
    for stage in assembly.resources(_STAGE):
        found = any(
            reference.resource is stage
            for association in assembly.resources("AWS::WAFv2::WebACLAssociation")
            if association.condition in (None, stage.condition) and not is_conditional(association.at("ResourceArn"))
            for reference in assembly.references(association.stack, association.at("ResourceArn"))
        )
        yield judge(stage, met=found, problem="no web ACL is associated with it")


@control("APIGateway.5")
def caches_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt what a method caches."""
    for stage in assembly.resources(_STAGE):
        plain = [
            _path(each)
            for each in _settings(stage)
            if not is_false(each.get("CachingEnabled")) and not is_true(each.get("CacheDataEncrypted"))
        ]
        yield judge(stage, met=not plain, problem=f"cached without encryption: {', '.join(plain)}")


@control("APIGateway.11")
def names_with_todays_tls(assembly: Assembly) -> Iterator[Judgement]:
    """Give a name of its own one of the recommended security policies."""
    for name in assembly.resources("AWS::ApiGateway::DomainName"):
        policy = name.at("SecurityPolicy")
        yield judge(name, met=policy in _POLICIES, problem=f"SecurityPolicy is {policy}")


def _settings(stage: Resource) -> list[Mapping[str, Value]]:
    return [object_of(each) for each in alternatives(stage.at("MethodSettings"))]


def _path(setting: Mapping[str, Value]) -> str:
    return f"{setting.get('ResourcePath')} {setting.get('HttpMethod')}"
