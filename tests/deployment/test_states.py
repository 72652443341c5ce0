"""A half-finished deployment is recognised, and each state that the CDK cannot leave has a way out."""

import pytest

from deployment.states import PAUSED, ways_out


def told(status: str) -> list[str]:
    return ways_out([{"StackName": "app-data", "StackStatus": status}], "eu-central-1", profile="dev")


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"]
)
def test_a_stack_at_work_is_waited_for(status: str) -> None:
    (sentence,) = told(status)
    assert sentence.startswith(f"stack app-data is in the middle of an operation ({status}); wait until it has ended")
    assert "describe-stack-events --stack-name app-data --region eu-central-1" in sentence


@pytest.mark.parametrize("status", PAUSED)
def test_a_stack_that_stopped_half_way_back_is_rolled_back_first(status: str) -> None:
    (sentence,) = told(status)
    assert 'make cdk ARGS="rollback --all -c profile=dev"' in sentence


def test_a_stack_that_is_half_deleted_is_deleted_to_its_end() -> None:
    (sentence,) = told("DELETE_FAILED")
    assert "make destroy PROFILE=dev" in sentence


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        # From these the CDK goes on by itself: it deletes what failed at its creation, and makes another change set.
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "REVIEW_IN_PROGRESS",
    ],
)
def test_what_the_cdk_goes_on_from_is_left_to_it(status: str) -> None:
    assert told(status) == []
