"""A syrupy extension that keeps one readable JSON file for each template and masks asset hashes, nothing else.

In a conftest::

    @pytest.fixture
    def template_snapshot(snapshot):
        return snapshot.use_extension(TemplateSnapshotExtension)
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from syrupy.extensions.json import JSONSnapshotExtension

# An asset's hash as a template names it: the object's key in the bootstrap bucket, an image's tag, an asset parameter.
_ASSET_KEY = re.compile(r"\b[0-9a-f]{64}(?=\.(?:zip|json|jar|py)\b|$)")
_ASSET_PROPERTIES = frozenset({"S3Key", "Key", "TemplateURL", "ImageUri", "aws:asset:path"})


class TemplateSnapshotExtension(JSONSnapshotExtension):
    """Serialises a CloudFormation template as indented JSON, in the template's own order, with asset hashes masked."""

    def serialize(self, data: Any, **_: Any) -> str:
        """Return the text that the snapshot file holds."""
        return json.dumps(masked(data), indent=2, ensure_ascii=False) + "\n"


def masked(template: Any) -> Any:
    """Return a copy of the template in which every asset hash reads ``<asset hash>``."""
    return _masked(template, property_name="")


def _masked(value: Any, property_name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, property_name) for item in value]
    if isinstance(value, str) and property_name in _ASSET_PROPERTIES | {"Fn::Sub", "Fn::Join"}:
        return _ASSET_KEY.sub("<asset hash>", value)
    return value
