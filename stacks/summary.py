"""Shows a person what the last synth made: stacks, resources, rules, acknowledgements, cost, and what comes next."""

import argparse
import json
import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from profiles.reading import load
from profiles.settings import Settings
from secure_backend.analysis import Assembly, Stack
from secure_backend.analysis.cost import monthly_costs
from stacks import trust_anchors


def main() -> int:
    """Print the summary of a cloud assembly, or its acknowledgements."""
    parser = argparse.ArgumentParser(prog="python -m stacks.summary", description=__doc__)
    parser.add_argument("assembly", type=Path, help="the cloud assembly, such as cdk.out")
    parser.add_argument("--profile", default="dev", help="the profile that it was synthesized for")
    parser.add_argument("--acknowledgements", action="store_true", help="print each acknowledgement with its reason")
    options = parser.parse_args()
    path = options.assembly / "gate.json"
    if not path.is_file():
        print(f"{path}: no such file; run `make synth` first", file=sys.stderr)
        return 1
    gate = json.loads(path.read_text(encoding="utf-8"))
    lines = acknowledgements(gate) if options.acknowledgements else summary(options, gate)
    print("\n".join(lines))
    return 0


def summary(options: argparse.Namespace, gate: dict[str, Any]) -> Iterator[str]:
    """Yield the summary's lines."""
    settings = load(options.profile)
    assembly = Assembly.from_directory(options.assembly)
    account = f"account {settings.account}" if settings.account else "any account"
    yield f"profile    {options.profile} · {settings.region} · {account}"
    for stack in assembly.stacks:
        part = stack.name.removeprefix(f"{settings.name}-")
        yield f"{part:10} {len(stack.resources):3} resources   {_shape(stack, settings)}"
        yield from _wrapped(_types(stack))
    own = {name: count for name, count in gate["rules_checked"].items() if name == "SecureBackend"}
    packs = {name: count for name, count in gate["rules_checked"].items() if name not in own}
    rules = sorted({entry["rule"] for entry in gate["acknowledged"]})
    yield (
        f"rules      {sum(packs.values())} of {len(packs)} packs and {sum(own.values())} of our own checked · "
        f"{len(gate['open'])} open · {len(rules)} acknowledged:"
    )
    for reason, entries in _by_reason(gate).items():
        yield from _wrapped(", ".join(sorted({entry["rule"] for entry in entries})))
        yield from textwrap.wrap(reason, 104, initial_indent=" " * 13, subsequent_indent=" " * 13)
    yield f"not built  {' · '.join(not_built(settings)) or 'nothing that a profile can ask for'}"
    costs = monthly_costs(assembly)
    unpriced = sorted({cost.what for cost in costs if cost.dollars is None})
    total = sum(cost.dollars or 0 for cost in costs)
    yield (
        f"costs      about {total:.0f} dollars a month before traffic, US East list prices"
        + (f", without {', '.join(unpriced)}" if unpriced else "")
    )
    by_what: dict[str, float] = defaultdict(float)
    for cost in costs:
        by_what[cost.what] += cost.dollars or 0
    yield from _wrapped(" · ".join(f"{what} {dollars:.0f}" for what, dollars in sorted(by_what.items())))
    yield f"templates  {options.assembly}/*.template.json"
    yield f"next       {_next(options.profile, settings)}"


def acknowledgements(gate: dict[str, Any]) -> Iterator[str]:
    """Yield each reason once, with the rules and the resources that it stands for."""
    by_reason = _by_reason(gate)
    for reason, entries in by_reason.items():
        yield ", ".join(sorted({entry["rule"] for entry in entries}))
        yield from textwrap.wrap(reason, 112, initial_indent="  ", subsequent_indent="  ")
        owners = sorted({f"{entry['owner']} looks again by {entry['review_by']}" for entry in entries})
        yield f"  {'; '.join(owners)}"
        for construct in sorted({entry["construct"] for entry in entries}):
            findings = sorted(entry["finding"] for entry in entries if entry["construct"] == construct)
            yield from textwrap.wrap(
                f"at {construct}: {', '.join(findings)}", 112, initial_indent="  ", subsequent_indent="     "
            )
        yield ""
    rules = {entry["rule"] for entry in gate["acknowledged"]}
    yield f"{len(rules)} rules, {len(gate['acknowledged'])} findings, {len(by_reason)} reasons"


def not_built(settings: Settings) -> Iterator[str]:
    """Yield what the profile leaves out, and why."""
    if settings.api.usage_plan is None and settings.api.load_balancer is None:
        yield "usage plan (no quota in the profile)"
    if settings.api.source_networks is None:
        yield "source networks (none named)"
    if not settings.api.web_acl.enabled:
        yield "web ACL (switched off)"
    if settings.api.domain is None:
        yield "domain (none named)"
    if not settings.alarms.email:
        yield "alarm mails (no address)"
    if trust_anchors.are_missing(settings.region, proxy=settings.database.proxy):
        file = f"services/documents/rds-{settings.region}.pem"
        yield f"trust in the database's certificate (save the region's RDS bundle as {file})"
    if not settings.database.backup_plan:
        yield "backup plan (switched off)"
    if settings.audit.existing_trail:
        yield "management events (the account has a trail)"
        if settings.audit.existing_log_group is None:
            yield "CIS alarms (no log group of that trail named)"


def _by_reason(gate: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    by_reason: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in gate["acknowledged"]:
        by_reason[entry["reason"]].append(entry)
    return by_reason


def _shape(stack: Stack, settings: Settings) -> str:
    """Return the line that tells what a stack is, counted in its template."""
    count = Counter(resource.type for resource in stack.resources.values())
    of = {type_name: [r for r in stack.resources.values() if r.type == type_name] for type_name in count}
    match stack.name.removeprefix(f"{settings.name}-"):
        case "network":
            egress = (
                "no way out but S3" if settings.network.egress == "none" else f"egress by {settings.network.egress}"
            )
            zones = len(settings.zones)
            return f"{count['AWS::EC2::Subnet'] // zones} subnets a zone, {zones} zones, {egress}"
        case "data":
            version = of["AWS::RDS::DBInstance"][0].at("EngineVersion")
            return f"{count['AWS::S3::Bucket']} buckets, PostgreSQL {version}, {count['AWS::KMS::Key']} keys"
        case "api":
            issuer = "a Cognito pool" if settings.api.issuer == "cognito" else settings.api.issuer
            acl = of.get("AWS::WAFv2::WebACL", [])
            waf = f"WAF with {len(acl[0].at('Rules'))} rules" if acl else "no WAF"
            methods = f"{count['AWS::ApiGateway::Method']} methods"
            edge = methods if settings.api.load_balancer is None else "a load balancer"
            return f"{edge}, JWT from {issuer}, {waf}"
        case _:
            return f"multi-region trail, {count['AWS::CloudWatch::Alarm']} alarms"


def _types(stack: Stack) -> str:
    count = Counter(resource.type.removeprefix("AWS::").replace("::", " ") for resource in stack.resources.values())
    return " · ".join(
        f"{number} {name}" for name, number in sorted(count.items(), key=lambda item: (-item[1], item[0]))
    )


def _wrapped(text: str) -> list[str]:
    """Return the text in indented lines that break between the items, never inside one."""
    joined = " · ".join(item.replace(" ", "\u00a0") for item in text.split(" · "))
    lines = textwrap.wrap(joined, 108, initial_indent=" " * 11, subsequent_indent=" " * 11, break_long_words=False)
    return [line.replace("\u00a0", " ") for line in lines]


def _next(profile: str, settings: Settings) -> str:
    command = f"make deploy PROFILE={profile}"
    if not settings.account:
        return f"{command}   with credentials of any account"
    return f"{command}   with credentials of account {settings.account}"


if __name__ == "__main__":
    sys.exit(main())
