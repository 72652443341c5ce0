"""The four stacks of both profiles: what a reviewer relies on, whatever the constructs are made of."""

import json
import re
from pathlib import Path

import aws_cdk as cdk
import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from syrupy.assertion import SnapshotAssertion

from profiles.reading import load
from secure_backend.analysis import Resource
from services.documents.database import READY_SECONDS
from services.documents.models import NewDocument
from stacks.application import Application
from tests.app.conftest import STACKS, Synthesized
from tests.conftest import ROOT, resources_of, template_of

STATEFUL = (
    "AWS::Backup::BackupVault",
    "AWS::Cognito::UserPool",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
)
NAMES = {"AWS::RDS::DBInstance": "DBInstanceIdentifier", "AWS::Logs::LogGroup": "LogGroupName"}
GOLDEN = ROOT / "tests" / "app" / "stateful_resources.json"


def stateful(profile: Synthesized) -> list[Resource]:
    return profile.assembly.resources(*STATEFUL)


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_is_what_was_reviewed(
    profile: Synthesized, stack: str, template_snapshot: SnapshotAssertion
) -> None:
    assert profile.template(stack) == template_snapshot(name=f"{profile.profile}-{stack}")


def test_no_finding_of_any_pack_is_open(profile: Synthesized) -> None:
    assert profile.verdict.passed, profile.verdict.text()


def test_prod_acknowledges_at_most_15_distinct_rules(prod: Synthesized) -> None:
    assert len(prod.verdict.rules_acknowledged) <= 15, prod.verdict.rules_acknowledged


def test_logical_ids_and_names_of_stateful_resources_never_change(profile: Synthesized) -> None:
    """A changed line here is a bucket, key, database or log that CloudFormation would replace: add, never change."""
    golden: dict[str, dict[str, list[str]]] = json.loads(GOLDEN.read_text())
    found: dict[str, list[str]] = {}
    for resource in stateful(profile):
        name = resource.at(NAMES[resource.type]) if resource.type in NAMES else None
        shown = f" named {json.dumps(name, sort_keys=True)}" if name else ""
        found.setdefault(resource.type, []).append(f"{_part(resource)}/{resource.logical_id}{shown}")
    assert {type_name: sorted(ids) for type_name, ids in found.items()} == golden[profile.profile]


def test_every_stateful_resource_says_what_happens_to_it_on_deletion_and_on_replacement(profile: Synthesized) -> None:
    loose = [
        resource.address
        for resource in stateful(profile)
        if resource.update_replace_policy != "Retain"
        or resource.deletion_policy not in {"Retain", "RetainExceptOnCreate", "Snapshot"}
    ]
    assert loose == []


def test_termination_is_protected_in_production_only(prod: Synthesized, dev: Synthesized) -> None:
    assert [stack.termination_protection for stack in prod.application.stacks] == [True] * 4
    assert [stack.termination_protection for stack in dev.application.stacks] == [False] * 4


def test_stacks_refer_to_each_other_one_way_only(profile: Synthesized) -> None:
    order = {stack.stack_name: index for index, stack in enumerate(profile.application.stacks)}
    manifest = json.loads((profile.directory / "manifest.json").read_text())
    for name in STACKS:
        artifact = manifest["artifacts"][name]
        for dependency in artifact.get("dependencies", []):
            if dependency in STACKS:
                assert STACKS.index(dependency) < STACKS.index(name), f"{name} needs {dependency}"
    assert list(order.values()) == [0, 1, 2, 3]


def test_no_template_holds_a_path_of_this_machine(profile: Synthesized) -> None:
    for name, template in profile.templates.items():
        assert str(Path.home()) not in json.dumps(template), name
        assert str(ROOT) not in json.dumps(template), name


def test_no_template_holds_a_password_or_a_secret(profile: Synthesized) -> None:
    for name, template in profile.templates.items():
        text = json.dumps(template)
        assert "MasterUserPassword" not in text, name
        assert "AWS::SecretsManager::Secret" not in text, name


def test_every_template_stays_well_below_the_limits_of_cloudformation(profile: Synthesized) -> None:
    for name, template in profile.templates.items():
        assert len(template["Resources"]) <= 250, name
        assert len(template.get("Outputs", {})) <= 100, name
        assert (profile.directory / f"{name}.template.json").stat().st_size <= 500_000, name


def test_a_new_generation_of_the_database_changes_no_export_and_is_migrated(profile: Synthesized) -> None:
    """CloudFormation refuses a changed export that a stack imports; a weak reference is read at each deployment."""
    outputs = profile.template("data")["Outputs"].values()
    assert any("DatabaseInstance" in json.dumps(output["Value"]) for output in outputs)
    assert [each for each in outputs if "Export" in each and "DatabaseInstance" in json.dumps(each["Value"])] == []
    (instance,) = profile.assembly.resources("AWS::RDS::DBInstance")
    (migrations,) = profile.assembly.resources("Custom::DatabaseMigrations")
    # Text that changes with it: the CDK's command deploys no stack whose template is the same.
    assert migrations.at("Database") == instance.at("DBInstanceIdentifier")


def test_the_migrations_wait_for_their_way_to_the_database_and_the_handler_for_the_migrations(
    profile: Synthesized,
) -> None:
    assembly = profile.assembly
    (migrations,) = assembly.resources("Custom::DatabaseMigrations")
    ways = [
        rule
        for rule in assembly.resources("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress")
        if rule.stack is migrations.stack and rule.logical_id.startswith("Migrator")
    ]
    assert len(ways) == 3
    assert [rule.address for rule in ways if not assembly.waits_for(migrations, rule)] == []
    functions = assembly.resources("AWS::Lambda::Function")
    (handler,) = [each for each in functions if each.at("Handler") == "documents.handler.handler"]
    assert assembly.waits_for(handler, migrations)


def test_the_functions_reach_the_database_and_s3_and_nothing_else(profile: Synthesized) -> None:
    api = profile.template("api")
    groups = resources_of(api, "AWS::EC2::SecurityGroup")
    assert len(groups) == 3
    for logical_id, group in groups.items():
        # EC2 opens every way out of a group without a rule: one to nowhere keeps it shut.
        assert [rule["CidrIp"] for rule in group["Properties"]["SecurityGroupEgress"]] == ["127.0.0.1/32"]
        ways_out = [
            rule["Properties"]
            for rule in resources_of(api, "AWS::EC2::SecurityGroupEgress").values()
            if rule["Properties"]["GroupId"] == {"Fn::GetAtt": [logical_id, "GroupId"]}
        ]
        assert sorted(rule["FromPort"] for rule in ways_out) == [443, 5433]
        assert all("DestinationPrefixListId" in rule or "DestinationSecurityGroupId" in rule for rule in ways_out)
        assert all(rule["Description"] for rule in ways_out)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("MigratorRole", set()),
        (
            "DocumentsRole",
            {
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            },
        ),
        (
            "FinaliserRole",
            {"s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions"},
        ),
    ],
)
def test_no_function_may_delete_a_version_or_leave_the_documents_prefix(
    role: str, allowed: set[str], profile: Synthesized
) -> None:
    statements = [
        statement
        for policy in resources_of(profile.template("api"), "AWS::IAM::Policy").values()
        if role in json.dumps(policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "s3:" in json.dumps(statement["Action"])
    ]
    assert {action for statement in statements for action in statement["Action"]} == allowed
    for statement in statements:
        if "s3:ListBucket" in statement["Action"]:
            assert statement["Condition"] == {"StringLike": {"s3:prefix": "incoming/*"}}
        else:
            assert statement["Resource"]["Fn::Join"][1][1] == "/incoming/*"


def test_a_database_that_is_away_is_told_to_the_caller_before_function_and_gateway_give_up(
    profile: Synthesized,
) -> None:
    """Waiting for a connection, a statement that its timeout ends, and a second for the answer."""
    migrations = "".join(path.read_text() for path in sorted((ROOT / "services/documents/migrations").glob("*.sql")))
    (statement,) = re.findall(r"ALTER ROLE documents_api SET statement_timeout = '(\d+)s'", migrations)
    (handler,) = (
        function
        for function in profile.assembly.resources("AWS::Lambda::Function")
        if function.at("Handler") == "documents.handler.handler"
    )
    gateway_seconds = 29
    assert READY_SECONDS + int(statement) + 1 <= handler.at("Timeout") < gateway_seconds


def test_the_clock_calls_the_finaliser_and_people_are_told_when_it_fails(profile: Synthesized) -> None:
    (clock,) = [
        rule
        for rule in profile.assembly.resources("AWS::Events::Rule")
        if rule.at("ScheduleExpression") == "rate(5 minutes)"
    ]
    assert "Finaliser" in json.dumps(clock.at("Targets"))
    (alarm,) = [
        alarm
        for alarm in profile.assembly.resources("AWS::CloudWatch::Alarm")
        if alarm.at("MetricName") == "Errors" and "Finaliser" in json.dumps(alarm.at("Dimensions"))
    ]
    assert (alarm.at("Threshold"), alarm.at("Period"), alarm.at("Statistic")) == (3, 900, "Sum")
    assert alarm.at("AlarmActions")


def test_a_document_that_guardduty_has_not_found_clean_is_given_to_nobody(app: cdk.App) -> None:
    """The address is signed with the handler's own permission, which then needs the tag of a clean scan."""
    dev = load("dev")
    scanned = dev.model_copy(update={"documents": dev.documents.model_copy(update={"malware_protection": True})})
    template = template_of(Application(app, scanned).api)
    readers = {
        json.dumps(policy["Properties"]["Roles"]).partition("Role")[0]: statement.get("Condition")
        for policy in resources_of(template, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "s3:GetObjectVersion" in statement["Action"]
    }
    assert readers == {
        '[{"Ref": "Documents': {
            "StringEquals": {"s3:ExistingObjectTag/GuardDutyMalwareScanStatus": "NO_THREATS_FOUND"}
        },
        '[{"Ref": "Finaliser': None,
    }


def test_only_uploads_of_documents_and_the_clock_reach_the_finaliser(profile: Synthesized) -> None:
    assert profile.assembly.resources("AWS::Lambda::EventSourceMapping") == []
    rules = [
        rule
        for rule in profile.assembly.resources("AWS::Events::Rule")
        if any("Finaliser" in json.dumps(target["Arn"]) for target in rule.at("Targets"))
    ]
    (clock,) = [rule for rule in rules if rule.at("EventPattern") is None]
    assert clock.at("ScheduleExpression") == "rate(5 minutes)"
    (uploads,) = [rule.at("EventPattern") for rule in rules if rule is not clock]
    assert uploads["source"] == ["aws.s3"]
    assert uploads["detail-type"] == ["Object Created"]
    assert uploads["detail"]["object"]["key"] == [{"prefix": "incoming/"}]
    assert "Documents" in json.dumps(uploads["detail"]["bucket"]["name"])
    callers = {
        json.dumps(permission.at("SourceArn"), sort_keys=True)
        for permission in profile.assembly.resources("AWS::Lambda::Permission")
        if "Finaliser" in json.dumps(permission.at("FunctionName"))
    }
    assert callers == {json.dumps({"Fn::GetAtt": [rule.logical_id, "Arn"]}, sort_keys=True) for rule in rules}


def test_every_event_that_nobody_takes_ends_in_a_dead_letter_queue_whose_alarm_tells(profile: Synthesized) -> None:
    """For every target of every rule, the subscription, and the function that is called asynchronously."""
    queues = {queue.logical_id for queue in profile.assembly.resources("AWS::SQS::Queue")}
    targets = [target for rule in profile.assembly.resources("AWS::Events::Rule") for target in rule.at("Targets")]
    named = [target["DeadLetterConfig"]["Arn"] for target in targets]
    subscriptions = profile.assembly.resources("AWS::SNS::Subscription")
    named += [subscription.at("RedrivePolicy")["deadLetterTargetArn"] for subscription in subscriptions]
    (failures,) = profile.assembly.resources("AWS::Lambda::EventInvokeConfig")
    assert "Finaliser" in json.dumps(failures.at("FunctionName"))
    named.append(failures.at("DestinationConfig")["OnFailure"]["Destination"])
    assert {queue for queue in queues if any(queue in json.dumps(one) for one in named)} == queues
    assert all("DeadLetters" in json.dumps(one) for one in named)
    alarmed = [
        json.dumps(alarm.at("Dimensions"))
        for alarm in profile.assembly.resources("AWS::CloudWatch::Alarm")
        if alarm.at("MetricName") == "ApproximateNumberOfMessagesVisible" and alarm.at("AlarmActions")
    ]
    assert all(any(queue in one for one in alarmed) for queue in queues)


@pytest.mark.parametrize(
    ("role", "user"),
    [("DocumentsRole", "documents_api"), ("FinaliserRole", "documents_finaliser"), ("MigratorRole", "dbowner")],
)
def test_each_function_signs_in_to_the_database_as_its_own_user_only(
    role: str, user: str, profile: Synthesized
) -> None:
    statements = [
        json.dumps(statement)
        for policy in resources_of(profile.template("api"), "AWS::IAM::Policy").values()
        if role in json.dumps(policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "rds-db:connect" in json.dumps(statement)
    ]
    assert len(statements) == 1
    assert f"/{user}" in statements[0]
    assert "*" not in statements[0]


def test_the_profile_switches_on_usage_plan_and_source_networks(prod: Synthesized, dev: Synthesized) -> None:
    plans = prod.assembly.resources("AWS::ApiGateway::UsagePlan")
    assert [
        (plan.at("Quota.Limit"), plan.at("Throttle.RateLimit"), plan.at("Throttle.BurstLimit")) for plan in plans
    ] == [(10_000, 100, 200)]
    policy = json.dumps(prod.assembly.resources("AWS::ApiGateway::RestApi")[0].at("Policy"))
    assert "203.0.113.0/24" in policy
    assert dev.assembly.resources("AWS::ApiGateway::UsagePlan") == []
    assert "NotIpAddress" not in json.dumps(dev.template("api"))


def test_the_outputs_tell_what_the_first_request_needs(prod: Synthesized, dev: Synthesized) -> None:
    def outputs(profile: Synthesized) -> set[str]:
        written = profile.template("api")["Outputs"].items()
        # What other stacks read of this one is exported, or published where the reference is weak.
        return {name for name, output in written if "Export" not in output and not name.startswith("PublishOutput")}

    assert outputs(prod) == {"Url"}
    assert outputs(dev) == {"Url", "TokenEndpoint", "ClientId", "UserPoolId"}


def test_dev_makes_a_user_pool_and_prod_uses_its_issuer(prod: Synthesized, dev: Synthesized) -> None:
    assert len(dev.assembly.resources("AWS::Cognito::UserPool")) == 1
    assert prod.assembly.resources("AWS::Cognito::UserPool") == []
    assert "https://login.example.com/" in json.dumps(prod.template("api"))


def _part(resource: Resource) -> str:
    return resource.stack.name.rpartition("-")[2]


@given(
    changes=st.dictionaries(
        st.sampled_from(["name", "type", "size", "sha256", "owner"]),
        st.none() | st.booleans() | st.integers(-2, 2**31) | st.floats(0, 9) | st.text(max_size=300),
        max_size=2,
    ),
    left_out=st.sets(st.sampled_from(["name", "type", "size", "sha256"]), max_size=1),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_model_in_the_template_takes_whatever_the_handler_takes_and_refuses_what_no_schema_would(
    changes: dict[str, object], left_out: set[str], prod: Synthesized
) -> None:
    """The edge sees less than the handler: characters that no pattern names. What else it lets by would be a hole."""
    (model,) = prod.assembly.resources("AWS::ApiGateway::Model")
    good = {"name": "report.pdf", "type": "application/pdf", "size": 12, "sha256": "ab" * 32}
    body = {name: value for name, value in {**good, **changes}.items() if name not in left_out}
    edge = jsonschema.Draft4Validator(model.at("Schema")).is_valid(body)
    try:
        NewDocument.model_validate_json(json.dumps(body))
    except ValidationError as error:
        only_seen_by_the_handler = {("name", "value_error"), ("size", "int_type")}
        found = {(str(one["loc"][0]), one["type"]) for one in error.errors()}
        assert not edge or found <= only_seen_by_the_handler
    else:
        assert edge
