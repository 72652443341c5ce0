"""Load balancers of the second generation; classic ones are not made here."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_conditional, is_set, list_of, object_of
from secure_backend.compliance.controls.check import Judgement, control, judge, surely_attached

_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"


@control("ELB.1")
def http_redirected(assembly: Assembly) -> Iterator[Judgement]:
    """Answer plain HTTP with a redirect to HTTPS."""
    for balancer in _application(assembly):
        bad = [
            listener.logical_id
            for listener in assembly.attached(_LISTENER, "LoadBalancerArn", balancer)
            if listener.at("Protocol") != "HTTPS"
            for answer in (
                listener,
                *assembly.attached("AWS::ElasticLoadBalancingV2::ListenerRule", "ListenerArn", listener),
            )
            if not _redirects(answer)
        ]
        yield judge(balancer, met=not bad, problem=f"HTTP is not redirected by {', '.join(bad)}")


@control("ELB.4")
def invalid_headers_dropped(assembly: Assembly) -> Iterator[Judgement]:
    """Drop headers that are not valid."""
    yield from _attribute(_application(assembly), "routing.http.drop_invalid_header_fields.enabled", "true")


@control("ELB.5")
def logged(assembly: Assembly) -> Iterator[Judgement]:
    """Log requests."""
    yield from _attribute(_application(assembly), "access_logs.s3.enabled", "true")


@control("ELB.6")
def protected(assembly: Assembly) -> Iterator[Judgement]:
    """Protect it against deletion."""
    yield from _attribute(assembly.resources(_BALANCER), "deletion_protection.enabled", "true")


@control("ELB.12")
def desync_mitigated(assembly: Assembly) -> Iterator[Judgement]:
    """Refuse ambiguous requests, or at least tell them apart."""
    yield from _attribute(_application(assembly), "routing.http.desync_mitigation_mode", "strictest", "defensive")


@control("ELB.13")
def in_two_zones(assembly: Assembly) -> Iterator[Judgement]:
    """Put it into two zones or more."""
    for balancer in assembly.resources(_BALANCER):
        subnets = list_of(balancer.at("Subnets")) or list_of(balancer.at("SubnetMappings"))
        certain = [each for each in subnets if is_set(each) and not is_conditional(each)]
        yield judge(balancer, met=len(certain) >= 2, problem=f"it surely stands in {len(certain)} subnet")


@control("ELB.16")
def behind_a_web_acl(assembly: Assembly) -> Iterator[Judgement]:
    """Have a web ACL before it."""
    for balancer in _application(assembly):
        met = bool(surely_attached(assembly, "AWS::WAFv2::WebACLAssociation", "ResourceArn", balancer))
        yield judge(balancer, met=met, problem="no web ACL is associated with it")


@control("ELB.17")
def todays_tls(assembly: Assembly) -> Iterator[Judgement]:
    """Give HTTPS a policy of TLS 1.3, and of 1.2 at the least."""
    for listener in assembly.resources(_LISTENER):
        if listener.at("Protocol") not in ("HTTP", "TCP", "UDP", "TCP_UDP", "GENEVE"):
            policy = str(listener.at("SslPolicy"))
            met = policy.startswith(("ELBSecurityPolicy-TLS13-1-2-Res", "ELBSecurityPolicy-TLS13-1-3"))
            yield judge(listener, met=met, problem=f"SslPolicy is {policy}")


@control("ELB.18")
def listeners_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Speak plain HTTP on no listener, not even to redirect."""
    for listener in assembly.resources(_LISTENER):
        protocol = listener.at("Protocol")
        yield judge(listener, met=protocol in ("HTTPS", "TLS"), problem=f"Protocol is {protocol}")


@control("ELB.21")
def health_checks_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Ask targets for their health by HTTPS; functions are called."""
    for group in _not_functions(assembly):
        protocol = group.at("HealthCheckProtocol")
        yield judge(group, met=protocol == "HTTPS", problem=f"HealthCheckProtocol is {protocol}")


@control("ELB.22")
def targets_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Speak to targets by TLS; functions are called."""
    for group in _not_functions(assembly):
        protocol = group.at("Protocol")
        yield judge(group, met=protocol in ("HTTPS", "TLS", "QUIC"), problem=f"Protocol is {protocol}")


def _application(assembly: Assembly) -> list[Resource]:
    """Return the application load balancers, and what may turn out to be one."""
    return [each for each in assembly.resources(_BALANCER) if each.at("Type") not in ("network", "gateway")]


def _attribute(balancers: list[Resource], key: str, *wanted: str) -> Iterator[Judgement]:
    for balancer in balancers:
        attributes = [object_of(each) for each in list_of(balancer.at("LoadBalancerAttributes"))]
        values = [str(each.get("Value")).lower() for each in attributes if each.get("Key") == key]
        met = bool(values) and values[-1] in wanted
        yield judge(balancer, met=met, problem=f"{key} is {values[-1] if values else 'not set'}")


def _redirects(answer: Resource) -> bool:
    """Tell whether a listener, or a rule of one, does nothing but redirect."""
    actions = [object_of(each) for each in list_of(answer.at("DefaultActions") or answer.at("Actions"))]
    return bool(actions) and all(
        each.get("Type") == "redirect" and object_of(each.get("RedirectConfig")).get("Protocol") == "HTTPS"
        for each in actions
    )


def _not_functions(assembly: Assembly) -> list[Resource]:
    return [each for each in assembly.resources(_TARGETS) if each.at("TargetType") != "lambda"]
