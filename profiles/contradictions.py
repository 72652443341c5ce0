"""What no single key can show: two keys that contradict each other, and production's rules."""

from profiles.load_balancer import load_balancer_contradictions
from profiles.settings import Settings


def contradictions(settings: Settings) -> list[str]:
    """Return what single keys cannot show: two keys that contradict each other, or production's rules."""
    problems: list[str] = []

    def check(holds: bool, key: str, got: object, expected: str, fix: str) -> None:
        if not holds:
            problems.append(f"{key}: got {got!r}; expected {expected}; {fix}")

    region, zones, database, audit = settings.region, settings.zones, settings.database, settings.audit
    if region and zones:
        outside = [zone for zone in zones if not zone.startswith(region)]
        check(not outside, "zones", outside, f"zones of {region}", "name zones of the profile's own region")
        check(len(zones) >= 2, "zones", list(zones), "two zones or more", "a database needs subnets in two zones")
    network = settings.network
    if network.nat_gateways is not None:
        check(
            network.egress == "nat",
            "network.nat_gateways",
            network.nat_gateways,
            'no number without egress = "nat"',
            "leave it out",
        )
        check(
            network.nat_gateways <= len(zones) or not zones,
            "network.nat_gateways",
            network.nat_gateways,
            f"at most one a zone, {len(zones)}",
            "leave it out for one a zone",
        )
    if database.max_storage_gib is not None:
        check(
            database.max_storage_gib * 10 >= database.storage_gib * 11,
            "database.max_storage_gib",
            database.max_storage_gib,
            f"110 % of storage_gib or more, {-(-database.storage_gib * 11 // 10)}",
            "raise it, or leave it out",
        )
    restored = database.restore_snapshot is not None or database.restore_resource_id is not None
    check(
        not restored or database.generation > 1,
        "database.generation",
        database.generation,
        "2 or more with a restore",
        "a restore makes a new instance beside the old one: raise it by one",
    )
    check(
        database.restore_snapshot is None or database.restore_resource_id is None,
        "database.restore_resource_id",
        database.restore_resource_id,
        "either a snapshot or another instance",
        "leave one of the two out",
    )
    check(
        not database.proxy or database.port == 5432,
        "database.port",
        database.port,
        "5432 with proxy = true: RDS Proxy listens on no other, and the data tier's network ACL lets in one port",
        "write port = 5432",
    )
    check(
        database.restore_time is None or database.restore_resource_id is not None,
        "database.restore_time",
        str(database.restore_time),
        "nothing without restore_resource_id",
        "name the instance, or leave the time out",
    )
    check(
        audit.lock_mode == "governance" or audit.confirm_compliance,
        "audit.confirm_compliance",
        False,
        'true with lock_mode = "compliance"',
        "compliance cannot be undone before its days have passed, not even by root",
    )
    check(
        audit.existing_trail or audit.existing_log_group is None,
        "audit.existing_log_group",
        audit.existing_log_group,
        "nothing without existing_trail = true",
        "leave it out",
    )
    if settings.api.issuer == "cognito":
        check(
            not any(word in settings.name for word in ("aws", "amazon", "cognito")),
            "name",
            settings.name,
            "a name without aws, amazon or cognito: it begins the token endpoint's, and Cognito refuses these words",
            "choose another, or name a token issuer of your own",
        )
    plan = settings.api.usage_plan
    if plan is not None:
        check(
            plan.rate <= settings.api.rate,
            "api.usage_plan.rate",
            plan.rate,
            f"at most api.rate, {settings.api.rate}",
            "no key gets more than all callers together: lower it, or raise api.rate",
        )
        check(
            plan.burst <= settings.api.burst,
            "api.usage_plan.burst",
            plan.burst,
            f"at most api.burst, {settings.api.burst}",
            "no key gets more than all callers together: lower it, or raise api.burst",
        )
    problems += load_balancer_contradictions(settings)
    boundary = settings.access.permissions_boundary or ""
    if boundary.startswith("arn:") and settings.account:
        check(
            boundary.split(":")[4] in (settings.account, "aws"),
            "access.permissions_boundary",
            boundary,
            f"a policy of {settings.account}, or of AWS",
            "a role takes a boundary of its own account only: write the policy's name",
        )
    domain = settings.api.domain
    if domain is not None:
        check(
            f".{domain.name}".endswith(f".{domain.hosted_zone_name}"),
            "api.domain.name",
            domain.name,
            f"a name of the zone {domain.hosted_zone_name}",
            "Route 53 takes no other into it: name the zone that holds the name",
        )
    if domain is not None and domain.certificate_arn is not None and settings.account:
        check(
            domain.certificate_arn.split(":")[4] == settings.account,
            "api.domain.certificate_arn",
            domain.certificate_arn,
            f"a certificate of {settings.account}",
            "ACM's certificates are of use in their own account only: leave it out for a new one",
        )
    if domain is not None and domain.certificate_arn is not None and region:
        check(
            domain.certificate_arn.split(":")[3] == region,
            "api.domain.certificate_arn",
            domain.certificate_arn,
            f"a certificate of {region}",
            "a regional API or a load balancer takes a certificate of its own region only",
        )
    operators = settings.access.operators
    if operators is not None:
        begins, ends = operators.valid_from, operators.valid_until
        check(
            (begins is None) is (ends is None),
            "access.operators.valid_until" if ends is None else "access.operators.valid_from",
            None,
            "both ends of the time, or neither",
            "name the other end too, or leave both out",
        )
        check(
            begins is None or ends is None or begins < ends,
            "access.operators.valid_until",
            str(ends),
            "a moment after valid_from",
            "exchange the two",
        )
    if settings.production:
        check(
            settings.logs.retention_days >= 365,
            "logs.retention_days",
            settings.logs.retention_days,
            "365 or more in production",
            "leave it out for 365",
        )
        check(database.multi_az, "database.multi_az", False, "true in production", "leave it out for true")
        check(
            database.deletion_protection,
            "database.deletion_protection",
            False,
            "true in production",
            "leave it out for true",
        )
        check(database.backup_plan, "database.backup_plan", False, "true in production", "leave it out for true")
        check(
            database.backup_retention_days >= 7,
            "database.backup_retention_days",
            database.backup_retention_days,
            "7 or more in production",
            "leave it out for 7",
        )
        check(settings.api.web_acl.enabled, "api.web_acl.enabled", False, "true in production", "leave it out for true")
    return problems
