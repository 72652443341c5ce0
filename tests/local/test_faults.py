"""What fails in the middle loses nothing and doubles nothing, and the next try goes on from there."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus

import psycopg
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from deployment.walk import Answer
from tests.local.conftest import SERVERS, LocalAws, new_local_aws, processes_in
from tests.local.documents import Caller
from tests.local.roles import API_STACK
from tests.local.throttling import throttled

CONTENT = b"what no fault may lose\n"
_SECONDS = 30


def inventory(aws: LocalAws) -> Counter[str]:
    """Count what would be there twice if a deploy made something anew and forgot the old."""
    aws_lambda = aws.client("lambda")
    return Counter(
        apis=len(aws.client("apigateway").get_rest_apis()["items"]),
        functions=len(aws_lambda.list_functions()["Functions"]),
        rules=len(aws.client("events").list_rules()["Rules"]),
        roles=len(aws.client("iam").list_roles()["Roles"]),
        queues=len(aws.client("sqs").list_queues().get("QueueUrls", [])),
        buckets=len(aws.client("s3").list_buckets()["Buckets"]),
        databases=len(aws.client("rds").describe_db_instances()["DBInstances"]),
        firewalls=len(aws.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]),
        networks=len(aws.client("ec2").describe_vpcs()["Vpcs"]),
    )


def resources(aws: LocalAws) -> set[str]:
    """Return the logical ids of what the api stack has by now."""
    try:
        found = aws.client("cloudformation").describe_stack_resources(StackName=API_STACK)["StackResources"]
    except ClientError:
        return set()
    return {one["LogicalResourceId"] for one in found}


def without_api(aws: LocalAws) -> None:
    """Delete the api stack, which holds no document, so that a deploy has much to do."""
    aws.client("cloudformation").delete_stack(StackName=API_STACK)
    deadline = time.monotonic() + _SECONDS
    while resources(aws):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def repaired(aws: LocalAws) -> Iterator[None]:
    """Bring back what a failed test left half deployed: other tests use it."""
    before = resources(aws)
    yield
    if aws.run("status").stdout.count(" runs") < len(SERVERS) or resources(aws) != before:
        aws.ask("deploy")


@pytest.mark.usefixtures("repaired")
def test_a_deploy_whose_emulator_is_killed_is_gone_on_with_by_the_next_one(aws: LocalAws) -> None:
    alice = Caller.named(aws, "alice")
    document = alice.created(CONTENT)
    assert alice.upload(document, CONTENT).status == HTTPStatus.NO_CONTENT
    all_resources, before = resources(aws), inventory(aws)
    without_api(aws)
    process = aws.start("deploy")
    deadline = time.monotonic() + _SECONDS
    while len(resources(aws)) < len(all_resources) // 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
    aws.kill("emulator")
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert "the local AWS ended in the middle of cdk deploy" in said
    assert "Traceback" not in said
    aws.ask("deploy")
    assert resources(aws) == all_resources
    assert inventory(aws) == before
    assert document["id"] in alice.ids()


@pytest.mark.usefixtures("repaired")
def test_a_deploy_ends_well_though_every_fifth_call_is_throttled(aws: LocalAws) -> None:
    all_resources, before = resources(aws), inventory(aws)
    without_api(aws)
    with throttled(aws) as told:
        aws.ask("deploy")
    assert {"cloudformation", "s3", "sts"} <= set(told.refused), told
    assert resources(aws) == all_resources
    assert inventory(aws) == before


def test_requests_under_way_when_the_database_crashes_are_answered_and_none_is_doubled(aws: LocalAws) -> None:
    dave = Caller.named(aws, "dave")
    with ThreadPoolExecutor(max_workers=4) as callers:

        def create(moment: str) -> list[Future[Answer]]:
            return [callers.submit(dave.create, CONTENT, f"{moment} {number}") for number in range(4)]

        before = [one.result() for one in create("before")]
        # All of them wait in the middle of their transactions, for a lock of the connection that is killed.
        with closing(aws.superuser()) as connection:
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE documents.document IN SHARE MODE")
            under_way = create("meanwhile")
            wait_for_waiting(aws, len(under_way))
            # PostgreSQL then ends every connection, and recovers from its log.
            os.kill(connection.info.backend_pid, signal.SIGKILL)
        answers = [one.result() for one in under_way]
        wait_for_database(aws)
        after = [one.result() for one in create("after")]
    assert {answer.status for answer in [*before, *after]} == {HTTPStatus.CREATED}, aws.logs()
    assert {answer.status for answer in answers} == {HTTPStatus.SERVICE_UNAVAILABLE}, aws.logs()
    assert all("Retry-After" in answer.headers for answer in answers)
    with aws.superuser() as again:
        rows = again.execute("SELECT id::text, name FROM documents.document WHERE owner LIKE '%|dave'").fetchall()
    assert {row["id"] for row in rows} == {answer.json["id"] for answer in [*before, *after]}
    assert len(rows) == len(before) + len(after)


def wait_for_waiting(aws: LocalAws, count: int) -> None:
    """Wait until so many of the service's statements wait for a lock."""
    deadline = time.monotonic() + _SECONDS
    question = """
        SELECT count(*) AS found FROM pg_stat_activity WHERE usename = 'documents_api' AND wait_event_type = 'Lock'
    """
    with aws.superuser() as connection:
        while (connection.execute(question).fetchone() or {})["found"] < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def wait_for_database(aws: LocalAws) -> None:
    """Wait until PostgreSQL takes connections again."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            aws.superuser().close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.fixture
def another() -> Iterator[LocalAws]:
    """A local AWS that nothing has been deployed to yet."""
    yield from new_local_aws()


def test_a_deploy_that_was_interrupted_is_told_so_and_destroy_leaves_neither_process_nor_file(
    another: LocalAws,
) -> None:
    process = another.start("deploy")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("bootstrap"):
            process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert processes_in(another.folder)
    assert "Traceback" not in line
    another.ask("destroy")
    assert not processes_in(another.folder)
    assert not another.folder.exists()
    assert another.ask("destroy") == "there is no local AWS\n"
