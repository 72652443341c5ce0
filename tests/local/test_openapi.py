"""The deployed API answers what its OpenAPI document says and nothing else, whatever it is sent."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from docs import openapi
from tests.local.conftest import LocalAws

API = schemathesis.openapi.from_dict(openapi.document())
# Not asked: whether all that breaks the schema is refused, because unknown query parameters are left alone; and whether
# all that keeps to it is accepted, because a name with invisible characters is not, and no JSON Schema can say so.
CHECKS: list[Any] = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "ignored_auth",
    )
]


@pytest.fixture(scope="module")
def token(aws: LocalAws) -> str:
    """A token of a caller who has nothing yet."""
    return aws.token("fuzz")


@API.parametrize()
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_names(case: schemathesis.Case[Any], aws: LocalAws, token: str) -> None:
    answer = case.call_and_validate(
        base_url=aws.url,
        headers={"Authorization": f"Bearer {token}"},
        verify=str(aws.authority),
        checks=CHECKS,
    )
    assert answer.status_code < 500
    # It also tries methods that there are not: the gateway's own answer.
    operation = openapi.document()["paths"][case.path].get(case.method.lower())
    assert str(answer.status_code) in (operation["responses"] if operation else {"404"})
