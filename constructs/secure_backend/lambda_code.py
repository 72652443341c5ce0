"""Make a Lambda asset of a folder of Python code and the packages locked for it, without Docker or the network.

Example::

    lambda_.Function(
        self,
        "Documents",
        code=lambda_code(Path("services/documents")),
        handler="documents.handler.handler",
        runtime=PYTHON_RUNTIME,
        architecture=PYTHON_ARCHITECTURE,
    )
"""

import atexit
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from secure_backend.lambda_packages import LOCK, PACKAGES, RECORD, check_packages, recorded_digest, tree_digest

PYTHON_RUNTIME = lambda_.Runtime.PYTHON_3_14
PYTHON_ARCHITECTURE = lambda_.Architecture.ARM_64

_CACHES = ("__pycache__",)
# What stays behind when a function's folder is laid beside its packages.
_NOT_SHIPPED = ("__pycache__", PACKAGES, LOCK, RECORD, "requirements.in")


def lambda_code(folder: Path) -> lambda_.Code:
    """Return the code of a function: the folder as a package of its own name, beside the packages of its lock.

    ``services/documents/handler.py`` becomes ``documents.handler``. The asset's hash depends on what the
    files contain, not on where they lie, when they were written or which Python compiled them.

    :param folder: a Python package that :mod:`secure_backend.lambda_packages` has put ``site-packages`` into.
    :raises LambdaPackagesError: when those packages are missing or are not those of the lock.
    """
    folder = folder.resolve()
    asset, digest = _asset(folder)
    return lambda_.Code.from_asset(str(asset), asset_hash=digest, exclude=["**/__pycache__"])


@functools.cache
def _asset(folder: Path) -> tuple[Path, str]:
    """Return the folder that is the asset, code and packages side by side, and its digest; once a process.

    The code is copied in among the packages, where it stays until it changes: copying the packages instead would take
    longer than all the rest of a synth of one stack. Where the packages may not be written to, they are copied.
    """
    packages = check_packages(folder)
    code = tree_digest(folder, without=_NOT_SHIPPED)
    laid = packages / folder.name
    if not laid.is_dir() or tree_digest(laid) != code:
        try:
            _lay(folder, laid)
        except PermissionError:
            packages = _copied(packages)
            _lay(folder, packages / folder.name)
    # The packages' own digest has just been compared with the recorded one.
    content = f"{folder.name} {code} {recorded_digest(folder)}"
    return packages, hashlib.sha256(content.encode()).hexdigest()


def _lay(folder: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".laying-") as scratch:
        fresh = Path(shutil.copytree(folder, Path(scratch) / folder.name, ignore=_ignored(folder)))
        if target.exists():
            target.rename(Path(scratch) / "before")
        fresh.rename(target)


def _ignored(folder: Path) -> Callable[[str, list[str]], set[str]]:
    """Return what copytree leaves out: caches anywhere, and what is not shipped directly in the folder."""
    return lambda path, names: {name for name in names if name in (_NOT_SHIPPED if Path(path) == folder else _CACHES)}


def _copied(packages: Path) -> Path:
    copy = Path(tempfile.mkdtemp(prefix="lambda-code-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    return Path(shutil.copytree(packages, copy / "asset", ignore=shutil.ignore_patterns(*_CACHES)))
