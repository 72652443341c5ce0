"""The catalogue and both standards, read from their data files and checked once."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

Who = Literal["this project", "adopter", "AWS", "not applicable"]

_DATA = files("secure_backend.compliance.controls")


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control of a standard, and whose it is.

    :param id: Security Hub's, or ``CIS`` and a number where Security Hub has no control for it.
    :param types: the resource types that bring the control into a template; ``AWS::::Account`` for the account itself.
    :param cis: the recommendation of CIS v5 that it stands for.
    :param beyond: another standard, where it is in neither FSBP nor CIS v5.
    :param why: why it is not this project's, or not done unless asked for.
    :param option: the argument that asks for it; such a control is not claimed.
    :param construct: what meets it: a public name of the library, or a dotted one of the CDK.
    :param met_by: the type and the property of the template by which it is met; a type alone for its being there.
    :param test: the test that proves it.
    :param note: what a reader has to know besides.
    """

    id: str
    title: str
    types: tuple[str, ...]
    who: Who
    cis: str | None = None
    beyond: str | None = None
    why: str | None = None
    option: str | None = None
    construct: str | None = None
    met_by: str | None = None
    test: str | None = None
    note: str | None = None

    @property
    def service(self) -> str:
        """The part of the id before the dot, such as ``S3``; ``CIS 4`` for a recommendation."""
        return self.id.partition(".")[0]

    @property
    def fsbp(self) -> bool:
        """Whether it is in the AWS Foundational Security Best Practices."""
        return self.id in standards().fsbp

    @property
    def claimed(self) -> bool:
        """Whether this project claims to meet it without being asked."""
        return self.who == "this project" and self.option is None


@dataclass(frozen=True, kw_only=True)
class Standards:
    """The ids of both standards, where they were read, and as of when."""

    fsbp: frozenset[str]
    fsbp_source: str
    fsbp_as_of: str
    cis: tuple[str, ...]
    cis_source: str
    cis_as_of: str


@cache
def standards() -> Standards:
    """Return the standards' ids."""
    data = tomllib.loads((_DATA / "standards.toml").read_text(encoding="utf-8"))
    fsbp, cis = data["fsbp"], data["cis"]
    ids = (f"{service}.{number}" for service, numbers in fsbp["controls"].items() for number in numbers)
    return Standards(
        fsbp=frozenset(ids),
        fsbp_source=fsbp["source"],
        fsbp_as_of=fsbp["as_of"],
        cis=tuple(cis["recommendations"]),
        cis_source=cis["source"],
        cis_as_of=cis["as_of"],
    )


@cache
def catalogue() -> tuple[Control, ...]:
    """Return every control, by service and number.

    :raises ValueError: with every fault of the data at once.
    """
    bodies = [
        body
        for file in sorted((_DATA / "catalogue").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
        for body in tomllib.loads(file.read_text(encoding="utf-8"))["control"]
    ]
    faults = list(faults_of(bodies))
    if faults:
        raise ValueError("the control catalogue has faults:\n" + "\n".join(f"  {fault}" for fault in faults))
    return tuple(sorted((_control(body) for body in bodies), key=order))


def faults_of(bodies: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield what is wrong with the data of controls, each fault with the id that has it."""
    known = {field.name for field in fields(Control)}
    seen: set[str] = set()
    for body in bodies:
        id_ = body.get("id", "a control without an id")
        if id_ in seen:
            yield f"{id_} stands twice"
        seen.add(id_)
        yield from (
            f"{id_}.{name}: unknown; expected one of {', '.join(sorted(known))}" for name in body.keys() - known
        )
        who = body.get("who")
        if who not in get_args(Who):
            yield f"{id_}.who: got {who}; expected {', '.join(get_args(Who))}"
        needed = {"title", "types"}
        if who == "this project":
            needed |= {"construct", "met_by", "test"}
        if who != "this project" or "option" in body:
            needed |= {"why"}
        yield from (f"{id_}.{name}: missing" for name in sorted(needed - body.keys()))


def order(control: Control) -> tuple[str, tuple[int, ...]]:
    """Return what sorts controls as a person expects: by name, then by number."""
    name, _, number = control.id.rpartition(" ") if control.id.startswith("CIS") else control.id.partition(".")
    return name, tuple(int(part) for part in number.split("."))


def _control(body: Mapping[str, Any]) -> Control:
    return Control(**{**body, "types": tuple(body["types"])})


def differences(definitions: Mapping[str, Any]) -> list[str]:
    """Compare the stored ids with AWS's: what ``aws securityhub list-security-control-definitions`` printed for FSBP.

    Only services of the catalogue count.
    """
    services = {control.service for control in catalogue()}
    current = {str(each["SecurityControlId"]) for each in definitions["SecurityControlDefinitions"]}
    known = {id_ for id_ in standards().fsbp if id_.partition(".")[0] in services}
    new = {id_ for id_ in current - known if id_.partition(".")[0] in services}
    return [
        *(f"{id_}: new in FSBP; add it to standards.toml and to the catalogue" for id_ in sorted(new)),
        *(f"{id_}: no longer in FSBP; take it out of standards.toml" for id_ in sorted(known - current)),
    ]
