"""AuditTrail: what may be named for data events, and that no log bucket may."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secure_backend.audit_trail import AuditTrail
from secure_backend.bucket.access_log_bucket import AccessLogBucket
from secure_backend.encrypted_bucket import EncryptedBucket
from secure_backend.trail.events import check_data_events
from secure_backend.validation import InvalidPropertiesError, Validation
from tests.conftest import NewStack, template_of
from tests.trail.cases import problems_of

ADDRESS = "security@example.com"


LOG_BUCKET = "expected a bucket that no log is delivered to; leave it out: each delivery would be an event of its own"


@pytest.mark.parametrize("value", ["documents", "arn:aws:s3:::*", "*", None, 7])
def test_data_events_of_something_that_is_only_named_are_refused(stack: cdk.Stack, value: object) -> None:
    (problem,) = problems_of(stack, data_events=[value], alarms_to=ADDRESS)
    assert problem == (
        f"AuditTrail.data_events: got {value!r}; expected an EncryptedBucket, a Bucket or a Function; pass a list of "
        'the objects themselves, for example data_events=[documents], never a name, an ARN or "*"'
    )


def test_a_single_name_instead_of_a_list_is_refused(stack: cdk.Stack) -> None:
    (problem,) = problems_of(stack, data_events="documents", alarms_to=ADDRESS)
    assert problem.startswith("AuditTrail.data_events: got 'documents'; expected a list of buckets and functions; pass")


def test_an_alias_is_refused_because_the_function_covers_it(new_stack: NewStack) -> None:
    other, stack = new_stack("api"), new_stack("audit")
    function = lambda_.Function(
        other,
        "Handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    alias = lambda_.Alias(other, "Live", alias_name="live", version=function.current_version)
    (problem,) = problems_of(stack, data_events=[alias], alarms_to=ADDRESS)
    assert problem == (
        "AuditTrail.data_events: got 'api/Live'; expected a function; pass the function itself: it covers them all"
    )


def test_more_sources_than_a_trail_takes_are_refused(stack: cdk.Stack) -> None:
    function = lambda_.Function.from_function_name(stack, "Handler", "orders")
    check = Validation(AuditTrail, "Trail")
    check_data_events(check, [function] * 245)
    check.raise_problems()
    check_data_events(check, [function] * 246)
    with pytest.raises(InvalidPropertiesError, match=r"got '492 values'; expected 490 or fewer"):
        check.raise_problems()


def test_an_access_log_bucket_is_refused_as_a_source_of_data_events(new_stack: NewStack) -> None:
    data, stack = new_stack("data"), new_stack("audit")
    target = AccessLogBucket(data, "Target")
    documents = EncryptedBucket(data, "Documents")
    problems = problems_of(stack, data_events=[documents, target, documents.access_logs], alarms_to=ADDRESS)
    assert [problem.split(",")[0] for problem in problems] == [
        f"AuditTrail.data_events: got 'data/Target'; {LOG_BUCKET}",
        f"AuditTrail.data_events: got 'data/Documents/AccessLogs'; {LOG_BUCKET}",
    ]


def test_a_plain_bucket_that_takes_another_s_logs_is_refused(new_stack: NewStack) -> None:
    data, stack = new_stack("data"), new_stack("audit")
    target = s3.Bucket(data, "Target")
    s3.Bucket(data, "Source", server_access_logs_bucket=target)
    (problem,) = problems_of(stack, data_events=[target], alarms_to=ADDRESS)
    assert problem.startswith(f"AuditTrail.data_events: got 'data/Target'; {LOG_BUCKET}")


def test_a_bucket_that_takes_flow_logs_is_refused(new_stack: NewStack) -> None:
    target = s3.Bucket(new_stack("network"), "FlowLogs")
    target.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[target.arn_for_objects("*")],
        )
    )
    (problem,) = problems_of(new_stack("audit"), data_events=[target], alarms_to=ADDRESS)
    assert problem.startswith(f"AuditTrail.data_events: got 'network/FlowLogs'; {LOG_BUCKET}")


def test_a_trail_s_own_bucket_is_refused(new_stack: NewStack) -> None:
    trail = AuditTrail(new_stack("first"), "Trail", alarms_to=ADDRESS)
    (problem,) = problems_of(new_stack("second"), data_events=[trail.bucket], alarms_to=ADDRESS)
    assert problem.startswith(f"AuditTrail.data_events: got 'first/Trail/Logs/Bucket'; {LOG_BUCKET}")


def test_a_bucket_that_becomes_a_log_bucket_later_is_found_at_synthesis(new_stack: NewStack) -> None:
    stack = new_stack("audit")
    target = s3.Bucket(stack, "Target")
    AuditTrail(stack, "Trail", data_events=[target], alarms_to=ADDRESS)
    s3.Bucket(stack, "Source", server_access_logs_bucket=target)
    with pytest.raises(RuntimeError, match=r"data_events: got audit/Target, to which logs are delivered"):
        template_of(stack)


@example(float("inf"))
@example(float("nan"))
@settings(max_examples=50, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.none(),
        st.binary(),
        st.lists(st.text(), min_size=1),
        st.dictionaries(st.text(), st.text(), min_size=1),
    )
)
def test_whatever_is_no_bucket_or_function_is_refused_in_one_line_of_ours(value: object) -> None:
    for sources in (value, [value]):
        if sources == []:
            continue
        check = Validation(AuditTrail, "Trail")
        check_data_events(check, sources)
        with pytest.raises(InvalidPropertiesError, match=r"\.data_events: got .*; expected .*; pass a list"):
            check.raise_problems()
