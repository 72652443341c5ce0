"""The verdict on each control over an app's templates, and how much of the standard that covers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.catalogue import Control, catalogue
from secure_backend.compliance.controls.check import Judgement
from secure_backend.compliance.controls.checks import CHECKS

#: met or failed; absent: no resource of its types; exempt: AWS lets all of them be; other: nothing here can tell.
Verdict = Literal["met", "failed", "absent", "exempt", "other"]

#: The services whose share is counted.
COUNTED = (
    *("APIGateway", "CloudFormation", "CloudTrail", "EC2", "ELB", "KMS", "Lambda", "RDS", "S3"),
    *("SecretsManager", "SNS", "WAF"),
)


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What somebody else's rule says of a control.

    :param rule: the rule, with whose it is.
    :param failed: the addresses of the resources that break it.
    """

    rule: str
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Result:
    """A control's verdict, and who gave it.

    :param opinions: what others say, those of the resources left out that AWS exempts.
    """

    control: Control
    judgements: tuple[Judgement, ...]
    opinions: tuple[Opinion, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, a resource a line."""
        own = [f"{each.address}: {each.problem}" for each in self.judgements if each.problem is not None]
        theirs = [f"{address}: says {each.rule}" for each in self.opinions for address in sorted(each.failed)]
        return (*own, *theirs)

    @property
    def verdict(self) -> Verdict:
        """Failed when anybody says so."""
        if self.problems:
            return "failed"
        if any(each.exempt is None for each in self.judgements):
            return "met"
        if self.judgements:
            return "exempt"
        return "absent" if self.control.id in CHECKS else "other"

    @property
    def wrong(self) -> bool:
        """Whether what the catalogue says of it is not true of these templates."""
        return self.verdict == "failed" and (self.control.claimed or self.control.who == "not applicable")


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many of the FSBP's controls are met, of those that occur, are applicable and can be told from templates.

    :param alone: the counted that have no other's verdict.
    :param met_by_others: how many of the rest are met.
    :param claimed: how many the catalogue claims.
    """

    met: int
    counted: int
    alone: tuple[str, ...]
    met_by_others: int
    claimed: int
    failed: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of met in percent."""
        return 100 * self.met / self.counted if self.counted else 0.0

    @property
    def by_others(self) -> int:
        """How many have another's verdict too."""
        return self.counted - len(self.alone)

    @property
    def share_by_others(self) -> float:
        """The share of met in percent of those only that have another's verdict."""
        return 100 * self.met_by_others / self.by_others if self.by_others else 0.0


def evaluate(assembly: Assembly, opinions: Iterable[Mapping[str, Opinion]] = ()) -> tuple[Result, ...]:
    """Return the result of every control of the catalogue over an assembly.

    :param opinions: for each other evaluator, what it says by control id.
    """
    others = tuple(opinions)
    return tuple(_result(control, assembly, others) for control in catalogue())


def together(apps: Iterable[Iterable[Result]]) -> tuple[Result, ...]:
    """Return the results over several apps as one: a control fails where it fails in any of them."""
    found: dict[str, Result] = {}
    for result in (each for results in apps for each in results):
        before = found.get(result.control.id)
        found[result.control.id] = (
            result
            if before is None
            else Result(
                control=result.control,
                judgements=before.judgements + result.judgements,
                opinions=_merged(before.opinions + result.opinions),
            )
        )
    return tuple(found.values())


def _merged(opinions: Iterable[Opinion]) -> tuple[Opinion, ...]:
    failed: dict[str, frozenset[str]] = {}
    for each in opinions:
        failed[each.rule] = failed.get(each.rule, frozenset()) | each.failed
    return tuple(Opinion(rule=rule, failed=addresses) for rule, addresses in failed.items())


def coverage(results: Iterable[Result], services: Iterable[str] = COUNTED) -> Coverage:
    """Count the controls of some services; opt-in ones that were not asked for count as failures."""
    wanted = set(services)
    counted = [
        each
        for each in results
        if each.control.fsbp
        and each.control.service in wanted
        and each.control.who != "not applicable"
        and each.verdict in ("met", "failed")
    ]
    return Coverage(
        met=sum(each.verdict == "met" for each in counted),
        counted=len(counted),
        alone=tuple(each.control.id for each in counted if not each.opinions),
        met_by_others=sum(each.verdict == "met" for each in counted if each.opinions),
        claimed=sum(each.control.claimed for each in counted),
        failed=tuple(each.control.id for each in counted if each.verdict == "failed"),
    )


def _result(control: Control, assembly: Assembly, others: tuple[Mapping[str, Opinion], ...]) -> Result:
    check = CHECKS.get(control.id)
    judgements = tuple(check(assembly)) if check is not None else ()
    exempt = {each.address for each in judgements if each.exempt is not None}
    opinions = tuple(
        Opinion(rule=each[control.id].rule, failed=each[control.id].failed - exempt)
        for each in others
        if control.id in each
    )
    return Result(control=control, judgements=judgements, opinions=opinions)
