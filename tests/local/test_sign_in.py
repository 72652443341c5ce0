"""Who may sign in to the database is asked anew at every sign-in, though the door keeps its way to PostgreSQL open."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus

from tests.local.conftest import LocalAws
from tests.local.documents import Caller

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'documents_api'"


@contextmanager
def revoked(aws: LocalAws) -> Iterator[None]:
    """Take from the API's role what lets it sign in with a token, as the master could, and give it back."""
    with closing(aws.superuser()) as connection:
        connection.execute("REVOKE rds_iam FROM documents_api GRANTED BY dbowner")
        try:
            yield
        finally:
            connection.execute("GRANT rds_iam TO documents_api GRANTED BY dbowner")


def sign_in_anew(aws: LocalAws) -> None:
    with closing(aws.superuser()) as connection:
        connection.execute(CUT)


def test_a_role_that_has_lost_rds_iam_gets_in_no_more_and_again_once_it_has_it_back(aws: LocalAws) -> None:
    erin = Caller.named(aws, "erin")
    assert erin.list().status == HTTPStatus.OK
    with revoked(aws):
        assert erin.list().status == HTTPStatus.OK, "a connection that is open stays, as with RDS"
        sign_in_anew(aws)
        assert erin.list().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert erin.list().status == HTTPStatus.OK
