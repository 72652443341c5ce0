"""A failure is one sentence with a way out; only a fault of the program is shown as one."""

import errno
import http.client
import sys
import urllib.error

import botocore.exceptions  # type: ignore[import-untyped]
import pytest

from deployment import __main__ as subject
from deployment import machine
from deployment.failures import DeploymentError, sentence
from local.folder import LocalError
from profiles.reading import ProfileError

KNOWN = {
    "a full disk": (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; nothing that was saved"),
    "a reader that ended": (BrokenPipeError(errno.EPIPE, "Broken pipe"), "whoever read what deploy says has ended"),
    "a full quota": (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
    "another's file": (PermissionError(errno.EACCES, "Permission denied", "/x/lock"), "/x/lock cannot be used by this"),
    "an API that is gone": (urllib.error.URLError("refused"), "the API does not answer: <urlopen error ref"),
    "an API that ended": (http.client.RemoteDisconnected("closed"), "the API does not answer: closed; `make status`"),
    "an API cut off": (http.client.IncompleteRead(b""), "the API does not answer"),
    "an API that hangs": (TimeoutError("timed out"), "the API does not answer: timed out"),
    "AWS out of reach": (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), "AWS does not answer"),
    "AWS cut off": (botocore.exceptions.ConnectionClosedError(endpoint_url="https://x"), "AWS does not answer"),
    "a refused call": (
        botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListStacks"),
        "AWS refused a call: An error occurred (AccessDenied)",
    ),
    "our own": (DeploymentError("why; what to do"), "why; what to do"),
    "the local one's": (LocalError("why; what to do"), "why; what to do"),
    "a profile's": (ProfileError("why; what to do"), "why; what to do"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_can_happen_to_anybody_is_told_in_a_sentence(name: str) -> None:
    error, begin = KNOWN[name]
    assert (sentence(error, verb="deploy") or "").startswith(begin)


def test_a_fault_of_the_program_is_not_hidden() -> None:
    assert sentence(TypeError("a fault"), verb="deploy") is None
    assert sentence(OSError(errno.ENOTDIR, "Not a directory"), verb="deploy") is None


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> int:
    def fail(_profile: str) -> int:
        raise error

    monkeypatch.setattr(machine, "deploy", fail)
    monkeypatch.setattr(sys, "argv", ["deployment", "deploy", *words])
    return subject.main()


def test_a_failed_command_ends_with_1_and_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, LocalError("why; what to do")) == 1
    assert capsys.readouterr().err == "why; what to do\n"


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, KeyboardInterrupt()) == 130
    told = capsys.readouterr().err
    assert "stopped in the middle of deploy" in told
    assert "run the same command again" in told
    assert "Traceback" not in told


def test_a_fault_of_the_program_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="a fault"):
        run(monkeypatch, TypeError("a fault"))


def test_a_verb_of_the_local_aws_takes_no_other_profile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["deployment", "stop", "--profile", "dev"])
    assert subject.main() == 1
    assert capsys.readouterr().err == "`make stop` is for the local AWS alone; leave PROFILE out\n"
