"""Which requests go to which targets, and that none goes past the token's validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
import jsii
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct, IValidation

from secure_backend.load_balancer.jwt_validation import JwtValidation
from secure_backend.validation import Validation

# What Elastic Load Balancing takes in one rule, and of target groups behind one load balancer; none can be raised.
_MOST_VALUES, _MOST_WILDCARDS = 5, 6
_MOST_GROUPS = 100
_PATH = r"/[A-Za-z0-9_.$/~\"'@:+&*?-]{0,127}"
_HOST = r"(?=.{1,128}$)[a-z0-9*?-]+(\.[a-z0-9*?-]+)+"


@dataclass(frozen=True, kw_only=True)
class Route:
    """The requests of one rule.

    :param paths: patterns of paths; ``*`` stands for any characters, slashes too.
    :param host_names: the names that requests must be sent to; any when empty.
    :param priority: the lowest number is asked first.
    """

    paths: Sequence[str]
    host_names: Sequence[str]
    priority: int

    def check(self, check: Validation, method: str, taken: Sequence[int]) -> None:
        """Record what is wrong with the values.

        :param taken: the priorities of the rules that there are.
        """
        if check.whole_number(
            f"{method}.priority", self.priority, 1, 50_000, "pass the order in which rules are asked"
        ):
            check.check(
                self.priority not in taken,
                f"{method}.priority",
                self.priority,
                f"a number that no other rule has: not {sorted(taken)}",
                "pass another one",
            )
        check.check(
            len(taken) < _MOST_GROUPS,
            method,
            f"{len(taken) + 1} target groups",
            f"at most {_MOST_GROUPS} behind one load balancer",
            "make a second load balancer",
        )
        values = wildcards = 0
        for name, given, pattern, expected, do in (
            ("paths", self.paths, _PATH, "a pattern that begins with /", 'pass for example ["/documents*"]'),
            (
                "host_names",
                self.host_names,
                _HOST,
                "a lowercase host name with a dot",
                "pass the certificate's names, or none",
            ),
        ):
            if isinstance(given, str) or not isinstance(given, Sequence) or (name == "paths" and not given):
                check.refuse(f"{method}.{name}", given, "a list of patterns", do)
                continue
            values += len(given)
            for value in given:
                if check.text(f"{method}.{name}", value, pattern, expected, do):
                    wildcards += sum(map(value.count, "*?"))
        check.check(
            values <= _MOST_VALUES,
            f"{method}.paths",
            f"{values} paths and host names",
            f"at most {_MOST_VALUES} in one rule",
            "use a wider pattern, or add the rest as a rule of its own",
        )
        check.check(
            wildcards <= _MOST_WILDCARDS,
            f"{method}.paths",
            f"{wildcards} wildcards in paths and host names",
            f"at most {_MOST_WILDCARDS} in one rule",
            "use a wider pattern, or add the rest as a rule of its own",
        )

    def conditions(self) -> list[elbv2.CfnListenerRule.RuleConditionProperty]:
        """Return the rule's conditions."""
        paths = elbv2.CfnListenerRule.PathPatternConfigProperty(values=list(self.paths))
        hosts = elbv2.CfnListenerRule.HostHeaderConfigProperty(values=list(self.host_names))
        conditions = [elbv2.CfnListenerRule.RuleConditionProperty(field="path-pattern", path_pattern_config=paths)]
        if self.host_names:
            conditions.append(
                elbv2.CfnListenerRule.RuleConditionProperty(field="host-header", host_header_config=hosts)
            )
        return conditions


def add_rule(
    scope: Construct,
    id: str,  # noqa: A002 - the CDK's own word
    *,
    listener: elbv2.ApplicationListener,
    route: Route,
    jwt: JwtValidation | None,
    target_group_arn: str,
) -> elbv2.CfnListenerRule:
    """Forward the route's requests to a target group, those with a valid token only when there is an issuer."""
    actions = [] if jwt is None else [jwt.action(1)]
    forward = elbv2.CfnListenerRule.ActionProperty(
        type="forward", order=len(actions) + 1, target_group_arn=target_group_arn
    )
    return elbv2.CfnListenerRule(
        scope,
        id,
        listener_arn=listener.listener_arn,
        priority=route.priority,
        conditions=route.conditions(),
        actions=[*actions, forward],
    )


@jsii.implements(IValidation)
class GuardedRules:
    """Refuses, at synthesis, what would forward requests past the load balancer's own rules."""

    def __init__(self, load_balancer: elbv2.ApplicationLoadBalancer, jwt: JwtValidation | None) -> None:
        self._load_balancer = load_balancer
        self._jwt = jwt

    def validate(self) -> list[str]:
        """Return a problem for each default action that forwards, and each rule that forwards without validation.

        Listeners and rules of the whole app are looked at: one may stand in any scope that knows the ARN. What
        ``add_property_override`` writes is not seen.
        """
        everything = self._load_balancer.node.root.node.find_all()
        arn = self._load_balancer.load_balancer_arn
        listeners = {
            each.ref for each in everything if isinstance(each, elbv2.CfnListener) and each.load_balancer_arn == arn
        }
        problems = []
        for construct in everything:
            if isinstance(construct, elbv2.CfnListener) and construct.ref in listeners:
                types = list(_types(cdk.Stack.of(construct).resolve(construct.default_actions)))
                allowed = not {"forward"} & set(types)
                expected = "a fixed response or a redirect for what no rule names"
            elif (
                isinstance(construct, elbv2.CfnListenerRule)
                and construct.listener_arn in listeners
                and self._jwt is not None
            ):
                types = list(_types(cdk.Stack.of(construct).resolve(construct.actions)))
                allowed = "forward" not in types or types[0] == "jwt-validation"
                expected = "jwt-validation before forward"
            else:
                continue
            if not allowed:
                problems.append(
                    f"HardenedLoadBalancer.https_listener: got {', '.join(types)} at {construct.node.path}; expected "
                    f"{expected}; add targets by add_https_targets or add_function"
                )
        return problems


def _types(actions: object) -> Iterator[str]:
    """Yield the actions' types in the order in which they are performed."""
    if isinstance(actions, list):
        for action in sorted(actions, key=lambda each: each.get("order", 0)):
            yield str(action.get("type"))
