"""Whether a server runs is told by its process and when that began: a number alone may be another's by now."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import servers as subject
from local.folder import Addresses, LocalError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(subject, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is recorded as the emulator."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (folder / "emulator.pid").write_text(f"{process.pid} {subject._begun(process.pid)}\n")
    yield process
    process.kill()
    process.wait()


def test_a_server_runs_while_its_process_does(server: "subprocess.Popen[bytes]") -> None:
    assert subject.running("emulator") == server.pid
    assert subject.died("emulator") is None


def test_a_server_that_was_killed_is_told_to_have_died(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()
    assert subject.running("emulator") is None
    assert subject.died("emulator") == server.pid


def test_a_server_that_was_stopped_is_not(server: "subprocess.Popen[bytes]") -> None:
    assert subject.stop() == ["the emulator"]
    assert subject.running("emulator") is None
    assert subject.died("emulator") is None


def test_a_later_process_with_the_same_number_is_not_the_server(folder: Path) -> None:
    (folder / "emulator.pid").write_text(f"{os.getpid()} 1\n")
    assert subject.running("emulator") is None


@pytest.mark.parametrize("content", ["", "\n", "x", "1", "x y"])
def test_a_damaged_pid_file_is_no_server(folder: Path, content: str) -> None:
    (folder / "emulator.pid").write_text(content)
    assert subject.running("emulator") is None
    assert subject.died("emulator") is None


def test_without_proc_ps_tells_when_a_process_began(server: "subprocess.Popen[bytes]") -> None:
    begun = subject._begun_by_ps(server.pid)
    assert begun is not None
    assert begun == subject._begun_by_ps(server.pid)
    assert len(begun.split()) == 5  # Wed Nov 25 10:00:00 2026
    server.kill()
    server.wait()
    assert subject._begun_by_ps(server.pid) is None


def test_a_time_of_several_words_survives_the_pid_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_begun", subject._begun_by_ps)
    (folder / "emulator.pid").write_text(f"{os.getpid()} {subject._begun_by_ps(os.getpid())}\n")
    assert subject.running("emulator") == os.getpid()


def test_an_emulator_that_is_not_installed_is_told_with_what_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "EMULATOR", folder / "none")
    where = Addresses(gateway_port=1, issuer_port=2, database_host="127.0.0.1")
    with pytest.raises(LocalError, match="not installed yet; `make deploy` installs it"):
        subject._start_emulator(where, "eu-central-1")
