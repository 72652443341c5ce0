"""The stacks of a cloud assembly directory, read from its manifests."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from secure_backend.analysis.template import Resource, Stack

_ASSET_FILE = re.compile(r"\b([0-9a-f]{64})\.json\b")


def stacks_of(path: str | PathLike[str]) -> Iterator[Stack]:
    """Yield the stacks of the directory, of its stages, and their nested stacks."""
    yield from _stacks_of(Path(path), stages=True)


def stacks_with_templates(files: Iterable[Path]) -> Iterator[Stack]:
    """Yield the stacks whose templates are given, and their nested stacks, and no others of their directories."""
    wanted = set(files)
    for directory in sorted({file.parent for file in wanted}):
        for stack in _stacks_of(directory, stages=False):
            root = stack
            while root.parent is not None:
                root = root.parent.stack
            if root.file in wanted:
                yield stack


def _stacks_of(directory: Path, *, stages: bool) -> Iterator[Stack]:
    artifacts: Mapping[str, Any] = _json(directory / "manifest.json").get("artifacts", {})
    names = {
        artifact_id: artifact["properties"].get("stackName", artifact_id)
        for artifact_id, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    for artifact_id, artifact in artifacts.items():
        if stages and artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks_of(directory / artifact["properties"]["directoryName"], stages=True)
        if artifact_id not in names:
            continue
        account, region = _environment(artifact.get("environment", ""))
        properties = artifact["properties"]
        yield from _stack_of(
            directory / properties["templateFile"],
            name=names[artifact_id],
            account=account,
            region=region,
            construct_path=artifact.get("displayName"),
            dependencies=tuple(names[other] for other in artifact.get("dependencies", ()) if other in names),
            termination_protection=properties.get("terminationProtection") is True,
            service_role=properties.get("cloudFormationExecutionRoleArn"),
        )


def _stack_of(
    file: Path,
    *,
    name: str,
    account: str | None = None,
    region: str | None = None,
    construct_path: str | None = None,
    dependencies: tuple[str, ...] = (),
    parent: Resource | None = None,
    termination_protection: bool = False,
    service_role: str | None = None,
) -> Iterator[Stack]:
    """Yield the stack of one template file and its nested stacks."""
    stack = Stack(
        name=name,
        template=_json(file),
        region=region,
        account=account,
        file=file,
        construct_path=construct_path,
        dependencies=dependencies,
        parent=parent,
        termination_protection=termination_protection,
        service_role=service_role,
    )
    yield stack
    for resource in stack.resources.values():
        if resource.type == "AWS::CloudFormation::Stack":
            nested = _nested_template(file, resource)
            if nested is not None:
                yield from _stack_of(
                    nested,
                    name=f"{name}/{resource.logical_id}",
                    account=account,
                    region=region,
                    parent=resource,
                    termination_protection=termination_protection,
                    service_role=service_role,
                )


def _nested_template(file: Path, resource: Resource) -> Path | None:
    """Find a nested stack's template by the hash in its address: the metadata that names it may be switched off."""
    named = resource.metadata.get("aws:asset:path")
    if isinstance(named, str) and (file.parent / named).is_file():
        return file.parent / named
    found = _ASSET_FILE.search(json.dumps(resource.at("TemplateURL")))
    if found is None:
        return None
    for manifest in sorted(file.parent.glob("*.assets.json")):
        asset = _json(manifest).get("files", {}).get(found.group(1))
        if asset is not None and (file.parent / asset["source"]["path"]).is_file():
            return file.parent / str(asset["source"]["path"])
    return None


def _environment(text: str) -> tuple[str | None, str | None]:
    account, _, region = text.removeprefix("aws://").partition("/")
    return (
        None if account in ("", "unknown-account") else account,
        None if region in ("", "unknown-region") else region,
    )


def _json(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
