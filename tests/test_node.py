"""What is imported while another thread waits for Node must not ask Node anything itself."""

import node

import json
import subprocess
import sys

from tests.conftest import ROOT

SCRIPT = """
import json
import sys
from importlib import import_module
import node
from jsii._kernel.providers.process import ProcessProvider

import aws_cdk  # both threads wait for this one: Python imports a module once

requests = []
send = ProcessProvider.__dict__["_process"]
ProcessProvider._process = property(lambda self: requests.append(1) or send.__get__(self))
found = {}
for module in sys.argv[1:]:
    before = len(requests)
    import_module(module)
    found[module] = len(requests) - before
print(json.dumps(found))
"""


def test_what_is_imported_meanwhile_asks_node_nothing() -> None:
    one_that_does = "secure_backend.lambda_code"
    command = [sys.executable, "-c", SCRIPT, *node.NOT_ASKING, one_that_does]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    requests: dict[str, int] = json.loads(done.stdout)
    assert requests.pop(one_that_does) > 0
    assert requests == dict.fromkeys(node.NOT_ASKING, 0)
