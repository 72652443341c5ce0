"""A profile is read whole, and every mistake in it is told with its file, its key and its fix."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from profiles.reading import ProfileError, load
from profiles.settings import Settings
from tests.conftest import ROOT

SAMPLE = (ROOT / "tests/profiles/prod.toml").read_text()

Refusal = Callable[[str], str]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """Load a profile that is refused, and return the message."""

    def refuse(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        with pytest.raises(ProfileError) as error:
            load(str(path))
        return str(error.value)

    return refuse


def with_key(section: str, line: str) -> str:
    """Return the sample with one line more, or another value, in a table."""
    key = line.partition("=")[0].strip()
    kept = [row for row in SAMPLE.splitlines() if section or row.partition("=")[0].strip() != key]
    if not section:
        return "\n".join([line, *kept])
    table = f"[{section}]"
    if table not in kept:
        return "\n".join([*kept, table, line])
    at = kept.index(table) + 1
    end = next((i for i in range(at, len(kept)) if kept[i].startswith("[")), len(kept))
    inside = [row for row in kept[at:end] if row.partition("=")[0].strip() != key]
    return "\n".join([*kept[:at], line, *inside, *kept[end:]])


def test_dev_needs_no_account_and_has_region_and_zones() -> None:
    settings = load("dev")
    assert (settings.account, settings.region, len(settings.zones)) == ("", "eu-central-1", 2)


def test_a_profile_is_chosen_by_the_path_of_a_toml_file() -> None:
    assert load(str(ROOT / "tests/profiles/prod.toml")).account == "123456789012"


def test_prod_lists_every_key_that_is_missing_at_once() -> None:
    with pytest.raises(ProfileError) as error:
        load("prod")
    for key in ("account", "region", "zones", "api.issuer", "alarms.email"):
        assert f"prod.toml: {key}: missing; " in str(error.value)


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProfileError, match="'pord': unknown, did you mean 'prod'\\?; use one of dev, local, prod"):
        load("pord")


def test_a_missing_file_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ProfileError, match="no such file; give the path of a TOML file, or a name: dev, local, prod"):
        load("nowhere/mine.toml")


def test_settings_are_frozen() -> None:
    settings = load("dev")
    with pytest.raises(ValueError, match="frozen"):
        settings.database.port = 5432  # type: ignore[misc]  # what the test is about


def test_text_that_is_not_toml_is_refused_with_the_line(refusal: Refusal) -> None:
    assert "not TOML" in refusal("name = ")


def test_every_problem_of_a_file_is_told_at_once(refusal: Refusal) -> None:
    message = refusal(with_key("database", "port = 80\nmulti_azz = true") + "\n[logs]\nretention_days = 8\n")
    assert "3 problems" in message
    assert "mine.toml: database.port: got 80; expected 1150 to 65535; leave it out for 5433" in message
    assert "database.multi_azz: unknown key, did you mean 'multi_az'?" in message
    assert "logs.retention_days: got 8; expected 1, 3, 5," in message


@pytest.mark.parametrize(
    ("section", "line", "told"),
    [
        ("", 'acount = "123456789012"', "acount: unknown key, did you mean 'account'?"),
        ("", "account = 123456789012", "account: got 123456789012; expected text in quotes"),
        ("", 'account = "12345"', "account: got '12345'; expected text that matches ^[0-9]{12}$"),
        ("", 'production = "false"', "production: got 'false'; expected true or false, without quotes"),
        ("", 'name = "Prod_1"', "name: got 'Prod_1'; expected text that matches"),
        ("", 'region = "europe"', "region: got 'europe'; expected text that matches"),
        ("", 'zones = ["eu-central-1a"]', "zones: got ['eu-central-1a']; expected two zones or more"),
        ("", 'zones = ["eu-central-1a", "us-east-1a"]', "expected zones of eu-central-1"),
        ("", 'zones = ["eu-central-1a", "eu-central-1a"]', "expected different zones"),
        ("", 'zones = ["dummy1a", "dummy1b"]', "expected the names of real zones"),
        ("network", 'cidr = "10.0.0.1/16"', "without host bits"),
        ("network", 'cidr = "8.8.0.0/16"', "expected a private range"),
        ("network", 'cidr = "10.0.0.0/8"', "expected a range from /16 to /24"),
        ("network", 'cidr = "10.0.0.0/25"', "expected a range from /16 to /24"),
        ("network", 'egress = "all"', "expected 'none', 'nat' or 'regional-nat'"),
        ("network", "nat_gateways = 1", "network.nat_gateways: got 1; expected no number without egress"),
        ("network", 'egress = "nat"\nnat_gateways = 3', "network.nat_gateways: got 3; expected at most one a zone, 2"),
        ("network", 's3_prefix_list = "vpce-1"', "ask `aws ec2 describe-managed-prefix-lists"),
        ("network", 'organization_id = "acme"', "copy it from AWS Organizations"),
        ("logs", "retention_days = 100", "logs.retention_days: got 100; expected 1, 3, 5,"),
        ("logs", "retention_days = 30", "logs.retention_days: got 30; expected 365 or more in production"),
        ("access", 'permissions_boundary = "a policy"', "name a managed policy of the account, or write its ARN"),
        ("access", 'permissions_boundary = "arn:aws:iam::1:policy/a"', "access.permissions_boundary: got 'arn:aws:iam"),
        ("access", 'permissions_boundary = "arn:aws:iam::123456789012:role/a"', "name a managed policy of the account"),
        ("access", 'permissions_boundary = ""', "access.permissions_boundary: got ''; expected text that matches"),
        (
            "access",
            'permissions_boundary = "arn:aws:iam::210987654321:policy/a"',
            "expected a policy of 123456789012, or of AWS; a role takes a boundary of its own account only",
        ),
        ("alarms", 'email = "security"', "alarms.email: got 'security'; expected text that matches"),
        ("documents", "old_versions_days = 0", "documents.old_versions_days: got 0"),
        ("documents", "object_lock_days = 0", "documents.object_lock_days: got 0"),
        ("database", 'password = "x"', "database.password: unknown key"),
        ("database", "backup_retention_days = 0", "database.backup_retention_days: got 0"),
        ("database", "backup_retention_days = 36", "database.backup_retention_days: got 36"),
        ("database", "backup_retention_days = 1", "expected 7 or more in production"),
        ("database", "monitoring_seconds = 7", "database.monitoring_seconds: got 7; expected 1, 5, 10, 15, 30 or 60"),
        ("database", "multi_az = false", "database.multi_az: got False; expected true in production"),
        ("database", "deletion_protection = false", "database.deletion_protection: got False; expected true in prod"),
        ("database", "backup_plan = false", "database.backup_plan: got False; expected true in production"),
        ("database", "max_storage_gib = 105", "expected 110 % of storage_gib or more, 110; raise it, or leave it out"),
        ("database", "port = 70000", "database.port: got 70000; expected 1150 to 65535; leave it out for 5433"),
        ("database", 'instance_class = "db.t4g.medium"', "write it without db., as t4g.medium"),
        ("database", 'restore_snapshot = "before"', "database.generation: got 1; expected 2 or more"),
        ("database", 'restore_resource_id = "db-ABCDEFGHIJKL"', "database.generation: got 1; expected 2 or more"),
        (
            "database",
            "generation = 2\nrestore_time = 2026-11-25T12:00:00Z",
            "expected nothing without restore_resource",
        ),
        ("database", "restore_time = 2026-11-25T12:00:00", "a moment with its zone"),
        (
            "database",
            'generation = 2\nrestore_snapshot = "a"\nrestore_resource_id = "db-ABCDEFGHIJKL"',
            "expected either a snapshot or another instance",
        ),
        ("database", "proxy = true", "database.port: got 5433; expected 5432 with proxy = true"),
        # The migrator signs in by IAM, which a master user with a password cannot.
        ("database", "managed_secret = true", "database.managed_secret: unknown key"),
        (
            "api",
            'issuer = "http://login.example.com"',
            "api.issuer: got 'http://login.example.com'; expected the https",
        ),
        ("api", 'issuer = "*"', "api.issuer: got '*'"),
        ("api", 'issuer = ""', "api.issuer: missing"),
        ("api", 'audience = "*"', "api.audience: got '*'"),
        ("api", "rate = 0", "api.rate: got 0"),
        ("api", "burst = 0", "api.burst: got 0"),
        ("api", "authorizer_cache_seconds = 3601", "api.authorizer_cache_seconds: got 3601"),
        ("api", 'source_networks = ["0.0.0.0/0"]', "expected a range that is not the whole internet"),
        ("api", "source_networks = []", "api.source_networks: got ()"),
        ("api.usage_plan", "rate = 201", "api.usage_plan.rate: got 201; expected at most api.rate, 200"),
        ("api.usage_plan", "burst = 401", "api.usage_plan.burst: got 401; expected at most api.burst, 400"),
        (
            "api.usage_plan",
            "quota_per_day = 0",
            "quota_per_day: got 0; expected 1 or more; such as 10000",
        ),
        ("api.web_acl", "enabled = false", "api.web_acl.enabled: got False; expected true in production"),
        ("api.web_acl", "requests_per_address = 9", "api.web_acl.requests_per_address: got 9"),
        (
            "api.domain",
            'name = "api.example.com"\nhosted_zone_id = "Z1"\nhosted_zone_name = "example.com"\n'
            'certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"',
            "expected a certificate of eu-central-1",
        ),
        (
            "api.domain",
            'name = "api.example.com"\nhosted_zone_id = "Z1"\nhosted_zone_name = "example.com"\n'
            'certificate_arn = "arn:aws:acm:eu-central-1:999988887777:'
            'certificate/12345678-1234-1234-1234-123456789012"',
            "expected a certificate of 123456789012; ACM's certificates are of use in their own account only",
        ),
        (
            "api.domain",
            'name = "api.myexample.com"\nhosted_zone_id = "Z1"\nhosted_zone_name = "example.com"',
            "api.domain.name: got 'api.myexample.com'; expected a name of the zone example.com; Route 53 takes no",
        ),
        ("api.domain", 'name = "api.example.com"', "api.domain.hosted_zone_id: missing"),
        ("audit", 'lock_mode = "compliance"', "audit.confirm_compliance: got False; expected true"),
        ("audit", "lock_days = 0", "audit.lock_days: got 0"),
        ("audit", 'existing_log_group = "trail"', "expected nothing without existing_trail = true"),
        ("access", 'mfa_groups = "developers"', "access.mfa_groups: got 'developers'; expected a list"),
        ("access", 'mfa_groups = ["a/developers"]', "name IAM groups that exist, without path"),
        ("access", 'mfa_groups = ["developers", "developers"]', "expected each name once"),
        ("access", f"mfa_groups = {[f'group-{n}' for n in range(11)]}", "access.mfa_groups: got ('group-0',"),
        ("access", 'mfa_group = ["developers"]', "access.mfa_group: unknown key, did you mean 'mfa_groups'?"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_its_fix(refusal: Refusal, section: str, line: str, told: str) -> None:
    assert told in refusal(with_key(section, line))


BALANCED = (ROOT / "tests/profiles/load-balancer.toml").read_text()


def test_the_sample_with_a_load_balancer_is_accepted() -> None:
    settings = load(str(ROOT / "tests/profiles/load-balancer.toml"))
    assert settings.api.load_balancer is not None


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("rate", "50", "api.rate: got 50; expected nothing with api.load_balancer"),
        ("burst", "100", "api.burst: got 100; expected nothing with api.load_balancer"),
        ("authorizer_cache_seconds", "300", "api.authorizer_cache_seconds: got 300; expected nothing with api.load_"),
        ("cors_origins", '["https://a.example.com"]', "expected nothing with api.load_balancer: browsers ask first"),
        ("account_logging_role", "true", "api.account_logging_role: got True; expected nothing with"),
        ("usage_plan", "{ rate = 1, burst = 1, quota_per_day = 1 }", "api.usage_plan: got UsagePlanSettings("),
    ],
)
def test_what_only_a_rest_api_knows_is_refused_with_a_load_balancer(
    refusal: Refusal, key: str, value: str, told: str
) -> None:
    message = refusal(BALANCED.replace("[api]\n", f"[api]\n{key} = {value}\n"))
    assert told in message
    assert "; leave it out" in message


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("public_subnets = true", "", "network.public_subnets: got False; expected true with an internet-facing"),
        ("internet_facing = true", "internet_facing = false", "network.egress: got 'none'; expected 'nat' or"),
        ("internet_facing = true", "", "api.load_balancer.internet_facing: missing; true for public addresses"),
        ("internet_facing = true", 'internet_facing = "yes"', "expected true or false, without quotes"),
        ("internet_facing = true", "internet_facing = true\ninternetfacing = true", "did you mean 'internet_facing'?"),
        ("internet_facing = true", 'internet_facing = true\nkey_networks = ["0.0.0.0/0"]', "not the whole internet"),
        ("internet_facing = true", 'internet_facing = true\naudience_format = "list"', "'single-string' or 'string-"),
        (
            'issuer = "https://127.0.0.1:4567"\n\n[api.load_balancer]',
            'issuer = "cognito"\n\n[api.load_balancer]\naudience_format = "string-array"',
            "api.load_balancer.audience_format: got 'string-array'; expected nothing with a user pool",
        ),
        ("[api.load_balancer]", "[api.load_balancers]", "unknown key, did you mean 'load_balancer'?"),
        ('name = "documents.example.com"', 'name = "*.example.com"', "api.domain.name: got '*.example.com'"),
    ],
)
def test_what_a_load_balancer_needs_is_told(refusal: Refusal, old: str, new: str, told: str) -> None:
    assert old in BALANCED
    assert told in refusal(BALANCED.replace(old, new))


def test_a_load_balancer_needs_a_name(refusal: Refusal) -> None:
    head, _, rest = BALANCED.partition("[api.domain]")
    without = head + rest[rest.index("[") :]
    assert "api.domain: missing; a load balancer answers to the name in its certificate alone" in refusal(without)


def test_production_keeps_its_load_balancer_protected(refusal: Refusal) -> None:
    changed = BALANCED.replace("internet_facing = true", "internet_facing = true\ndeletion_protection = false")
    told = "api.load_balancer.deletion_protection: got False; expected true in production"
    assert told in refusal(f"production = true\n{changed}")


def test_the_sample_itself_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(with_key("database", "port = 6000"))
    assert load(str(path)).database.port == 6000


def test_every_key_says_what_to_do_when_it_is_wrong() -> None:
    sections: list[type[BaseModel]] = [Settings]
    silent = []
    while sections:
        section = sections.pop()
        for name, field in section.model_fields.items():
            inner = [kind for kind in [field.annotation, *getattr(field.annotation, "__args__", ())] if kind]
            nested = [kind for kind in inner if isinstance(kind, type) and hasattr(kind, "model_fields")]
            sections += nested
            if not nested and not field.description:
                silent.append(f"{section.__name__}.{name}")
    assert silent == []


def test_a_name_that_cognito_refuses_in_its_addresses_is_refused_before_the_deployment(refusal: Refusal) -> None:
    dev = (ROOT / "profiles/dev.toml").read_text()
    assert "name: got 'aws-documents'; expected a name without aws, amazon or cognito" in refusal(
        dev.replace('name = "secure-backend-dev"', 'name = "aws-documents"')
    )


@given(st.integers())
def test_a_port_is_accepted_exactly_from_1150_to_65535(port: int) -> None:
    accepted = True
    try:
        Settings.model_validate(
            {"name": "a", "region": "eu-central-1", "zones": ("eu-central-1a",), "database": {"port": port}}
        )
    except ValueError:
        accepted = False
    assert accepted == (1150 <= port <= 65535)


@given(st.text(max_size=20))
def test_no_text_but_12_digits_is_an_account(account: str) -> None:
    accepted = True
    try:
        Settings.model_validate({"name": "a", "region": "eu-central-1", "zones": (), "account": account})
    except ValueError:
        accepted = False
    assert accepted == (account == "" or (len(account) == 12 and account.isascii() and account.isdigit()))
