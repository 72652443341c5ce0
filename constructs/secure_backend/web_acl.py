"""A web ACL that any regional entry point can use: an API's stage, a load balancer.

Example::

    web_acl = WebAcl(self, "WebAcl", requests_per_address=1000, count=["CrossSiteScripting_BODY"])
    web_acl.protect(self, "Protection", load_balancer.load_balancer_arn)
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from secure_backend.keys import DataKey
from secure_backend.log_groups import EncryptedLogGroup
from secure_backend.validation import Validation
from secure_backend.web_acl_rules import BODY_SIZES_KB, check_counted_rules, web_acl_rules

# What proves who someone is, and so never belongs into a log.
_REDACTED_HEADERS = ("authorization", "cookie", "x-api-key", "x-amz-security-token")


class WebAcl(Construct):
    """A regional web ACL with AWS's managed rules, a limit for each client address, and an encrypted, redacted log.

    * blocked: addresses of bad repute, the common attacks, known bad inputs, SQL injection, floods from one address,
      oversized bodies (FSBP WAF.10);
    * every request is logged with the rules it met, without authorization, cookies and keys (FSBP WAF.11);
    * each rule has a metric (FSBP WAF.12); sampled requests are off, because samples cannot be redacted.

    :param key: encrypts the log; one is made when left out.
    :param requests_per_address: requests that one address may send in five minutes, 10 to 2,000,000,000, 2000 when
        left out.
    :param count: managed rules that only count instead of blocking, by name (``SizeRestrictions_URIPATH``), or by
        ``group/name`` for a rule newer than this library. Each is protection given up: say why where you do it.
    :param max_body_kb: the largest body let through, 8 (AWS's own limit, and the only one for load balancers), 16,
        32, 48 or 64. Above 8 AWS's rule only counts and an own rule blocks; above 16 AWS charges for the inspection.
    :param log_retention: how long the log is kept, one year when left out.
    :raises InvalidPropertiesError: with every problem of these properties at once.
    """

    web_acl: wafv2.CfnWebACL
    """The web ACL; an L1, because the CDK has no L2."""
    key: kms.IKey
    """What encrypts the log: the caller's key or the one made here."""
    log_group: EncryptedLogGroup
    """Where the log arrives."""
    metric_name: str
    """Tells its metrics from another web ACL's of the account: the dimension ``WebACL``."""
    max_body_kb: int
    """The largest body let through; no load balancer takes a web ACL with more than 8."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        key: kms.IKey | None = None,
        requests_per_address: int = 2000,
        count: Sequence[str] = (),
        max_body_kb: int = 8,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        super().__init__(scope, id)
        check = Validation(self, id)
        check.key("key", key)
        check.whole_number(
            "requests_per_address", requests_per_address, 10, 2_000_000_000, "AWS WAF counts from 10 requests"
        )
        check_counted_rules(check, count)
        check.one_of("max_body_kb", max_body_kb, BODY_SIZES_KB, "leave it out for 8")
        check.retention("log_retention", log_retention)
        check.raise_problems()

        self.key = key or DataKey(self, "Key", description=f"Web ACL log of {self.node.path}")
        self.max_body_kb = max_body_kb
        self.metric_name = cdk.Names.unique_resource_name(self, max_length=80, separator="-")
        self.web_acl = wafv2.CfnWebACL(
            self,
            "Resource",
            scope="REGIONAL",
            description=f"Protects {self.node.path}"[:256],
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow=wafv2.CfnWebACL.AllowActionProperty()),
            visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
                cloud_watch_metrics_enabled=True, metric_name=self.metric_name, sampled_requests_enabled=False
            ),
            rules=web_acl_rules(requests_per_address, count, max_body_kb),
            association_config=_association_config(max_body_kb),
        )
        self.log_group = self._log_group(log_retention)
        self._send_log()

    @property
    def arn(self) -> str:
        """The web ACL's ARN."""
        return self.web_acl.attr_arn

    def protect(self, scope: Construct, id: str, resource_arn: str) -> wafv2.CfnWebACLAssociation:  # noqa: A002
        """Put the web ACL before a resource.

        :param scope: where the association belongs: the resource's own stack.
        :param resource_arn: an ARN made of the resource's own reference, such as ``stage.stage_arn``. One written by
            hand lets CloudFormation associate before the resource exists.
        """
        return wafv2.CfnWebACLAssociation(scope, id, resource_arn=resource_arn, web_acl_arn=self.arn)

    def _log_group(self, retention: logs.RetentionDays) -> EncryptedLogGroup:
        # WAF insists on the prefix. The group outlives the stack, so the stack's own id is part of the name: a stack
        # made anew under the old name would otherwise stop at "already exists".
        prefix = f"aws-waf-logs-{self.metric_name}"
        made = cdk.Fn.select(0, cdk.Fn.split("-", cdk.Fn.select(2, cdk.Fn.split("/", cdk.Aws.STACK_ID))))
        return EncryptedLogGroup(
            self,
            "Log",
            key=self.key,
            retention=retention,
            name=f"{prefix}-{made}",
            name_pattern=f"{prefix}-*",
        )

    def _send_log(self) -> None:
        # WAF's format has no ":*" at the end. CloudWatch Logs writes its resource policy for the delivery itself; one
        # of our own would use up one of the ten that an account can have.
        destination = cdk.Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=self.log_group.log_group_name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.arn,
            log_destination_configs=[destination],
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in _REDACTED_HEADERS
            ],
        )


def _association_config(max_body_kb: int) -> wafv2.CfnWebACL.AssociationConfigProperty | None:
    if max_body_kb <= 16:  # what WAF is shown of a body anyway
        return None
    size = wafv2.CfnWebACL.RequestBodyAssociatedResourceTypeConfigProperty(
        default_size_inspection_limit=f"KB_{max_body_kb}"
    )
    return wafv2.CfnWebACL.AssociationConfigProperty(request_body={"API_GATEWAY": size})


def check_web_acl(
    check: Validation, web_acl: WebAcl | None, *, without: bool, most_body_kb: int = BODY_SIZES_KB[-1]
) -> None:
    """Record what is wrong with ``web_acl`` and ``without_web_acl`` of what a web ACL protects.

    :param most_body_kb: how much of a body WAF is shown there; it refuses what it is not shown.
    """
    check.boolean("without_web_acl", without)
    if web_acl is None or not check.construct("web_acl", web_acl, WebAcl, "leave it out for a new web ACL"):
        return
    check.check(not without, "web_acl", "one with without_web_acl", "one of the two", "drop either")
    check.check(
        web_acl.max_body_kb <= most_body_kb,
        "web_acl",
        f"one with max_body_kb={web_acl.max_body_kb}",
        f"at most {most_body_kb}, for WAF is shown no more of a body here, and refuses what it is not shown",
        "make one of its own, or leave it out for a new one",
    )
