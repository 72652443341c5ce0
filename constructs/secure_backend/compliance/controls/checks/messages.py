"""Topics and queues."""

from collections.abc import Iterator, Mapping

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import alternatives, is_set, is_true
from secure_backend.compliance.controls.check import Judgement, control, judge

_TOPIC, _TOPIC_POLICY = "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"
_QUEUE, _QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"


@control("SNS.1")
def topics_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt a topic by a KMS key."""
    for topic in assembly.resources(_TOPIC):
        yield judge(topic, met=is_set(topic.at("KmsMasterKeyId")), problem="KmsMasterKeyId is missing")


@control("SNS.4")
def topics_not_public(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody into a topic without a name."""
    for topic in assembly.resources(_TOPIC):
        yield _closed(assembly, topic, {_TOPIC_POLICY: "Topics", "AWS::SNS::TopicInlinePolicy": "TopicArn"})


@control("SQS.1")
def queues_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt a queue, by SQS or by a KMS key."""
    for queue in assembly.resources(_QUEUE):
        sqs = queue.at("SqsManagedSseEnabled")
        met = is_set(queue.at("KmsMasterKeyId")) or sqs is None or is_true(sqs)
        yield judge(queue, met=met, problem="SqsManagedSseEnabled is false and there is no KmsMasterKeyId")


@control("SQS.3")
def queues_not_public(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody into a queue without a name."""
    for queue in assembly.resources(_QUEUE):
        yield _closed(assembly, queue, {_QUEUE_POLICY: "Queues", "AWS::SQS::QueueInlinePolicy": "Queue"})


def _closed(assembly: Assembly, resource: Resource, policies: Mapping[str, str]) -> Judgement:
    """Judge by the policies of these types whose property names the resource, or names what is not known."""
    statements = [
        statement
        for type_name, path in policies.items()
        for policy in assembly.resources(type_name)
        if any(assembly.follow(policy.stack, each) in (resource, None) for each in alternatives(policy.at(path)))
        for statement in assembly.policy_statements(policy)
    ]
    open_ = [each.sid or "without an id" for each in statements if each.may_open]
    return judge(resource, met=not open_, problem=f"everybody is let in by statement {', '.join(open_)}")
