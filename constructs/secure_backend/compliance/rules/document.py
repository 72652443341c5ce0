"""The rules as a page for people."""

from secure_backend.compliance.rules import MODULES
from secure_backend.compliance.rules.rule import Rule, rules_in

_HEAD = """# The rules of the pack `SecureBackendChecks`

What cdk-nag's packs do not see: templates that synthesise, and then fail or do nothing on AWS. Any app adds the pack:

```python
from secure_backend.compliance.secure_backend_checks import SecureBackendChecks

cdk.Validations.of(app).add_plugins(SecureBackendChecks(app))
```

A finding is acknowledged by `SecureBackend::SecureBackend-<name>`. A value that is known only at deployment is no
finding. The severity is *error* unless it says *warning*. This page is written by
`python -m secure_backend.compliance.rules > docs/rules.md`.
"""


def markdown() -> str:
    """Return the page: a section for each module, a table row for each rule."""
    sections = [_HEAD]
    for module in MODULES:
        title = (module.__doc__ or "").strip().splitlines()[0].removesuffix(".")
        rows = [_row(rule) for rule in rules_in(module)]
        table = "| rule | what it asks for | AWS would answer | why | fix | source |\n|---|---|---|---|---|---|\n"
        sections.append(f"## {title}\n\n{table}" + "\n".join(rows) + "\n")
    return "\n".join(sections)


def _row(rule: Rule) -> str:
    name = f"`{rule.id}`" + (" (warning)" if rule.severity == "warning" else "")
    cells = (name, rule.summary, rule.aws, rule.reason, rule.fix, rule.source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
