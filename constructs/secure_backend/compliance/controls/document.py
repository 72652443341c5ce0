"""The catalogue as a page for people: the shared-responsibility table."""

from collections.abc import Sequence

from secure_backend.compliance.controls.catalogue import Control, standards
from secure_backend.compliance.controls.evaluation import Result, coverage

_HEAD = """# Who meets which control

Every control of the AWS Foundational Security Best Practices (FSBP) and of the CIS AWS Foundations Benchmark v5 that
concerns a resource type made here: whose it is, what meets it, and the test that proves it. `make controls` holds the
production templates to this table. Any app's templates are held to it by

```sh
python -m secure_backend.compliance.controls cdk.out
```

which asks AWS Control Tower's rules where the extra `controls` is installed, and Prowler with
`--prowler .venv/prowler/bin/python`, the Python of an environment that holds `requirements-prowler.txt`.

| whose | what it means |
|---|---|
| this project | A construct meets it by default. *By asking*: when an argument says so. |
| adopter | A setting of the account, or a habit of people, that no template here makes. |
| AWS | The service does it. |
| not applicable | Nothing here that it could be about, or, as the reason says, nothing to gain. |

AWS itself secures what is below: buildings, hosts, the managed database's operating system, the services' own networks.
A value that is known only at deployment counts as not met.
"""

_FIGURES = """
## In production

- **{met} of {claimed}** claimed controls that the two sample production profiles concern, one with a REST API and one
  behind a load balancer, are met in both.
- **{covered.share:.1f} %** of the FSBP is covered: {covered.met} of the {covered.counted} controls whose resource
  occurs in either and that a template can show, in EC2 and VPC, S3, RDS, API Gateway, ELB, WAF, CloudTrail, KMS,
  Lambda, Secrets Manager, SNS and CloudFormation. What does not apply is in neither count; what nobody asked for counts
  as not met.
- **{covered.share_by_others:.1f} %** of what an independent evaluator judges too: {covered.met_by_others} of the
  {covered.by_others} that AWS Control Tower's rules for CloudFormation Guard (`CT.…`) know, or Prowler's checks
  (`ec2_…`), which audit an account that moto makes of the templates. A control fails if anybody says so.
- {count} have our evaluator's verdict only, which reads any app's templates and knows nothing of the constructs:
  {alone}.
- Not met, because nobody asked: {failed}.
"""

_COLUMNS = """| control | what it asks for | whose | by what, or why not | test |
|---|---|---|---|---|
"""

_SOURCES = """
The FSBP's ids are those of the {fsbp_source}, as of {fsbp_as_of}; the benchmark's are those of {cis_source}, as of
{cis_as_of}. No package of PyPI or npm has the current list, so it is kept as data. With an account AWS tells it:

```sh
FSBP=arn:aws:securityhub:eu-central-1::standards/aws-foundational-security-best-practices/v/1.0.0
aws securityhub list-security-control-definitions --standards-arn $FSBP > definitions.json
python -m secure_backend.compliance.controls cdk.out --definitions definitions.json
```

This page is written by `make docs`.
"""


def markdown(results: Sequence[Result]) -> str:
    """Return the page for results over the production templates."""
    covered = coverage(results)
    claimed = [each for each in results if each.control.claimed and each.verdict in ("met", "failed")]
    figures = _FIGURES.format(
        met=sum(each.verdict == "met" for each in claimed),
        claimed=len(claimed),
        covered=covered,
        alone=", ".join(covered.alone) or "none",
        count=len(covered.alone),
        failed=", ".join(covered.failed) or "none",
    )
    parts = [_HEAD, figures]
    service = ""
    for result in results:
        if result.control.service != service:
            service = result.control.service
            parts.append(f"\n## {service}\n\n{_COLUMNS}")
        parts.append(_row(result))
    known = standards()
    parts.append(
        _SOURCES.format(
            fsbp_source=known.fsbp_source,
            fsbp_as_of=known.fsbp_as_of,
            cis_source=known.cis_source,
            cis_as_of=known.cis_as_of,
        )
    )
    return "".join(parts)


def _row(result: Result) -> str:
    control = result.control
    cells = (_name(control), control.title, _whose(control), _by(result), f"`{control.test}`" if control.test else "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _name(control: Control) -> str:
    marks = ["FSBP"] if control.fsbp else []
    if control.cis and not control.id.startswith("CIS"):
        marks.append(f"CIS {control.cis}")
    if control.beyond:
        marks.append(control.beyond)
    return f"{control.id} ({', '.join(marks)})" if marks else control.id


def _whose(control: Control) -> str:
    return f"{control.who}, by asking" if control.option else control.who


def _by(result: Result) -> str:
    control = result.control
    if control.construct is None:
        return control.why or ""
    text = f"`{control.construct}`: `{control.met_by}`"
    if control.option:
        text = f"`{control.construct}({control.option})`: `{control.met_by}`. {control.why}"
    if control.note:
        text += f". {control.note}"
    rules = ", ".join(opinion.rule for opinion in result.opinions)
    return f"{text} ({rules})" if rules else text
