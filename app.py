"""The application: one profile, four stacks, the rule packs, synth."""

import node  # before aws_cdk: names the Node of the requirements to jsii

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # a synth makes objects and ends: collecting them meanwhile takes a tenth of its time
    node.load("cdk_nag", meanwhile=node.NOT_ASKING)

import aws_cdk as cdk

from profiles.reading import ProfileError, load
from profiles.settings import Settings
from secure_backend import InvalidPropertiesError
from secure_backend.compliance import Gate
from secure_backend.lambda_packages import LambdaPackagesError
from stacks.acknowledgements import acknowledge
from stacks.application import Application


def compose(app: cdk.App, settings: Settings) -> tuple[Application, Gate]:
    """Build a profile's stacks in the app, under the gate."""
    gate = Gate(app)
    application = Application(app, settings)
    acknowledge(gate.acknowledgements, application)
    return application, gate


def main() -> int:
    """Synthesize the profile that the context names; 0 when the gate lets it pass."""
    app = cdk.App()
    try:
        settings = load(str(app.node.try_get_context("profile") or "dev"))
        _, gate = compose(app, settings)
    except (ProfileError, InvalidPropertiesError, LambdaPackagesError) as error:
        print(error, file=sys.stderr)
        return 1
    verdict = gate.synth()
    if not verdict.passed:
        print(verdict.text(), file=sys.stderr)
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    node.exit_status = main()
