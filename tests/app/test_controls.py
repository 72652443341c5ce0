"""`make controls` is true: each claim holds in production, others say so too, and goes as soon as its property goes."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3

from secure_backend import (
    AlarmTopic,
    ApiUserPool,
    Certificate,
    Domain,
    EncryptedBucket,
    EncryptedPostgres,
    ObjectLock,
    SecureVpc,
)
from secure_backend.analysis import Assembly, Stack
from secure_backend.compliance.controls import (
    Opinion,
    Result,
    catalogue,
    control_tower,
    coverage,
    evaluate,
    prowler,
    together,
)
from secure_backend.compliance.controls.catalogue import Control, standards
from secure_backend.compliance.controls.checks import CHECKS
from secure_backend.compliance.controls.checks.vpc_endpoints import SERVICES as ENDPOINTS
from secure_backend.compliance.controls.document import markdown
from secure_backend.compliance.controls.table import lines
from tests.api.cases import api_in
from tests.app.conftest import Synthesized
from tests.compliance.controls.mutations import places, without
from tests.conftest import FLAGS, ROOT
from tests.load_balancer.cases import every_option, load_balancer_in

OURS = [control for control in catalogue() if control.construct is not None]
PROWLER = ROOT / ".venv" / "prowler" / "bin" / "python"
Ask = Callable[[Assembly], dict[str, Opinion]]
OTHERS: tuple[Ask, ...] = (
    control_tower.opinions,
    partial(prowler.opinions, python=PROWLER),
)
# They do not apply for another reason than that there is no such resource: engine, sign-in flow, kind of backend.
IN_TEMPLATES = {"APIGateway.2", "Cognito.4", "RDS.40", "RDS.41", "RDS.42", "RDS.44"}
# Security Hub's names of services where they are not CloudFormation's, None where it has no control for them.
SECURITY_HUB = {
    "ApiGateway": "APIGateway",
    "CertificateManager": "ACM",
    "CloudWatch": None,
    "Events": "EventBridge",
    "ElasticLoadBalancingV2": "ELB",
    "Logs": None,
    "WAFv2": "WAF",
}


@pytest.fixture(scope="module")
def production(synthesized: dict[str, Synthesized]) -> Assembly:
    return synthesized["prod"].assembly


@pytest.fixture(scope="module")
def behind(balanced: Path) -> Assembly:
    return Assembly.from_directory(balanced)


def asked(*questions: tuple[Ask, Assembly]) -> list[dict[str, Opinion]]:
    """Return what evaluators say of assemblies; all are asked at once."""
    assert PROWLER.exists(), "run `make test` once, or `make .venv/prowler/ready`"
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda question: question[0](question[1]), questions))


@pytest.fixture(scope="module")
def opinions(production: Assembly, behind: Assembly) -> dict[Assembly, list[dict[str, Opinion]]]:
    """What each of the others says of each production."""
    found = asked(*((ask, assembly) for assembly in (production, behind) for ask in OTHERS))
    return {production: found[: len(OTHERS)], behind: found[len(OTHERS) :]}


@pytest.fixture(scope="module")
def results(opinions: dict[Assembly, list[dict[str, Opinion]]]) -> tuple[Result, ...]:
    """The verdicts over both productions."""
    return together(evaluate(assembly, said) for assembly, said in opinions.items())


@pytest.fixture(scope="module")
def showcase() -> tuple[Assembly, ...]:
    """Return what production has not: a stack with every option that a control asks for, two with a load balancer."""
    app = cdk.App(
        context={**FLAGS, "aws:cdk:disable-asset-staging": True},
        builtin_cloud_formation_validation=False,
        analytics_reporting=False,
    )
    place = cdk.Environment(account="123456789012", region="eu-central-1")
    stack = cdk.Stack(app, "options", env=place)
    vpc = SecureVpc(
        stack,
        "Vpc",
        cidr="10.30.0.0/16",
        zones=["eu-central-1a", "eu-central-1b"],
        interface_endpoints=list(ENDPOINTS.values()),
        block_public_access="block-bidirectional",
        database_port=5432,
    )
    EncryptedPostgres(stack, "Database", vpc=vpc, port=5432, proxy=True)
    EncryptedBucket(stack, "Locked", object_lock=ObjectLock(days=1))
    ApiUserPool(stack, "Callers", domain_prefix="documents-1", scopes={"documents:read": "Read documents"})
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    topic = AlarmTopic(stack, "Alarms")
    Certificate(stack, "Certificate", names=["api.example.com"], hosted_zone=zone, alarm_topic=topic)
    imported = acm.Certificate.from_certificate_arn(
        stack, "Imported", "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    )
    domain = Domain(name="api.example.com", certificate=imported, hosted_zone=zone)
    api_in(stack, domain=domain)
    closed = cdk.Stack(app, "closed", env=place)
    load_balancer_in(closed, without_redirect=True, internet_facing=True)
    every_option(cdk.Stack(app, "usual", env=place))
    return tuple(Assembly([each]) for each in Assembly.from_directory(app.synth().directory).stacks)


def met(control: Control, assembly: Assembly) -> bool:
    judgements = [each for each in CHECKS[control.id](assembly) if each.exempt is None]
    return bool(judgements) and not any(each.problem for each in judgements)


def test_each_claimed_control_is_met_in_production(results: tuple[Result, ...]) -> None:
    assert [(each.control.id, each.problems) for each in results if each.wrong] == []
    claimed = [each for each in results if each.control.claimed and each.verdict != "absent"]
    assert len(claimed) >= 95
    assert {each.verdict for each in claimed} == {"met"}


def test_what_is_not_covered_is_endpoints_that_nobody_asked_for(results: tuple[Result, ...]) -> None:
    covered = coverage(results)
    assert set(covered.failed) == set(ENDPOINTS)
    assert covered.met == covered.counted - len(ENDPOINTS)
    by_asking = [each.control.id for each in results if each.verdict == "met" and each.control.option is not None]
    assert by_asking == ["ELB.18"], "the profile behind a load balancer closes port 80"
    assert covered.counted >= 65
    assert covered.share >= 90
    assert covered.by_others >= 46
    assert covered.met_by_others == covered.by_others - 1, "EC2.10 is one of the endpoints"


def test_no_other_evaluator_says_otherwise(opinions: dict[Assembly, list[dict[str, Opinion]]]) -> None:
    """What they find is on resources that AWS exempts, or of controls that nobody claims."""
    for assembly, said in opinions.items():
        alone = {each.control.id: each.verdict for each in evaluate(assembly)}
        for result in evaluate(assembly, said):
            if result.opinions and alone[result.control.id] in ("met", "failed"):
                assert result.verdict == alone[result.control.id], result.problems


def test_every_service_of_the_templates_is_in_the_catalogue(synthesized: dict[str, Synthesized]) -> None:
    covered = {control.service for control in catalogue()}
    known = {id_.partition(".")[0] for id_ in standards().fsbp}
    types = {each.type for profile in synthesized.values() for each in profile.assembly.resources()}
    services = {name.split("::")[1] for name in types if name.startswith("AWS::")}
    named = {name for service in services if (name := SECURITY_HUB.get(service, service)) is not None}
    assert sorted(named - covered) == []
    assert sorted((named & known) - covered) == []
    assert len(named) >= 14


def test_what_is_said_not_to_be_made_here_is_in_no_template(
    synthesized: dict[str, Synthesized], showcase: tuple[Assembly, ...]
) -> None:
    assemblies = [*showcase, *(profile.assembly for profile in synthesized.values())]
    types = {each.type for assembly in assemblies for each in assembly.resources()}
    others = [control for control in catalogue() if control.who in ("not applicable", "AWS")]
    assert {control.id for control in others if types & set(control.types)} == IN_TEMPLATES


def test_a_control_judges_resources_of_its_types_only(production: Assembly, showcase: tuple[Assembly, ...]) -> None:
    for control in catalogue():
        for assembly in (production, *showcase) if control.id in CHECKS else ():
            subjects = [judgement.subject for judgement in CHECKS[control.id](assembly)]
            judged = {"AWS::CloudFormation::Stack" if isinstance(each, Stack) else each.type for each in subjects}
            assert judged <= set(control.types), control.id


def test_a_load_balancers_log_bucket_is_held_to_what_its_logs_allow(showcase: tuple[Assembly, ...]) -> None:
    """Load balancers deliver to a bucket without a KMS key only, and nobody records who reads a log in a log."""
    for assembly in showcase:
        if assembly.resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
            wrong = [each.control.id for each in evaluate(assembly) if each.wrong and each.control.service == "S3"]
            assert wrong == []


@pytest.mark.parametrize("control", OURS, ids=lambda control: control.id)
def test_a_control_is_not_met_without_what_meets_it(
    control: Control, production: Assembly, showcase: tuple[Assembly, ...]
) -> None:
    """It is met somewhere, and no longer once the property goes there."""
    assemblies = [each for each in (production, *showcase) if met(control, each)]
    assert assemblies, f"{control.id} is met nowhere"
    problems = [
        judgement.problem
        for assembly in assemblies
        for judgement in CHECKS[control.id](without(control, assembly))
        if judgement.problem is not None
    ]
    assert problems, f"{control.id} is still met without {control.met_by}"


@pytest.mark.parametrize("control", OURS, ids=lambda control: control.id)
def test_one_resource_without_what_meets_the_control_is_told_by_its_address(
    control: Control, production: Assembly, showcase: tuple[Assembly, ...]
) -> None:
    assembly = next(each for each in (production, *showcase) if met(control, each))
    judged = {each.address for each in CHECKS[control.id](assembly) if each.exempt is None}
    for address in judged & set(places(control, assembly)):
        spoiled = CHECKS[control.id](without(control, assembly, only=address))
        assert address in {each.address for each in spoiled if each.problem is not None}


def test_others_see_it_too_when_a_property_goes(
    production: Assembly, behind: Assembly, opinions: dict[Assembly, list[dict[str, Opinion]]]
) -> None:
    """An evaluator that never says no proves nothing: each is shown templates without all that it knows."""
    rest = next(replace(stack, name="rest") for stack in production.stacks if stack.name.endswith("-api"))
    both = Assembly([*behind.stacks, rest])
    expected: list[list[Control]] = []
    questions: list[tuple[Ask, Assembly]] = []
    for ask, *known in zip(OTHERS, *opinions.values(), strict=True):
        wanted = [control for control in OURS if any(control.id in said for said in known)]
        assert len(wanted) >= 20
        expected.append(wanted)
        questions.append((ask, reduce(lambda spoiled, control: without(control, spoiled), wanted, both)))
    for wanted, answer in zip(expected, asked(*questions), strict=True):
        silent = [control.id for control in wanted if control.id not in answer or not answer[control.id].failed]
        assert silent == []


def test_what_does_not_apply_is_held_to_its_reason(prod: Synthesized) -> None:
    """A client certificate begins to matter with the first backend that is no function."""
    template = json.dumps(prod.template("api"))
    for text, wrong in ((template, False), (template.replace('"AWS_PROXY"', '"HTTP_PROXY"'), True)):
        results = evaluate(Assembly.from_templates({"api": json.loads(text)}))
        (result,) = [each for each in results if each.control.id == "APIGateway.2"]
        assert result.wrong is wrong
        assert ("APIGateway.2 is said not to apply" in "\n".join(lines([result]))) is wrong


def test_production_behind_a_load_balancer_listens_on_https_alone(balanced: Path) -> None:
    assembly = Assembly.from_directory(balanced)
    listeners = assembly.resources("AWS::ElasticLoadBalancingV2::Listener")
    assert [(each.at("Port"), each.at("Protocol")) for each in listeners] == [(443, "HTTPS")]
    (group,) = (
        each for each in assembly.resources("AWS::EC2::SecurityGroup") if each.logical_id.startswith("LoadBalancer")
    )
    assert {rule["FromPort"] for rule in group.at("SecurityGroupIngress")} == {443}


def test_a_control_that_fails_in_one_of_several_apps_has_failed(production: Assembly, tmp_path: Path) -> None:
    """The other app's resources that meet it do not make up for that."""
    plain = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    s3.Bucket(cdk.Stack(plain, "plain"), "Plain")
    plain.synth()
    both = together([evaluate(production), evaluate(Assembly.from_directory(tmp_path))])
    verdicts = {each.control.id: each.verdict for each in both}
    assert len(both) == len(catalogue())
    assert verdicts["S3.5"] == verdicts["S3.9"] == "failed", "TLS only, and access logs"
    assert verdicts["RDS.5"] == "met", "the other app has no database"


def test_without_other_evaluators_the_verdicts_are_ours_and_this_is_told(production: Assembly) -> None:
    assert coverage(evaluate(production)).by_others == 0
    assert "others     0.0 %: 0 of the 0" in "\n".join(lines(evaluate(production)))


def test_the_page_is_written_from_todays_verdicts(results: tuple[Result, ...]) -> None:
    assert (ROOT / "docs" / "controls.md").read_text() == markdown(results), "run make docs"


def test_each_test_that_the_page_names_is_collected() -> None:
    """A name that stands in a file is not yet a test: pytest finds every one of them."""
    tests = sorted({control.test for control in catalogue() if control.test is not None})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - pytest
    assert done.returncode == 0, done.stdout[-2000:]
