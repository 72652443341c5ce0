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

from secure_backend.compliance.acknowledgements import Acknowledgement, Acknowledgements
from secure_backend.compliance.gate import Gate
from secure_backend.compliance.verdict import Verdict

__all__ = ["Acknowledgement", "Acknowledgements", "Gate", "Verdict"]
