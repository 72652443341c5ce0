"""The project's own rules, by service; each is a function over a whole :class:`~secure_backend.analysis.Assembly`."""

from secure_backend.compliance.rules import (
    access_logs,
    alarms,
    api_gateway,
    cloudtrail,
    endpoints,
    functions,
    kms,
    load_balancer,
    logs,
    metric_filters,
    network,
    rds,
    rds_access,
    roles,
    s3,
    stacks,
    trail_selectors,
    waf,
)
from secure_backend.compliance.rules.rule import SILENT, Finding, Rule, rules_in

#: The modules of rules, in the order of ``docs/rules.md``.
MODULES = (
    cloudtrail,
    trail_selectors,
    alarms,
    metric_filters,
    kms,
    logs,
    network,
    endpoints,
    s3,
    access_logs,
    api_gateway,
    waf,
    load_balancer,
    rds,
    rds_access,
    functions,
    roles,
    stacks,
)

#: Every rule of the pack.
RULES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in rules_in(module))

__all__ = ["MODULES", "RULES", "SILENT", "Finding", "Rule"]
