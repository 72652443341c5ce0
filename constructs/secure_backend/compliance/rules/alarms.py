"""Alarms and event rules that go off and tell nobody."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import list_of, object_of
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


@rule(
    aws="CloudWatch Alarms does not have authorization to access the SNS topic encryption key (in the alarm's history "
    "only)",
    reason="The alarm goes to ALARM and nobody is told; the CDK's SnsAction adds no grant, and the AWS managed key "
    "alias/aws/sns can get none.",
    fix="in the key's policy allow cloudwatch.amazonaws.com kms:Decrypt and kms:GenerateDataKey*",
    source="aws-cdk#11121; landing-zone-accelerator-on-aws#31",
)
def alarm_topic_key(assembly: Assembly) -> Iterator[Finding]:
    """Let CloudWatch use the key of a topic that alarms publish to."""
    for topic in _topics_of_alarms(assembly):
        yield from _aws_managed(assembly, topic)
        key = access.key_at(assembly, topic, "KmsMasterKeyId")
        if key is None:
            continue
        missing = access.missing_for(
            assembly.policy_statements(key), "cloudwatch", "kms:Decrypt", "kms:GenerateDataKey"
        )
        if missing:
            problem = f"Alarms publish to {topic.address}, whose key does not allow CloudWatch {', '.join(missing)}"
            yield Finding(key, "Properties.KeyPolicy", problem)


@rule(
    aws="is not authorized to perform: SNS:Publish because no resource-based policy allows it (in the alarm's history "
    "only)",
    reason="A topic policy replaces the default one, which let the account's alarms in; enforce_ssl=True writes one.",
    fix="in the topic's policy allow cloudwatch.amazonaws.com sns:Publish with aws:SourceAccount of this account",
    source="aws-solutions/automated-security-response-on-aws#43",
)
def alarm_topic_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let CloudWatch publish to a topic that alarms name, when the topic has a policy."""
    for topic in _topics_of_alarms(assembly):
        policies = assembly.attached("AWS::SNS::TopicPolicy", "Topics", topic)
        statements = access.statements_for(assembly, policies)
        if policies and access.missing_for(statements, "cloudwatch", "sns:Publish"):
            problem = f"Alarms name {topic.address}, and its policy does not let CloudWatch publish"
            yield Finding(policies[0], "Properties.PolicyDocument", problem)


@rule(
    severity="warning",
    aws=SILENT,
    reason="The alarm goes off and no one receives it, unless someone subscribes outside of the templates.",
    fix="add an AWS::SNS::Subscription to the topic, or acknowledge who subscribes to it and how",
    source="mondoohq/cnspec PR#3675",
)
def alarm_topic_without_subscriber(assembly: Assembly) -> Iterator[Finding]:
    """Subscribe someone to a topic that alarms publish to."""
    for topic in _topics_of_alarms(assembly):
        if not topic.at("Subscription") and not assembly.attached("AWS::SNS::Subscription", "TopicArn", topic):
            yield Finding(topic, "Properties.Subscription", "Alarms publish to the topic and nobody subscribes to it")


@rule(
    aws=SILENT,
    reason="EventBridge counts a FailedInvocation and drops the event. It sends KMS neither aws:SourceAccount nor "
    "aws:SourceArn on this path, so a condition on one refuses every event.",
    fix="in the key's policy allow events.amazonaws.com kms:Decrypt and kms:GenerateDataKey*, without a condition on "
    "the source",
    source="landing-zone-accelerator-on-aws#407; aws-solutions-constructs#155",
)
def event_rule_topic_key(assembly: Assembly) -> Iterator[Finding]:
    """Let EventBridge use the key of a topic that event rules publish to."""
    for topic in _topics_of_rules(assembly):
        yield from _aws_managed(assembly, topic)
        key = access.key_at(assembly, topic, "KmsMasterKeyId")
        if key is None:
            continue
        usable = [
            statement
            for statement in assembly.policy_statements(key)
            if not statement.condition_values("aws:SourceAccount", "aws:SourceArn")
        ]
        missing = access.missing_for(usable, "events", "kms:Decrypt", "kms:GenerateDataKey")
        if missing:
            problem = (
                f"Event rules publish to {topic.address}, whose key does not allow EventBridge {', '.join(missing)} "
                "without a condition on the source"
            )
            yield Finding(key, "Properties.KeyPolicy", problem)


@rule(
    aws=SILENT,
    reason="EventBridge counts a FailedInvocation and drops the event; no default topic policy lets it in.",
    fix="in the topic's policy allow events.amazonaws.com sns:Publish",
    source="cloudposse/terraform-aws-security-hub PR#20",
)
def event_rule_topic_policy(assembly: Assembly) -> Iterator[Finding]:
    """Let EventBridge publish to a topic that event rules name."""
    for topic in _topics_of_rules(assembly):
        policies = assembly.attached("AWS::SNS::TopicPolicy", "Topics", topic)
        if access.missing_for(access.statements_for(assembly, policies), "events", "sns:Publish"):
            place = policies[0] if policies else topic
            location = "Properties.PolicyDocument" if policies else "Properties"
            yield Finding(place, location, f"Event rules name {topic.address}, and no policy lets EventBridge publish")


@rule(
    aws=SILENT,
    reason="RDS cannot publish to an encrypted topic; its events are lost.",
    fix="replace the event subscription by an EventBridge rule on source aws.rds with the topic as its target",
    source="cds-snc/notification-terraform PR#214; Amazon RDS User Guide, event notification",
)
def event_subscription_to_encrypted_topic(assembly: Assembly) -> Iterator[Finding]:
    """Send RDS events to an encrypted topic through EventBridge."""
    for subscription in assembly.resources("AWS::RDS::EventSubscription"):
        topic = access.resource_at(assembly, subscription, "SnsTopicArn", access.TOPIC)
        if topic is not None and topic.at("KmsMasterKeyId") is not None:
            problem = f"RDS events are sent straight to the encrypted topic {topic.address}"
            yield Finding(subscription, "Properties.SnsTopicArn", problem)


def _topics_of_alarms(assembly: Assembly) -> list[Resource]:
    found: dict[Resource, None] = {}
    for alarm in assembly.resources(*_ALARMS):
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            for action in list_of(alarm.at(name)):
                topic = assembly.follow(alarm.stack, action)
                if topic is not None and topic.type == access.TOPIC:
                    found[topic] = None
    return list(found)


def _topics_of_rules(assembly: Assembly) -> list[Resource]:
    found: dict[Resource, None] = {}
    for event_rule in assembly.resources("AWS::Events::Rule"):
        for target in list_of(event_rule.at("Targets")):
            topic = assembly.follow(event_rule.stack, object_of(target).get("Arn"))
            if topic is not None and topic.type == access.TOPIC:
                found[topic] = None
    return list(found)


def _aws_managed(assembly: Assembly, topic: Resource) -> Iterator[Finding]:
    if assembly.render(topic.stack, topic.at("KmsMasterKeyId") or "").endswith("alias/aws/sns"):
        problem = "The topic is encrypted by the AWS managed key alias/aws/sns, which lets no service publish"
        yield Finding(topic, "Properties.KmsMasterKeyId", problem)
