"""Web ACLs that cannot be attached, or whose decisions nobody can read."""

import re
from collections.abc import Iterator

from secure_backend.analysis import Assembly, Reference, Resource
from secure_backend.analysis.template import list_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.logs import RESOURCE_POLICIES
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_WEB_ACL = "AWS::WAFv2::WebACL"
_LOGGING = "AWS::WAFv2::LoggingConfiguration"
_ASSOCIATION = "AWS::WAFv2::WebACLAssociation"
_STAGE = "AWS::ApiGateway::Stage"
_PREFIX = "aws-waf-logs-"
_MARKER = re.compile(r"\$\{[^}]*\}")
#: Where the destination's name stands in its properties, by type.
_NAMES = {
    access.LOG_GROUP: "LogGroupName",
    access.BUCKET: "BucketName",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
}


@rule(
    aws="Error reason: The ARN isn't valid. A valid ARN begins with arn: (field: LOG_DESTINATION)",
    reason="The destination's name has to begin with aws-waf-logs-; the message blames the ARN.",
    fix="name the log group, bucket or stream aws-waf-logs-<name>",
    source="awsdocs/aws-cloudformation-user-guide PR#1271; aws-cdk#18253",
)
def waf_log_destination_name(assembly: Assembly) -> Iterator[Finding]:
    """Begin the name of a web ACL's log destination with aws-waf-logs-."""
    for logging in assembly.resources(_LOGGING):
        for value in list_of(logging.at("LogDestinationConfigs")):
            target = assembly.follow(logging.stack, value)
            if target is not None and target.type in _NAMES:
                given = target.at(_NAMES[target.type])
                name = "" if given is None else assembly.render(target.stack, given)
                shown = name or "generated"
            else:
                text = _MARKER.sub("${}", assembly.render(logging.stack, value))
                name = text.removesuffix(":*").rpartition(":")[2].rpartition("/")[2]
                shown = name
            if not name.startswith((_PREFIX, "${")):
                problem = f"The name of the log destination is {shown}"
                yield Finding(logging, "Properties.LogDestinationConfigs", problem)


@rule(
    aws="AWS WAF couldn't deliver logs: the log group's resource policy does not allow it (WAFLogDestinationPermission"
    "IssueException)",
    reason="WAF tries the destination when logging is switched on.",
    fix="add your log resource policy to the DependsOn of the AWS::WAFv2::LoggingConfiguration",
    source="pulumi/pulumi-aws#1214; aws-cdk#18253",
)
def waf_logging_before_resource_policy(assembly: Assembly) -> Iterator[Finding]:
    """Switch a web ACL's logging on after the log resource policy of the same stack."""
    for logging in assembly.resources(_LOGGING):
        for policy in assembly.resources(*RESOURCE_POLICIES):
            if policy.stack is logging.stack and not assembly.waits_for(logging, policy):
                yield Finding(logging, "DependsOn", f"Logging does not wait for {policy.address}")


@rule(
    aws="AWS WAF couldn't perform the operation because your resource doesn't exist (WAFNonexistentItemException)",
    reason="An ARN that is written as text says nothing of the order: the stage may not exist yet.",
    fix="use api.deployment_stage.stage_arn, or add the stage to the association's DependsOn",
    source="cloudformation-coverage-roadmap#2358; aws-samples/serverless-patterns PR#2173",
)
def web_acl_before_stage(assembly: Assembly) -> Iterator[Finding]:
    """Associate a web ACL with a stage after the stage exists."""
    for association in assembly.resources(_ASSOCIATION):
        if "/restapis/" not in assembly.render(association.stack, association.at("ResourceArn") or ""):
            continue
        named = [reference.resource for reference in _named(assembly, association)]
        stages = [
            stage
            for stage in assembly.resources(_STAGE)
            if not named or assembly.follow(stage.stack, stage.at("RestApiId")) in named or stage in named
        ]
        if stages and not any(assembly.waits_for(association, stage) for stage in stages):
            yield Finding(association, "Properties.ResourceArn", f"It does not wait for {stages[0].address}")


@rule(
    aws="The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT (WAFInvalidParameterException)",
    reason="Web ACLs of scope CLOUDFRONT live in us-east-1 only; APIs, load balancers and user pools take REGIONAL.",
    fix="set Scope to REGIONAL",
    source="AWS WAF API Reference, CreateWebACL",
)
def web_acl_scope(assembly: Assembly) -> Iterator[Finding]:
    """Use scope REGIONAL for what is not a CloudFront distribution."""
    associated = {assembly.follow(each.stack, each.at("WebACLArn")) for each in assembly.resources(_ASSOCIATION)}
    for web_acl in assembly.resources(_WEB_ACL):
        elsewhere = web_acl.stack.region not in (None, "us-east-1")
        if web_acl.at("Scope") == "CLOUDFRONT" and (elsewhere or web_acl in associated):
            place = f"in {web_acl.stack.region}" if elsewhere else "and is associated with a regional resource"
            yield Finding(web_acl, "Properties.Scope", f"The web ACL has scope CLOUDFRONT {place}")


@rule(
    aws=SILENT,
    reason="Nobody can tell what was blocked, by which rule, or what would have been.",
    fix="add an AWS::WAFv2::LoggingConfiguration with the web ACL's ARN as ResourceArn",
    source="AWS Security Hub WAF.11",
)
def web_acl_without_logging(assembly: Assembly) -> Iterator[Finding]:
    """Log what a web ACL decides."""
    for web_acl in assembly.resources(_WEB_ACL):
        if not assembly.attached(_LOGGING, "ResourceArn", web_acl):
            yield Finding(web_acl, "Properties", "The web ACL has no logging configuration")


def _named(assembly: Assembly, association: Resource) -> list[Reference]:
    return list(assembly.references(association.stack, association.at("ResourceArn")))
