"""The operator's choices: every key of a profile with its bounds, its default and its fix.

A profile is read by :func:`profiles.reading.load`.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from profiles.values import (
    Audience,
    Email,
    GroupNames,
    Issuer,
    MonitoringSeconds,
    Network,
    PrivateNetwork,
    Region,
    RetentionDays,
    RoleOrUser,
    Zones,
)


class Section(BaseModel):
    """A table of the file: closed, strict, frozen. A field's description is the fix that its errors name."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class NetworkSettings(Section):
    """Addresses and ways in and out."""

    cidr: PrivateNetwork = Field("10.20.0.0/16", description="choose a range that no connected network uses")
    egress: Literal["none", "nat", "regional-nat"] = Field(
        "none", description='leave it out for "none": the application needs no way out'
    )
    nat_gateways: int | None = Field(None, ge=1, le=6, description="leave it out for one a zone")
    public_subnets: bool = Field(False, description="leave it out: nothing of the application is public but the API")
    flow_logs: Literal["log-group", "s3"] = Field("log-group", description='leave it out for "log-group"')
    interface_endpoints: tuple[str, ...] = Field((), description='name services such as "secretsmanager"')
    instance_connect: bool = Field(
        False, description="true makes the endpoint; the operators' host and its rule to the database are yours to add"
    )
    organization_id: str | None = Field(
        None, pattern=r"^o-[a-z0-9]{10,32}$", description="copy it from AWS Organizations, or leave it out"
    )
    s3_prefix_list: str | None = Field(
        None,
        pattern=r"^pl-[0-9a-f]{8,17}$",
        description="ask `aws ec2 describe-managed-prefix-lists --filters "
        "Name=prefix-list-name,Values=com.amazonaws.<region>.s3`",
    )


class LogSettings(Section):
    """How long logs are kept."""

    retention_days: RetentionDays = Field(365, description="choose 365 or more in production")


class AlarmSettings(Section):
    """Who is told."""

    email: Email | Literal[""] = Field("", description="name a mailbox that somebody reads")


class DocumentSettings(Section):
    """The bucket of documents."""

    old_versions_days: int = Field(90, ge=1, le=3650, description="leave it out for 90")
    object_lock_days: int | None = Field(None, ge=1, le=36500, description="leave it out for no lock")
    malware_protection: bool = Field(False, description="true has GuardDuty scan each upload")
    # What one caller may have and do; more is answered with 429.
    pending_per_caller: int = Field(100, ge=1, le=10_000, description="leave it out for 100")
    gib_per_caller: int = Field(10, ge=1, le=10_240, description="leave it out for 10")
    announced_per_minute: int = Field(60, ge=1, le=10_000, description="leave it out for 60")
    uploads_at_once: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="reserves so much of the account's Lambda concurrency for deciding about uploads, the others wait; "
        "leave it out in an account with the lowest quota, 10",
    )


class DatabaseSettings(Section):
    """The PostgreSQL instance."""

    instance_class: str = Field(
        "t4g.medium",
        pattern=r"^[a-z][a-z0-9-]{1,9}\.[a-z0-9]{4,12}$",
        description="write it without db., as t4g.medium",
    )
    storage_gib: int = Field(100, ge=20, le=65536, description="leave it out for 100")
    max_storage_gib: int | None = Field(None, ge=22, le=65536, description="leave it out for the construct's choice")
    multi_az: bool = Field(True, description="false gives up the standby; only outside production")
    port: int = Field(5433, ge=1150, le=65535, description="leave it out for 5433")
    backup_retention_days: int = Field(7, ge=1, le=35, description="choose 7 or more in production")
    backup_plan: bool = Field(True, description="leave it out for true")
    restore_testing: bool = Field(False, description="true restores a snapshot each week to prove that it can be")
    monitoring_seconds: MonitoringSeconds = Field(60, description="leave it out for 60")
    proxy: bool = Field(False, description="true adds RDS Proxy, about 22 dollars a month; needs port = 5432")
    deletion_protection: bool = Field(True, description="leave it out for true")
    generation: int = Field(1, ge=1, le=99, description="raise it by one for a new instance beside the old one")
    restore_snapshot: str | None = Field(
        None, pattern=r"^[A-Za-z][A-Za-z0-9:/-]{0,254}$", description="name the snapshot, and raise generation"
    )
    restore_resource_id: str | None = Field(
        None,
        pattern=r"^db-[A-Z0-9]{10,60}$",
        description="the DbiResourceId of the instance to restore from, and raise generation",
    )
    restore_time: AwareDatetime | None = Field(
        None, description="a moment with its zone, 2026-11-25T12:00:00Z; leave it out for the latest"
    )


class UsagePlanSettings(Section):
    """The API key and its quota: metering, never authentication."""

    rate: int = Field(ge=1, le=10_000, description="requests a second, such as 100")
    burst: int = Field(ge=1, le=5_000, description="such as 200")
    quota_per_day: int = Field(ge=1, description="such as 10000")


class WebAclSettings(Section):
    """The web application firewall."""

    enabled: bool = Field(True, description="false gives up WAF; it costs about 10 dollars a month")
    requests_per_address: int = Field(1000, ge=10, le=2_000_000_000, description="requests in five minutes, 10 or more")
    count_only: tuple[str, ...] = Field((), description="name rules that count and do not block")


class DomainSettings(Section):
    """A domain of one's own; the REST API's default endpoint is then closed, and a load balancer has no other."""

    name: str = Field(pattern=r"^([a-z0-9-]{1,63}\.)+[a-z]{2,24}$", description="such as api.example.com")
    certificate_arn: str | None = Field(
        None,
        pattern=r"^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}$",
        description="a certificate of the profile's own region; leave it out for a new one, proved in the zone",
    )
    hosted_zone_id: str = Field(pattern=r"^Z[A-Z0-9]{1,31}$", description="the Route 53 zone that holds the name")
    hosted_zone_name: str = Field(pattern=r"^([a-z0-9-]{1,63}\.)+[a-z]{2,24}$", description="such as example.com")


class LoadBalancerSettings(Section):
    """An application load balancer before the service, instead of the REST API."""

    internet_facing: bool = Field(description="true for public addresses, false for callers of the VPC alone")
    audience_format: Literal["single-string", "string-array"] = Field(
        "single-string", description='"string-array" when the issuer writes the aud claim as a list'
    )
    key_networks: tuple[Network, ...] | None = Field(
        None, min_length=1, description="name the networks of the issuer's key set, or leave it out for any"
    )
    redirect: bool = Field(
        True,
        description="false closes port 80: a program that sends its token over plain HTTP is not helped by a redirect",
    )
    deletion_protection: bool = Field(True, description="leave it out for true")


class ApiSettings(Section):
    """The edge: a REST API, or a load balancer."""

    issuer: Issuer | Literal[""] = Field("", description='name who issues the callers\' tokens, or write "cognito"')
    audience: Audience = Field(
        "documents", min_length=1, max_length=200, description="the aud claim of the issuer's tokens for this API"
    )
    rate: int = Field(50, ge=1, le=10_000, description="requests a second over all callers; leave it out for 50")
    burst: int = Field(100, ge=1, le=5_000, description="leave it out for 100")
    authorizer_cache_seconds: int = Field(300, ge=0, le=3600, description="leave it out for 300")
    source_networks: tuple[Network, ...] | None = Field(
        None, min_length=1, description="name the networks of your callers, or leave it out for any"
    )
    cors_origins: tuple[str, ...] = Field((), description="name https:// origins of browser applications")
    usage_plan: UsagePlanSettings | None = Field(None, description="leave it out for no API key")
    account_logging_role: bool = Field(
        True, description="false where the account and region already have a role for API Gateway's logs"
    )
    web_acl: WebAclSettings = WebAclSettings()
    domain: DomainSettings | None = Field(None, description="leave it out for the REST API's default endpoint")
    load_balancer: LoadBalancerSettings | None = Field(None, description="leave it out for a REST API")


class AuditSettings(Section):
    """The trail."""

    existing_trail: bool = Field(False, description="true where the account already has a management trail")
    existing_log_group: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        pattern=r"^[A-Za-z0-9_./#-]+$",
        description="the log group that the existing management trail delivers to",
    )
    lock_mode: Literal["governance", "compliance"] = Field("governance", description='leave it out for "governance"')
    lock_days: int = Field(365, ge=1, le=36500, description="1 is enough for development, 365 for production")
    confirm_compliance: bool = Field(False, description="true says that nobody, not even root, can shorten the lock")
    insights: bool = Field(True, description="false gives up the detection of unusual call rates")


class OperatorSettings(Section):
    """A role for those who look into incidents."""

    principals: tuple[RoleOrUser, ...] = Field(
        min_length=1,
        max_length=5,
        description="name roles or users: arn:aws:iam::123456789012:role/on-call; a user needs a second factor",
    )
    source_networks: tuple[Network, ...] = Field(
        (), max_length=20, description="name the public networks of your operators, or leave it out for any"
    )
    session_hours: int = Field(1, ge=1, le=12, description="leave it out for 1")
    valid_from: AwareDatetime | None = Field(None, description="a moment with its zone, 2027-01-04T08:00:00Z")
    valid_until: AwareDatetime | None = Field(None, description="a moment with its zone, 2027-01-29T18:00:00Z")


class AccessSettings(Section):
    """Who may do what in the account, beside the functions, and what no role may go beyond."""

    mfa_groups: GroupNames = Field(
        (),
        max_length=10,
        description="name IAM groups that exist, without path: their users destroy, stop and expose nothing without a "
        "second factor",
    )
    permissions_boundary: str | None = Field(
        None,
        pattern=r"^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/)?[A-Za-z0-9_+=,.@-]+(/[A-Za-z0-9_+=,.@-]+)*$",
        max_length=600,
        description="name a managed policy of the account, or write its ARN; leave it out for no boundary",
    )
    operators: OperatorSettings | None = Field(None, description="leave it out for no such role")


class Settings(Section):
    """One profile."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,29}$", description="it begins every stack's name")
    production: bool = Field(False, description="true holds the profile to production's rules")
    account: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | Literal[""] = Field(
        "", description='write the 12 digits as text: account = "123456789012"'
    )
    region: Region | Literal[""] = Field(description="such as eu-central-1")
    zones: Zones = Field(
        max_length=6, description='name two or more of the region\'s zones: ["eu-central-1a", "eu-central-1b"]'
    )
    network: NetworkSettings = NetworkSettings()
    logs: LogSettings = LogSettings()
    alarms: AlarmSettings = AlarmSettings()
    documents: DocumentSettings = DocumentSettings()
    database: DatabaseSettings = DatabaseSettings()
    api: ApiSettings = ApiSettings()
    audit: AuditSettings = AuditSettings()
    access: AccessSettings = AccessSettings()
