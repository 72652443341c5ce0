"""Write the page of rules to the standard output."""

import sys

from secure_backend.compliance.rules.document import markdown

sys.stdout.write(markdown())
