"""AuditTrail: every bad property is told, all at once, in the caller's words."""

import aws_cdk as cdk
import pytest

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.bucket.properties import ObjectLock
from tests.conftest import NewStack
from tests.trail.cases import problems_of

ADDRESS = "security@example.com"


def test_alarms_without_anybody_to_tell_are_refused(stack: cdk.Stack) -> None:
    assert problems_of(stack) == [
        "AuditTrail.alarms_to: got None; expected exactly one of alarms_to and alarm_topic; "
        'pass alarms_to="security@example.com" or alarm_topic=AlarmTopic(...)'
    ]


def test_an_address_beside_a_topic_is_refused(new_stack: NewStack) -> None:
    topic = AlarmTopic(new_stack("network"), "Topic", email=ADDRESS)
    (problem,) = problems_of(new_stack("audit"), alarms_to=ADDRESS, alarm_topic=topic)
    assert problem.startswith("AuditTrail.alarms_to: got 'alarm_topic as well'; expected exactly one of")


@pytest.mark.parametrize("address", ["security", "security@", "security@example", "a b@example.com", "", "x@y.com\n"])
def test_a_malformed_address_is_refused(stack: cdk.Stack, address: str) -> None:
    (problem,) = problems_of(stack, alarms_to=address)
    assert problem.startswith(f"AuditTrail.alarms_to: got {address!r}; expected an e-mail address; pass one such as")


def test_a_topic_that_alarms_may_not_be_able_to_publish_to_is_refused(stack: cdk.Stack) -> None:
    (problem,) = problems_of(stack, alarm_topic="arn:aws:sns:eu-central-1:111111111111:alarms")
    assert problem == (
        "AuditTrail.alarm_topic: got 'arn:aws:sns:eu-central-1:111111111111:alarms'; expected an AlarmTopic object; "
        "pass AlarmTopic(...): alarms can publish to it, which few encrypted topics allow"
    )


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        ("365", "object_lock: got '365'; expected an ObjectLock; pass for example ObjectLock(days=365)"),
        (ObjectLock(days=0), "object_lock.days: got 0; expected 1 to 36500; pass how long a version is locked"),
        (
            ObjectLock(days=1, mode="none"),  # type: ignore[arg-type]
            "object_lock.mode: got 'none'; expected one of governance, compliance; leave it out for governance",
        ),
        (
            ObjectLock(days=1, mode="compliance"),
            "object_lock.confirm_compliance: got False; expected True in compliance mode; "
            "pass confirm_compliance=True if nobody shall be able to delete, or take governance",
        ),
    ],
)
def test_a_lock_that_is_none_is_refused(stack: cdk.Stack, lock: object, problem: str) -> None:
    assert problems_of(stack, alarms_to=ADDRESS, object_lock=lock) == [f"AuditTrail.{problem}"]


def test_files_do_not_expire_before_their_lock_ends(stack: cdk.Stack) -> None:
    assert problems_of(stack, alarms_to=ADDRESS, expiration=cdk.Duration.days(364)) == [
        "AuditTrail.expiration: got 364 days; expected at least the 365 days of the lock; "
        "let objects expire after the lock, or leave the expiration out"
    ]


def test_every_problem_is_told_at_once(stack: cdk.Stack) -> None:
    problems = problems_of(
        stack,
        data_events="documents",
        alarms_to="nobody",
        key="alias/audit",
        access_logs="logs",
        object_lock=ObjectLock(days=-1),
        log_retention=365,
        insights="false",
    )
    assert [problem.split(":")[0] for problem in problems] == [
        f"AuditTrail.{name}"
        for name in (
            "data_events",
            "alarms_to",
            "key",
            "access_logs",
            "object_lock.days",
            "log_retention",
            "insights",
        )
    ]


def test_insights_as_text_are_refused(stack: cdk.Stack) -> None:
    assert problems_of(stack, alarms_to=ADDRESS, insights="false") == [
        "AuditTrail.insights: got 'false'; expected True or False; pass a bool, not text or a number"
    ]
