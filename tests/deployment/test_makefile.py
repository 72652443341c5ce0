"""Which AWS a verb means, and whose answer it takes: what `make -n` would run."""

import os
import subprocess

import pytest

from tests.conftest import ROOT

#: Without what the make that runs the tests tells the makes below it.
_OF_MAKE = {"PROFILE", "ACCOUNT", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}


def make(*words: str, **environment: str) -> str:
    """Return the last command of a verb, as the shell would get it."""
    done = subprocess.run(  # noqa: S603 - the Makefile of this project
        ["make", "--dry-run", "--always-make", *words],  # noqa: S607 - whichever make there is
        cwd=ROOT, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()[-1].partition(" -m deployment ")[2]


@pytest.mark.parametrize("verb", ["deploy", "diff", "redrive", "destroy"])
def test_a_verb_means_this_machine_unless_a_profile_is_named(verb: str) -> None:
    assert make(verb).startswith(f"{verb} --profile 'local'")
    assert make(verb, "PROFILE=prod").startswith(f"{verb} --profile 'prod'")
    assert make(verb, PROFILE="prod").startswith(f"{verb} --profile 'prod'")


def test_synth_still_means_dev() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "synth"],  # noqa: S607 - as above
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--context profile=dev" in done.stdout


@pytest.mark.parametrize("verb", ["deploy", "destroy"])
def test_only_the_make_line_answers_for_a_person(verb: str) -> None:
    assert make(verb, "PROFILE=dev", "ACCOUNT=111122223333").endswith("--account '111122223333'")
    assert make(verb, "PROFILE=dev", ACCOUNT="111122223333").endswith("--account ''")


def test_a_token_is_alices_unless_the_make_line_names_another() -> None:
    assert make("token", USER="root").endswith("--user 'alice'")
    assert make("token", "USER=root").endswith("--user 'root'")


def test_the_emulator_is_set_up_for_this_machine_only() -> None:
    def commands(*words: str) -> str:
        return subprocess.run(  # noqa: S603 - as above
            ["make", "--dry-run", "--always-make", "deploy", *words],  # noqa: S607 - as above
            cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    assert "requirements-emulator.txt" in commands()
    assert "requirements-emulator.txt" not in commands("PROFILE=dev")
