"""A REST API that lets nobody in unasked, checks what comes in, and says little when it refuses.

Example::

    api = HardenedApi(self, "Api", authorizer=JwtAuthorizer(issuer="https://login.example.com/", audience="documents"))
    api.add_method("POST", "/documents", handler, body=NewDocument, scopes=["documents:write"])
    api.add_method("GET", "/documents/{id}", handler, scopes=["documents:read"])
"""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.api.authorizer_function import AuthorizerFunction
from secure_backend.api.authorizers import Authorizer, CognitoAuthorizer, IamAuthorizer, JwtAuthorizer, check_authorizer
from secure_backend.api.edge import add_api_alarms, add_domain, add_preflight, add_usage_plan, source_network_policy
from secure_backend.api.logs import access_log_format, execution_log_group, logging_account, method_setting
from secure_backend.api.methods import (
    GuardedMethods,
    MethodScopes,
    check_content_types,
    check_method,
    required_parameters,
)
from secure_backend.api.options import Cors, Domain, Throttle, UsagePlan, check_option
from secure_backend.api.request_models import checked_request_model
from secure_backend.api.responses import add_gateway_problems
from secure_backend.functions import EncryptedFunction
from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.validation import Validation
from secure_backend.web_acl import WebAcl, check_web_acl

# TLS 1.3, or 1.2 with forward secrecy, and a post-quantum key exchange for clients that know one.
TLS_POLICY = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"


class HardenedApi(Construct):
    """A regional REST API behind an authorizer, a web ACL and request models.

    * no method without the authorizer, no body without a closed and bounded model, a validator on every method;
    * TLS 1.3/1.2 with post-quantum key exchange, and requests only to the API's own host name (strict endpoint
      access); with a domain of yours the default endpoint is closed (FSBP ACM.1, ACM.2);
    * a JSON access log without bodies, tokens or query strings, an execution log of errors without data, traces, all
      of it encrypted and retained (FSBP APIGateway.1, APIGateway.3);
    * a web ACL with a log (FSBP APIGateway.4, WAF.10, WAF.11, WAF.12);
    * throttling of the stage and of single methods; gateway responses that tell nothing of the inside;
    * any change of a method, model, validator, authorizer, resource policy or response makes a new deployment.

    API Gateway writes why a body was refused into the execution log, and quotes the refused value there.

    :param authorizer: who may call: :class:`JwtAuthorizer`, :class:`CognitoAuthorizer`, :class:`IamAuthorizer`, or an
        ``aws_apigateway.IAuthorizer`` of the caller's.
    :param key: encrypts the logs; one is made when left out.
    :param throttle: requests of all callers together, 100 a second and 200 at once when left out.
    :param source_networks: the only networks that requests may come from, whatever else they carry; any when left out.
    :param usage_plan: metering by API key, none when left out; every method then wants a key besides the authorizer.
    :param cors: which web pages may call the API; none when left out.
    :param web_acl: a web ACL of the caller's; one is made when left out.
    :param without_web_acl: True gives up the web ACL: no managed rules, no limit for an address.
    :param domain: the API's own name, which closes the default endpoint.
    :param log_retention: how long each log is kept, one year when left out.
    :param stage_name: the first part of the default endpoint's paths, ``v1`` when left out.
    :param account_logging_role: False when the account already has the role by which API Gateway logs; otherwise the
        first stack of the app that has an API owns it.
    :param alarm_topic: is told when the API answers 5xx or slowly, or the authorizer made here can verify no
        token; there are no such alarms when left out.
    :raises InvalidPropertiesError: with every problem of these at once.
    """

    rest_api: apigateway.RestApi
    """The API. A method added here without authorizer or validator fails the synth."""
    stage: apigateway.Stage
    """Its stage."""
    stage_name: str
    """Its stage's name, as text."""
    url: str
    """Where it answers: its own name when there is one."""
    authorizer: apigateway.IAuthorizer | None
    """What decides on callers; None when IAM does."""
    authorizer_function: EncryptedFunction | None
    """The function that verifies tokens, when one was made here."""
    web_acl: WebAcl | None
    """The web ACL before it: the caller's or the one made here; None when it was given up."""
    api_key: apigateway.IApiKey | None
    """The key of the usage plan, when there is one."""
    key: kms.IKey
    """The key of the logs: the caller's or the one made here."""
    access_log_group: EncryptedLogGroup
    """Where the access log arrives."""
    execution_log_group: EncryptedLogGroup
    """Where API Gateway's errors arrive."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        authorizer: Authorizer,
        key: kms.IKey | None = None,
        throttle: Throttle | None = None,
        source_networks: Sequence[str] | None = None,
        usage_plan: UsagePlan | None = None,
        cors: Cors | None = None,
        web_acl: WebAcl | None = None,
        without_web_acl: bool = False,
        domain: Domain | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        stage_name: str = "v1",
        account_logging_role: bool = True,
        alarm_topic: AlarmTopic | None = None,
    ) -> None:
        super().__init__(scope, id)
        check = Validation(self, id)
        region = cdk.Stack.of(self).region
        check_authorizer(check, authorizer, region)
        check.key("key", key)
        check_option(check, "throttle", throttle, Throttle)
        check_option(check, "usage_plan", usage_plan, UsagePlan)
        check_option(check, "cors", cors, Cors)
        if check_option(check, "domain", domain, Domain) and domain is not None:
            domain.check_region(check, "domain", region)
        if source_networks is not None:
            check.networks("source_networks", source_networks, "name networks, or leave it out for all")
        check_web_acl(check, web_acl, without=without_web_acl)
        check.retention("log_retention", log_retention)
        check.text("stage_name", stage_name, r"[A-Za-z0-9_-]{1,128}", "letters, digits, - and _", "leave it out for v1")
        check.boolean("account_logging_role", account_logging_role)
        if alarm_topic is not None:
            check.construct("alarm_topic", alarm_topic, AlarmTopic, "pass AlarmTopic(...): its key lets alarms publish")
        check.raise_problems()

        self._id = id
        self._cors = cors
        self._scopes = MethodScopes(authorizer)
        self._method_settings: list[cdk.IResolvable | apigateway.CfnStage.MethodSettingProperty] = [
            method_setting("*", "/*", throttle or Throttle(rate=100, burst=200))
        ]
        self.key = key or DataKey(self, "Key", description=f"Logs of {self.node.path}")
        self.access_log_group = EncryptedLogGroup(self, "AccessLog", key=self.key, retention=log_retention)
        self.rest_api = self._rest_api(source_networks, stage_name, closed=domain is not None)
        self.stage = self.rest_api.deployment_stage
        self.stage_name = stage_name
        self._cfn_stage = self._stage_with_settings()
        self.execution_log_group = execution_log_group(self, self.rest_api, stage_name, self.key, log_retention)
        self.stage.node.add_dependency(self.execution_log_group)
        if account_logging_role:
            self.stage.node.add_dependency(logging_account(self))
        self._validator = self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        self._authorizer: AuthorizerFunction | None = None
        self.authorizer_function = None
        self.authorizer = None
        if isinstance(authorizer, (JwtAuthorizer, CognitoAuthorizer)):
            self._authorizer = AuthorizerFunction(
                self, "Authorizer", options=authorizer, key=self.key, retention=log_retention
            )
            self.authorizer = self._authorizer.authorizer
            self.authorizer_function = self._authorizer.function
            self._redeploy_with({"authorizer": self._authorizer.environment})
        elif not isinstance(authorizer, IamAuthorizer):
            self.authorizer = authorizer
        add_gateway_problems(
            self.rest_api,
            signed_requests=isinstance(authorizer, IamAuthorizer),
            allow_origin=cors.error_origin if cors else None,
        )
        self.web_acl = None
        if not without_web_acl:
            self.web_acl = web_acl or WebAcl(self, "WebAcl", key=self.key, log_retention=log_retention)
            self.web_acl.protect(self, "WebAclAssociation", self.stage.stage_arn)
        self.api_key = add_usage_plan(self, self.rest_api, self.stage, usage_plan) if usage_plan else None
        self.url = self.stage.url_for_path("/")
        if domain is not None:
            add_domain(self, domain, self.rest_api, self.stage)
            self.url = f"https://{domain.name}/"
        if alarm_topic is not None:
            add_api_alarms(self, self.stage, alarm_topic, self.authorizer_function)

    def add_method(
        self,
        http_method: str,
        path: str,
        handler: lambda_.IFunction | apigateway.Integration,
        *,
        body: Any = None,
        scopes: Sequence[str] = (),
        throttle: Throttle | None = None,
        query: Sequence[str] = (),
        headers: Sequence[str] = (),
    ) -> apigateway.Method:
        """Add a method behind the authorizer, with its parameters required and its body checked.

        :param http_method: GET, HEAD, POST, PUT, PATCH or DELETE.
        :param path: such as ``/documents/{id}``.
        :param handler: a function, called as a Lambda proxy, or an integration. The body is checked whatever its
            content type says. A proxy is handed every type, and a 415 is its to give; any other integration must
            refuse types without a template itself (``PassthroughBehavior.NEVER``).
        :param body: a pydantic model class, or a JSON schema; needed for POST, PUT and PATCH, refused for others.
        :param scopes: the token's scopes of which any one opens the method; for all methods or for none.
        :param throttle: requests of all callers to this method; the stage's limit when left out.
        :param query: query parameters that must be there.
        :param headers: headers that must be there.
        """
        check = Validation(self, self._id)
        check_method(check, http_method, path, has_model=body is not None, scopes=scopes, query=query, headers=headers)
        check_option(check, "add_method.throttle", throttle, Throttle)
        schema = checked_request_model(check, "add_method.body", body)
        if not isinstance(handler, apigateway.Integration):
            check.construct("add_method.handler", handler, lambda_.Function, "pass the function, or an integration")
        check.raise_problems()
        self._scopes.add(check, http_method, path, scopes)
        check.raise_problems()

        resource = self.rest_api.root.resource_for_path(path)
        if self._cors is not None and resource.node.try_find_child("OPTIONS") is None:
            add_preflight(resource, self._cors, self._validator)
        if throttle is not None:
            self._method_settings.append(method_setting(http_method, path, throttle))
            self._cfn_stage.method_settings = self._method_settings
        method = resource.add_method(
            http_method,
            handler
            if isinstance(handler, apigateway.Integration)
            else apigateway.LambdaIntegration(handler, allow_test_invoke=False),
            authorizer=self.authorizer,
            authorization_type=apigateway.AuthorizationType.IAM if self.authorizer is None else None,
            authorization_scopes=list(scopes) if scopes and self._scopes.by_api_gateway else None,
            api_key_required=self.api_key is not None,
            request_validator=self._validator,
            request_parameters=required_parameters(path, query, headers),
            request_models=None if schema is None else {"$default": self._model(resource, http_method, schema)},
        )
        if schema is not None:
            check_content_types(check, method)
            check.raise_problems()
        if self._authorizer is not None:
            self._authorizer.tell_scopes(self._scopes.environment())
            self._redeploy_with({"scopes": self._scopes.environment()})
        return method

    def _rest_api(self, networks: Sequence[str] | None, stage_name: str, *, closed: bool) -> apigateway.RestApi:
        """Make the API with its deployment and stage; methods, models and responses then enter the deployment's id."""
        policy = None
        if networks is not None:
            policy = source_network_policy(
                networks, preflight=self._cors is not None, needs_allow=self._scopes.by_api_gateway
            )
        api = apigateway.RestApi(
            self,
            "RestApi",
            rest_api_name=cdk.Names.unique_resource_name(self, max_length=128, separator="-"),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            policy=policy,
            disable_execute_api_endpoint=closed,
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=stage_name,
                access_log_destination=apigateway.LogGroupLogDestination(self.access_log_group),
                access_log_format=access_log_format(),
                tracing_enabled=True,
            ),
        )
        resource = api.node.default_child
        if not isinstance(resource, apigateway.CfnRestApi):
            raise TypeError(f"{api.node.path} has no CfnRestApi")
        resource.security_policy = TLS_POLICY
        resource.endpoint_access_mode = "STRICT"
        # The CDK's own output names the default endpoint, closed or not; `url` is the address to show.
        api.node.try_remove_child("Endpoint")
        api.node.add_validation(GuardedMethods(api))
        return api

    def _stage_with_settings(self) -> apigateway.CfnStage:
        stage = self.stage.node.default_child
        if not isinstance(stage, apigateway.CfnStage):
            raise TypeError(f"{self.stage.node.path} has no CfnStage")
        stage.method_settings = self._method_settings
        return stage

    def _model(self, resource: apigateway.ResourceBase, http_method: str, schema: dict[str, Any]) -> apigateway.IModel:
        """Make a model without a name of its own, so that those of two methods never clash."""
        model = apigateway.CfnModel(
            resource,
            f"{http_method}Body",
            rest_api_id=self.rest_api.rest_api_id,
            content_type="application/json",
            schema=schema,
        )
        self._redeploy_with({"model": schema}, model)
        return apigateway.Model.from_model_name(resource, f"{http_method}Model", model.ref)

    def _redeploy_with(self, data: dict[str, Any], *resources: Construct) -> None:
        """Make the deployment's id depend on the data, and the deployment itself wait for the resources."""
        deployment = self.rest_api.latest_deployment
        if deployment is None:
            raise TypeError(f"{self.rest_api.node.path} has no deployment")
        deployment.add_to_logical_id(data)
        deployment.node.add_dependency(*resources)
