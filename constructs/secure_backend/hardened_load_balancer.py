"""A load balancer that speaks TLS on both sides, sends nothing on unasked, and keeps a record of everything.

Example::

    load_balancer = HardenedLoadBalancer(
        self,
        "LoadBalancer",
        vpc=network.vpc,
        subnets=network.public_subnets,
        internet_facing=True,
        certificate=certificate,
        jwt=JwtValidation(issuer="https://login.example.com/", audience="documents"),
        alarm_topic=topic,
    )
    load_balancer.add_function("Documents", function=handler, paths=["/documents", "/documents/*"], priority=10)
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_backend.alarm_topic import AlarmTopic
from secure_backend.api.options import check_option
from secure_backend.bucket.properties import check_access_logs
from secure_backend.certificate import check_certificate_region
from secure_backend.load_balancer import listeners, network
from secure_backend.load_balancer.alarms import add_load_balancer_alarms, add_target_alarm
from secure_backend.load_balancer.jwt_validation import JwtValidation
from secure_backend.load_balancer.logs import check_log_bucket_region, deliver_logs, new_log_bucket
from secure_backend.load_balancer.mutual_tls import check_trust_store
from secure_backend.load_balancer.routes import GuardedRules, Route, add_rule
from secure_backend.load_balancer.targets import (
    TARGET_TYPES,
    FunctionTargets,
    TargetType,
    check_function,
    check_targets,
    function_targets,
    https_target_group,
)
from secure_backend.validation import Validation
from secure_backend.web_acl import WebAcl, check_web_acl


class HardenedLoadBalancer(Construct):
    """An application load balancer for HTTPS, internal unless asked otherwise, behind a web ACL.

    * TLS 1.3/1.2 with post-quantum key exchange (FSBP ELB.17) by a certificate of ACM; port 80 answers 301 to HTTPS
      and nothing else (ELB.1). ELB.18 counts that redirect as plain HTTP: ``without_redirect`` closes the port.
    * What no rule names is answered with a fixed 404. With an issuer no rule forwards without a valid token, not even
      one that is added past this class.
    * Invalid headers are dropped (ELB.4), ambiguous requests refused by the strictest desync mode (ELB.12), the
      server's name is not told, browsers are told to stay with HTTPS.
    * Access log and connection log go to a bucket with S3's own encryption, the only kind that they are delivered to
      (ELB.5). Addresses and query strings stand in them: who reads one made here is logged in turn (S3.9).
    * A web ACL with a log (ELB.16, WAF.10, WAF.11, WAF.12); what it cannot judge is refused.
    * Protected against deletion (ELB.6), in two zones or more (ELB.13).
    * Its security group lets in HTTPS, and HTTP to be redirected, from the named networks, and lets out to the targets'
      groups only; with an issuer also HTTPS to its key set, see :class:`JwtValidation`.
    * Targets are spoken to by HTTPS, health checks too (ELB.21, ELB.22), or are functions.

    The load balancer does not verify its targets' certificates: HTTPS keeps who listens in the network from reading,
    the security groups keep others from answering. A function gets and gives at most 1 MB, and an event that is decoded
    otherwise than API Gateway's. Bodies above 8 KB are refused by the web ACL. Without ``jwt`` the targets have to
    judge every request themselves.

    CloudFormation cannot roll back a first creation that fails after this one until the protection is taken off:
    ``aws elbv2 modify-load-balancer-attributes --attributes Key=deletion_protection.enabled,Value=false``.

    :param vpc: the VPC, such as ``SecureVpc.vpc``.
    :param subnets: two zones or more: ``SecureVpc.public_subnets`` for an internet-facing one,
        ``SecureVpc.app_subnets`` for an internal one.
    :param certificate: an ACM certificate of this region, such as a :class:`~secure_backend.certificate.Certificate`.
    :param jwt: whose tokens open the way to the targets; None lets any request through to them.
    :param internet_facing: whether it has public addresses. A change replaces it.
    :param source_networks: the IPv4 networks that clients connect from; anyone when left out of an internet-facing one,
        the VPC itself when left out of an internal one.
    :param without_redirect: True closes port 80.
    :param trust_store: also asks each client for a certificate of these authorities, and refuses expired ones.
    :param web_acl: a web ACL of the caller's; one is made when left out.
    :param without_web_acl: True gives up the web ACL: no managed rules, no limit for an address.
    :param key: encrypts the log of a web ACL made here; one is made when left out.
    :param log_retention: how long the log of a web ACL made here is kept, one year when left out.
    :param access_logs: the bucket of both logs, in this region, without a KMS key and without Object Lock; an
        :class:`~secure_backend.bucket.access_log_bucket.AccessLogBucket`, which is retained, when left out.
    :param access_log_retention: how long a bucket made here keeps the logs, 365 days when left out.
    :param without_deletion_protection: True lets the stack delete it.
    :param alarm_topic: is told of server errors, latency, refused connections and unhealthy targets; there are no such
        alarms when left out.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    load_balancer: elbv2.ApplicationLoadBalancer
    """The load balancer."""
    security_group: ec2.SecurityGroup
    """Its security group."""
    https_listener: elbv2.ApplicationListener
    """Port 443. A rule for it that forwards past the token's validation fails the synth, wherever in the app."""
    http_listener: elbv2.ApplicationListener | None
    """Port 80, unless it is closed."""
    web_acl: WebAcl | None
    """The web ACL before it: the caller's or the one made here; None when it was given up."""
    access_logs: s3.IBucket
    """Where both logs arrive: the caller's bucket or the one made here."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection,
        certificate: acm.ICertificate,
        jwt: JwtValidation | None,
        internet_facing: bool = False,
        source_networks: Sequence[str] | None = None,
        without_redirect: bool = False,
        trust_store: elbv2.ITrustStore | None = None,
        web_acl: WebAcl | None = None,
        without_web_acl: bool = False,
        key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        access_logs: s3.IBucket | None = None,
        access_log_retention: cdk.Duration | None = None,
        without_deletion_protection: bool = False,
        alarm_topic: AlarmTopic | None = None,
    ) -> None:
        super().__init__(scope, id)
        region = cdk.Stack.of(self).region
        check = Validation(self, id)
        for name, value in (
            ("internet_facing", internet_facing),
            ("without_redirect", without_redirect),
            ("without_deletion_protection", without_deletion_protection),
        ):
            check.boolean(name, value)
        clients: list[str] = []
        if check.construct("vpc", vpc, ec2.Vpc, "pass the VPC object, such as SecureVpc.vpc"):
            network.check_subnets(check, vpc, subnets, internet_facing=internet_facing)
            clients = network.source_networks_of(check, vpc, source_networks, internet_facing=internet_facing)
        if check.construct("certificate", certificate, acm.Certificate, "pass a Certificate, or an imported one"):
            check_certificate_region(check, "certificate", certificate, region, "load balancer")
        check_option(check, "jwt", jwt, JwtValidation)
        check_trust_store(check, trust_store, region)
        check_web_acl(check, web_acl, without=without_web_acl, most_body_kb=8)
        check.key("key", key)
        check.retention("log_retention", log_retention)
        check_access_logs(check, access_logs, access_log_retention, None)
        check_log_bucket_region(check, access_logs, region)
        if alarm_topic is not None:
            check.construct("alarm_topic", alarm_topic, AlarmTopic, "pass AlarmTopic(...): its key lets alarms publish")
        check.raise_problems()

        self._id = id
        self._vpc = vpc
        self._jwt = jwt
        self._alarm_topic = alarm_topic
        self._priorities: list[int] = []
        self.security_group = network.new_security_group(
            self, "SecurityGroup", vpc=vpc, networks=clients, redirect=not without_redirect, jwt=jwt
        )
        if jwt is not None:
            network.warn_of_no_way_to_keys(self, vpc, subnets)
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=vpc,
            vpc_subnets=subnets,
            internet_facing=internet_facing,
            security_group=self.security_group,
            deletion_protection=not without_deletion_protection,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elbv2.DesyncMitigationMode.STRICTEST,
            ip_address_type=elbv2.IpAddressType.IPV4,
        )
        # The CDK leaves out what is false.
        self.load_balancer.set_attribute("waf.fail_open.enabled", "false")
        self.access_logs = access_logs or new_log_bucket(self, "AccessLogs", retention=access_log_retention)
        deliver_logs(self, self.load_balancer, self.access_logs)
        self.https_listener = listeners.https(self.load_balancer, certificate, trust_store)
        self.http_listener = None if without_redirect else listeners.redirect(self.load_balancer)
        self.node.add_validation(GuardedRules(self.load_balancer, jwt))
        self.web_acl = None
        if not without_web_acl:
            self.web_acl = web_acl or WebAcl(self, "WebAcl", key=key, log_retention=log_retention)
            self.web_acl.protect(self, "WebAclAssociation", self.load_balancer.load_balancer_arn)
        if alarm_topic is not None:
            add_load_balancer_alarms(self, self.load_balancer, alarm_topic)

    def add_https_targets(
        self,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        security_group: ec2.ISecurityGroup,
        paths: Sequence[str],
        priority: int,
        host_names: Sequence[str] = (),
        port: int = 8443,
        target_type: TargetType = "ip",
        targets: Sequence[elbv2.IApplicationLoadBalancerTarget] = (),
        health_check_path: str = "/health",
    ) -> elbv2.ApplicationTargetGroup:
        """Send requests on to instances or addresses by HTTPS, whose certificate is not verified.

        :param security_group: the targets' own group; it is opened for this load balancer on the port, and the load
            balancer's group for it.
        :param paths: patterns such as ``/documents/*``; with ``host_names`` five values at most.
        :param priority: the order in which rules are asked, 1 to 50000, each number once.
        :param host_names: the names that requests must be sent to; any when left out.
        :param port: where the targets speak HTTPS, 8443 when left out.
        :param target_type: ``ip``, such as containers with an address of their own, when left out, or ``instance``.
        :param targets: the targets that are known by now; a service or scaling group attaches itself to the result.
        :param health_check_path: answers 200 while the target is well, over HTTPS on the same port.
        :raises InvalidPropertiesError: with every problem of these at once.
        """
        check, method = Validation(self, self._id), "add_https_targets"
        route = Route(paths=paths, host_names=host_names, priority=priority)
        route.check(check, method, self._priorities)
        check.construct(f"{method}.security_group", security_group, ec2.SecurityGroup, "pass the targets' group object")
        check.whole_number(f"{method}.port", port, 1, 65_535, "leave it out for 8443")
        check.one_of(f"{method}.target_type", target_type, TARGET_TYPES, "leave it out for ip")
        check_targets(check, f"{method}.targets", targets)
        check.text(
            f"{method}.health_check_path", health_check_path, r"/[\x21-\x7e]{0,1023}", "a path", "begin it with /"
        )
        check.raise_problems()
        target_group = https_target_group(
            self,
            id,
            vpc=self._vpc,
            target_type=target_type,
            port=port,
            targets=targets,
            health_check_path=health_check_path,
        )
        self.security_group.connections.allow_to(
            security_group, ec2.Port.tcp(port), f"HTTPS from the load balancer to {id}"
        )
        rule = self._add_rule(id, route, target_group.target_group_arn)
        # What attaches itself later, such as a container service, then waits for the rule, as AWS wants it to.
        target_group.register_listener(self.https_listener, rule)
        if self._alarm_topic is not None:
            add_target_alarm(target_group, self._alarm_topic)
        return target_group

    def add_function(
        self,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        function: lambda_.IFunction,
        paths: Sequence[str],
        priority: int,
        host_names: Sequence[str] = (),
        multi_value_headers: bool = True,
    ) -> FunctionTargets:
        """Send requests on to a function, which only this target group may call.

        :param function: a function of this account and region.
        :param paths: patterns such as ``/documents/*``; with ``host_names`` five values at most.
        :param priority: the order in which rules are asked, 1 to 50000, each number once.
        :param host_names: the names that requests must be sent to; any when left out.
        :param multi_value_headers: whether the event carries every value of a repeated header or parameter, which it
            does when left out; False keeps the last one and drops the others without a word.
        :raises InvalidPropertiesError: with every problem of these at once.
        """
        check, method = Validation(self, self._id), "add_function"
        route = Route(paths=paths, host_names=host_names, priority=priority)
        route.check(check, method, self._priorities)
        if check.construct(f"{method}.function", function, lambda_.Function, "pass the function object, not its name"):
            check_function(check, f"{method}.function", function, cdk.Stack.of(self))
        check.boolean(f"{method}.multi_value_headers", multi_value_headers)
        check.raise_problems()
        targets = function_targets(self, id, function=function, multi_value_headers=multi_value_headers)
        self._add_rule(id, route, targets.target_group.ref)
        return targets

    def _add_rule(self, id: str, route: Route, target_group_arn: str) -> elbv2.CfnListenerRule:  # noqa: A002
        self._priorities.append(route.priority)
        return add_rule(
            self,
            f"{id}Rule",
            listener=self.https_listener,
            route=route,
            jwt=self._jwt,
            target_group_arn=target_group_arn,
        )
