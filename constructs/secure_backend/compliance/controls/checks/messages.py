"""Topics and queues."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import is_true
from secure_backend.compliance.controls.check import Judgement, control, judge

_TOPIC, _TOPIC_POLICY = "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"
_QUEUE, _QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"


@control("SNS.1")
def topics_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt a topic by a KMS key."""
    for topic in assembly.resources(_TOPIC):
        yield judge(topic, met=bool(topic.at("KmsMasterKeyId")), problem="KmsMasterKeyId is missing")


@control("SNS.4")
def topics_not_public(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody into a topic without a name."""
    for topic in assembly.resources(_TOPIC):
        yield _closed(assembly, topic, assembly.attached(_TOPIC_POLICY, "Topics", topic))


@control("SQS.1")
def queues_encrypted(assembly: Assembly) -> Iterator[Judgement]:
    """Encrypt a queue, by SQS or by a KMS key."""
    for queue in assembly.resources(_QUEUE):
        sqs = queue.at("SqsManagedSseEnabled")
        met = bool(queue.at("KmsMasterKeyId")) or sqs is None or is_true(sqs)
        yield judge(queue, met=met, problem="SqsManagedSseEnabled is false and there is no KmsMasterKeyId")


@control("SQS.3")
def queues_not_public(assembly: Assembly) -> Iterator[Judgement]:
    """Let nobody into a queue without a name."""
    for queue in assembly.resources(_QUEUE):
        yield _closed(assembly, queue, assembly.attached(_QUEUE_POLICY, "Queues", queue))


def _closed(assembly: Assembly, resource: Resource, policies: list[Resource]) -> Judgement:
    statements = [each for policy in policies for each in assembly.policy_statements(policy)]
    open_ = [each.sid or "without an id" for each in statements if each.allows and each.names_everyone]
    return judge(resource, met=not open_, problem=f"everybody is let in by statement {', '.join(open_)}")
