"""The authorizer is told which scope opens which method, and no scope opens more than it was named for."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_backend.api.authorizers import Authorizer
from secure_backend.api.methods import MethodScopes, opens, required_parameters
from secure_backend.authorizer.configuration import Configuration
from secure_backend.validation import InvalidPropertiesError, Validation
from tests.api.cases import ISSUER, jwt

SEGMENT = st.sampled_from(["documents", "audit", "{id}", "{other}"])
ROUTES = st.lists(SEGMENT, min_size=1, max_size=3, unique=True).map(lambda names: "/" + "/".join(names))


def scopes_of(*methods: tuple[str, str, list[str]], authorizer: Authorizer | None = None) -> MethodScopes:
    table = MethodScopes(authorizer or jwt())
    check = Validation(table, "Api")
    for http_method, path, scopes in methods:
        table.add(check, http_method, path, scopes)
    check.raise_problems()
    return table


def test_the_table_is_the_one_that_the_authorizer_reads() -> None:
    table = scopes_of(
        ("GET", "/documents", ["documents:read"]),
        ("GET", "/documents/{id}", ["documents:read"]),
        ("POST", "/documents", ["documents:write"]),
        ("GET", "/", ["documents:read", "documents:write"]),
    )
    environment = {"ISSUER": ISSUER, "AUDIENCE": "documents", "SCOPES": table.environment()}
    assert Configuration.read(environment).scopes == {
        "documents:read": ("GET/", "GET/documents", "GET/documents/*"),
        "documents:write": ("GET/", "POST/documents"),
    }


def test_without_scopes_the_variable_is_empty() -> None:
    assert scopes_of(("GET", "/a", [])).environment() == ""


def test_methods_of_one_scope_may_cover_each_other() -> None:
    assert scopes_of(("GET", "/a/{b}", ["read"]), ("GET", "/a/{b}/c", ["read"])).environment()


def test_a_method_open_to_more_scopes_may_be_covered() -> None:
    assert scopes_of(("GET", "/a/{b}", ["read"]), ("GET", "/a/{b}/c", ["admin", "read"])).environment()


def test_other_http_methods_do_not_cover() -> None:
    assert scopes_of(("GET", "/a/{b}", ["read"]), ("DELETE", "/a/{b}/c", ["admin"])).environment()


@pytest.mark.parametrize("turn", [1, -1])
def test_a_scope_may_not_open_more_than_it_was_named_for_in_either_order(turn: int) -> None:
    methods = [("GET", "/a/{b}", ["read"]), ("GET", "/a/{b}/c", ["admin"])]
    with pytest.raises(InvalidPropertiesError, match=re.escape("read for /a/{b} would open /a/{b}/c as well")):
        scopes_of(*methods[::turn])


def test_parameters_of_the_path_are_required() -> None:
    assert required_parameters("/a/{b}/{c+}", [], []) == {"method.request.path.b": True, "method.request.path.c": True}


@settings(max_examples=50, deadline=None)
@given(ROUTES, ROUTES, st.lists(st.sampled_from(["documents", "audit", "x"]), min_size=3, max_size=3))
def test_whatever_a_policy_lets_in_is_foreseen(pattern: str, route: str, values: list[str]) -> None:
    request = re.sub(r"\{[a-z]+\}", lambda _: values.pop(), route)
    policy = re.escape(re.sub(r"\{[a-z]+\}", "*", pattern)).replace(r"\*", ".*")
    if re.fullmatch(policy, request):
        assert opens(pattern, route)


def test_a_policy_opens_its_own_route_and_no_disjoint_one() -> None:
    assert opens("/a/{b}", "/a/{b}")
    assert opens("/a/{b}", "/a/static")
    assert opens("/a/{b}", "/a/{rest+}")
    assert opens("/{rest+}", "/a/b/c")
    assert not opens("/a/{b}", "/a")
    assert not opens("/a/{b}/c", "/a/{b}")
    assert not opens("/a/b", "/a/c")
    assert not opens("/a", "/a/{b}")
