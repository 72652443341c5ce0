"""A RestrictedRole is of use where, when and for whom it says: judged request by request, as IAM would."""

import ast
import datetime
import inspect
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from secure_backend import InvalidPropertiesError, RestrictedRole, restricted_role
from secure_backend.analysis import Assembly, Request, Statement, decision
from secure_backend.compliance import Gate
from secure_backend.role import properties
from secure_backend.validation import Validation
from tests.conftest import FLAGS, NewStack, resources_of, template_of

OFFICE = {"aws:SourceIp": "203.0.113.9"}
HOME = {"aws:SourceIp": "198.51.100.9"}
FOR_THEM = {**HOME, "aws:ViaAWSService": "true"}
THE_VPC = "${stack/Vpc8378EB38}"
NOON = "2027-01-15T12:00:00Z"
JANUARY = {"valid_from": "2027-01-04T08:00:00+01:00", "valid_until": "2027-01-29T18:00:00+01:00"}
ME = ("AWS", "arn:aws:iam::${AWS::AccountId}:root")


def add_role(stack: cdk.Stack, name: str = "Role", **changes: Any) -> RestrictedRole:
    arguments = {"description": "Looks after the database", "assumed_by": iam.AccountRootPrincipal(), **changes}
    return RestrictedRole(stack, name, **arguments)


def a_vpc(stack: cdk.Stack) -> ec2.IVpc:
    return ec2.Vpc(
        stack,
        "Vpc",
        availability_zones=["eu-central-1a"],
        nat_gateways=0,
        subnet_configuration=[],
        restrict_default_security_group=False,
    )


def assembly_of(stack: cdk.Stack) -> Assembly:
    return Assembly.from_templates({"stack": template_of(stack)}, region=stack.region)


def trust_of(stack: cdk.Stack) -> list[Statement]:
    (role,) = (one for one in assembly_of(stack).resources("AWS::IAM::Role") if one.logical_id.startswith("Role"))
    return assembly_of(stack).statements(role.stack, role.at("AssumeRolePolicyDocument"))


def policies_of(stack: cdk.Stack) -> list[Statement]:
    """Return what the policies say that are attached to the one role of a stack."""
    assembly = assembly_of(stack)
    (role,) = assembly.resources("AWS::IAM::Role")
    found = assembly.attached("AWS::IAM::Policy", "Roles", to=role)
    named = [assembly.follow(role.stack, arn) for arn in role.at("ManagedPolicyArns") or ()]
    return [one for policy in (*found, *named) if policy is not None for one in assembly.policy_statements(policy)]


def assumes(stack: cdk.Stack, context: Mapping[str, str], principal: tuple[str, str] = ME, when: str = NOON) -> bool:
    request = Request(action="sts:AssumeRole", principal=principal, context={"aws:CurrentTime": when, **context})
    return decision(trust_of(stack), request) == "Allow"


def may_read(stack: cdk.Stack, context: Mapping[str, str], when: str = NOON) -> bool:
    request = Request(action="s3:GetObject", context={"aws:CurrentTime": when, **context})
    return decision(policies_of(stack), request) == "Allow"


def let_read(role: iam.Role) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))


@pytest.fixture
def networked(stack: cdk.Stack) -> cdk.Stack:
    """A role that is used from the office or through the VPC's endpoints, and may read."""
    let_read(add_role(stack, source_networks=["203.0.113.0/24"], source_vpcs=[a_vpc(stack)]))
    return stack


@pytest.fixture
def timed(stack: cdk.Stack) -> cdk.Stack:
    """A role for January, which may read."""
    let_read(add_role(stack, **JANUARY))
    return stack


def test_a_role_with_every_limit_matches_its_snapshot(stack: cdk.Stack, template_snapshot: SnapshotAssertion) -> None:
    add_role(
        stack,
        source_networks=["203.0.113.0/24"],
        source_vpcs=[a_vpc(stack)],
        permissions_boundary=iam.ManagedPolicy(
            stack, "Boundary", statements=[iam.PolicyStatement(actions=["s3:*"], resources=["*"])]
        ),
        **JANUARY,
    )
    add_role(
        stack,
        "TaskRole",
        assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        source_accounts=[stack.account],
        source_arns=[stack.format_arn(service="ecs", resource="*")],
    )
    assert template_of(stack) == template_snapshot(name="every_limit")


def test_a_role_without_limits_has_an_hour_and_no_other_policy(stack: cdk.Stack) -> None:
    role = add_role(stack)
    (made,) = resources_of(template_of(stack), "AWS::IAM::Role").values()
    assert made["Properties"]["MaxSessionDuration"] == 3600
    assert role.limits is None
    assert assumes(stack, HOME)


@pytest.mark.parametrize(
    ("context", "passes"),
    [
        pytest.param(OFFICE, True, id="from-the-office"),
        pytest.param(HOME, False, id="from-home"),
        pytest.param({"aws:SourceVpc": THE_VPC}, True, id="through-an-endpoint-of-the-vpc"),
        pytest.param({"aws:SourceVpc": "vpc-theirs"}, False, id="through-an-endpoint-of-another-vpc"),
        pytest.param(FOR_THEM, True, id="by-aws-on-the-sessions-behalf"),
        pytest.param({**HOME, "aws:ViaAWSService": "false"}, False, id="from-home-directly"),
        pytest.param({}, False, id="from-nowhere"),
    ],
)
def test_a_session_is_of_use_from_the_networks_through_the_endpoints_and_by_aws_on_its_behalf(
    networked: cdk.Stack, context: dict[str, str], passes: bool
) -> None:
    assert may_read(networked, context) is passes
    assert assumes(networked, context) is passes


def test_networks_alone_let_nobody_in_through_an_endpoint_and_vpcs_alone_nobody_from_outside(
    new_stack: NewStack,
) -> None:
    networks, vpcs = new_stack("networks"), new_stack("vpcs")
    let_read(add_role(networks, source_networks=["203.0.113.0/24", "2001:db8::/32"]))
    let_read(add_role(vpcs, source_vpcs=[a_vpc(vpcs)]))
    assert may_read(networks, {"aws:SourceIp": "2001:db8::9"})
    assert not may_read(networks, {"aws:SourceVpc": THE_VPC})
    assert may_read(vpcs, {"aws:SourceVpc": THE_VPC})
    assert not may_read(vpcs, OFFICE)


@pytest.mark.parametrize(
    ("when", "passes"),
    [
        ("2027-01-04T06:59:59Z", False),
        ("2027-01-04T07:00:00Z", True),
        ("2027-01-29T16:59:59Z", True),
        ("2027-01-29T17:00:00Z", False),
    ],
)
def test_outside_its_window_a_role_is_neither_assumed_nor_of_use_to_a_session_that_there_is(
    timed: cdk.Stack, when: str, passes: bool
) -> None:
    assert assumes(timed, HOME, when=when) is passes
    assert may_read(timed, HOME, when=when) is passes
    assert may_read(timed, FOR_THEM, when=when) is passes


def test_a_service_assumes_the_role_within_its_window_only(stack: cdk.Stack) -> None:
    add_role(stack, assumed_by=iam.ServicePrincipal("rds.amazonaws.com"), **JANUARY)
    service = ("Service", "rds.amazonaws.com")
    assert assumes(stack, {}, service)
    assert not assumes(stack, {}, service, when="2027-02-01T00:00:00Z")


def test_what_is_granted_later_is_limited_too(networked: cdk.Stack) -> None:
    role = networked.node.find_child("Role")
    assert isinstance(role, RestrictedRole)
    role.add_to_policy(iam.PolicyStatement(actions=["*"], resources=["*"]))
    everything = policies_of(networked)
    assert decision(everything, Request(action="iam:DeleteRole", context=OFFICE)) == "Allow"
    assert decision(everything, Request(action="iam:DeleteRole", context=HOME)) == "Deny"


@pytest.mark.parametrize("kind", ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com"])
def test_a_service_that_runs_in_the_callers_networks_still_assumes_the_role(new_stack: NewStack, kind: str) -> None:
    stack = new_stack()
    add_role(stack, assumed_by=iam.ServicePrincipal(kind), source_networks=["203.0.113.0/24"])
    assert assumes(stack, {"aws:PrincipalIsAWSService": "true"}, ("Service", kind))


@pytest.mark.parametrize(
    ("context", "passes"),
    [
        ({"aws:SourceAccount": "111122223333", "aws:SourceArn": "arn:aws:ecs:eu-central-1:111122223333:task/1"}, True),
        ({"aws:SourceAccount": "999999999999", "aws:SourceArn": "arn:aws:ecs:eu-central-1:111122223333:task/1"}, False),
        ({"aws:SourceAccount": "111122223333", "aws:SourceArn": "arn:aws:ecs:eu-west-1:111122223333:task/1"}, False),
        ({"aws:SourceAccount": "111122223333"}, False),
        ({"aws:SourceArn": "arn:aws:ecs:eu-central-1:111122223333:task/1"}, False),
        ({}, False),
    ],
)
def test_a_service_assumes_the_role_on_behalf_of_the_named_sources_only(
    stack: cdk.Stack, context: dict[str, str], passes: bool
) -> None:
    add_role(
        stack,
        assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        source_accounts=["111122223333"],
        source_arns=["arn:aws:ecs:eu-central-1:111122223333:*"],
    )
    assert assumes(stack, context, ("Service", "ecs-tasks.amazonaws.com")) is passes


CONDITIONS = st.dictionaries(
    st.sampled_from(["StringEquals", "StringLike", "NotIpAddress", "DateLessThan", "Bool", "BoolIfExists"]),
    st.dictionaries(
        st.sampled_from(["aws:SourceIp", "aws:SourceVpc", "aws:CurrentTime", "aws:ViaAWSService", "sts:ExternalId"]),
        st.lists(st.sampled_from(["true", "false", "203.0.113.0/24", "x"]), min_size=1, max_size=2, unique=True),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONDITIONS)
def test_the_callers_conditions_stay_as_they_are_whatever_they_are(conditions: dict[str, dict[str, list[str]]]) -> None:
    stack = cdk.Stack(cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False))
    principal = iam.AccountRootPrincipal().with_conditions(conditions)
    add_role(stack, assumed_by=principal, source_networks=["203.0.113.0/24"], **JANUARY)
    (role,) = resources_of(template_of(stack), "AWS::IAM::Role").values()
    allowed = [one for one in role["Properties"]["AssumeRolePolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert [one["Condition"] for one in allowed] == [conditions]


def test_the_callers_conditions_and_the_limits_both_hold(stack: cdk.Stack) -> None:
    principal = iam.AccountRootPrincipal().with_conditions({"IpAddress": {"aws:SourceIp": "203.0.113.128/25"}})
    add_role(stack, assumed_by=principal, source_networks=["203.0.113.0/24"])
    assert assumes(stack, {"aws:SourceIp": "203.0.113.200"})
    assert not assumes(stack, {"aws:SourceIp": "203.0.113.9"})
    assert not assumes(stack, HOME)


def test_several_principals_are_limited_each(stack: cdk.Stack) -> None:
    ec2_service = iam.ServicePrincipal("ec2.amazonaws.com")
    both = iam.CompositePrincipal(iam.AccountRootPrincipal(), ec2_service)
    add_role(stack, assumed_by=both, source_networks=["203.0.113.0/24"])
    assert assumes(stack, OFFICE)
    assert not assumes(stack, HOME)
    assert assumes(stack, {"aws:PrincipalIsAWSService": "true"}, ("Service", "ec2.amazonaws.com"))


def test_a_role_of_an_identity_provider_is_limited_for_the_action_that_it_is_assumed_by(stack: cdk.Stack) -> None:
    provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    principal = iam.WebIdentityPrincipal(provider, {"StringEquals": {"token.actions.githubusercontent.com:sub": "x"}})
    add_role(stack, assumed_by=principal, **JANUARY)
    asks = {"token.actions.githubusercontent.com:sub": "x"}
    for when, said in ((NOON, "Allow"), ("2027-02-01T00:00:00Z", "Deny")):
        request = Request(
            action="sts:AssumeRoleWithWebIdentity",
            principal=("Federated", provider),
            context={**asks, "aws:CurrentTime": when},
        )
        assert decision(trust_of(stack), request) == said


def test_no_statement_of_the_trust_names_a_bare_star_which_iam_takes_in_no_trust_policy(stack: cdk.Stack) -> None:
    """The error at deployment: AssumeRolepolicy contained an invalid principal: "STAR":"*"."""
    provider = iam.OpenIdConnectProvider.from_open_id_connect_provider_arn(
        stack, "Provider", "arn:aws:iam::1:oidc-provider/x"
    )
    kinds: list[iam.PrincipalBase] = [
        iam.AccountRootPrincipal(),
        iam.ServicePrincipal("ec2.amazonaws.com"),
        iam.OpenIdConnectPrincipal(provider, {"StringEquals": {"x:sub": "y"}}),
    ]
    for number, principal in enumerate([*kinds, iam.CompositePrincipal(*kinds)]):
        add_role(stack, f"Role{number}", assumed_by=principal, source_networks=["203.0.113.0/24"], **JANUARY)
    roles = resources_of(template_of(stack), "AWS::IAM::Role").values()
    statements = [one for role in roles for one in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]]
    denied = [one["Principal"] for one in statements if one["Effect"] == "Deny"]
    named = [{"AWS": "*"}, {"Service": "ec2.amazonaws.com"}, {"Federated": "arn:aws:iam::1:oidc-provider/x"}]
    account, service, federated = named
    everybody = {**account, **federated}
    assert denied == [account] * 3 + [service] * 2 + [federated] * 3 + [everybody] + [{**everybody, **service}] * 2


def test_a_permissions_boundary_is_the_callers_own(stack: cdk.Stack) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "developers")
    add_role(stack, permissions_boundary=boundary)
    (role,) = resources_of(template_of(stack), "AWS::IAM::Role").values()
    assert "policy/developers" in str(role["Properties"]["PermissionsBoundary"])


AWARE = st.datetimes(
    datetime.datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis takes bounds without a zone
    datetime.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([datetime.timezone(datetime.timedelta(hours=h)) for h in (-11, 0, 2, 14)]),
).map(lambda moment: moment.replace(microsecond=0))


@given(AWARE, AWARE)
def test_a_window_is_the_same_given_as_datetimes_or_as_text_and_begins_before_it_ends(
    first: datetime.datetime, last: datetime.datetime
) -> None:
    given_: list[tuple[Any, Any]] = [(first, last), (first.isoformat(), last.isoformat())]
    found = []
    for start, end in given_:
        check = Validation(object(), "id")
        window = properties.window(check, start, end)
        assert window is not None
        if first < last:
            check.raise_problems()
        else:
            with pytest.raises(InvalidPropertiesError, match=r"valid_until: got .*; expected a moment after"):
                check.raise_problems()
        assert datetime.datetime.fromisoformat(window[0]) == first
        found.append(window)
    assert found[0] == found[1]


def test_no_window_hangs_on_the_day_on_which_it_is_synthesized() -> None:
    for module in (restricted_role, properties):
        names = {
            node.attr for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Attribute)
        }
        assert not names & {"now", "today", "utcnow", "time"}


@pytest.mark.parametrize(
    "service", ["lambda.amazonaws.com", "rds.amazonaws.com", "cloudformation.amazonaws.com", "edgelambda.amazonaws.com"]
)
@pytest.mark.parametrize("composite", [False, True])
def test_networks_are_refused_on_roles_that_a_service_uses_from_its_own_addresses(
    stack: cdk.Stack, service: str, composite: bool
) -> None:
    principal: iam.PrincipalBase = iam.ServicePrincipal(service)
    if composite:
        principal = iam.CompositePrincipal(iam.ServicePrincipal("ec2.amazonaws.com"), principal)
    with pytest.raises(InvalidPropertiesError) as raised:
        add_role(stack, assumed_by=principal, source_networks=["203.0.113.0/24"], source_vpcs=[a_vpc(stack)])
    for name in ("source_networks", "source_vpcs"):
        assert f"RestrictedRole.{name}: got 'networks for a role of {service}'; expected none: the service itself" in (
            str(raised.value)
        )


def test_networks_are_refused_on_roles_that_presign_for_clients(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError, match="AWS compares the address of whoever uses what was signed"):
        add_role(stack, source_networks=["203.0.113.0/24"], presigns_for_clients=True)
    add_role(stack, "Signer", presigns_for_clients=True, **JANUARY)


def test_every_problem_is_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(InvalidPropertiesError) as raised:
        add_role(
            stack,
            description="",
            assumed_by="ec2.amazonaws.com",
            max_session_duration=cdk.Duration.minutes(30),
            source_networks=["10.0.0.0/8"],
            source_vpcs=["vpc-1"],
            source_accounts=[111122223333],
            source_arns=["documents"],
            valid_from="2027-01-04",
            permissions_boundary="developers",
            presigns_for_clients="false",
        )
    told = str(raised.value)
    names = inspect.signature(RestrictedRole.__init__).parameters.keys() - {"self", "scope", "id"}
    assert [name for name in sorted(names) if f"RestrictedRole.{name}: got" not in told] == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source_networks": ["0.0.0.0/0"]}, "expected a range that is not the whole internet"),
        ({"source_networks": ["203.0.113.9/24"]}, "expected a CIDR range without host bits"),
        ({"source_networks": "203.0.113.0/24"}, "expected at least one CIDR range"),
        ({"source_networks": ["192.168.1.0/24"]}, "aws:SourceIp is never a private address; pass the VPC"),
        ({"source_networks": ["fd00::/8"]}, "aws:SourceIp is never a private address"),
        ({"source_networks": ["100.64.0.0/16"]}, "aws:SourceIp is never a private address"),
        ({"source_networks": [f"203.0.{n}.0/24" for n in range(21)]}, "got 21; expected at most 20 ranges"),
        ({"source_vpcs": "vpc-1"}, "expected a list of VPC objects"),
        ({"source_accounts": "111122223333"}, "expected a list"),
        ({"source_accounts": ["111122223333"]}, "expected services alone in assumed_by"),
        ({"source_arns": ["*"]}, "expected an ARN"),
        ({"valid_from": "2027-01-04T08:00:00Z"}, "expected a moment beside valid_from"),
        ({**JANUARY, "valid_until": datetime.datetime(2027, 1, 29)}, "a moment of whole seconds with its time zone"),  # noqa: DTZ001
        ({**JANUARY, "valid_until": "2027-01-29"}, "a moment of whole seconds with its time zone"),
        ({**JANUARY, "valid_until": "soon"}, "a moment of whole seconds with its time zone"),
        ({**JANUARY, "valid_until": "2027-01-29T18:00:00.5Z"}, "a moment of whole seconds with its time zone"),
        ({**JANUARY, "valid_until": JANUARY["valid_from"]}, "expected a moment after 2027-01-04T08:00:00"),
        ({"assumed_by": iam.AnyPrincipal()}, "got 'everybody, without a condition'; expected somebody"),
        ({"assumed_by": iam.StarPrincipal().with_conditions({"Bool": {"aws:x": "true"}})}, "got 'a bare *'"),
        ({"max_session_duration": cdk.Duration.hours(13)}, "expected a Duration of 3600 to 43200 seconds"),
    ],
)
def test_a_wrong_property_is_told_with_what_to_do(stack: cdk.Stack, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidPropertiesError, match=r"RestrictedRole\.\w+: got ") as raised:
        add_role(stack, **changes)
    assert told in str(raised.value)


def test_everybody_of_an_organisation_may_be_named_by_a_condition(stack: cdk.Stack) -> None:
    everybody = iam.AnyPrincipal().with_conditions({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})
    add_role(stack, assumed_by=everybody)


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1"])
def test_two_stand_in_one_stack_in_every_partition(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    for name in ("Role", "Other"):
        add_role(stack, name, source_networks=["203.0.113.0/24"], **JANUARY)
    template = template_of(stack)
    assert len(resources_of(template, "AWS::IAM::ManagedPolicy")) == 2
    assert region == "us-east-1" or "arn:aws:" not in str(template)


def test_the_longest_trust_policy_is_within_its_quota(stack: cdk.Stack) -> None:
    vpcs = [
        ec2.Vpc.from_vpc_attributes(stack, f"V{n}", vpc_id="vpc-" + "0" * 17, availability_zones=["eu-central-1a"])
        for n in (1, 2)
    ]
    networks = [f"203.0.{n}.192/26" for n in range(100, 120)]
    add_role(stack, source_networks=networks, source_vpcs=vpcs, **JANUARY)
    (role,) = resources_of(template_of(stack), "AWS::IAM::Role").values()
    text = str(role["Properties"]["AssumeRolePolicyDocument"]).replace(" ", "")
    assert len(text) < 2048


def test_a_longer_one_is_refused(stack: cdk.Stack) -> None:
    service = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
    arns = [f"arn:aws:ecs:eu-central-1:111122223333:task/a-cluster-of-ours/{number:032d}" for number in range(20)]
    with pytest.raises(
        InvalidPropertiesError,
        match=r"assumed_by: got '2\d\d\d characters of trust policy, limits included'; expected at most 2048; name",
    ):
        add_role(stack, assumed_by=service, source_arns=arns)
    add_role(stack, "Half", assumed_by=service, source_arns=arns[:15])


def test_what_is_known_at_deployment_only_does_not_count_by_the_length_of_its_name(stack: cdk.Stack) -> None:
    service = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
    arns = [cdk.Fn.import_value(f"an-export-with-a-name-of-many-characters-{'x' * 60}-{n}") for n in range(20)]
    joined = [f"arn:aws:ecs:eu-central-1:{cdk.Fn.import_value('x' * 200)}:{n}" for n in range(20)]
    add_role(stack, assumed_by=service, source_arns=arns)
    add_role(stack, "Joined", assumed_by=service, source_arns=joined)


def test_the_rule_packs_find_nothing() -> None:
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False)
    gate = Gate(app)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(region="eu-central-1"))
    add_role(stack, source_networks=["203.0.113.0/24"], **JANUARY)
    verdict = gate.synth()
    assert verdict.passed, verdict.text()
