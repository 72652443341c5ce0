"""Write profile.md, every key of a profile, from the models that check it: ``make docs``."""

from typing import Any

from profiles.settings import Settings

HEAD = """\
# The keys of a profile

What a TOML file in `profiles/` may say. A key without a default is required; production's own rules, and keys that
contradict each other, are told by `make synth` with the fix.

Written by `make docs` from `profiles/settings.py`.
"""


def page() -> str:
    """Return the whole page."""
    schema = Settings.model_json_schema()
    return "\n".join([HEAD, *_sections("", schema, schema["$defs"])])


def _sections(name: str, section: dict[str, Any], models: dict[str, Any]) -> list[str]:
    """Return the table of a section and those of the sections in it."""
    required = section.get("required", [])
    rows, below = [], []
    for key, value in section["properties"].items():
        model = _model(value)
        if model is not None:
            below += _sections(f"{name}.{key}".lstrip("."), models[model], models)
        else:
            default = "" if key in required else f"`{_toml(value.get('default'))}`"
            rows.append(f"| `{key}` | {default} | {_bounds(value)} | {value.get('description', '')} |\n")
    head = f"## `[{name}]`\n\n{section['description']}\n\n" if name else ""
    table = "| key | default | values | |\n|---|---|---|---|\n" + "".join(rows)
    return [head + table if rows else head, *below]


def _model(value: dict[str, Any]) -> str | None:
    """Return the section that a key is, if it is one."""
    for one in (value, *value.get("anyOf", ()), *value.get("allOf", ())):
        if "$ref" in one:
            return str(one["$ref"]).rpartition("/")[2]
    return None


def _toml(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list() | tuple():
            return f"[{', '.join(_toml(one) for one in value)}]"
        case _:
            return str(value)


def _bounds(value: dict[str, Any]) -> str:
    """Return which values a key takes."""
    kinds = [one for one in value.get("anyOf", [value]) if one.get("type") != "null" and one.get("const") != ""]
    return " or ".join(_kind(one) for one in kinds)


def _kind(value: dict[str, Any]) -> str:
    if "enum" in value:
        return ", ".join(f"`{_toml(one)}`" for one in value["enum"])
    match value.get("type"):
        case "integer":
            most = f" to {value['maximum']}" if "maximum" in value else " or more"
            return f"{value['minimum']}{most}" if "minimum" in value else "a whole number"
        case "boolean":
            return "`true`, `false`"
        case "array":
            return "a list"
        case _:
            return "a moment with its zone" if value.get("format") == "date-time" else "text"


if __name__ == "__main__":
    print(page(), end="")
