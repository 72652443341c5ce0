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
import shutil
import tempfile
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from secure_backend.lambda_packages import LOCK, PACKAGES, RECORD, check_packages

PYTHON_RUNTIME = lambda_.Runtime.PYTHON_3_14
PYTHON_ARCHITECTURE = lambda_.Architecture.ARM_64

_NOT_SHIPPED = ("__pycache__", PACKAGES, LOCK, RECORD, "requirements.in", ".*")


def lambda_code(folder: Path) -> lambda_.Code:
    """Return the code of a function: the folder as a package of its own name, beside the packages of its lock.

    ``services/documents/handler.py`` becomes ``documents.handler``. The asset's hash depends on what the
    files contain, not on where they lie, when they were written or which Python compiled them.

    :param folder: a Python package that :mod:`secure_backend.lambda_packages` has put ``site-packages`` into.
    :raises LambdaPackagesError: when those packages are missing or are not those of the lock.
    """
    return lambda_.Code.from_asset(str(_staged(folder.resolve())))


@functools.cache
def _staged(folder: Path) -> Path:
    """Lay code and packages side by side as they will lie in the function, once a process."""
    packages = check_packages(folder)
    staged = Path(tempfile.mkdtemp(prefix="lambda-code-"))
    atexit.register(shutil.rmtree, staged, ignore_errors=True)
    shutil.copytree(packages, staged, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(folder, staged / folder.name, ignore=shutil.ignore_patterns(*_NOT_SHIPPED))
    return staged
