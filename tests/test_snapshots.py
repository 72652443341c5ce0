"""The snapshot extension masks asset hashes and nothing else, and leaves files alone when nothing changed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_backend.testing import masked

HASH = "7df1b1790539aba8eee5f49beca44974caf30525a0370bec82824efedb466654"

pytest_plugins = ["pytester"]

TEST = """
from secure_backend.testing import TemplateSnapshotExtension

def test_one(snapshot):
    assert {"Resources": {"A": {"Properties": {"S3Key": "%s.zip"}}}} == snapshot.use_extension(
        TemplateSnapshotExtension)(name="one")

def test_two(snapshot):
    assert {"Resources": {}} == snapshot.use_extension(TemplateSnapshotExtension)(name="two")
"""


@pytest.mark.parametrize(
    "value",
    [
        {"S3Key": f"{HASH}.zip"},
        {"TemplateURL": {"Fn::Sub": f"https://s3.eu-central-1.amazonaws.com/bucket/{HASH}.json"}},
        {"ImageUri": {"Fn::Sub": "account.dkr.ecr.region.amazonaws.com/assets:" + HASH}},
    ],
)
def test_an_asset_hash_is_masked(value: dict[str, object]) -> None:
    assert HASH not in json.dumps(masked(value))
    assert "<asset hash>" in json.dumps(masked(value))


@pytest.mark.parametrize(
    "value",
    [
        {"Migrations": HASH},
        {"Pattern": f"^{HASH}$"},
        {"S3Key": "fixed-name.zip"},
        {"ExportsOutputFnGetAttDocumentsBucket089EA665Arn9C7B4550": 1},
        {"DependsOn": ["ApiDeployment1A2B3C4D"]},
    ],
)
def test_nothing_else_is_masked(value: dict[str, object]) -> None:
    assert masked(value) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_a_value_without_asset_hashes_is_left_as_it_is(value: object) -> None:
    assert masked(value) == value


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments)


def files(pytester: pytest.Pytester) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(pytester.path).glob("__snapshots__/*/*")}


def test_each_template_has_a_readable_file_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST % HASH)
    run(pytester, "--snapshot-update")
    written = files(pytester)
    assert sorted(written) == ["test_one[one].json", "test_two[two].json"]
    assert b'\n    "A": {\n' in written["test_one[one].json"]


def test_a_second_update_without_a_change_changes_nothing_on_disk(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST % HASH)
    run(pytester, "--snapshot-update")
    before = files(pytester)
    run(pytester, "--snapshot-update")
    assert files(pytester) == before


def test_updating_one_test_keeps_the_files_of_the_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST % HASH)
    run(pytester, "--snapshot-update")
    run(pytester, "--snapshot-update", "-k", "test_one")
    assert len(files(pytester)) == 2


def test_another_asset_hash_is_no_change(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST % HASH)
    run(pytester, "--snapshot-update")
    pytester.makepyfile(test_it=TEST % HASH[::-1])
    run(pytester).assert_outcomes(passed=2)


def test_a_changed_property_is_a_change(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST % HASH)
    run(pytester, "--snapshot-update")
    pytester.makepyfile(test_it=(TEST % HASH).replace('"A"', '"B"'))
    run(pytester).assert_outcomes(passed=1, failed=1)
