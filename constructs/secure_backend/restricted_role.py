"""An IAM role that is of use for a while, from some networks, and on behalf of some sources only.

Example::

    from aws_cdk import aws_iam as iam

    operators = RestrictedRole(
        self,
        "Operators",
        description="Looks after the database by day",
        assumed_by=iam.AccountRootPrincipal().with_conditions({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        source_networks=["203.0.113.0/24"],
        source_vpcs=[vpc],
        valid_from="2027-01-04T08:00:00+01:00",
        valid_until="2027-01-29T18:00:00+01:00",
    )
    topic.topic.grant_publish(operators)
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_backend.role import properties
from secure_backend.validation import Validation

_Conditions = dict[str, dict[str, Any]]


class RestrictedRole(iam.Role):
    """A role whose every limit stands beside whatever else allows something, as a Deny that nothing can widen.

    * Each limit holds twice: for whoever assumes the role, and for what a session does that it already has. Only
      sources are asked for once, when the role is assumed.
    * The conditions of ``assumed_by`` stay as they are, and each policy and grant that is added later is limited too.
    * A call that AWS makes on the session's behalf (``aws:ViaAWSService``) passes, though it comes from AWS's
      addresses; so does a call through an endpoint of one of the VPCs, which carries no public address.
    * A key that a request does not carry counts as the wrong one.
    * Network conditions are refused where they break the role's own use: on roles of Lambda and of other services that
      call from AWS's addresses, and on roles that presign for clients, whose address is the one that S3 sees.

    Sources: IAM User Guide, "AWS global condition context keys", "Denies access to AWS based on the source IP", "The
    confused deputy problem".

    :param description: what the role is for; the console shows it.
    :param assumed_by: who may assume it, conditions included (``principal.with_conditions``).
    :param max_session_duration: 1 to 12 hours, 1 hour when left out. Sessions that a role assumes end after an hour.
    :param source_networks: public ranges from which the role is used, at most 20; with ``source_vpcs``, either is
        enough. Anywhere when both are left out.
    :param source_vpcs: VPCs through whose endpoints the role is used, at most 20.
    :param source_accounts: accounts on whose behalf a service may assume the role, 12 digits each, at most 20; any
        when left out. The service has to send ``aws:SourceAccount``: its own guide says so.
    :param source_arns: resources on whose behalf a service may assume the role, ``*`` and ``?`` as wildcards, at most
        20; any when left out. The service has to send ``aws:SourceArn``.
    :param valid_from: when the role begins to be of use: a datetime with a time zone, or ISO 8601 text with an offset;
        needed beside ``valid_until``. Both are the caller's: the same call makes the same template on every day.
    :param valid_until: when the role, sessions included, ends to be of use.
    :param permissions_boundary: the most that the role may ever do; no boundary when left out. One that is applied to
        a construct around it (``iam.PermissionsBoundary.of``) takes its place.
    :param presigns_for_clients: True for a role that signs addresses which others use; refuses network conditions.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    limits: iam.ManagedPolicy | None
    """What its sessions are denied; None without networks and window."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        description: str,
        assumed_by: iam.PrincipalBase,
        max_session_duration: cdk.Duration | None = None,
        source_networks: Sequence[str] = (),
        source_vpcs: Sequence[ec2.IVpc] = (),
        source_accounts: Sequence[str] = (),
        source_arns: Sequence[str] = (),
        valid_from: datetime.datetime | str | None = None,
        valid_until: datetime.datetime | str | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
        presigns_for_clients: bool = False,
    ) -> None:
        duration = cdk.Duration.hours(1) if max_session_duration is None else max_session_duration
        check = Validation(self, id)
        check.text("description", description, r"[^\n]{1,1000}", "1 to 1000 characters of one line", "say what it does")
        check.seconds("max_session_duration", duration, 3600, 43_200, "leave it out for one hour")
        check.boolean("presigns_for_clients", presigns_for_clients)
        if permissions_boundary is not None:
            check.construct("permissions_boundary", permissions_boundary, iam.ManagedPolicy, "pass the policy object")
        properties.check_networks(check, source_networks, source_vpcs)
        properties.check_sources(check, source_accounts, source_arns)
        window = properties.window(check, valid_from, valid_until)
        do = "pass for example iam.AccountRootPrincipal(), or iam.ArnPrincipal(role.role_arn) for a role"
        trust: list[dict[str, Any]] = []
        if check.construct("assumed_by", assumed_by, iam.PrincipalBase, do):
            trust = properties.trust(scope, assumed_by)
            properties.check_somebody(check, trust)
            for name in [
                n for n, given in (("source_networks", source_networks), ("source_vpcs", source_vpcs)) if given
            ]:
                properties.check_use(check, trust, name, presigns=presigns_for_clients is True)
            for name in [
                n for n, given in (("source_accounts", source_accounts), ("source_arns", source_arns)) if given
            ]:
                properties.check_only_services(check, trust, name)
        check.raise_problems()
        vpc_ids = [vpc.vpc_id for vpc in source_vpcs]
        always = {} if window is None else _not_within(*window)
        services: list[iam.IPrincipal] = [iam.ServicePrincipal(name) for name in properties.services(trust)]
        others = properties.others(trust)
        # A service fetches the credentials for the machine that uses them, from addresses of its own.
        fetched = _outside(source_networks, vpc_ids, "aws:ViaAWSService", "aws:PrincipalIsAWSService")
        limits = [
            *_denied(trust, fetched, others),
            *_denied(trust, always, [*others, *services]),
            *_denied(trust, _for_others(source_accounts, source_arns), services),
        ]
        properties.check_length(check, scope, trust, limits)
        check.raise_problems()

        super().__init__(
            scope,
            id,
            assumed_by=assumed_by,
            description=description,
            max_session_duration=duration,
            permissions_boundary=permissions_boundary,
        )
        document = self.assume_role_policy
        if document is None:
            raise TypeError(f"{self.node.path} has no trust policy")
        document.add_statements(*limits)
        used = {**_outside(source_networks, vpc_ids, "aws:ViaAWSService"), **always}
        self.limits = self._restrict_sessions(used) if used else None

    def _restrict_sessions(self, limits: Mapping[str, _Conditions]) -> iam.ManagedPolicy:
        policy = iam.ManagedPolicy(
            self,
            "Limits",
            description="Where and when sessions of the role are of use",
            statements=[
                iam.PolicyStatement(
                    sid=sid, effect=iam.Effect.DENY, actions=["*"], resources=["*"], conditions=conditions
                )
                for sid, conditions in limits.items()
            ],
        )
        self.add_managed_policy(policy)
        return policy


def _denied(
    trust: Sequence[Mapping[str, Any]], limits: Mapping[str, _Conditions], principals: Sequence[iam.IPrincipal]
) -> list[iam.PolicyStatement]:
    """Return the statements that keep the principals from assuming the role; none without principals."""
    named = {action for statement in trust for action in properties.list_of(statement["Action"])}
    return [
        iam.PolicyStatement(
            sid=sid,
            effect=iam.Effect.DENY,
            principals=list(principals),
            actions=sorted(action for action in named if action.startswith("sts:AssumeRole")),
            conditions=conditions,
        )
        for sid, conditions in limits.items()
        if principals
    ]


def _outside(networks: Sequence[str], vpcs: Sequence[str], *aws_itself: str) -> dict[str, _Conditions]:
    """Deny what comes neither from the networks nor through the VPCs' endpoints nor from AWS itself, by these keys."""
    if not networks and not vpcs:
        return {}
    conditions: _Conditions = {"BoolIfExists": dict.fromkeys(aws_itself, "false")}
    if networks:
        conditions["NotIpAddress"] = {"aws:SourceIp": list(networks)}
    if vpcs:
        conditions["StringNotEquals"] = {"aws:SourceVpc": list(vpcs)}
    return {"OutsideNetworks": conditions}


def _not_within(start: str, end: str) -> dict[str, _Conditions]:
    return {
        "NotYetValid": {"DateLessThan": {"aws:CurrentTime": start}},
        "NoLongerValid": {"DateGreaterThanEquals": {"aws:CurrentTime": end}},
    }


def _for_others(accounts: Sequence[str], arns: Sequence[str]) -> dict[str, _Conditions]:
    found: dict[str, _Conditions] = {}
    if accounts:
        found["ForOtherAccounts"] = {"StringNotEquals": {"aws:SourceAccount": list(accounts)}}
    if arns:
        found["ForOtherResources"] = {"ArnNotLike": {"aws:SourceArn": list(arns)}}
    return found
