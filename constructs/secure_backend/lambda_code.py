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
import zipfile
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from secure_backend.lambda_packages import (
    LOCK,
    PACKAGES,
    RECORD,
    STAMP,
    add_to_archive,
    check_packages,
    recorded_digest,
    tree_digest,
)

PYTHON_RUNTIME = lambda_.Runtime.PYTHON_3_14
PYTHON_ARCHITECTURE = lambda_.Architecture.ARM_64

# What stays behind when a function's code is put beside its packages.
_NOT_SHIPPED = (PACKAGES, STAMP, LOCK, RECORD, "requirements.in")


def lambda_code(folder: Path) -> lambda_.Code:
    """Return the code of a function: the folder as a package of its own name, beside the packages of its lock.

    ``services/documents/handler.py`` becomes ``documents.handler``. The asset's hash depends on what the
    files contain, not on where they lie, when they were written or which Python compiled them.

    :param folder: a Python package that :mod:`secure_backend.lambda_packages` has put ``site-packages.zip`` into.
    :raises LambdaPackagesError: when those packages are missing or are not those of the lock.
    """
    archive, digest = _asset(folder.resolve())
    return lambda_.Code.from_asset(str(archive), asset_hash=digest)


@functools.cache
def _asset(folder: Path) -> tuple[Path, str]:
    """Return the archive that is the asset, code and packages side by side, and its digest; once a process.

    The packages were compressed when they were fetched: a synth copies one file instead of a thousand.
    """
    packages = check_packages(folder)
    scratch = tempfile.mkdtemp(prefix="lambda-code-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    asset = Path(scratch) / f"{folder.name}.zip"
    shutil.copyfile(packages, asset)
    with zipfile.ZipFile(asset, "a") as archive:
        add_to_archive(archive, folder, under=folder.name, without=_NOT_SHIPPED)
    # Of what the files contain, not of the archive's bytes: another machine may compress otherwise.
    content = f"{folder.name} {tree_digest(folder, without=_NOT_SHIPPED)} {recorded_digest(folder)}"
    return asset, hashlib.sha256(content.encode()).hexdigest()
