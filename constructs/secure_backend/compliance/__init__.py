"""The gate: rule packs, the registry of acknowledgements, and the verdict over both.

Example::

    import aws_cdk as cdk
    from aws_cdk import aws_sns as sns
    from secure_backend.compliance import Gate

    app = cdk.App()
    gate = Gate(app)
    sns.Topic(cdk.Stack(app, "orders"), "News")
    verdict = gate.synth()
    print(verdict.text())  # what is open, and what to do about it
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secure_backend.compliance.acknowledgements import Acknowledgement, Acknowledgements
    from secure_backend.compliance.gate import Gate
    from secure_backend.compliance.verdict import Verdict

# Imported when first asked for: the rules and the controls read templates of any app without the CDK.
_MODULES = {
    "Acknowledgement": "secure_backend.compliance.acknowledgements",
    "Acknowledgements": "secure_backend.compliance.acknowledgements",
    "Gate": "secure_backend.compliance.gate",
    "Verdict": "secure_backend.compliance.verdict",
}

__all__ = ["Acknowledgement", "Acknowledgements", "Gate", "Verdict"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
