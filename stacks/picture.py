"""Draws the stacks of a cloud assembly: what each holds, and who needs whom. `make docs` writes docs/stacks.svg."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

from secure_backend.analysis import Assembly, Stack

# What a reader looks for in a stack, in this order; the rest is counted.
WORDS = {
    "AWS::EC2::VPC": ("VPC", "VPCs"),
    "AWS::EC2::Subnet": ("subnet", "subnets"),
    "AWS::EC2::NetworkAcl": ("network ACL for the data tier", "network ACLs"),
    "AWS::EC2::VPCEndpoint": ("endpoint with a policy", "endpoints with policies"),
    "AWS::EC2::FlowLog": ("flow log", "flow logs"),
    "AWS::SNS::Topic": ("encrypted alarm topic", "encrypted alarm topics"),
    "AWS::S3::Bucket": ("bucket", "buckets"),
    "AWS::RDS::DBInstance": ("PostgreSQL", "PostgreSQLs"),
    "AWS::Backup::BackupPlan": ("backup plan", "backup plans"),
    "AWS::WAFv2::WebACL": ("web ACL", "web ACLs"),
    "AWS::ApiGateway::RestApi": ("REST API, TLS 1.3", "REST APIs, TLS 1.3"),
    "AWS::ApiGateway::Authorizer": ("JWT authorizer", "JWT authorizers"),
    "AWS::ApiGateway::Method": ("method", "methods"),
    "AWS::Lambda::Function": ("function", "functions"),
    "AWS::Cognito::UserPool": ("user pool", "user pools"),
    "AWS::CloudTrail::Trail": ("multi-region trail", "multi-region trails"),
    "AWS::Logs::MetricFilter": ("metric filter", "metric filters"),
    "AWS::CloudWatch::Alarm": ("alarm", "alarms"),
    "AWS::CloudWatch::Dashboard": ("dashboard", "dashboards"),
    "AWS::Logs::QueryDefinition": ("saved query", "saved queries"),
    "AWS::KMS::Key": ("KMS key", "KMS keys"),
    "AWS::Logs::LogGroup": ("encrypted log group", "encrypted log groups"),
}

WIDTH, GAP, TOP, LINE = 230, 60, 44, 20
FONT = "font-family='ui-sans-serif, system-ui, sans-serif'"


def main() -> int:
    """Write the picture of an assembly."""
    parser = argparse.ArgumentParser(prog="python -m stacks.picture", description=__doc__)
    parser.add_argument("assembly", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    options.target.write_text(picture(Assembly.from_directory(options.assembly)), encoding="utf-8")
    return 0


def picture(assembly: Assembly) -> str:
    """Return an SVG with a box for each stack, in the order of deployment, and an arrow for each need."""
    stacks = list(assembly.stacks)
    contents = {stack.name: list(_contents(stack)) for stack in stacks}
    height = TOP + LINE * max(len(lines) for lines in contents.values()) + 16
    needs = {stack.name: _needs(stack, stacks) for stack in stacks}
    arches = 34 * (len(stacks) - 1) + 34
    width = len(stacks) * (WIDTH + GAP) - GAP + 2
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-1 {-arches} {width} {height + arches + 2}' "
        f"{FONT} role='img'>",
        f"<rect x='-1' y='{-arches}' width='{width}' height='{height + arches + 2}' fill='#ffffff'/>",
        f"<title>The stacks: {', '.join(_short(stack) for stack in stacks)}</title>",
        "<defs><marker id='head' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0 0 8 4 0 8z' fill='#64748b'/></marker></defs>",
    ]
    for index, stack in enumerate(stacks):
        parts += _box(index * (WIDTH + GAP), height, _short(stack), len(stack.resources), contents[stack.name])
    order = [stack.name for stack in stacks]
    for name, needed in needs.items():
        for rank, (other, values) in enumerate(sorted(needed.items(), key=lambda item: -order.index(item[0]))):
            parts.append(_arrow(order.index(name), order.index(other), rank, values))
    return "\n".join([*parts, "</svg>\n"])


def _box(left: int, height: int, title: str, resources: int, lines: list[str]) -> Iterator[str]:
    yield f"<rect x='{left}' y='0' width='{WIDTH}' height='{height}' rx='10' fill='#f8fafc' stroke='#94a3b8'/>"
    yield f"<text x='{left + 14}' y='28' font-size='17' font-weight='700' fill='#0f172a'>{escape(title)}</text>"
    yield (
        f"<text x='{left + WIDTH - 14}' y='28' font-size='12' fill='#64748b' text-anchor='end'>"
        f"{resources} resources</text>"
    )
    for row, line in enumerate(lines):
        y = TOP + LINE * row + 12
        yield f"<text x='{left + 14}' y='{y}' font-size='13' fill='#334155'>{escape(line)}</text>"


def _arrow(source: int, target: int, rank: int, values: int) -> str:
    """Return an arch from the stack that needs to the one that is needed, labelled with how many values it takes."""
    start = source * (WIDTH + GAP) + 40 + 22 * rank
    end = target * (WIDTH + GAP) + WIDTH - 30 - 26 * (source - target - 1)
    peak = -28 - 34 * (source - target - 1) - 8 * (source % 2)
    label = f"{values} value" if values == 1 else f"{values} values"
    return (
        f"<path d='M{start} 0 C{start} {peak * 1.3:.0f} {end} {peak * 1.3:.0f} {end} -2' fill='none' stroke='#64748b' "
        f"stroke-width='1.5' marker-end='url(#head)'/>"
        f"<text x='{(start + end) // 2}' y='{peak - 6}' font-size='11' fill='#64748b' text-anchor='middle' "
        f"stroke='#ffffff' stroke-width='4' paint-order='stroke'>{label}</text>"
    )


def _contents(stack: Stack) -> Iterator[str]:
    count = Counter(resource.type for resource in stack.resources.values())
    for type_name, (one, many) in WORDS.items():
        if count[type_name]:
            yield one if count[type_name] == 1 else f"{count[type_name]} {many}"
    rest = sum(number for type_name, number in count.items() if type_name not in WORDS)
    if rest:
        yield f"and {rest} more"


def _needs(stack: Stack, stacks: list[Stack]) -> dict[str, int]:
    """Return how many values the stack imports from each of the others."""
    imports = _imports(stack.template)
    return {
        other.name: needed
        for other in stacks
        if other is not stack and (needed := sum(name.startswith(f"{other.name}:") for name in imports))
    }


def _imports(value: object) -> set[str]:
    if isinstance(value, dict):
        output = value.get("Fn::GetStackOutput")
        name = f"{output['StackName']}:{output['OutputName']}" if output else value.get("Fn::ImportValue")
        found = {name} if isinstance(name, str) else set()
        return found.union(*(_imports(item) for item in value.values()))
    return set().union(*(_imports(item) for item in value)) if isinstance(value, list) else set()


def _short(stack: Stack) -> str:
    return stack.name.rpartition("-")[2]


if __name__ == "__main__":
    sys.exit(main())
