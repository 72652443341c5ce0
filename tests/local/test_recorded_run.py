"""The run that the README shows is what a deploy says today."""

import re

from local.folder import ROOT
from tests.local.conftest import LocalAws

RUN = re.search(r"```text\n(start .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def alike(text: str, folder: str = ".local") -> list[str]:
    """Return the lines without what differs from run to run: seconds, ports, ids, and where the folder is."""
    text = text.replace(folder, ".local")
    for pattern, instead in (
        (r"\(\d+ s\)", "(0 s)"),
        (r"127\.0\.0\.1:\d+/restapis/\w+", "127.0.0.1:4566/restapis/id"),
        (r"\(process \d+\)", "(process 1)"),
        (r"^deployed .*", "deployed"),  # the order is that of CloudFormation's answer
    ):
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip())


def test_the_readme_shows_what_a_deploy_says(fresh_deploy: tuple[LocalAws, str]) -> None:
    aws, said = fresh_deploy
    assert RUN is not None
    today = alike(said, str(aws.folder))
    assert [line for line in alike(RUN[1]) if line not in {*today, "…"}] == []
