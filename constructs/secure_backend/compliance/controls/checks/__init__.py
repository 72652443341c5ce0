"""The checks, by service; each is written from AWS's text of the control and cites its id."""

from importlib import import_module
from pkgutil import iter_modules

from secure_backend.compliance.controls.check import CHECKS

# Each module enters its checks as it is imported.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["CHECKS"]
