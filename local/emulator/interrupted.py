"""Settles what a killed emulator left in progress: nobody works on it any more.

ministack restores such a stack as it was, in progress for ever, and tells the template that was on its way as the
deployed one: the CDK then finds no changes. Here it comes back as a stack whose update was rolled back, with the
template that it last completed, so that the next deploy brings it to what is wanted. What was made already is part of
the stack's record and is updated, not made twice.
"""

import json
from typing import Any

Stack = dict[str, Any]


def settle_at_start(cloudformation: Any) -> None:
    """Settle each stack when ministack has read what it saved.

    :param cloudformation: ministack's module.
    """
    stock = cloudformation.load_persisted_state

    def load(data: Any) -> None:
        stock(data)
        for stack in cloudformation._stacks._data.values():
            settle(stack)

    cloudformation.load_persisted_state = load


def settle(stack: Stack) -> None:
    """Give a stack that is in the middle of an operation the state from which the next one can begin."""
    status = stack["StackStatus"]
    if status == "DELETE_IN_PROGRESS":
        stack["StackStatus"] = "DELETE_FAILED"
    elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        # A stack that was never completed has no template yet.
        completed = stack.setdefault("_template", {"Resources": {}})
        stack.setdefault("_resolved_params", {})
        stack["_template_body"] = json.dumps(completed)
        stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
