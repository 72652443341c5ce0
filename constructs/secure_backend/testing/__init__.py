"""What an app's own tests can use: snapshots of synthesized templates with masked asset hashes."""

from secure_backend.testing.snapshots import TemplateSnapshotExtension, masked

__all__ = ["TemplateSnapshotExtension", "masked"]
