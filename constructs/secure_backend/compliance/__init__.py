"""The gate: rule packs, the registry of acknowledgements, and the verdict over both.

Example::

    import aws_cdk as cdk
    from secure_backend.compliance import Gate

    app = cdk.App()
    gate = Gate(app)
    cdk.Stack(app, "stack")
    verdict = gate.synth()
    assert verdict.passed, verdict.text()
"""

from secure_backend.compliance.acknowledgements import Acknowledgement, Acknowledgements
from secure_backend.compliance.gate import Gate
from secure_backend.compliance.verdict import Verdict

__all__ = ["Acknowledgement", "Acknowledgements", "Gate", "Verdict"]
