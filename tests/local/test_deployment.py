"""One command deploys the four stacks to a local AWS and shows what the API answers; what it holds stays."""

import contextlib
import subprocess
import time
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.local.conftest import SERVERS, LocalAws
from tests.local.documents import Caller

SAVE_SECONDS = 1.0
LOOPBACK = {f"{last:02X}00007F" for last in range(256)}
CONTENT = b"what must not be lost\n"


@pytest.fixture(scope="module")
def alice(aws: LocalAws) -> Caller:
    return Caller.named(aws, "alice")


def test_a_deploy_shows_the_answers_of_the_walk_and_what_it_cannot_prove(fresh_deploy: tuple[LocalAws, str]) -> None:
    _, said = fresh_deploy
    walk = [line for line in said.splitlines() if line.startswith(("  GET ", "  POST ", "  DELETE "))]
    answers = [next(word for word in line.split() if word.isdecimal() and len(word) == 3) for line in walk]
    assert {"401", "400", "201", "404", "204", "200"} <= set(answers), said
    assert "EXPECTED" not in said
    for stack in ("network", "data", "api", "audit"):
        assert f"secure-backend-local-{stack}" in said
    assert "the API answers at https://127.0.0.1:" in said
    assert "not enforced here, and proved instead by:" in said


def test_what_the_cdk_remembers_of_the_local_account_stands_in_the_folder_and_ends_with_it(aws: LocalAws) -> None:
    """In the home folder it would outlive the local AWS, and answer for another account with the same key."""
    assert (aws.folder / ".cdk/cache/accounts_partitions.json").exists()


def test_the_servers_run_as_an_account_without_rights_and_listen_on_loopback_only(aws: LocalAws) -> None:
    for server in SERVERS:
        status = Path(f"/proc/{aws.pid(server)}/status").read_text()
        (uids,) = (line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
        assert "0" not in uids
        assert _listens(aws.pid(server)) <= LOOPBACK


def _listens(pid: int) -> set[str]:
    """Return the addresses that a process listens on, as Linux writes them."""
    sockets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            sockets.add(str(file.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in sockets:
                found.add(columns[1].partition(":")[0])
    return found


@pytest.fixture(scope="module")
def second_deploy(aws: LocalAws, alice: Caller) -> tuple[str, str, "subprocess.CompletedProcess[str]"]:
    """A document that was there before a stop, what the next deploy said, and another command meanwhile."""
    document = alice.created(CONTENT)
    aws.ask("stop")
    assert aws.ask("status").count("does not run") == len(SERVERS)
    process = aws.start("deploy")
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("deploy "):
            meanwhile = aws.run("stop")
    assert process.wait() == 0, "".join(said)
    return document["id"], "".join(said), meanwhile


def test_a_deploy_after_a_stop_changes_nothing_and_still_has_the_documents(
    second_deploy: tuple[str, str, object], alice: Caller
) -> None:
    document, said, _ = second_deploy
    assert "no changes in 4 stacks" in said
    assert document in alice.ids()


def test_a_second_command_at_once_is_refused_in_one_sentence(
    second_deploy: tuple[object, object, "subprocess.CompletedProcess[str]"],
) -> None:
    _, _, meanwhile = second_deploy
    assert meanwhile.returncode == 1
    assert meanwhile.stdout == "another command is at work on the local AWS; wait until it has ended\n"


@pytest.mark.usefixtures("second_deploy")
def test_nothing_that_was_acknowledged_is_lost_when_both_servers_are_killed(aws: LocalAws, alice: Caller) -> None:
    document = alice.created(CONTENT)
    assert alice.upload(document, CONTENT).status == HTTPStatus.NO_CONTENT
    topics = aws.client("sns")
    topic = topics.create_topic(Name="made-before-the-kill")["TopicArn"]
    last = alice.created(b"the last before the kill\n")
    # What AWS calls changed is saved this often, and twice so late at most: a save takes its time too.
    time.sleep(2 * SAVE_SECONDS)
    aws.kill(*SERVERS)
    assert aws.ask("status").count("does not run") == len(SERVERS)
    said = aws.ask("deploy")
    assert "no changes in 4 stacks" in said
    assert {document["id"], last["id"]} <= alice.ids()
    topics.get_topic_attributes(TopicArn=topic)
    topics.delete_topic(TopicArn=topic)


def test_the_bound_that_the_tests_wait_is_the_emulators() -> None:
    source = (Path(__file__).parents[2] / "local/emulator/__main__.py").read_text()
    assert f"\nSAVE_SECONDS = {SAVE_SECONDS}\n" in source
