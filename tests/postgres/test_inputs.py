"""Bad inputs to EncryptedPostgres: each is told once, in the caller's words, and all of them together."""

import datetime as dt
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.encrypted_postgres import EncryptedPostgres
from secure_backend.postgres import properties
from secure_backend.postgres.restore import PointInTime, SnapshotSource
from secure_backend.secure_vpc import SecureVpc
from secure_backend.validation import InvalidPropertiesError, Validation
from tests.postgres import cases as postgres_cases
from tests.postgres.cases import database, new_app, new_stack

ZONES = ["eu-central-1a", "eu-central-1b"]


@pytest.fixture(scope="module")
def stack() -> cdk.Stack:
    return new_stack(new_app())


@pytest.fixture(scope="module")
def vpc(stack: cdk.Stack) -> ec2.Vpc:
    return postgres_cases.network(stack)


@pytest.fixture(scope="module")
def built(stack: cdk.Stack, vpc: ec2.Vpc) -> EncryptedPostgres:
    return database(stack, "Built", vpc=vpc)


def problems_of(stack: cdk.Stack, network: ec2.Vpc, /, **options: Any) -> str:
    """The message that the options get; each attempt has an id of its own, for a failed construct stays in the tree."""
    scope = Construct(stack, f"Attempt{len(stack.node.children)}")
    options.setdefault("vpc", network)
    options.setdefault("subnets", postgres_cases.DATA)
    with pytest.raises(InvalidPropertiesError) as error:
        EncryptedPostgres(scope, "Database", **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"backup_retention": cdk.Duration.days(0)},
            "backup_retention: got 0 days; expected a Duration of 1 to 35 days; pass cdk.Duration.days(7) or more",
        ),
        ({"backup_retention": cdk.Duration.days(36)}, "backup_retention: got 36 days; expected a Duration of 1 to 35"),
        ({"backup_retention": 7}, "backup_retention: got 7; expected a Duration of 1 to 35 days"),
        (
            {"monitoring_interval": cdk.Duration.seconds(7)},
            "monitoring_interval: got 7 seconds; expected a Duration of 1, 5, 10, 15, 30 or 60 seconds; leave it out",
        ),
        ({"monitoring_interval": 60}, "monitoring_interval: got 60; expected a Duration of 1, 5"),
        ({"major_version": "14"}, "major_version: got '14'; expected one of 15, 16, 17, 18; pass the major version"),
        ({"major_version": "17.9"}, "major_version: got '17.9'; expected one of 15, 16, 17, 18"),
        ({"major_version": 17}, "major_version: got 17; expected one of 15, 16, 17, 18"),
        ({"port": 1149}, "port: got 1149; expected 1150 to 65535; leave it out for 5433"),
        ({"port": 65536}, "port: got 65536; expected 1150 to 65535"),
        ({"port": "5433"}, "port: got '5433'; expected a whole number from 1150 to 65535"),
        ({"port": cdk.Token.as_number({"Ref": "X"})}, "port: got a token"),
        ({"master_user": "postgres"}, "master_user: got 'postgres'; expected a name that neither PostgreSQL nor RDS"),
        ({"master_user": "rdsadmin"}, "master_user: got 'rdsadmin'; expected a name that neither"),
        ({"master_user": "admin"}, "master_user: got 'admin'; expected a name that neither"),
        ({"master_user": "pg_owner"}, "master_user: got 'pg_owner'; expected a name that neither"),
        ({"master_user": "rds_superuser"}, "master_user: got 'rds_superuser'; expected a name that neither"),
        ({"master_user": "Owner"}, "master_user: got 'Owner'; expected 1 to 16 lower-case letters"),
        ({"master_user": "a" * 17}, "master_user: got 'aaaaaaaaaaaaaaaaa'; expected 1 to 16 lower-case letters"),
        ({"master_user": "dbowner\n"}, "master_user: got 'dbowner\\n'; expected 1 to 16"),
        ({"database_name": "template1"}, "database_name: got 'template1'; expected a name that neither"),
        ({"database_name": "my-db"}, "database_name: got 'my-db'; expected 1 to 63 lower-case letters"),
        ({"managed_secret": "hunter2"}, "managed_secret: got 'hunter2'; expected True or False"),
        ({"multi_az": "false"}, "multi_az: got 'false'; expected True or False; pass a bool"),
        ({"deletion_protection": 0}, "deletion_protection: got 0; expected True or False"),
        (
            {"allocated_storage_gib": 100, "max_allocated_storage_gib": 109},
            "max_allocated_storage_gib: got 109; expected 110 to 65536; pass at least 110 % of the allocated storage",
        ),
        ({"allocated_storage_gib": 19}, "allocated_storage_gib: got 19; expected 20 to 59578; leave it out for 100"),
        ({"iops": 12_000}, "iops: got 12000; expected no figure for gp3 storage under 400 GiB, where RDS sets it"),
        ({"storage_throughput": 500}, "storage_throughput: got 500; expected no figure for gp3 storage under 400"),
        ({"allocated_storage_gib": 400, "iops": 3_000}, "iops: got 3000; expected 12000 to 64000"),
        (
            {"allocated_storage_gib": 400, "storage_throughput": 4_000},
            "storage_throughput: got 4000; expected at most a quarter of the 12000 IOPS; raise iops or lower it",
        ),
        ({"instance_type": "t4g.micro"}, "instance_type: got 't4g.micro'; expected an ec2.InstanceType known at"),
        ({"instance_type": ec2.InstanceType("c7g.large")}, "instance_type: got 'c7g.large'; expected a t3, t4g, m or"),
        ({"slow_statement": cdk.Duration.millis(1)}, "slow_statement: got 0.001 seconds; expected a Duration of 10"),
        ({"slow_statement": 1_000}, "slow_statement: got 1000; expected a Duration of 10 milliseconds to 1 hour"),
        (
            {"log_retention": logs.RetentionDays.INFINITE},
            "log_retention: got INFINITE; expected a bounded aws_logs.RetentionDays",
        ),
        ({"log_retention": 365}, "log_retention: got 365; expected a bounded aws_logs.RetentionDays"),
        ({"insights": "advanced"}, "insights: got 'advanced'; expected an rds.DatabaseInsightsMode"),
        ({"generation": 0}, "generation: got 0; expected 1 to 999; begin with 1 and raise it"),
        (
            {"restore_testing": True, "backup_plan": False},
            "restore_testing: got True; expected False without a backup plan; leave backup_plan out",
        ),
        ({"key": "alias/mine"}, "key: got 'alias/mine'; expected a Key object; pass the key object"),
        ({"alarm_topic": "arn"}, "alarm_topic: got 'arn'; expected a AlarmTopic or Topic object; pass the object"),
        ({"restore_from": "snap"}, "restore_from: got 'snap'; expected a SnapshotSource or a PointInTime; wrap a"),
        (
            {"restore_from": SnapshotSource(snapshot="-x")},
            "restore_from.snapshot: got '-x'; expected the identifier or ARN of a DB snapshot; find it with: aws rds",
        ),
        (
            {"restore_from": PointInTime(source_resource_id="my-database")},
            "restore_from.source_resource_id: got 'my-database'; expected a DbiResourceId such as db-",
        ),
        (
            {"restore_from": PointInTime(source_resource_id="db-ABCDEFGHIJ", time=dt.datetime(2026, 11, 1))},  # noqa: DTZ001 - the point
            "restore_from.time: got datetime.datetime(2026, 11, 1, 0, 0); expected a datetime with a time zone",
        ),
        (
            {"restore_from": SnapshotSource(snapshot="mine"), "managed_secret": True},
            "managed_secret: got True; expected False for a restored database",
        ),
        ({"vpc": "vpc-1"}, "vpc: got 'vpc-1'; expected a Vpc object; pass the SecureVpc or ec2.Vpc object, not its id"),
        ({"subnets": "data"}, "subnets: got 'data'; expected an ec2.SubnetSelection"),
        ({"subnets": None}, "subnets: got None; expected an ec2.SubnetSelection, which only a SecureVpc makes"),
        (
            {"subnets": ec2.SubnetSelection(subnet_group_name="edge")},
            "subnets: got 'public subnets'; expected subnets without a route in; select isolated ones",
        ),
        (
            {"subnets": ec2.SubnetSelection(subnet_group_name="data", availability_zones=["eu-central-1a"])},
            "subnets: got 'subnets in 1 zone'; expected at least two zones, or RDS refuses the subnet group",
        ),
        ({"subnets": ec2.SubnetSelection(subnet_group_name="none")}, "expected subnets that the network has; select"),
    ],
)
def test_a_bad_input_is_told_with_what_would_be_right(
    stack: cdk.Stack, vpc: ec2.Vpc, options: dict[str, Any], message: str
) -> None:
    told = problems_of(stack, vpc, **options)

    assert message in told
    assert "1 problem:" in told


@pytest.mark.parametrize(
    ("let_in", "port", "proxy", "message"),
    [
        (
            5433,
            5434,
            False,
            "port: got 5434; expected 5433, the one port that the VPC's data tier lets in; pass",
        ),
        (5433, 5433, True, "port: got 5433; expected 5432 beside a proxy, which listens on no other"),
    ],
)
def test_a_port_that_the_data_tier_keeps_shut_is_refused(let_in: int, port: int, proxy: bool, message: str) -> None:
    stack = new_stack(new_app())
    vpc = SecureVpc(stack, "Vpc", cidr="10.20.0.0/16", zones=ZONES, database_port=let_in)
    with pytest.raises(InvalidPropertiesError) as raised:
        EncryptedPostgres(stack, "Database", vpc=vpc, port=port, proxy=proxy)
    assert message in str(raised.value)
    assert "1 problem:" in str(raised.value)


def test_a_port_that_the_data_tier_lets_in_is_taken() -> None:
    stack = new_stack(new_app())
    vpc = SecureVpc(stack, "Vpc", cidr="10.20.0.0/16", zones=ZONES, database_port=5432)
    assert EncryptedPostgres(stack, "Database", vpc=vpc, port=5432, proxy=True).port == 5432


def test_all_problems_are_told_at_once_under_the_constructs_name(stack: cdk.Stack, vpc: ec2.Vpc) -> None:
    told = problems_of(stack, vpc, port=80, master_user="admin", backup_retention=cdk.Duration.days(0))

    assert told.startswith("EncryptedPostgres 'Database' cannot be built, 3 problems:\n")
    assert len(re.findall(r"^  EncryptedPostgres\.\w+: got .+; expected .+; .+$", told, re.MULTILINE)) == 3


def test_there_is_no_way_to_give_a_password(stack: cdk.Stack, vpc: ec2.Vpc) -> None:
    with pytest.raises(TypeError, match="password"):
        database(stack, "WithPassword", vpc=vpc, password="hunter2")


@pytest.mark.parametrize(
    ("db_user", "message"),
    [
        ("*", "grant_connect.db_user: got '*'; expected 1 to 63 lower-case letters, digits and underscores"),
        ("", "grant_connect.db_user: got ''; expected 1 to 63"),
        ("rdsadmin", "grant_connect.db_user: got 'rdsadmin'; expected a name that neither PostgreSQL nor RDS"),
        ("api/../owner", "grant_connect.db_user: got 'api/../owner'; expected 1 to 63"),
        (cdk.Token.as_string({"Ref": "X"}), "grant_connect.db_user: got a token"),
    ],
)
def test_a_sign_in_is_granted_for_one_named_user_only(
    stack: cdk.Stack, built: EncryptedPostgres, db_user: str, message: str
) -> None:
    with pytest.raises(InvalidPropertiesError) as error:
        built.grant_connect(cdk.aws_iam.AccountRootPrincipal(), db_user=db_user)

    assert message in str(error.value)


def test_a_sign_in_is_not_granted_to_text(built: EncryptedPostgres) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"got 'role'; expected an iam.IGrantable; pass the role or func"):
        built.grant_connect("role", db_user="api")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "message"),
    [
        (ec2.Peer.any_ipv4(), "allow_from: got '0.0.0.0/0'; expected a range that is not the whole internet"),
        (ec2.Peer.ipv4("0.0.0.0/0"), "allow_from: got '0.0.0.0/0'; expected a range that is not the whole internet"),
        (ec2.Peer.any_ipv6(), "allow_from: got '::/0'; expected a range that is not the whole internet"),
        (ec2.Peer.ipv4("10.1.2.3/8"), "allow_from: got '10.1.2.3/8'; expected a CIDR range without host bits"),
        (ec2.Connections(), "allow_from: got 'connections without a security group'; expected something"),
        ("sg-1", "allow_from: got 'sg-1'; expected an ec2.IConnectable; pass what connects"),
        ("", "allow_from: got ''; expected an ec2.IConnectable"),
        (None, "allow_from: got None; expected an ec2.IConnectable"),
    ],
)
def test_a_peer_that_is_everyone_or_nothing_is_refused(built: EncryptedPostgres, peer: Any, message: str) -> None:
    with pytest.raises(InvalidPropertiesError) as error:
        built.allow_from(peer)

    assert message in str(error.value)


def test_a_function_outside_the_network_is_refused_in_our_words(stack: cdk.Stack, built: EncryptedPostgres) -> None:
    outside = lambda_.Function(
        stack,
        "Outside",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("pass"),
    )

    with pytest.raises(InvalidPropertiesError, match="expected something that stands in the network"):
        built.allow_from(outside)


def checked(check: Validation) -> bool:
    """Whether nothing was recorded."""
    try:
        check.raise_problems()
    except InvalidPropertiesError:
        return False
    return True


@settings(max_examples=50, deadline=None)
@given(allocated=st.integers(20, 59_578), extra=st.integers(0, 6_000))
def test_storage_may_grow_when_its_ceiling_is_a_tenth_above_it(allocated: int, extra: int) -> None:
    check = Validation(object(), "Database")
    properties.check_storage(check, allocated, allocated + extra, None, None)

    assert checked(check) == (10 * extra >= allocated and allocated + extra <= 65_536)


@settings(max_examples=50, deadline=None)
@given(allocated=st.integers(20, 59_578))
def test_the_ceiling_chosen_for_the_caller_is_one_that_rds_accepts(allocated: int) -> None:
    chosen = properties.storage_of(allocated, None, None, None)
    check = Validation(object(), "Database")
    properties.check_storage(check, chosen.allocated_gib, chosen.maximum_gib, None, None)

    assert checked(check)


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=20))
def test_a_name_that_passes_is_plain_lower_case_and_unreserved(name: str) -> None:
    check = Validation(object(), "Database")
    properties.check_name(check, "master_user", name, 16)

    if checked(check):
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,15}", name)
        assert not name.startswith(("pg_", "rds_"))


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("t4g.micro", 1),
        ("t4g.medium", 4),
        ("t3.2xlarge", 32),
        ("m7g.large", 8),
        ("m6i.4xlarge", 64),
        ("r8g.xlarge", 32),
        ("r6gd.16xlarge", 512),
        ("m7g.2large", 0),
        ("m7g.medium", 0),
        ("t4g.4xlarge", 0),
        ("x2g.large", 0),
    ],
)
def test_the_memory_of_a_class_is_known_or_the_class_is_not_offered(name: str, gib: int) -> None:
    assert properties.memory_gib(ec2.InstanceType(name)) == gib
