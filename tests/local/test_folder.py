"""The folder of the local AWS: its addresses stay what they are, and a disk without room is refused at once."""

import json
import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import folder as subject
from local.folder import LocalError, addresses, free_addresses


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(subject, "FOLDER", tmp_path)
    return tmp_path


def begin_a_deploy(folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs/cdk-deploy.log").touch()


def listen(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.bind((host, port))
    listener.listen()
    return listener


def test_addresses_are_chosen_once(folder: Path) -> None:
    first = addresses()
    assert addresses() == first
    assert free_addresses() == first


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"gateway_port": 1}', '{"surprise": 1}'])
def test_a_damaged_file_is_made_good_from_its_copy(folder: Path, damage: str) -> None:
    first = addresses()
    begin_a_deploy(folder)
    (folder / "addresses.json").write_text(damage)
    assert addresses() == first


def test_when_both_are_damaged_documents_are_never_given_up_unasked(folder: Path) -> None:
    addresses()
    begin_a_deploy(folder)
    for path in folder.glob("addresses*.json"):
        path.write_text("{")
    with pytest.raises(LocalError, match=r"are damaged, .*put the files back from a copy, or run `make destroy`"):
        addresses()


def test_when_nothing_was_deployed_yet_damaged_addresses_are_chosen_anew(folder: Path) -> None:
    addresses()
    for path in folder.glob("addresses*.json"):
        path.write_text("{")
    chosen = addresses()
    assert json.loads((folder / "addresses.json").read_text())["gateway_port"] == chosen.gateway_port


@pytest.mark.parametrize("which", ["gateway_port", "issuer_port", "database_host"])
def test_an_address_that_was_taken_is_given_up_while_nothing_knows_it(folder: Path, which: str) -> None:
    first = addresses()
    host, port = {
        "gateway_port": ("127.0.0.1", first.gateway_port),
        "issuer_port": ("127.0.0.1", first.issuer_port),
        "database_host": (first.database_host, subject.DATABASE_PORT),
    }[which]
    with listen(host, port):
        second = free_addresses()
    assert getattr(second, which) != getattr(first, which)
    assert addresses() == second


def test_an_address_that_was_taken_is_told_once_something_is_deployed_that_knows_it(folder: Path) -> None:
    """The issuer's is part of each owner's name: with another the documents would be nobody's."""
    first = addresses()
    begin_a_deploy(folder)
    with listen("127.0.0.1", first.issuer_port), pytest.raises(LocalError) as caught:
        free_addresses()
    told = str(caught.value)
    assert f"somebody else listens on 127.0.0.1:{first.issuer_port}, where" in told
    assert f"`lsof -i :{first.issuer_port}` names it" in told
    assert "destroy" not in told
    assert addresses() == first


def disk(megabytes: int) -> SimpleNamespace:
    return SimpleNamespace(free=megabytes * 1_000_000)


def test_a_disk_without_room_is_refused_before_anything_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(subject.NEEDED_FIRST - 1))
    if os.geteuid() == 0:
        monkeypatch.setattr(subject, "may_read", lambda _: True)
    with pytest.raises(LocalError, match="has 399 MB left, and 400 MB are needed; free some space"):
        subject.prepare()
    assert list(folder.iterdir()) == []


def test_what_is_deployed_already_needs_less_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_a_deploy(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(subject.NEEDED_AGAIN))
    subject.check_space()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(subject.NEEDED_AGAIN - 1))
    with pytest.raises(LocalError, match="99 MB left, and 100 MB are needed"):
        subject.check_space()
