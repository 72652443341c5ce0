"""The verbs: ``python -m deployment deploy``, ``diff``, ``redrive``, ``destroy``; locally ``status`` and others too."""

import node  # names the Node of the requirements

import argparse
import sys
from collections.abc import Callable

from deployment import account, machine
from deployment.failures import INTERRUPTED, DeploymentError, sentence


def main() -> int:
    """Run one verb; a failure is one sentence."""
    parser = argparse.ArgumentParser(prog="python -m deployment", description=__doc__)
    parser.add_argument("verb", choices=["deploy", "diff", "redrive", "destroy", "status", "logs", "stop", "token"])
    parser.add_argument(
        "--profile", default=machine.PROFILE, help="a profile's name or path; of account 000000000000, this machine"
    )
    parser.add_argument("--account", default="", help="answers the questions of deploy and destroy: the account meant")
    parser.add_argument("--user", default="alice", help="whose token (default alice)")
    parser.add_argument("--function", default="", help="whose log (default all)")
    parser.add_argument("--follow", action="store_true", help="go on showing what is written to the logs")
    options = parser.parse_args()
    try:
        return _run(options)
    except BaseException as error:
        told = sentence(error, verb=options.verb)
        if told is None:
            raise
        sys.stderr.write(f"{told}\n")
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _run(options: argparse.Namespace) -> int:
    if not machine.is_local(options.profile):
        verbs: dict[str, Callable[[], int]] = {
            "deploy": lambda: account.deploy(options.profile, options.account),
            "diff": lambda: account.diff(options.profile),
            "redrive": lambda: account.redrive(options.profile),
            "destroy": lambda: account.destroy(options.profile, options.account),
        }
        if options.verb not in verbs:
            raise DeploymentError(f"`make {options.verb}` is for the local AWS alone; leave PROFILE out")
        return verbs[options.verb]()
    local: dict[str, Callable[[], int]] = {
        "deploy": lambda: machine.deploy(options.profile),
        "diff": lambda: machine.diff(options.profile),
        "redrive": lambda: machine.redrive(options.profile),
        "destroy": machine.destroy,
        "status": lambda: machine.status(options.profile),
        "logs": lambda: machine.logs(options.function, follows=options.follow, profile=options.profile),
        "stop": machine.stop,
        "token": lambda: machine.token(options.user, options.profile),
    }
    return local[options.verb]()


if __name__ == "__main__":
    node.exit_status = main()
