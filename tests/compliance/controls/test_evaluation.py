"""What a verdict is, and what is counted: neither what AWS lets be nor what does not apply makes a figure better."""

from typing import Any

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls import Result, coverage, evaluate
from secure_backend.compliance.controls.catalogue import catalogue
from secure_backend.compliance.controls.check import Judgement
from tests.compliance.controls.templates import ARN, BUCKET, resource

BY_ID = {control.id: control for control in catalogue()}


def verdicts(resources: dict[str, Any]) -> dict[str, str]:
    return {
        each.control.id: each.verdict for each in evaluate(Assembly.from_templates({"app": {"Resources": resources}}))
    }


def test_a_control_from_which_aws_exempts_all_resources_is_neither_met_nor_failed() -> None:
    """A bucket that takes access logs logs none: exempt alone, and failed beside one that is not."""
    target = {
        "Target": BUCKET,
        "Bucket": resource("S3::Bucket", LoggingConfiguration={"DestinationBucketName": {"Ref": "Target"}}),
    }
    assert verdicts(target)["S3.9"] == "met"
    assert verdicts({**target, "Other": BUCKET})["S3.9"] == "failed"
    subject = Assembly.from_templates({"app": {"Resources": {"Bucket": BUCKET}}}).resources("AWS::S3::Bucket")[0]
    exempt = Judgement(subject=subject, exempt="so")
    assert Result(control=BY_ID["S3.9"], judgements=(exempt,)).verdict == "exempt"
    assert verdicts({"Topic": resource("SNS::Topic", Name=ARN)})["S3.9"] == "absent"


def test_neither_an_exempt_control_nor_one_that_does_not_apply_is_counted() -> None:
    subject = Assembly.from_templates({"app": {"Resources": {"Bucket": BUCKET}}}).resources("AWS::S3::Bucket")[0]
    good, bad = Judgement(subject=subject), Judgement(subject=subject, problem="so")
    exempt = Judgement(subject=subject, exempt="so")
    counted = coverage(
        [
            Result(control=BY_ID["S3.8"], judgements=(good,)),
            Result(control=BY_ID["S3.9"], judgements=(exempt,)),
            Result(control=BY_ID["EC2.10"], judgements=(bad,)),
            Result(control=BY_ID["APIGateway.2"], judgements=(good,)),
            Result(control=BY_ID["S3.17"], judgements=(good,)),
        ]
    )
    assert (counted.met, counted.counted, counted.failed, counted.share) == (1, 2, ("EC2.10",), 50)
