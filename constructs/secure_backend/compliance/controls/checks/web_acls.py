"""Web ACLs."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.analysis.template import is_set, is_true, list_of, object_of
from secure_backend.compliance.controls.check import Judgement, control, judge, surely_attached

_ACL = "AWS::WAFv2::WebACL"


@control("WAF.10")
def not_empty(assembly: Assembly) -> Iterator[Judgement]:
    """Have a rule in a web ACL."""
    for acl in assembly.resources(_ACL):
        yield judge(acl, met=any(map(is_set, list_of(acl.at("Rules")))), problem="it has no rule")


@control("WAF.11")
def logged(assembly: Assembly) -> Iterator[Judgement]:
    """Have a log of a web ACL."""
    for acl in assembly.resources(_ACL):
        met = bool(surely_attached(assembly, "AWS::WAFv2::LoggingConfiguration", "ResourceArn", acl))
        yield judge(acl, met=met, problem="it has no log")


@control("WAF.12")
def measured(assembly: Assembly) -> Iterator[Judgement]:
    """Measure each rule of a web ACL or rule group, and the whole."""
    for acl in assembly.resources(_ACL, "AWS::WAFv2::RuleGroup"):
        rules = [object_of(each) for each in list_of(acl.at("Rules"))]
        plain = [
            str(each.get("Name", "the whole"))
            for each in [*rules, acl.properties]
            if not is_true(object_of(each.get("VisibilityConfig")).get("CloudWatchMetricsEnabled"))
        ]
        yield judge(acl, met=not plain, problem=f"without a metric: {', '.join(plain)}")
