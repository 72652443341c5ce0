"""The rules of :class:`~secure_backend.web_acl.WebAcl`: AWS's managed groups by name, and two of our own."""

import difflib
from collections.abc import Sequence

from aws_cdk import aws_wafv2 as wafv2

from secure_backend.validation import Validation

BODY_SIZES_KB = (8, 16, 32, 48, 64)

# In the order in which they are asked, the cheapest and surest first. The rules are those of the AWS WAF Developer
# Guide, "AWS Managed Rules rule groups list"; WAF itself accepts a misspelt name in silence.
MANAGED_GROUPS: dict[str, tuple[str, ...]] = {
    "AWSManagedRulesAmazonIpReputationList": (
        "AWSManagedIPReputationList",
        "AWSManagedReconnaissanceList",
        "AWSManagedIPDDoSList",
    ),
    "AWSManagedRulesCommonRuleSet": (
        "NoUserAgent_HEADER",
        "UserAgent_BadBots_HEADER",
        "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_Cookie_HEADER",
        "SizeRestrictions_BODY",
        "SizeRestrictions_URIPATH",
        "EC2MetaDataSSRF_BODY",
        "EC2MetaDataSSRF_COOKIE",
        "EC2MetaDataSSRF_URIPATH",
        "EC2MetaDataSSRF_QUERYARGUMENTS",
        "GenericLFI_QUERYARGUMENTS",
        "GenericLFI_URIPATH",
        "GenericLFI_BODY",
        "RestrictedExtensions_URIPATH",
        "RestrictedExtensions_QUERYARGUMENTS",
        "GenericRFI_QUERYARGUMENTS",
        "GenericRFI_BODY",
        "GenericRFI_URIPATH",
        "CrossSiteScripting_COOKIE",
        "CrossSiteScripting_QUERYARGUMENTS",
        "CrossSiteScripting_BODY",
        "CrossSiteScripting_URIPATH",
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": (
        "JavaDeserializationRCE_HEADER",
        "JavaDeserializationRCE_BODY",
        "JavaDeserializationRCE_URIPATH",
        "JavaDeserializationRCE_QUERYSTRING",
        "Host_localhost_HEADER",
        "PROPFIND_METHOD",
        "ExploitablePaths_URIPATH",
        "Log4JRCE_HEADER",
        "Log4JRCE_QUERYSTRING",
        "Log4JRCE_BODY",
        "Log4JRCE_URIPATH",
        "ReactJSRCE_BODY",
    ),
    "AWSManagedRulesSQLiRuleSet": (
        "SQLi_QUERYARGUMENTS",
        "SQLiExtendedPatterns_QUERYARGUMENTS",
        "SQLi_BODY",
        "SQLiExtendedPatterns_BODY",
        "SQLi_COOKIE",
        "SQLi_URIPATH",
    ),
}
_GROUP_OF = {rule: group for group, rules in MANAGED_GROUPS.items() for rule in rules}
_BODY_SIZE_RULE = "SizeRestrictions_BODY"


def check_counted_rules(check: Validation, count: object) -> None:
    """Record the names that are not rules of the managed groups."""
    if isinstance(count, str) or not isinstance(count, Sequence):
        check.refuse("count", count, "a list of rule names", 'pass for example ["CrossSiteScripting_BODY"]')
        return
    for name in count:
        group, _, rule = str(name).rpartition("/")
        if name in _GROUP_OF or (group in MANAGED_GROUPS and rule):
            continue
        near = difflib.get_close_matches(str(name), _GROUP_OF, n=1)
        check.refuse(
            "count",
            name,
            "a rule of " + ", ".join(MANAGED_GROUPS),
            f"did you mean {near[0]}?" if near else "write group/name for a rule newer than this library",
        )


def web_acl_rules(
    requests_per_address: int, count: Sequence[str], max_body_kb: int
) -> list[wafv2.CfnWebACL.RuleProperty]:
    """Return the rules in the order in which WAF asks them."""
    counted = {*count}
    block = wafv2.CfnWebACL.RuleActionProperty(block=wafv2.CfnWebACL.BlockActionProperty())
    own = [_flood_rule(requests_per_address)]
    if max_body_kb > BODY_SIZES_KB[0]:
        counted.add(_BODY_SIZE_RULE)
        own.append(_body_size_rule(max_body_kb))
    rules = [(name, statement, None) for name, statement in own]
    managed = [
        (group, _managed_statement(group, counted), wafv2.CfnWebACL.OverrideActionProperty(none={}))
        for group in MANAGED_GROUPS
    ]
    return [
        wafv2.CfnWebACL.RuleProperty(
            name=name,
            priority=priority,
            statement=statement,
            action=None if override else block,
            override_action=override,
            visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
                cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
            ),
        )
        for priority, (name, statement, override) in enumerate([*rules, *managed])
    ]


def _managed_statement(group: str, counted: set[str]) -> wafv2.CfnWebACL.StatementProperty:
    names = sorted(
        name.rpartition("/")[2] for name in counted if _GROUP_OF.get(name) == group or name.startswith(f"{group}/")
    )
    overrides = [
        wafv2.CfnWebACL.RuleActionOverrideProperty(
            name=name,
            action_to_use=wafv2.CfnWebACL.RuleActionProperty(count=wafv2.CfnWebACL.CountActionProperty()),
        )
        for name in names
    ]
    return wafv2.CfnWebACL.StatementProperty(
        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
            vendor_name="AWS", name=group, rule_action_overrides=overrides or None
        )
    )


def _flood_rule(requests_per_address: int) -> tuple[str, wafv2.CfnWebACL.StatementProperty]:
    return "RequestsPerAddress", wafv2.CfnWebACL.StatementProperty(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", evaluation_window_sec=300, limit=requests_per_address
        )
    )


def _body_size_rule(max_body_kb: int) -> tuple[str, wafv2.CfnWebACL.StatementProperty]:
    # MATCH: a body longer than what WAF is shown counts as too long, instead of being judged by its beginning.
    body = wafv2.CfnWebACL.FieldToMatchProperty(body=wafv2.CfnWebACL.BodyProperty(oversize_handling="MATCH"))
    return "BodySize", wafv2.CfnWebACL.StatementProperty(
        size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
            comparison_operator="GT",
            field_to_match=body,
            size=max_body_kb * 1024,
            text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
        )
    )
