"""What a killed emulator left in progress comes back as something that the next deploy can go on from."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from local.emulator import interrupted

OLD = {"Resources": {"Function": {"Type": "AWS::Lambda::Function"}}}
NEW = {"Resources": {**OLD["Resources"], "Queue": {"Type": "AWS::SQS::Queue"}}}


def stack(status: str, **more: Any) -> dict[str, Any]:
    return {"StackStatus": status, "_template_body": json.dumps(NEW), "_resources": {"Function": {}}, **more}


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_an_interrupted_update_tells_the_template_that_it_last_completed(status: str) -> None:
    half = stack(status, _template=OLD)
    interrupted.settle(half)
    assert half["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert json.loads(half["_template_body"]) == OLD


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_an_interrupted_creation_has_completed_no_template_and_keeps_what_it_made(status: str) -> None:
    half = stack(status)
    interrupted.settle(half)
    assert half["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert json.loads(half["_template_body"]) == {"Resources": {}}
    assert half["_resources"] == {"Function": {}}


def test_an_interrupted_deletion_can_be_asked_for_again() -> None:
    half = stack("DELETE_IN_PROGRESS", _template=NEW)
    interrupted.settle(half)
    assert half["StackStatus"] == "DELETE_FAILED"


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_what_is_not_in_the_middle_of_anything_is_left_as_it_is(status: str) -> None:
    settled = stack(status, _template=NEW)
    interrupted.settle(settled)
    assert settled == stack(status, _template=NEW)


def test_every_stack_is_settled_once_the_saved_state_is_read() -> None:
    stacks = SimpleNamespace(_data={})

    def stock(data: dict[str, Any]) -> None:
        stacks._data.update(data)

    cloudformation = SimpleNamespace(_stacks=stacks, load_persisted_state=stock)
    interrupted.settle_at_start(cloudformation)
    cloudformation.load_persisted_state({"api": stack("UPDATE_IN_PROGRESS", _template=OLD)})
    assert stacks._data["api"]["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
