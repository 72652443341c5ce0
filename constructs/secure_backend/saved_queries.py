"""The questions of an incident, saved where CloudWatch Logs Insights lists them.

Example::

    rejected = SavedQuery(
        name="Rejected uploads", lines=['filter decided = "rejected"'], log_groups=[finaliser.log_group]
    )
    SavedQueries(self, "Queries", folder="orders", vpc=network, functions=[finaliser], queries=[rejected])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_backend.operations import queries as asked
from secure_backend.operations.queries import Question, SavedQuery
from secure_backend.validation import Validation

if TYPE_CHECKING:
    from secure_backend.audit_trail import AuditTrail
    from secure_backend.encrypted_postgres import EncryptedPostgres
    from secure_backend.hardened_api import HardenedApi
    from secure_backend.secure_vpc import SecureVpc
    from secure_backend.web_acl import WebAcl

_FOLDER = r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,99}"


class SavedQueries(Construct):
    """Saved queries over the logs of the parts that it is given, in a folder of their own.

    Who was refused and why, one request through all logs, the slowest requests, the functions' errors, what the web
    ACL blocked, the database's errors, slow statements and sign-ins, rejected flows between tiers, and from the trail
    changes, refusals, sign-ins, and who touched an object. Made in the stack of those parts it refers to no other.

    Saved queries are free; one that runs is about 0.005 dollars for each gigabyte that it reads: choose a short time.

    :param folder: what they are listed under; the stack's name when left out.
    :param api: asks its access log, its web ACL's and its authorizer's.
    :param web_acl: asks the log of a web ACL that is no API's, such as a load balancer's, whose own log is in a bucket.
    :param functions: asks their logs, which are JSON.
    :param database: asks PostgreSQL's log.
    :param vpc: asks the flow log, unless that goes to a bucket.
    :param trail: asks the log groups that the account's events arrive in.
    :param queries: asks the application's own logs.
    :raises InvalidPropertiesError: with every problem of these at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        folder: str | None = None,
        api: HardenedApi | None = None,
        web_acl: WebAcl | None = None,
        functions: Sequence[lambda_.Function] = (),
        database: EncryptedPostgres | None = None,
        vpc: SecureVpc | None = None,
        trail: AuditTrail | None = None,
        queries: Sequence[SavedQuery] = (),
    ) -> None:
        super().__init__(scope, id)
        check = Validation(self, id)
        if folder is not None:
            check.text("folder", folder, _FOLDER, "up to 100 letters, digits, spaces and _ . -", "leave it out")
        check.part("api", api, "HardenedApi")
        check.part("web_acl", web_acl, "WebAcl")
        check.part("database", database, "EncryptedPostgres")
        check.part("vpc", vpc, "SecureVpc")
        check.part("trail", trail, "AuditTrail")
        for function in functions:
            check.construct("functions", function, lambda_.Function, "pass the function objects")
        for query in queries:
            check.check(isinstance(query, SavedQuery), "queries", query, "SavedQuery objects", "pass SavedQuery(...)")
        given = (api, web_acl, database, vpc, trail)
        check.check(
            any(part is not None for part in given) or bool(functions) or bool(queries),
            "api",
            None,
            "some log to ask",
            "pass api=, trail=, or another part",
        )
        check.raise_problems()

        self._folder = folder or cdk.Stack.of(self).stack_name
        self._names: dict[logs.ILogGroup, str] = {}
        self._ask_requests(api, web_acl if web_acl is not None or api is None else api.web_acl, functions)
        if database is not None:
            for question in asked.DATABASE_QUESTIONS:
                self._save(question, database.log_groups[:1])  # PostgreSQL's own; the others tell of upgrades
        if vpc is not None and vpc.flow_log_group is not None:
            self._save(asked.rejected_flows(vpc.cidr), [vpc.flow_log_group])
        if trail is not None:
            for question in asked.TRAIL_QUESTIONS:
                self._save(question, trail.log_groups)
        for query in queries:
            self._save(Question(name=query.name, lines=query.lines), query.log_groups)

    def _ask_requests(
        self, api: HardenedApi | None, web_acl: WebAcl | None, functions: Sequence[lambda_.Function]
    ) -> None:
        authorizer = None if api is None else api.authorizer_function
        running = [function.log_group for function in functions]
        every = running if authorizer is None else [*running, authorizer.log_group]
        blocked = [] if web_acl is None else [web_acl.log_group]
        if api is not None:
            self._save(asked.REFUSED_REQUESTS, [api.access_log_group])
            self._save(asked.SLOWEST_REQUESTS, [api.access_log_group])
        if api is not None or (blocked and every):
            gateway = [] if api is None else [api.access_log_group, api.execution_log_group]
            self._save(asked.ONE_REQUEST, [*gateway, *blocked, *every])
        if authorizer is not None:
            self._save(asked.REFUSED_TOKENS, every[-1:])
        if every:
            self._save(asked.FUNCTION_ERRORS, every)
        if blocked:
            self._save(asked.BLOCKED_BY_WEB_ACL, blocked)

    def _save(self, question: Question, groups: Iterable[logs.ILogGroup]) -> None:
        logs.CfnQueryDefinition(
            self,
            "".join(word.capitalize() for word in question.name.replace("-", " ").split()),
            name=f"{self._folder}/{question.name}",
            query_string=question.text,
            log_group_names=[self._name(group) for group in groups],
        )

    def _name(self, group: logs.ILogGroup) -> str:
        if group not in self._names:
            self._names[group] = group.log_group_name
        return self._names[group]
