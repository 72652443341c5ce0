"""The results as lines for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from secure_backend.compliance.controls.evaluation import Result, coverage

_WIDTH = 120
_WORDS = {"met": "met", "failed": "NOT MET", "absent": "not in here", "exempt": "not in here", "other": ""}


def lines(results: Sequence[Result]) -> Iterator[str]:
    """Yield every control, the figures, and what is wrong with what to do."""
    service = ""
    for result in results:
        if result.control.service != service:
            service = result.control.service
            yield service
        yield _row(result)
    yield ""
    yield from figures(results)
    wrong = [result for result in results if result.wrong]
    for result in wrong:
        yield ""
        said = "claimed" if result.control.claimed else "said not to apply"
        yield f"{result.control.id} is {said}: {result.control.title}"
        yield from (f"  {problem}" for problem in result.problems)
        yield from textwrap.wrap(_advice(result), _WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""
    yield f"controls: {'failed' if wrong else 'passed'}; {_count(len(wrong))} not as the catalogue says"


def figures(results: Sequence[Result]) -> Iterator[str]:
    """Yield how many controls are claimed and met, and the covered share."""
    claimed = [each for each in results if each.control.claimed and each.verdict in ("met", "failed")]
    met = sum(each.verdict == "met" for each in claimed)
    covered = coverage(results)
    yield f"claimed    {met} of {len(claimed)} claimed controls that these templates concern are met"
    yield from textwrap.wrap(
        f"{covered.share:.1f} %: {covered.met} of {covered.counted} FSBP controls that these templates concern, in EC2 "
        "and VPC, S3, RDS, API Gateway, ELB, WAF, CloudTrail, KMS, Lambda, Secrets Manager, SNS and CloudFormation; "
        f"{len(covered.alone)} by our verdict alone"
        + (f"; not met: {', '.join(covered.failed)}" if covered.failed else ""),
        _WIDTH,
        initial_indent="covered    ",
        subsequent_indent=" " * 11,
    )
    yield (
        f"others     {covered.share_by_others:.1f} %: {covered.met_by_others} of the {covered.by_others} that an "
        "independent evaluator judges too"
    )
    by: dict[str, int] = {}
    for each in results:
        by[each.control.who] = by.get(each.control.who, 0) + 1
    yield "whose      " + " · ".join(f"{who} {count}" for who, count in by.items())


def _row(result: Result) -> str:
    control = result.control
    word = _WORDS[result.verdict]
    if result.verdict == "failed" and control.option is not None:
        word = "by asking"
    met_by = control.construct.rpartition(".")[2] if control.construct else control.who
    rules = ", ".join(opinion.rule for opinion in result.opinions)
    title = textwrap.shorten(control.title, 58, placeholder="…")
    return f"  {control.id:17} {word:12} {met_by:32} {title}{f'  [{rules}]' if rules else ''}"


def _advice(result: Result) -> str:
    control = result.control
    if control.claimed:
        by = f"{control.construct} meets it by {control.met_by}: use it, or set that property."
        return f"{by} It is proved by {control.test}."
    return f"The reason was: {control.why} Either it is true again, or the control has to be met."


def _count(number: int) -> str:
    return "none" if number == 0 else f"{number} control{'s' if number > 1 else ''}"
