"""Reading templates: what refers to what, through every way that CloudFormation has to write it."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from secure_backend.analysis import Assembly, Stack
from tests.conftest import FLAGS, ROOT

BUCKET = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Delete"}
POLICY = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Bucket"}}, "DependsOn": "Key"}


def one_stack(**resources: Any) -> tuple[Assembly, Stack]:
    assembly = Assembly.from_templates({"app": {"Resources": resources}}, region="eu-central-1")
    return assembly, assembly.stacks[0]


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Bucket"},
        {"Fn::GetAtt": ["Bucket", "Arn"]},
        {"Fn::GetAtt": "Bucket.Arn"},
        {"Fn::Sub": "${Bucket.Arn}/*"},
        {"Fn::Sub": ["${Name}/*", {"Name": {"Ref": "Bucket"}}]},
        {"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/AWSLogs/", {"Ref": "AWS::AccountId"}]]},
        {"Fn::Select": [0, {"Fn::Split": [":", {"Fn::GetAtt": ["Bucket", "Arn"]}]}]},
        [{"Ref": "Bucket"}],
    ],
)
def test_a_value_is_followed_to_its_resource_however_it_is_written(value: Any) -> None:
    assembly, stack = one_stack(Bucket=BUCKET)
    assert assembly.follow(stack, value) is stack.resources["Bucket"]


@pytest.mark.parametrize(
    "value",
    [
        "Bucket",
        None,
        {"Ref": "Parameter"},
        {"Fn::ImportValue": "elsewhere"},
        {"Fn::If": ["Condition", {"Ref": "Bucket"}, {"Ref": "Other"}]},
        {"Fn::Sub": "${!Bucket}"},
        {"Fn::Sub": ["${Bucket}", {"Bucket": "text"}]},
    ],
)
def test_a_value_without_one_certain_resource_leads_nowhere(value: Any) -> None:
    assembly, stack = one_stack(Bucket=BUCKET, Other=BUCKET)
    assert assembly.follow(stack, value) is None


def test_an_import_is_followed_to_the_resource_behind_the_export() -> None:
    outputs = {
        "Out": {"Value": {"Fn::GetAtt": ["Bucket", "Arn"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:arn"}}}
    }
    assembly = Assembly.from_templates(
        {"data": {"Resources": {"Bucket": BUCKET}, "Outputs": outputs}, "api": {"Resources": {}}}
    )
    data, api = assembly.stacks
    assert assembly.follow(api, {"Fn::ImportValue": "data:arn"}) is data.resources["Bucket"]
    assert assembly.render(api, {"Fn::ImportValue": "data:arn"}) == "${data/Bucket.Arn}"
    weak = {"Fn::GetStackOutput": {"StackName": "data", "OutputName": "Out"}}
    assert assembly.follow(api, weak) is data.resources["Bucket"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("literal", "literal"),
        (5433, "5433"),
        (True, "true"),
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Ref": "AWS::AccountId"}, "${AWS::AccountId}"),
        ({"Ref": "AWS::StackName"}, "app"),
        ({"Ref": "Bucket"}, "${app/Bucket}"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "${app/Bucket.Arn}"),
        ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::x"]]}, "arn:aws:s3:::x"),
        (
            {"Fn::Sub": "${AWS::Region}/${Bucket.Arn}/${!aws:username}"},
            "eu-central-1/${app/Bucket.Arn}/${aws:username}",
        ),
        ({"Fn::Sub": ["${Where}-x", {"Where": {"Ref": "AWS::Region"}}]}, "eu-central-1-x"),
        ({"Fn::If": ["a", "b", "c"]}, "${?}"),
        ({"Ref": "Named"}, "documents"),
        ({"Fn::GetAtt": ["Named", "Arn"]}, "arn:aws:s3:::documents"),
        (["a", {"Ref": "AWS::Region"}], "a,eu-central-1"),
    ],
)
def test_a_value_is_rendered_to_comparable_text(value: Any, text: str) -> None:
    named = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "documents"}}
    assembly, stack = one_stack(Bucket=BUCKET, Named=named)
    assert assembly.render(stack, value) == text


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        (None, "${AWS::Partition}", "${AWS::URLSuffix}"),
    ],
)
def test_partition_and_suffix_follow_the_region(region: str | None, partition: str, suffix: str) -> None:
    assembly = Assembly.from_templates({"app": {"Resources": {}}}, region=region)
    text = assembly.render(assembly.stacks[0], {"Fn::Sub": "${AWS::Partition} ${AWS::URLSuffix}"})
    assert text == f"{partition} {suffix}"


def test_a_resource_tells_its_place_and_what_becomes_of_it() -> None:
    _, stack = one_stack(Bucket=BUCKET, Policy=POLICY)
    bucket, policy = stack.resources["Bucket"], stack.resources["Policy"]
    assert (bucket.address, bucket.deletion_policy, bucket.update_replace_policy) == ("app/Bucket", "Retain", "Delete")
    assert (policy.depends_on, bucket.depends_on) == (("Key",), ())


def test_a_value_at_a_path_is_the_function_that_computes_what_holds_it() -> None:
    computed = {"Fn::If": ["a", {"Status": "Enabled"}, {"Ref": "AWS::NoValue"}]}
    properties = {"VersioningConfiguration": computed, "BucketName": {"Ref": "AWS::NoValue"}, "A": {"B": 1}}
    _, stack = one_stack(Bucket={"Type": "AWS::S3::Bucket", "Properties": properties})
    bucket = stack.resources["Bucket"]
    assert bucket.at("VersioningConfiguration.Status") == computed
    assert bucket.at("BucketName") is None
    assert (bucket.at("A.B"), bucket.at("A.C"), bucket.at("A.B.C")) == (1, None, None)


def test_resources_attached_to_another_are_found_by_property() -> None:
    topic_policy = {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [{"Ref": "A"}, {"Ref": "B"}]}}
    assembly, stack = one_stack(Bucket=BUCKET, Policy=POLICY, A=BUCKET, B=BUCKET, Topics=topic_policy)
    bucket = stack.resources["Bucket"]
    assert assembly.attached("AWS::S3::BucketPolicy", "Bucket", bucket) == [stack.resources["Policy"]]
    assert assembly.attached("AWS::SNS::TopicPolicy", "Topics", stack.resources["B"]) == [stack.resources["Topics"]]
    assert assembly.attached("AWS::SNS::TopicPolicy", "Topics", bucket) == []


def test_order_is_known_through_dependencies_and_references_at_any_depth() -> None:
    trail = {"Type": "AWS::CloudTrail::Trail", "DependsOn": ["Policy"]}
    assembly, stack = one_stack(Bucket=BUCKET, Policy=POLICY, Trail=trail, Key={"Type": "AWS::KMS::Key"})
    of = stack.resources
    assert assembly.waits_for(of["Trail"], of["Policy"])
    assert assembly.waits_for(of["Trail"], of["Bucket"])
    assert assembly.waits_for(of["Trail"], of["Key"])
    assert not assembly.waits_for(of["Policy"], of["Trail"])


def test_order_between_stacks_is_that_of_their_imports() -> None:
    outputs = {"Out": {"Value": {"Ref": "Bucket"}, "Export": {"Name": "bucket"}}}
    user = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Fn::ImportValue": "bucket"}}}
    assembly = Assembly.from_templates(
        {"data": {"Resources": {"Bucket": BUCKET}, "Outputs": outputs}, "api": {"Resources": {"Policy": user}}}
    )
    data, api = assembly.stacks
    assert assembly.waits_for(api.resources["Policy"], data.resources["Bucket"])
    assert not assembly.waits_for(data.resources["Bucket"], api.resources["Policy"])


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthesize two stacks, a stage and a nested stack that takes a value and gives one back."""
    outdir = tmp_path_factory.mktemp("assembly")
    app = cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, outdir=str(outdir))
    env = cdk.Environment(account="111122223333", region="eu-central-1")
    data = cdk.Stack(app, "data", env=env, stack_name="documents-data")
    key = kms.Key(data, "Key")
    inner = cdk.NestedStack(data, "inner")
    bucket = s3.Bucket(inner, "Bucket", encryption_key=key)
    cdk.CfnOutput(data, "BucketArn", value=bucket.bucket_arn)
    api = cdk.Stack(app, "api", env=env)
    s3.CfnBucketPolicy(api, "Policy", bucket=bucket.bucket_name, policy_document={})
    cdk.Stack(cdk.Stage(app, "prod"), "audit", env=cdk.Environment(region="cn-north-1"))
    app.synth()
    return outdir


def test_a_directory_is_read_with_its_stages_and_nested_stacks(directory: Path) -> None:
    assembly = Assembly.from_directory(directory)
    stacks = {stack.construct_path or stack.name: stack for stack in assembly.stacks}
    nested = next(stack for stack in assembly.stacks if stack.parent is not None)
    assert set(stacks) == {"data", "api", "prod/audit", nested.name}
    assert (stacks["data"].name, stacks["data"].account, stacks["data"].region) == (
        "documents-data",
        "111122223333",
        "eu-central-1",
    )
    assert (stacks["prod/audit"].account, stacks["prod/audit"].partition) == (None, "aws-cn")
    assert "documents-data" in stacks["api"].dependencies


def test_values_are_followed_into_nested_stacks_and_out_of_them(directory: Path) -> None:
    assembly = Assembly.from_directory(directory)
    [bucket] = assembly.resources("AWS::S3::Bucket")
    [key] = assembly.resources("AWS::KMS::Key")
    [policy] = assembly.resources("AWS::S3::BucketPolicy")
    rule = bucket.at("BucketEncryption")["ServerSideEncryptionConfiguration"][0]
    assert assembly.follow(bucket.stack, rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) is key
    assert assembly.follow(policy.stack, policy.at("Bucket")) is bucket
    output = key.stack.template["Outputs"]["BucketArn"]["Value"]
    assert assembly.render(key.stack, output) == f"${{{bucket.address}.Arn}}"


def test_a_nested_stack_is_found_without_asset_metadata(directory: Path, tmp_path: Path) -> None:
    for file in directory.iterdir():
        if file.is_file():
            text = file.read_text()
            if file.name.endswith("data.template.json"):
                template = json.loads(text)
                for body in template["Resources"].values():
                    body.pop("Metadata", None)
                text = json.dumps(template)
            (tmp_path / file.name).write_text(text)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["artifacts"] = {
        name: artifact for name, artifact in manifest["artifacts"].items() if "assembly" not in artifact["type"]
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert len(Assembly.from_directory(tmp_path).resources("AWS::S3::Bucket")) == 1


def test_a_directory_without_a_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Assembly.from_directory(tmp_path)


def test_the_package_itself_imports_nothing_of_the_cdk() -> None:
    for file in sorted((ROOT / "constructs/secure_backend/analysis").glob("*.py")):
        assert "aws_cdk" not in file.read_text(), file.name
        assert "import constructs" not in file.read_text(), file.name


def test_a_stack_tells_its_termination_protection_and_service_role_and_its_nested_stacks_have_the_same(
    tmp_path: Path,
) -> None:
    app = cdk.App(
        context=FLAGS, outdir=str(tmp_path), builtin_cloud_formation_validation=False, analytics_reporting=False
    )
    kept = cdk.Stack(app, "kept", termination_protection=True)
    kms.Key(cdk.NestedStack(kept, "Inner"), "Key")
    kms.Key(cdk.Stack(app, "loose", synthesizer=cdk.LegacyStackSynthesizer()), "Key")
    app.synth()
    told = [
        (stack.name.partition("/")[0], stack.termination_protection, stack.service_role is not None)
        for stack in Assembly.from_directory(tmp_path).stacks
    ]
    assert sorted(told) == [("kept", True, True), ("kept", True, True), ("loose", False, False)]
