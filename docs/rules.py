"""Write rules.md, the library's own rules, with the Node of the requirements: ``make docs``."""

import node  # noqa: F401 - names the Node of the requirements to jsii

from secure_backend.compliance.rules.document import markdown

if __name__ == "__main__":
    print(markdown(), end="")
