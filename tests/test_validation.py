"""Property problems are collected, told once, and told in the caller's words."""

import ipaddress
import string
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.keys import DataKey
from secure_backend.validation import InvalidPropertiesError, Validation

few = settings(max_examples=50, deadline=None)
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


class Thing:
    """Stands for a construct: only its class name is used."""


def new_check() -> Validation:
    return Validation(Thing(), "One")


def problem_of(check: Validation) -> str:
    with pytest.raises(InvalidPropertiesError) as raised:
        check.raise_problems()
    return str(raised.value)


def test_no_problem_raises_nothing() -> None:
    new_check().raise_problems()


def test_one_problem_reads_construct_property_got_expected_do() -> None:
    check = new_check()
    check.refuse("port", 80, "1150 to 65535", "leave it out for 5433")
    assert problem_of(check) == (
        "Thing 'One' cannot be built, 1 problem:\n  Thing.port: got 80; expected 1150 to 65535; leave it out for 5433"
    )


def test_all_problems_are_told_at_once_in_the_order_they_were_found() -> None:
    check = new_check()
    check.boolean("first", "false")
    check.whole_number("second", 0, 1, 9, "pass more")
    check.email("third", "nobody")
    lines = problem_of(check).splitlines()
    assert lines[0] == "Thing 'One' cannot be built, 3 problems:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["Thing.first", "Thing.second", "Thing.third"]


@few
@given(problems=st.lists(st.tuples(st.text(string.ascii_letters, min_size=1, max_size=9), anything), max_size=6))
def test_every_recorded_problem_is_one_line_of_the_message(problems: list[tuple[str, object]]) -> None:
    check = new_check()
    for name, got in problems:
        check.refuse(name, got, "better", "do better")
    if not problems:
        check.raise_problems()
        return
    message = problem_of(check)
    assert len(message.splitlines()) == len(problems) + 1
    assert all(f"Thing.{name}: got " in message for name, _ in problems)


@few
@given(value=anything)
def test_a_boolean_is_true_or_false_itself_and_never_text_or_a_number(value: object) -> None:
    assert new_check().boolean("on", value) is (value is True or value is False)


@few
@given(value=st.integers(-100, 400), low=st.integers(0, 50), width=st.integers(0, 200))
def test_a_whole_number_is_taken_exactly_within_its_limits(value: int, low: int, width: int) -> None:
    assert new_check().whole_number("n", value, low, low + width, "") is (low <= value <= low + width)


@pytest.mark.parametrize("value", [True, False, 5.0, "5", None, [5], cdk.Token.as_number({"Ref": "Size"})])
def test_a_whole_number_is_no_boolean_float_text_or_token(value: object) -> None:
    check = new_check()
    assert not check.whole_number("n", value, 0, 9, "pass 5")
    assert "Thing.n: got" in problem_of(check)


def test_a_number_token_is_called_a_token_not_a_huge_negative_number() -> None:
    check = new_check()
    check.whole_number("n", cdk.Token.as_number({"Ref": "Size"}), 0, 9, "pass 5")
    assert "got a token (a value known only at deployment); expected a whole number from 0 to 9; pass 5" in problem_of(
        check
    )


@few
@given(value=anything)
def test_one_of_takes_its_members_and_nothing_that_merely_equals_one(value: object) -> None:
    taken = new_check().one_of("interval", value, (0, 1, 5), "")
    assert taken is (not isinstance(value, bool) and value in (0, 1, 5))


def test_one_of_survives_a_value_that_cannot_be_hashed_and_names_the_choices() -> None:
    check = new_check()
    assert not check.one_of("mode", {"governance": 1}, frozenset({"governance"}), "leave it out")
    assert "expected one of governance; leave it out" in problem_of(check)


def test_one_of_names_enumeration_members_by_their_name() -> None:
    check = new_check()
    check.one_of("removal_policy", cdk.RemovalPolicy.SNAPSHOT, (cdk.RemovalPolicy.RETAIN,), "leave it out")
    assert "got SNAPSHOT; expected one of RETAIN" in problem_of(check)


@few
@given(value=st.text(string.ascii_lowercase + "\n-", max_size=6))
def test_text_matches_the_whole_pattern_so_a_trailing_newline_is_refused(value: str) -> None:
    expected = value != "" and all(c in string.ascii_lowercase for c in value)
    assert new_check().text("name", value, "[a-z]+", "letters", "") is expected


def test_text_refuses_a_token() -> None:
    check = new_check()
    assert not check.text("name", cdk.Aws.STACK_NAME, ".*", "literal text", "write it out")
    assert "got a token" in problem_of(check)


@few
@given(hours=st.integers(0, 24 * 60))
def test_days_takes_whole_days_within_the_limits(hours: int) -> None:
    taken = new_check().days("keep", cdk.Duration.hours(hours), 1, 35, "")
    assert taken is (hours % 24 == 0 and 1 <= hours // 24 <= 35)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, "7"),
        ("7 days", "'7 days'"),
        (cdk.Duration.seconds(7), "7 seconds"),
        (cdk.Duration.millis(7), "0.007 seconds"),
        (cdk.Duration.days(0), "0 days"),
        (cdk.Duration.hours(36), "129600 seconds"),
        (cdk.Duration.days(cdk.Token.as_number({"Ref": "Days"})), "a token (a value known only at deployment)"),
    ],
)
def test_days_refuses_anything_but_a_known_duration_of_whole_days(value: object, shown: str) -> None:
    check = new_check()
    assert not check.days("keep", value, 1, 35, "pass cdk.Duration.days(7)")
    assert f"got {shown}; expected a Duration of 1 to 35 days; pass cdk.Duration.days(7)" in problem_of(check)


@pytest.mark.parametrize(
    "value", [logs.RetentionDays.ONE_DAY, logs.RetentionDays.ONE_YEAR, logs.RetentionDays.TEN_YEARS]
)
def test_a_bounded_retention_is_taken(value: logs.RetentionDays) -> None:
    assert new_check().retention("retention", value)


@pytest.mark.parametrize("value", [logs.RetentionDays.INFINITE, 365, "ONE_YEAR", None])
def test_a_retention_without_end_or_not_offered_is_refused(value: object) -> None:
    check = new_check()
    assert not check.retention("retention", value)
    assert "expected a bounded aws_logs.RetentionDays; pass for example aws_logs.RetentionDays.ONE_YEAR" in problem_of(
        check
    )


@few
@given(network=st.ip_addresses(v=4), length=st.integers(0, 32))
def test_a_network_is_taken_when_it_has_no_host_bits_and_is_not_everything(
    network: ipaddress.IPv4Address, length: int
) -> None:
    value = f"{network}/{length}"
    host_bits = int(network) & ((1 << (32 - length)) - 1)
    assert new_check().networks("sources", [value], "") is (host_bits == 0 and length > 0)


@pytest.mark.parametrize(
    "value", [[], (), "203.0.113.0/24", None, [10], [None], ["::/0"], ["0.0.0.0/0"], [cdk.Aws.REGION]]
)
def test_networks_refuses_an_empty_list_text_numbers_tokens_and_the_whole_internet(value: object) -> None:
    check = new_check()
    assert not check.networks("sources", value, "name one")
    assert "Thing.sources: got" in problem_of(check)


def test_each_wrong_network_of_a_list_is_told() -> None:
    check = new_check()
    check.networks("sources", ["10.0.0.1/8", "203.0.113.0/24", "nonsense"], "name one")
    assert problem_of(check).count("expected a CIDR range without host bits") == 2


@few
@given(value=st.emails(domains=st.sampled_from(["example.com", "mail.example.co.uk", "x-y.example"])))
def test_an_address_of_plain_characters_is_taken(value: str) -> None:
    plain = all(c in string.ascii_letters + string.digits + "._%+-@" for c in value)
    assert new_check().email("email", value) is (plain and len(value.split("@")[0]) <= 64)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nobody",
        "a@b",
        "a@b.c",
        "a b@example.com",
        "a@example.com\n",
        "a@@example.com",
        "a@-.",
        "@example.com",
        5,
        None,
    ],
)
def test_a_malformed_address_is_refused_with_what_to_do(value: object) -> None:
    check = new_check()
    assert not check.email("alarms_to", value)
    assert "expected an e-mail address; pass one such as security@example.com" in problem_of(check)


def imported(stack: cdk.Stack) -> list[tuple[Any, type]]:
    key_arn = "arn:aws:kms:eu-central-1:111111111111:key/11111111-2222-3333-4444-555555555555"
    return [
        (kms.Key.from_key_arn(stack, "ImportedKey", key_arn), kms.Key),
        (s3.Bucket.from_bucket_name(stack, "ImportedBucket", "somebody-elses"), s3.Bucket),
        (ec2.Vpc.from_vpc_attributes(stack, "ImportedVpc", vpc_id="vpc-1", availability_zones=["a"]), ec2.Vpc),
        (iam.Role.from_role_arn(stack, "ImportedRole", "arn:aws:iam::111111111111:role/it"), iam.Role),
        (logs.LogGroup.from_log_group_name(stack, "ImportedGroup", "/it"), logs.LogGroup),
        (sns.Topic.from_topic_arn(stack, "ImportedTopic", "arn:aws:sns:eu-central-1:111111111111:it"), sns.Topic),
        (lambda_.Function.from_function_name(stack, "ImportedFunction", "it"), lambda_.Function),
    ]


def test_made_and_imported_constructs_are_taken_for_what_they_are(stack: cdk.Stack) -> None:
    own_key = DataKey(stack, "Key", description="A subclass of kms.Key")
    made = [(own_key, kms.Key), (s3.Bucket(stack, "Bucket"), s3.Bucket), (stack, Construct)]
    for value, kind in [*made, *imported(stack)]:
        assert new_check().construct("it", value, kind, ""), kind


def test_a_construct_of_another_kind_is_refused_by_its_path(stack: cdk.Stack) -> None:
    objects = imported(stack)
    for value, own in objects:
        for _, other in objects:
            assert new_check().construct("it", value, other, "") is (own is other), (own, other)
    check = new_check()
    check.construct("key", objects[1][0], kms.Key, "pass the key object")
    assert (
        "Thing.key: got the construct stack/ImportedBucket; expected a Key object; pass the key object"
        in problem_of(check)
    )


@few
@given(value=anything)
def test_text_or_a_number_is_never_a_construct(value: object) -> None:
    assert not new_check().construct("vpc", value, ec2.Vpc, "")


def test_text_for_a_vpc_gets_our_message() -> None:
    check = new_check()
    check.construct("vpc", "vpc-1", (ec2.Vpc, ec2.Subnet), "pass the VPC object, not its id")
    assert "Thing.vpc: got 'vpc-1'; expected a Vpc or Subnet object; pass the VPC object, not its id" in problem_of(
        check
    )


def test_an_interface_may_be_the_kind_that_is_asked_for(stack: cdk.Stack) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    assert new_check().construct("grantee", role, iam.IGrantable, "")
    assert not new_check().construct("grantee", kms.Key(stack, "Key"), iam.IGrantable, "")


@pytest.mark.parametrize("optional", [True, False])
def test_a_key_is_an_object_and_no_alias(stack: cdk.Stack, optional: bool) -> None:
    check = new_check()
    assert check.key("key", DataKey(stack, "Key", description="Test"), optional=optional)
    assert check.key("key", None, optional=optional) is optional
    assert not check.key("key", "alias/mine", optional=optional)
    assert not check.key("key", kms.Alias.from_alias_name(stack, "Alias", "alias/mine"), optional=optional)
    told = problem_of(check)
    assert "got 'alias/mine'; expected a Key object; pass the key object" in told
    assert "expected a key, not an alias of one; pass the key object" in told
    assert ("leave it out for a new one" in told) is optional


def test_a_duration_of_seconds_is_whole_and_within_its_bounds() -> None:
    check = new_check()
    assert check.seconds("ttl", cdk.Duration.minutes(5), 0, 300, "leave it out")
    for wrong in (cdk.Duration.seconds(301), cdk.Duration.millis(500), 5):
        assert not check.seconds("ttl", wrong, 0, 300, "leave it out")
    assert problem_of(check).count("expected a Duration of 0 to 300 seconds; leave it out") == 3


@pytest.mark.parametrize("origin", ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000"])
def test_an_origin_of_https_or_of_this_machine_is_taken(origin: str) -> None:
    assert new_check().origin("origin", origin)


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example.com", "http://app.example.com", "https://app.example.com/", f"https://{'a.' * 127}aa"],
)
def test_an_open_or_plain_origin_is_refused(origin: str) -> None:
    assert not new_check().origin("origin", origin)
