"""Sends the dead letters of uploads again, to the finaliser."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import botocore.exceptions  # type: ignore[import-untyped]

from deployment.deployed import Deployed
from deployment.failures import DeploymentError

# The one function whose letters there are: its id in stacks/api.py, with which its logical id begins. To any other a
# letter would be a request that names its own caller.
_FINALISER = "Finaliser"
# How long SQS waits for a letter before it says that there is none: less asks only some of its servers.
_WAIT_SECONDS = 5
# How long a letter that was taken out is nobody else's.
_HELD_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a function failed at, or EventBridge could not bring to it.

    :param function: the function's name.
    :param payload: what it is called with.
    :param why: why the letter is here, in AWS's words.
    """

    function: str
    payload: bytes
    why: str

    @classmethod
    def read(cls, message: dict[str, Any]) -> Self:
        """Read a message of the queue.

        :raises ValueError: for one that is neither Lambda's nor EventBridge's.
        """
        attributes = {name: value.get("StringValue") for name, value in message.get("MessageAttributes", {}).items()}
        if "TARGET_ARN" in attributes:
            # EventBridge's: the event itself, and in the attributes what became of it.
            return cls(
                function=_name(attributes["TARGET_ARN"]),
                payload=str(message["Body"]).encode(),
                why=str(attributes.get("ERROR_CODE")),
            )
        try:
            body = json.loads(message["Body"])
            context = body["requestContext"]
            return cls(
                function=_name(context["functionArn"]),
                payload=json.dumps(body["requestPayload"]).encode(),
                why=str(context["condition"]),
            )
        except (ValueError, KeyError, TypeError):
            raise ValueError("neither Lambda's nor EventBridge's") from None


def redrive(client: Callable[[str], Any], deployed: Deployed) -> int:
    """Call the finaliser with each letter again, asynchronously as at first, and delete the letter.

    A letter that is for another function stays. One that is sent and fails again comes back within minutes.

    :param client: makes the client of a service.
    :raises DeploymentError: without the stack, or when letters stay.
    """
    stack = f"{deployed.settings.name}-api"
    resources = _resources(deployed.client, stack)
    queues = [id_ for type_, _, id_ in resources if type_ == "AWS::SQS::Queue"]
    finaliser = [
        id_
        for type_, logical_id, id_ in resources
        if type_ == "AWS::Lambda::Function" and logical_id.startswith(_FINALISER)
    ]
    sqs, aws_lambda = client("sqs"), client("lambda")
    sent, stay = 0, 0
    for queue in queues:
        for message in _messages(sqs, queue):
            try:
                letter = Letter.read(message)
            except ValueError as error:
                print(f"stays      {message['MessageId']}: {error}", flush=True)
                stay += 1
                continue
            if letter.function not in finaliser:
                print(
                    f"stays      {message['MessageId']}: for {letter.function}, which is not the finaliser", flush=True
                )
                stay += 1
                continue
            aws_lambda.invoke(FunctionName=letter.function, InvocationType="Event", Payload=letter.payload)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            print(f"sent       {message['MessageId']} ({letter.why}) to {letter.function}", flush=True)
            sent += 1
    if stay:
        raise DeploymentError(
            f"{stay} of {stay + sent} letters stay; look at each by `aws sqs receive-message`, and delete it there"
        )
    if sent:
        print(f"sent {sent} again; what fails once more is back within minutes, and its alarm with it")
    else:
        print("there is no dead letter")
    return 0


def _resources(cloudformation: Any, stack: str) -> list[tuple[str, str, str]]:
    """Return type, logical and physical id of a stack's resources; a queue's is its address, a function's its name."""
    paginator = cloudformation.get_paginator("list_stack_resources")
    try:
        pages = paginator.paginate(StackName=stack)
        found = [one for page in pages for one in page["StackResourceSummaries"] if one.get("PhysicalResourceId")]
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise DeploymentError(f"there is no stack {stack}; run make deploy") from None
    return [(one["ResourceType"], one["LogicalResourceId"], one["PhysicalResourceId"]) for one in found]


def _messages(sqs: Any, queue: str) -> Iterator[dict[str, Any]]:
    """Yield each letter once that lies in a queue; one that comes back meanwhile is left for the next time."""
    seen: set[str] = set()
    while True:
        found = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=_WAIT_SECONDS, VisibilityTimeout=_HELD_SECONDS,
            MessageAttributeNames=["All"],
        ).get("Messages", [])  # fmt: skip
        new = [one for one in found if one["MessageId"] not in seen]
        if not new:
            return
        seen.update(one["MessageId"] for one in new)
        yield from new


def _name(arn: Any) -> str:
    """Return a function's name from its ARN, with or without a qualifier; what is no ARN is no function's name."""
    parts = str(arn).split(":")
    return parts[6] if len(parts) > 6 else str(arn)
