"""The control catalogue: whose each control of FSBP and CIS v5 is, what meets it, and whether any app's templates do.

It reads what ``cdk synth`` wrote, of any app in any language, and imports nothing of the CDK::

    python -m secure_backend.compliance.controls cdk.out

Example::

    from secure_backend.analysis import Assembly
    from secure_backend.compliance.controls import coverage, evaluate

    results = evaluate(Assembly.from_directory("cdk.out"))
    print(coverage(results).share, [result.problems for result in results if result.wrong])
"""

from secure_backend.compliance.controls.catalogue import Control, catalogue, standards
from secure_backend.compliance.controls.evaluation import Coverage, Opinion, Result, coverage, evaluate, together

__all__ = ["Control", "Coverage", "Opinion", "Result", "catalogue", "coverage", "evaluate", "standards", "together"]
