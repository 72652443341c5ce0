"""The usage examples of the docstrings run as they stand, so that what a reader copies works."""

import ast
import inspect
import itertools
import json
import pkgutil
import re
import textwrap
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from constructs import Construct

import secure_backend
from secure_backend import AlarmTopic, ApiUserPool, EncryptedFunction, EncryptedLogGroup, JwtAuthorizer, SecureVpc
from secure_backend.compliance import Acknowledgements
from secure_backend.vpc.prefix_lists import PREFIX_LISTS
from tests.api.cases import NewDocument
from tests.conftest import ROOT, NewStack, template_of
from tests.test_permissions_boundary import unbounded


def example_in(text: str | None) -> str:
    """Return the indented lines after ``Example::``, or nothing."""
    block = re.search(r"^Example::\n\n((?:    .*\n|\n)+)", inspect.cleandoc(text or "") + "\n", re.MULTILINE)
    return textwrap.dedent(block[1]) if block else ""


def examples() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return every example of the library, with the names of the module that it stands in."""
    found = {}
    names = [module.name for module in pkgutil.walk_packages(secure_backend.__path__, "secure_backend.")]
    for name in ["secure_backend", *(n for n in names if not n.endswith("__main__"))]:
        module = import_module(name)
        classes = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == name]
        for documented in (module, *classes):
            if example := example_in(vars(documented).get("__doc__")):
                found[f"{name}.{documented.__name__}" if documented in classes else name] = (example, vars(module))
    return found


EXAMPLES = examples()


PARTITIONS = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}


@pytest.fixture
def region(request: pytest.FixtureRequest) -> str:
    """Where the example's stack stands."""
    return str(getattr(request, "param", "eu-central-1"))


@pytest.fixture
def stack(new_stack: NewStack, region: str) -> cdk.Stack:
    """One empty stack there."""
    return new_stack(region=region)


@pytest.fixture
def surroundings(stack: cdk.Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples take for granted: the construct they stand in, a network, a handler, and the like."""
    for lists in PREFIX_LISTS.values():
        # Of China and GovCloud none is known; whoever is there passes it on.
        monkeypatch.setitem(lists, stack.region, lists.get(stack.region, "pl-0123456789abcdef0"))
    network = SecureVpc(
        stack,
        "Surroundings",
        cidr="10.20.0.0/16",
        zones=[f"{stack.region}a", f"{stack.region}b"],
        public_subnets=True,
    )
    handler = EncryptedFunction(
        stack,
        "Handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        description="Answers the API",
        key=network.key,
        vpc=network.vpc,
        subnets=network.app_subnets,
        security_group=network.security_group(stack, "TheirGroup", description="The handler"),
    )
    pools = {}
    if not stack.region.startswith("cn-"):
        made = ApiUserPool(stack, "Pool", domain_prefix="documents", scopes={"documents:read": "Read"})
        pools = {"pool": made.user_pool, "client": made.client}
    metric = cloudwatch.Metric(namespace="Test", metric_name="Failures")
    # A folder as the reader's own: code to deploy, and an assembly.
    (tmp_path / "services").symlink_to(ROOT / "services")
    cdk.App(outdir=str(tmp_path / "cdk.out"), analytics_reporting=False).synth()
    monkeypatch.chdir(tmp_path)
    return {
        **{name: getattr(secure_backend, name) for name in secure_backend.__all__},
        "events": events,
        "targets": targets,
        "self": stack,
        "network": network,
        "vpc": network.vpc,
        "zones": network.zones,
        "key": network.key,
        "database_group": network.security_group(stack, "TheirDatabaseGroup", description="The database"),
        "handler": handler,
        "finaliser": handler,
        "topic": AlarmTopic(stack, "TheirTopic", key=network.key),
        "role": handler.role,
        "alarm": metric.create_alarm(stack, "Alarm", threshold=1, evaluation_periods=1),
        "trail_log_group": EncryptedLogGroup(stack, "TrailLogs", key=network.key),
        "authorizer": JwtAuthorizer(issuer="https://login.example.com/", audience="documents"),
        **pools,
        "certificate": acm.Certificate(stack, "Certificate", domain_name="api.example.com"),
        "zone": route53.HostedZone(stack, "Zone", zone_name="example.com"),
        "load_balancer": SimpleNamespace(
            load_balancer_arn=f"arn:{stack.partition}:elasticloadbalancing:::loadbalancer/app/a/b"
        ),
        "NewDocument": NewDocument,
        "acknowledgements": Acknowledgements(),
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name: str, stack: cdk.Stack, surroundings: dict[str, Any]) -> None:
    example, module = EXAMPLES[name]
    exec(example, {**module, **surroundings})  # noqa: S102 - our own docstring
    assert template_of(stack)


def elsewhere() -> list[tuple[str, str]]:
    """Return examples of constructs with regions of other partitions; China has no user pools, and they say so."""
    return [
        (name, region)
        for name, (example, _) in EXAMPLES.items()
        for region in PARTITIONS
        if not any(part in name for part in (".analysis", ".compliance", ".testing"))
        and not (region.startswith("cn-") and re.search(r"\b(ApiUserPool|pool)\b", example))
    ]


@pytest.mark.parametrize(("name", "region"), elsewhere(), indirect=["region"])
def test_the_example_names_no_other_partition(
    name: str, stack: cdk.Stack, region: str, surroundings: dict[str, Any]
) -> None:
    """So every construct of the library synthesizes in every partition: each has an example."""
    example, module = EXAMPLES[name]
    there = example.replace("eu-central-1", region).replace("arn:aws:", f"arn:{PARTITIONS[region]}:")
    exec(there, {**module, **surroundings})  # noqa: S102 - our own docstring
    assert set(re.findall(r"\barn:(aws[a-z-]*):", json.dumps(template_of(stack)))) <= {PARTITIONS[region]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_permissions_boundary_reaches_every_role_and_user_of_the_example(
    name: str, stack: cdk.Stack, surroundings: dict[str, Any]
) -> None:
    """The CDK's own way for every construct: no role of a service, a helper or an L1 is left out."""
    boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "TheirBoundary", "developers")
    iam.PermissionsBoundary.of(stack).apply(boundary)
    example, module = EXAMPLES[name]
    exec(example, {**module, **surroundings})  # noqa: S102 - our own docstring
    assert unbounded(template_of(stack), "developers") == []


def test_each_public_name_is_in_an_example() -> None:
    """But for the error, which a reader meets and never makes."""
    words = set(re.findall(r"\w+", " ".join(example for example, _ in EXAMPLES.values())))
    assert set(secure_backend.__all__) - words == {"InvalidPropertiesError"}


@pytest.mark.parametrize("name", sorted(set(secure_backend.__all__) - {"InvalidPropertiesError", "zone_context"}))
def test_each_argument_of_a_public_class_is_documented(name: str) -> None:
    public = getattr(secure_backend, name)
    text = inspect.getdoc(public) or ""
    parameters = inspect.signature(public.__init__).parameters.values()
    arguments = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert re.findall(r"^:param (\w+):", text, re.MULTILINE) == arguments
    if issubclass(public, Construct):
        assert ":raises InvalidPropertiesError:" in text


CONSTRUCTS = [
    name
    for name, value in ((each, getattr(secure_backend, each)) for each in secure_backend.__all__)
    if inspect.isclass(value) and issubclass(value, Construct)
]


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_each_part_that_a_construct_exposes_is_documented(name: str) -> None:
    """A reader finds the L2 parts at the top of the class, and not in the middle of its code."""
    public = getattr(secure_backend, name)
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(public))).body
    assert isinstance(made, ast.ClassDef)
    exposed = {
        node.attr
        for node in ast.walk(made)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.startswith("_")
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    documented = {
        statement.target.id
        for statement, following in itertools.pairwise(made.body)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    }
    assert exposed == documented
