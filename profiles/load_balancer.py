"""What a load balancer needs of other keys, and which keys are the REST API's alone."""

from profiles.settings import Settings

_UNCOUNTED = "it does not count requests; api.web_acl.requests_per_address limits each address"
#: Keys that a REST API knows and a load balancer does not, with why or what there is instead.
REST_API_ONLY = {
    "rate": _UNCOUNTED,
    "burst": _UNCOUNTED,
    "authorizer_cache_seconds": "a load balancer looks at each token anew",
    "cors_origins": "browsers ask first without a token, and nothing passes without one",
    "usage_plan": "a load balancer has no API keys; the limits of documents hold for each caller",
    "account_logging_role": "the role is API Gateway's",
}


def load_balancer_contradictions(settings: Settings) -> list[str]:
    """Return what contradicts a load balancer, or lacks for one; nothing without one."""
    api, network = settings.api, settings.network
    if api.load_balancer is None:
        return []
    problems = [
        f"api.{key}: got {getattr(api, key)!r}; expected nothing with api.load_balancer: {why}; leave it out"
        for key, why in REST_API_ONLY.items()
        if key in api.model_fields_set
    ]
    if api.domain is None:
        problems.append(
            "api.domain: missing; a load balancer answers to the name in its certificate alone: name it, and its zone"
        )
    if api.load_balancer.internet_facing and not (network.public_subnets or network.egress == "nat"):
        problems.append(
            "network.public_subnets: got False; expected true with an internet-facing load balancer: it stands there; "
            "write public_subnets = true"
        )
    if not api.load_balancer.internet_facing and network.egress == "none":
        problems.append(
            "network.egress: got 'none'; expected 'nat' or 'regional-nat' with an internal load balancer: it fetches "
            "the issuer's keys; name one, or make the load balancer internet-facing and name api.source_networks"
        )
    if api.issuer == "cognito" and api.load_balancer.audience_format != "single-string":
        problems.append(
            f"api.load_balancer.audience_format: got {api.load_balancer.audience_format!r}; expected nothing with a "
            "user pool, whose tokens name one client; leave it out"
        )
    if settings.production and not api.load_balancer.deletion_protection:
        problems.append(
            "api.load_balancer.deletion_protection: got False; expected true in production; leave it out for true"
        )
    return problems
