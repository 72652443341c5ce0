"""Who is told, and whether the message can really arrive."""

import json
from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.postgres.alarms import connection_limit
from tests.conftest import resources_of, template_of
from tests.postgres.cases import database, instance_of, new_app, new_stack, template_with


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return template_with()


def alarms_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the database's alarms by their metric; the topic has one of its own."""
    return {
        alarm["Properties"]["MetricName"]: alarm["Properties"]
        for alarm in resources_of(template, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["Namespace"] == "AWS/RDS"
    }


def rules_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        rule["Properties"]["EventPattern"]["source"][0]: rule["Properties"]
        for rule in resources_of(template, "AWS::Events::Rule").values()
    }


def test_storage_processor_and_connections_of_this_instance_have_an_alarm(template: dict[str, Any]) -> None:
    alarms = alarms_of(template)
    instance = next(iter(resources_of(template, "AWS::RDS::DBInstance")))

    assert set(alarms) == {"FreeStorageSpace", "CPUUtilization", "DatabaseConnections"}
    for alarm in alarms.values():
        assert alarm["Namespace"] == "AWS/RDS"
        assert alarm["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": {"Ref": instance}}]


def test_the_thresholds_follow_from_the_size(template: dict[str, Any]) -> None:
    small = template_with(instance_type=ec2.InstanceType("t4g.micro"), allocated_storage_gib=20)

    assert alarms_of(template)["FreeStorageSpace"]["Threshold"] == 5 * 1024**3
    assert alarms_of(small)["FreeStorageSpace"]["Threshold"] == 1024**3
    assert alarms_of(template)["CPUUtilization"]["Threshold"] == 80
    assert alarms_of(template)["DatabaseConnections"]["Threshold"] == 315
    assert alarms_of(small)["DatabaseConnections"]["Threshold"] == 78
    assert connection_limit(512) == 5_000


def test_each_alarm_goes_off_only_after_a_while_and_at_the_worst_figure_where_one_is_enough(
    template: dict[str, Any],
) -> None:
    """A failover, a backup or a heavy statement is over by then; an average hides the moment without a connection."""
    shown = {
        name: (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"], alarm["ComparisonOperator"])
        for name, alarm in alarms_of(template).items()
    }

    assert shown == {
        "FreeStorageSpace": ("Minimum", 300, 3, "LessThanOrEqualToThreshold"),
        "CPUUtilization": ("Average", 300, 3, "GreaterThanOrEqualToThreshold"),
        "DatabaseConnections": ("Maximum", 60, 5, "GreaterThanOrEqualToThreshold"),
    }


def test_a_silent_database_is_told_by_one_alarm_only(template: dict[str, Any]) -> None:
    missing = {name: alarm["TreatMissingData"] for name, alarm in alarms_of(template).items()}

    assert missing == {
        "FreeStorageSpace": "breaching",
        "CPUUtilization": "notBreaching",
        "DatabaseConnections": "notBreaching",
    }


def test_each_alarm_tells_when_it_begins_and_when_it_is_over(template: dict[str, Any]) -> None:
    (topic,) = resources_of(template, "AWS::SNS::Topic")

    for alarm in alarms_of(template).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_the_topic_made_for_it_is_encrypted_and_lets_both_publishers_in(template: dict[str, Any]) -> None:
    (topic,) = resources_of(template, "AWS::SNS::Topic").values()
    key = template["Resources"][topic["Properties"]["KmsMasterKeyId"]["Fn::GetAtt"][0]]
    (policy,) = resources_of(template, "AWS::SNS::TopicPolicy").values()

    for service in ("cloudwatch.amazonaws.com", "events.amazonaws.com"):
        assert service in json.dumps(key["Properties"]["KeyPolicy"])
        assert service in json.dumps(policy)


def test_rds_events_of_this_instance_and_its_parameters_reach_the_topic(template: dict[str, Any]) -> None:
    rule = rules_of(template)["aws.rds"]
    (topic,) = resources_of(template, "AWS::SNS::Topic")
    pattern = rule["EventPattern"]
    identifier = instance_of(template)["DBInstanceIdentifier"]

    assert pattern["resources"][0]["Fn::Join"][1][-1] == f":db:{identifier}"
    assert pattern["resources"][1]["Fn::Join"][1][-1]["Ref"] in resources_of(template, "AWS::RDS::DBParameterGroup")
    # What FSBP RDS.20 and RDS.21 ask of subscriptions, and more.
    assert {"maintenance", "configuration change", "failure"} <= set(pattern["detail"]["EventCategories"])
    # What its section in docs/alarms.md tells what to do about.
    assert {"failover", "recovery", "low storage", "deletion"} <= set(pattern["detail"]["EventCategories"])
    assert "backup" not in pattern["detail"]["EventCategories"]
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": topic}]


def test_a_failed_snapshot_is_told(template: dict[str, Any]) -> None:
    pattern = rules_of(template)["aws.backup"]["EventPattern"]

    (vault,) = resources_of(template, "AWS::Backup::BackupVault")
    assert pattern["detail"]["backupVaultArn"] == [{"Fn::GetAtt": [vault, "BackupVaultArn"]}]
    assert pattern["detail"]["state"] == ["ABORTED", "EXPIRED", "FAILED"]


def test_a_test_restore_that_fails_is_told_where_restores_are_tested(template: dict[str, Any]) -> None:
    tested = template_with(restore_testing=True)
    rules = [rule["Properties"] for rule in resources_of(tested, "AWS::Events::Rule").values()]
    (rule,) = [each for each in rules if each["EventPattern"]["detail-type"] == ["Restore Job State Change"]]
    (selection,) = resources_of(tested, "AWS::Backup::RestoreTestingSelection").values()

    assert rule["EventPattern"]["source"] == ["aws.backup"]
    assert rule["EventPattern"]["detail"] == {
        "iamRoleArn": [selection["Properties"]["IamRoleArn"]],
        "status": ["ABORTED", "FAILED"],
    }
    assert "Restore Job" not in json.dumps(template)


def test_rds_never_publishes_to_the_topic_itself(template: dict[str, Any]) -> None:
    assert not resources_of(template, "AWS::RDS::EventSubscription")


def test_what_the_topic_does_not_take_is_kept(template: dict[str, Any]) -> None:
    (queue,) = resources_of(template, "AWS::SQS::Queue")
    assert len(rules_of(template)) == 2
    for rule in rules_of(template).values():
        assert [target["DeadLetterConfig"] for target in rule["Targets"]] == [{"Arn": {"Fn::GetAtt": [queue, "Arn"]}}]


def test_a_topic_of_another_stack_stays_as_it_is_and_the_stacks_do_not_wait_for_each_other() -> None:
    def network_template(*, with_database: bool) -> dict[str, Any]:
        app = new_app()
        network = new_stack(app, "network")
        topic = AlarmTopic(network, "AlarmTopic")
        if with_database:
            data = new_stack(app, "data")
            construct = database(data, alarm_topic=topic)
            assert construct.alarm_topic is topic
            template = template_of(data)
            assert not resources_of(template, "AWS::SNS::Topic")
            for alarm in alarms_of(template).values():
                assert "Fn::ImportValue" in alarm["AlarmActions"][0]
            assert "Fn::ImportValue" in rules_of(template)["aws.rds"]["Targets"][0]["Arn"]
        return dict(template_of(network)["Resources"])

    assert network_template(with_database=True) == network_template(with_database=False)


def test_a_plain_topic_is_taken_too() -> None:
    stack = new_stack(new_app())
    topic = sns.Topic(stack, "Mine")
    construct = database(stack, alarm_topic=topic)
    template = template_of(stack)

    assert construct.alarm_topic is topic
    assert len(construct.alarms) == 3
    for alarm in alarms_of(template).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [stack.resolve(topic.topic_arn)]
    assert all("DeadLetterConfig" not in target for rule in rules_of(template).values() for target in rule["Targets"])
