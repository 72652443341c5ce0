"""A bad property of HardenedApi is refused with what was given, what was expected and what to do, all at once."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_route53 as route53
from pydantic import BaseModel

from secure_backend.api.authorizers import CognitoAuthorizer, IamAuthorizer
from secure_backend.api.options import Cors, Domain, Throttle, UsagePlan
from secure_backend.hardened_api import HardenedApi
from secure_backend.validation import InvalidPropertiesError
from secure_backend.web_acl import WebAcl
from tests.api.cases import NewDocument, handler_in, jwt
from tests.conftest import NewStack


class Open(BaseModel):
    name: str


def refusal(stack: cdk.Stack, **options: Any) -> str:
    with pytest.raises(InvalidPropertiesError) as caught:
        HardenedApi(stack, "Api", **{"authorizer": jwt(), **options})
    return str(caught.value)


def pool_in(stack: cdk.Stack) -> cognito.IUserPool:
    return cognito.UserPool.from_user_pool_id(stack, "Pool", "eu-central-1_abc")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"authorizer": None},
            "HardenedApi.authorizer: got None; expected a JwtAuthorizer or CognitoAuthorizer or Iam",
        ),
        ({"authorizer": "jwt"}, "HardenedApi.authorizer: got 'jwt'; expected a JwtAuthorizer"),
        ({"authorizer": jwt(issuer="")}, "HardenedApi.authorizer.issuer: got ''; expected the issuer's https address"),
        ({"authorizer": jwt(issuer="*")}, "authorizer.issuer: got '*'"),
        ({"authorizer": jwt(issuer="http://login.example.com/")}, "authorizer.issuer: got 'http://login"),
        ({"authorizer": jwt(issuer="https://login.example.com/?a=b")}, "authorizer.issuer: got 'https://login"),
        ({"authorizer": jwt(issuer=cdk.Aws.REGION)}, "authorizer.issuer: got a token"),
        ({"authorizer": jwt(audience="*")}, "authorizer.audience: got '*'; expected the aud value"),
        ({"authorizer": jwt(audience=["documents", "*"])}, "authorizer.audience: got '*'"),
        ({"authorizer": jwt(audience=[])}, "authorizer.audience: got ''"),
        ({"authorizer": jwt(audience="a,b")}, "authorizer.audience: got 'a,b'"),
        ({"authorizer": jwt(jwks_url="http://a.example.com")}, "authorizer.jwks_url: got 'http://a.example.com'"),
        (
            {"authorizer": jwt(algorithms=["HS256"])},
            "authorizer.algorithms: got ['HS256']; expected some of RS256, ES256",
        ),
        ({"authorizer": jwt(algorithms=["none"])}, "authorizer.algorithms: got ['none']"),
        ({"authorizer": jwt(algorithms=[])}, "authorizer.algorithms: got []"),
        (
            {"authorizer": jwt(cache_ttl=cdk.Duration.seconds(3601))},
            "authorizer.cache_ttl: got 3601 seconds; expected a Duration of 0 to 3600 seconds; leave it out",
        ),
        ({"authorizer": jwt(cache_ttl=300)}, "authorizer.cache_ttl: got 300"),
        ({"key": "alias/logs"}, "HardenedApi.key: got 'alias/logs'; expected a Key object"),
        ({"throttle": 100}, "HardenedApi.throttle: got 100; expected a Throttle"),
        ({"throttle": Throttle(rate=0, burst=1)}, "HardenedApi.throttle.rate: got 0; expected 1 to 10000"),
        ({"throttle": Throttle(rate=1, burst=-1)}, "HardenedApi.throttle.burst: got -1"),
        (
            {"usage_plan": UsagePlan(rate=0)},
            "HardenedApi.usage_plan.rate: got 0; expected 1 to 10000; leave it out for 100",
        ),
        ({"usage_plan": UsagePlan(burst=0)}, "HardenedApi.usage_plan.burst: got 0"),
        ({"usage_plan": UsagePlan(daily_quota=0)}, "HardenedApi.usage_plan.daily_quota: got 0"),
        ({"source_networks": []}, "HardenedApi.source_networks: got []; expected at least one CIDR range"),
        ({"source_networks": ["0.0.0.0/0"]}, "HardenedApi.source_networks: got '0.0.0.0/0'"),
        ({"source_networks": ["203.0.113.7/24"]}, "HardenedApi.source_networks: got '203.0.113.7/24'"),
        ({"cors": "*"}, "HardenedApi.cors: got '*'; expected a Cors; pass Cors(...)"),
        ({"cors": Cors(origins=[])}, "HardenedApi.cors.origins: got []; expected a non-empty list of texts"),
        ({"cors": Cors(origins="*")}, "HardenedApi.cors.origins: got '*'; expected a non-empty list"),
        ({"cors": Cors(origins=["https://a.example.com/"])}, "HardenedApi.cors.origins: got 'https://a.example.com/'"),
        ({"cors": Cors(origins=["http://a.example.com"])}, "HardenedApi.cors.origins: got 'http://a.example.com'"),
        ({"cors": Cors(origins=["*", "https://a.example.com"])}, "expected * alone; drop the other origins"),
        (
            {"cors": Cors(origins=["*"], credentials=True)},
            "HardenedApi.cors.credentials: got \"True with origins ['*']\"; expected one named origin with credentials",
        ),
        ({"cors": Cors(origins=["*"], headers=["*"])}, "HardenedApi.cors.headers: got '*'; expected a header's name"),
        ({"cors": Cors(origins=["*"], max_age=cdk.Duration.days(2))}, "HardenedApi.cors.max_age: got 2 days"),
        ({"cors": Cors(origins=["*"], credentials="false")}, "HardenedApi.cors.credentials: got 'false'"),  # type: ignore[arg-type]
        ({"web_acl": "arn"}, "HardenedApi.web_acl: got 'arn'; expected a WebAcl object"),
        ({"without_web_acl": "true"}, "HardenedApi.without_web_acl: got 'true'; expected True or False"),
        ({"domain": "api.example.com"}, "HardenedApi.domain: got 'api.example.com'; expected a Domain"),
        ({"log_retention": 365}, "HardenedApi.log_retention: got 365; expected a bounded aws_logs.RetentionDays"),
        ({"stage_name": "v 1"}, "HardenedApi.stage_name: got 'v 1'; expected letters, digits, - and _"),
        ({"account_logging_role": "no"}, "HardenedApi.account_logging_role: got 'no'; expected True or False"),
        ({"alarm_topic": "arn"}, "HardenedApi.alarm_topic: got 'arn'; expected a AlarmTopic object"),
    ],
)
def test_a_bad_property_is_refused_with_its_fix(stack: cdk.Stack, options: dict[str, Any], problem: str) -> None:
    assert problem in refusal(stack, **options)


def test_all_problems_are_told_at_once(stack: cdk.Stack) -> None:
    told = refusal(stack, authorizer=jwt(issuer="", audience="*"), source_networks=[], cors="*", stage_name="")
    assert "HardenedApi 'Api' cannot be built, 5 problems:" in told


def test_an_authorizer_cannot_be_left_out(stack: cdk.Stack) -> None:
    with pytest.raises(TypeError, match="authorizer"):
        HardenedApi(stack, "Api")  # type: ignore[call-arg]


def test_a_web_acl_and_none_at_once_is_refused(stack: cdk.Stack) -> None:
    told = refusal(stack, web_acl=WebAcl(stack, "WebAcl"), without_web_acl=True)
    assert "HardenedApi.web_acl: got 'one with without_web_acl'; expected one of the two; drop either" in told


def domain(stack: cdk.Stack, **changes: Any) -> Domain:
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    certificate = acm.Certificate.from_certificate_arn(
        stack, "Certificate", "arn:aws:acm:us-east-1:111122223333:certificate/1"
    )
    return Domain(**{"name": "api.example.com", "certificate": certificate, "hosted_zone": zone, **changes})


def test_an_imported_certificate_of_another_region_is_refused(stack: cdk.Stack) -> None:
    assert (
        "HardenedApi.domain.certificate: got 'a certificate in us-east-1'; expected one in eu-central-1, "
        "the API's region; request it there"
    ) in refusal(stack, domain=domain(stack))


def test_a_certificate_made_in_another_region_is_refused(stack: cdk.Stack, new_stack: NewStack) -> None:
    certificate = acm.Certificate(new_stack("edge", "us-east-1"), "Certificate", domain_name="api.example.com")
    told = refusal(stack, domain=domain(stack, certificate=certificate))
    assert "got 'a certificate in us-east-1'; expected one in eu-central-1" in told


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"certificate": None}, "HardenedApi.domain.certificate: got None; expected a Certificate object"),
        ({"certificate": "arn"}, "HardenedApi.domain.certificate: got 'arn'; expected a Certificate object"),
        ({"hosted_zone": None}, "HardenedApi.domain.hosted_zone: got None; expected a HostedZone object"),
        ({"name": "Api.Example.com"}, "HardenedApi.domain.name: got 'Api.Example.com'; expected a lowercase host name"),
        ({"name": "*.example.com"}, "HardenedApi.domain.name: got '*.example.com'"),
    ],
)
def test_a_domain_without_its_parts_is_refused(stack: cdk.Stack, changes: dict[str, Any], problem: str) -> None:
    assert problem in refusal(stack, domain=domain(stack, **changes))


def test_a_legacy_tls_policy_cannot_be_asked_for(stack: cdk.Stack) -> None:
    with pytest.raises(TypeError, match="security_policy"):
        HardenedApi(stack, "Api", authorizer=jwt(), security_policy="TLS_1_0")  # type: ignore[call-arg]


@pytest.mark.parametrize("client_ids", [[], ["*"], [""], "client"])
def test_cognito_without_named_clients_is_refused(stack: cdk.Stack, client_ids: Any) -> None:
    told = refusal(stack, authorizer=CognitoAuthorizer(user_pool=pool_in(stack), client_ids=client_ids))
    assert "HardenedApi.authorizer.client_ids: got" in told


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_cognito_is_refused_where_there_are_no_user_pools(new_stack: NewStack, region: str) -> None:
    stack = new_stack(region=region)
    told = refusal(stack, authorizer=CognitoAuthorizer(user_pool=pool_in(stack), client_ids=["client"]))
    assert f"HardenedApi.authorizer: got 'CognitoAuthorizer in {region}'; expected a region with user pools" in told


def test_a_user_pool_given_by_its_id_is_refused(stack: cdk.Stack) -> None:
    told = refusal(stack, authorizer=CognitoAuthorizer(user_pool="eu-central-1_abc", client_ids=["a"]))  # type: ignore[arg-type]
    assert "HardenedApi.authorizer.user_pool: got 'eu-central-1_abc'; expected a UserPool object" in told


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (("POST", "/a", {}), "HardenedApi.add_method.body: got 'None for POST /a'; expected a model of the body"),
        (("PUT", "/a", {}), "HardenedApi.add_method.body: got 'None for PUT /a'"),
        (("PATCH", "/a", {}), "HardenedApi.add_method.body: got 'None for PATCH /a'"),
        (("GET", "/a", {"body": NewDocument}), "HardenedApi.add_method.body: got 'a model for GET /a'"),
        (
            ("POST", "/a", {"body": Open}),
            "HardenedApi.add_method.body $.name: got 'no maxLength'; expected a maxLength",
        ),
        (("POST", "/a", {"body": Open}), "HardenedApi.add_method.body $: got 'additionalProperties left out'"),
        (
            ("POST", "/a", {"body": "NewDocument"}),
            "HardenedApi.add_method.body: got 'NewDocument'; expected a pydantic",
        ),
        (("ANY", "/a", {}), "HardenedApi.add_method.http_method: got 'ANY'; expected one of GET"),
        (("OPTIONS", "/a", {}), "add one method at a time; CORS adds OPTIONS itself"),
        (("GET", "a", {}), "HardenedApi.add_method.path: got 'a'; expected a path such as /documents/{id}"),
        (("GET", "/a/", {}), "HardenedApi.add_method.path: got '/a/'"),
        (("GET", "/a/{b", {}), "HardenedApi.add_method.path: got '/a/{b'"),
        (("GET", "/a", {"query": "limit"}), "HardenedApi.add_method.query: got 'limit'; expected a list of names"),
        (("GET", "/a", {"headers": ["a b"]}), "HardenedApi.add_method.headers: got 'a b'; expected a name"),
        (("GET", "/a", {"scopes": ["a b"]}), "HardenedApi.add_method.scopes: got 'a b'; expected a name"),
        (("GET", "/a", {"throttle": Throttle(rate=0, burst=1)}), "HardenedApi.add_method.throttle.rate: got 0"),
        (("GET", "/a", {"handler": "arn"}), "HardenedApi.add_method.handler: got 'arn'; expected a Function object"),
    ],
)
def test_a_bad_method_is_refused_with_its_fix(stack: cdk.Stack, method: tuple[str, str, Any], problem: str) -> None:
    api = HardenedApi(stack, "Api", authorizer=jwt())
    http_method, path, options = method
    handler = options.pop("handler", None) or handler_in(stack)
    with pytest.raises(InvalidPropertiesError) as caught:
        api.add_method(http_method, path, handler, **options)
    assert problem in str(caught.value)


@pytest.mark.parametrize("authorizer", ["iam", "lambda"])
def test_scopes_are_refused_where_nobody_would_check_them(stack: cdk.Stack, authorizer: str) -> None:
    own = apigateway.TokenAuthorizer(stack, "Own", handler=handler_in(stack, "OwnHandler"))
    api = HardenedApi(stack, "Api", authorizer=IamAuthorizer() if authorizer == "iam" else own)
    assert isinstance(api.authorizer, apigateway.TokenAuthorizer) is (authorizer == "lambda")
    handler = handler_in(stack)
    with pytest.raises(InvalidPropertiesError, match="expected none with this authorizer, which knows no scopes"):
        api.add_method("GET", "/a", handler, scopes=["read"])


def test_scopes_for_some_methods_only_are_refused(stack: cdk.Stack) -> None:
    api = HardenedApi(stack, "Api", authorizer=jwt())
    handler = handler_in(stack)
    api.add_method("GET", "/a", handler, scopes=["read"])
    with pytest.raises(
        InvalidPropertiesError, match="expected scopes for every method or for none; name this method's"
    ):
        api.add_method("GET", "/b", handler)


def test_a_path_that_another_scopes_policy_would_open_is_refused(stack: cdk.Stack) -> None:
    api = HardenedApi(stack, "Api", authorizer=jwt())
    handler = handler_in(stack)
    api.add_method("GET", "/documents/{id}", handler, scopes=["read"])
    with pytest.raises(InvalidPropertiesError, match=r"read for /documents/\{id\} would open /documents/\{id\}/audit"):
        api.add_method("GET", "/documents/{id}/audit", handler, scopes=["admin"])


def test_mutual_tls_which_the_tls_policy_excludes_cannot_be_asked_for(stack: cdk.Stack) -> None:
    with pytest.raises(TypeError, match="mtls"):
        domain(stack, mtls=apigateway.MTLSConfig(bucket=None, key="truststore.pem"))  # type: ignore[arg-type]
