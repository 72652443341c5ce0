"""Which dead letters are sent again, to whom and with what, and which stay; the three services are played."""

import json
from typing import Any, Self

import botocore.exceptions  # type: ignore[import-untyped]
import pytest

from deployment.deployed import Deployed
from deployment.failures import DeploymentError
from deployment.redrive import redrive
from profiles.reading import load

QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/letters"
FINALISER, HANDLER = "secure-backend-dev-api-Finaliser0A", "secure-backend-dev-api-Documents2C"
ARN = f"arn:aws:lambda:eu-central-1:111122223333:function:{FINALISER}"
EVENT = {"source": "aws.s3", "detail": {"object": {"key": "incoming/a"}}}


def of_lambda(arn: str = f"{ARN}:$LATEST") -> dict[str, Any]:
    """Return what Lambda writes about a call that failed for good."""
    body = {
        "version": "1.0",
        "requestContext": {"functionArn": arn, "condition": "RetriesExhausted"},
        "requestPayload": EVENT,
        "responsePayload": {"errorMessage": "no"},
    }
    return {"Body": json.dumps(body)}


def of_eventbridge() -> dict[str, Any]:
    """Return what EventBridge writes about an event that it could not deliver."""
    attributes = {"TARGET_ARN": ARN, "RULE_ARN": "arn:aws:events:::rule/Uploaded", "ERROR_CODE": "NO_PERMISSIONS"}
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    return {"Body": json.dumps(EVENT), "MessageAttributes": told}


class Aws:
    """The three services, and what became of the letters."""

    def __init__(self, *letters: dict[str, Any], page: int = 10) -> None:
        self.letters = [
            {"MessageId": str(number), "ReceiptHandle": f"handle-{number}", **letter}
            for number, letter in enumerate(letters)
        ]
        self.page = page
        self.calls: list[tuple[str, str, Any]] = []
        self.deleted: list[str] = []
        self.back: list[dict[str, Any]] = []
        self.resources = [
            ("AWS::SQS::Queue", "DeadLetters1B", QUEUE),
            ("AWS::Lambda::Function", "Finaliser0A", FINALISER),
            ("AWS::Lambda::Function", "Documents2C", HANDLER),
            ("AWS::Lambda::Function", "FinaliserNotThereYet", ""),
        ]
        self._taken = 0

    def client(self, _service: str) -> Self:
        return self

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        assert asked["QueueUrl"] == QUEUE
        assert asked["MessageAttributeNames"] == ["All"]
        found = self.letters[self._taken : self._taken + self.page]
        self._taken += len(found)
        # What is not deleted comes back at some time.
        return {"Messages": found or self.back} if found or self.back else {}

    def delete_message(self, **asked: Any) -> None:
        assert asked["QueueUrl"] == QUEUE
        self.deleted.append(asked["ReceiptHandle"])

    def invoke(self, **asked: Any) -> None:
        self.calls.append((asked["FunctionName"], asked["InvocationType"], json.loads(asked["Payload"])))

    def get_paginator(self, _operation: str) -> Self:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"StackName": "secure-backend-dev-api"}
        return [
            {
                "StackResourceSummaries": [
                    {"ResourceType": type_name, "LogicalResourceId": logical_id, "PhysicalResourceId": physical_id}
                ]
            }
            for type_name, logical_id, physical_id in self.resources
        ]


def send(aws: Aws) -> int:
    return redrive(aws.client, Deployed(aws, load("dev")))


@pytest.mark.parametrize("letter", [of_lambda(), of_lambda(ARN), of_eventbridge()], ids=["latest", "plain", "event"])
def test_a_letter_is_sent_again_to_its_function_as_at_first_and_deleted(letter: dict[str, Any]) -> None:
    aws = Aws(letter)
    assert send(aws) == 0
    assert aws.calls == [(FINALISER, "Event", EVENT)]
    assert aws.deleted == ["handle-0"]


def test_all_letters_are_sent_however_many_a_call_gives(capsys: pytest.CaptureFixture[str]) -> None:
    aws = Aws(*[of_lambda() for _ in range(23)], page=10)
    assert send(aws) == 0
    assert aws.deleted == [f"handle-{number}" for number in range(23)]
    assert "sent 23 again" in capsys.readouterr().out


def test_a_letter_that_comes_back_meanwhile_is_left_for_the_next_time() -> None:
    aws = Aws(of_lambda())
    aws.back = aws.letters[:1]
    assert send(aws) == 0
    assert len(aws.calls) == 1


@pytest.mark.parametrize(
    ("letter", "told"),
    [
        ({"Body": '{"AlarmName": "a"}'}, "neither Lambda's nor EventBridge's"),
        ({"Body": '"text"'}, "neither Lambda's nor EventBridge's"),
        ({"Body": '{"requestContext": {"functionArn": 1}}'}, "neither Lambda's nor EventBridge's"),
        ({"Body": "no json"}, "neither Lambda's nor EventBridge's"),
        (of_lambda(ARN.replace(FINALISER, "another")), "for another, which is not the finaliser"),
        (of_lambda(ARN.replace(FINALISER, HANDLER)), f"for {HANDLER}, which is not the finaliser"),
        (of_lambda(""), "for , which is not the finaliser"),
    ],
)
def test_what_is_not_for_the_finaliser_stays_and_the_others_are_sent(
    letter: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A letter to the handler would be a request in anybody's name, made with the operator's own rights."""
    aws = Aws(letter, of_lambda())
    with pytest.raises(DeploymentError, match=r"^1 of 2 letters stay; look at each"):
        send(aws)
    assert told in capsys.readouterr().out
    assert (len(aws.calls), aws.deleted) == (1, ["handle-1"])


def test_a_letter_is_deleted_only_once_its_function_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(of_lambda())

    def refuse(**_: Any) -> None:
        raise botocore.exceptions.ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")

    monkeypatch.setattr(aws, "invoke", refuse)
    with pytest.raises(botocore.exceptions.ClientError):
        send(aws)
    assert aws.deleted == []


def test_an_empty_queue_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert send(Aws()) == 0
    assert capsys.readouterr().out == "there is no dead letter\n"


def test_without_the_stack_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws()

    def none_of_that_name(**_: Any) -> list[dict[str, Any]]:
        raise botocore.exceptions.ClientError({"Error": {"Code": "ValidationError"}}, "ListStackResources")

    monkeypatch.setattr(aws, "paginate", none_of_that_name)
    with pytest.raises(DeploymentError, match=r"^there is no stack secure-backend-dev-api; run make deploy$"):
        send(aws)
