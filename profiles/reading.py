"""Reads a profile and tells every problem of it at once, each with the file, the key and the fix."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from profiles.contradictions import contradictions
from profiles.settings import Section, Settings

PROFILES = Path(__file__).parent


class ProfileError(ValueError):
    """A profile cannot be used; the message lists every problem with its file, key and fix."""


def load(profile: str) -> Settings:
    """Read the profile of that name, or the TOML file at that path.

    :raises ProfileError: with every problem of the file, each with its key and its fix.
    """
    path = path_of(profile)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path}: not TOML: {error}; mend the line that it names") from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path}: not UTF-8 text; save the file as UTF-8") from None
    try:
        settings = Settings.model_validate(_tuples(document))
    except ValidationError as error:
        problems = _deduplicated([_told(problem) for problem in error.errors()])
    else:
        problems = [*_missing(settings), *contradictions(settings)]
        if not problems:
            return settings
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  {path.name}: {problem}" for problem in problems)
    raise ProfileError(f"{path} cannot be used, {count}:\n{lines}")


def path_of(profile: str) -> Path:
    """Return the file of the profile of that name, or at that path.

    :raises ProfileError: when there is none.
    """
    if profile.endswith(".toml") or "/" in profile:
        path = Path(profile)
        if not path.is_file():
            raise ProfileError(
                f"profile {profile!r}: no such file; give the path of a TOML file, or a name: {_names()}"
            )
        return path
    path = PROFILES / f"{profile}.toml"
    if not path.is_file():
        raise ProfileError(
            f"profile {profile!r}: unknown{_did_you_mean(profile, _profile_names())}; use one of {_names()}"
        )
    return path


def _profile_names() -> list[str]:
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def _names() -> str:
    return ", ".join(_profile_names())


def _did_you_mean(word: str, words: list[str]) -> str:
    close = difflib.get_close_matches(word, words, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _tuples(value: Any) -> Any:
    """Return the document with its arrays as tuples: strict validation takes no list for a frozen tuple."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _section_and_field(location: tuple[int | str, ...]) -> tuple[type[Section], str, str]:
    """Return the section that a problem lies in, its field, and the dotted key as the file writes it."""
    section: type[Section] = Settings
    names = [part for part in location if isinstance(part, str)]
    keys: list[str] = []
    for name in names:
        field = section.model_fields.get(name)
        if field is None:
            if keys and keys[-1] in section.model_fields:
                break  # the branch of a union, not a key
            keys.append(name)
            break
        keys.append(name)
        inner = next(
            (
                kind
                for kind in (field.annotation, *get_args(field.annotation))
                if isinstance(kind, type) and issubclass(kind, Section)
            ),
            None,
        )
        if inner is None:
            break
        section = inner
    return section, keys[-1] if keys else "", ".".join(keys)


def _told(problem: ErrorDetails) -> str:
    section, name, key = _section_and_field(problem["loc"])
    fix = _fix(section, name)
    if problem["type"] == "extra_forbidden":
        guess = _did_you_mean(name, list(section.model_fields))
        return f"{key}: unknown key{guess}; remove it, or use one of {', '.join(section.model_fields)}"
    if problem["type"] == "missing":
        return f"{key}: missing; {fix}"
    bounds = _bounds(section, name) if problem["type"] in {"greater_than_equal", "less_than_equal"} else None
    return f"{key}: got {problem['input']!r}; expected {bounds or _expected(problem)}; {fix}"


def _bounds(section: type[Section], name: str) -> str:
    """Return both bounds of a number, whichever of them was passed."""
    metadata = section.model_fields[name].metadata
    low = next((entry.ge for entry in metadata if hasattr(entry, "ge")), None)
    high = next((entry.le for entry in metadata if hasattr(entry, "le")), None)
    return f"{low} or more" if high is None else f"{low} to {high}"


def _fix(section: type[Section], name: str) -> str:
    field = section.model_fields.get(name)
    return field.description if field is not None and field.description else "see the comments in profiles/dev.toml"


def _expected(problem: ErrorDetails) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "refused" | "literal_error":
            return str(context["expected"])
        case "string_pattern_mismatch":
            return f"text that matches {context['pattern']}"
        case "bool_type":
            return "true or false, without quotes"
        case "int_type" | "int_from_float":
            return "a whole number, without quotes"
        case "string_type":
            return "text in quotes"
        case "tuple_type":
            return "a list"
        case _:
            return problem["msg"].removeprefix("Input should be ").removeprefix("Value should be ")


def _deduplicated(problems: list[str]) -> list[str]:
    """Return one problem a value: each branch of a union reports its own."""
    seen: dict[str, str] = {}
    for problem in problems:
        seen.setdefault(problem.partition("; expected")[0], problem)
    return list(seen.values())


def _missing(settings: Settings) -> list[str]:
    required: dict[str, object] = {
        "region": settings.region,
        "zones": settings.zones,
        "api.issuer": settings.api.issuer,
    }
    if settings.production:
        required = {"account": settings.account, **required, "alarms.email": settings.alarms.email}
    return [
        f"{key}: missing; {_fix(*_section_and_field(tuple(key.split('.')))[:2])}"
        for key, value in required.items()
        if not value
    ]
