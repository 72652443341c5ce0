"""The program that asks Prowler: it makes what templates describe in an account that is nowhere, and audits that.

moto stands for AWS in this process's memory, and Prowler reads it as it reads every account. The program is no module
of the library: it runs in an environment of its own, takes JSON and gives JSON. How each type is made is in
``made.toml``.
"""

import gc
import json
import logging
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from botocore.model import Shape  # type: ignore[import-untyped]
from moto import mock_aws
from prowler.providers.aws.aws_provider import AwsProvider
from prowler.providers.common.models import Audit_Metadata
from prowler.providers.common.provider import Provider

#: A value that another resource gives: its address, and the attribute if it is not Ref.
_MARKER = re.compile(r"\$\{([^}.]*)\.?([^}]*)\}")
_NAMED = re.compile(r"%\((\w+)\)s")
_MADE: Mapping[str, list[Mapping[str, Any]]] = tomllib.loads(Path(__file__).with_name("made.toml").read_text("utf-8"))
#: The end of an archive is all that an empty one has.
_EMPTY_PACKAGE = b"PK\5\6" + bytes(18)


class RefusedError(Exception):
    """A resource cannot be made of what its template says, as it is not known before the deployment for example."""


class Account:
    """What is made of templates, and by what names AWS calls it."""

    def __init__(self, session: Any, asked: Mapping[str, Any]) -> None:
        self._client = cache(session.client)
        self._id = asked["account"]
        self._role = session.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self._wanted = {each["address"]: each for each in asked["resources"] if each["type"] in _MADE}
        self.names: dict[str, list[str]] = {}
        self.refused: dict[str, str] = {}
        for address in self._wanted:
            self._make(address)

    def _make(self, address: str) -> None:
        """Make the resource, before it those that it refers to; note why if it is refused."""
        if address in self.names:
            return
        wanted, names = self._wanted[address], self.names.setdefault(address, [])
        given = {"Name": f"resource-{len(self.names)}", "Region": wanted["region"], "Somebody": self._role}
        properties = json.loads(_MARKER.sub(partial(self._value, wanted["region"]), json.dumps(wanted["properties"])))
        try:
            for step in _MADE[wanted["type"]]:
                for part in _parts(step, properties):
                    known = {"Nothing": _EMPTY_PACKAGE, **given, **part, "Ref": names[0] if names else None}
                    names += self._called(step, known, wanted["region"])
        # No other error: a fault of this program or of moto's must not pass for a template's.
        except (RefusedError, BotoCoreError, ClientError, NotImplementedError) as error:
            self.refused[address] = str(error) or type(error).__name__

    def _value(self, region: str, marker: re.Match[str]) -> str:
        """Return the name of a resource, or its ARN, some if it is not made; a policy's variable as it is."""
        address, attribute = marker.groups()
        known = {"AWS::Region": region, "AWS::AccountId": self._id, "AWS::Partition": "aws"}
        if address.startswith("AWS::"):
            return str(known.get(address, "amazonaws.com"))
        if "/" not in address:
            return marker[0]
        if address in self._wanted:
            self._make(address)
        names = self.names.get(address) or [address.rpartition("/")[2]]
        arns = [name for name in names if name.startswith("arn:")] or [f"arn:aws:iam::{self._id}:role/{names[0]}"]
        return arns[0] if attribute.endswith("Arn") else names[0]

    def _called(self, step: Mapping[str, Any], known: Mapping[str, Any], region: str) -> list[str]:
        service, operation = step["call"].split()
        client = self._client(service, region)
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
        others = {name: jmespath.search(path, known) for name, path in step.get("with", {}).items()}
        arguments = _fitted(shape, {**known, **others}) or {}
        answer = getattr(client, operation)(**arguments)
        if "names" not in step:
            return []
        missing = [name for name in _NAMED.findall(step["names"]) if known.get(name) is None]
        if missing:
            raise RefusedError(f"{', '.join(missing)} is missing")
        found = jmespath.search(step["names"] % known, {**arguments, **answer})
        return list(found) if isinstance(found, list) else [found]


def _parts(step: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the properties as often as the operation is called."""
    if "each" in step:
        for item in _kind(list, properties.get(step["each"], [])):
            yield {**properties, **(item if isinstance(item, dict) else {step["each"]: item})}
    elif "when" not in step or str(properties.get(step["when"], False)).lower() != "false":
        yield properties


def _fitted(shape: Shape, value: Any) -> Any:
    """Return the value as the API takes it: members by its names, policies as text, nothing that it does not know."""
    if shape.type_name == "structure":
        known = _kind(dict, value)
        given = {_letters(name): each for name, each in known.items() if each is not None and name != "Tags"}
        members = {name: member for name, member in shape.members.items() if _letters(name) in given}
        fitted = {name: _fitted(member, given[_letters(name)]) for name, member in members.items()}
        fitted = {name: each for name, each in fitted.items() if each is not None}
        return fitted if fitted or not known else None
    if shape.type_name == "list":
        items = [_fitted(shape.member, each) for each in (value if isinstance(value, list) else [value])]
        return [each for each in items if each is not None] or None
    if shape.type_name == "map":
        return {key: _fitted(shape.value, each) for key, each in _kind(dict, value).items()}
    if shape.type_name in ("integer", "long"):
        if re.fullmatch(r"-?\d+", str(value)) is None:
            raise RefusedError(f"{value!r} is no whole number")
        return int(value)
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    if shape.type_name == "string":
        text = json.dumps(_document(value)) if isinstance(value, (dict, list)) else str(value)
        return next((each for each in shape.enum if _letters(each) == _letters(text)), text)
    return value


def _document(value: Any) -> Any:
    """Return a policy with its statements as a list: some of Prowler's checks know no other form."""
    if not isinstance(value, dict) or "Statement" not in value:
        return value
    statements = value["Statement"] if isinstance(value["Statement"], list) else [value["Statement"]]
    return {**value, "Statement": [_kind(dict, each) for each in statements]}


def _kind(kind: type, value: Any) -> Any:
    """Return a value of the kind; text stands where the deployment alone knows it."""
    if not isinstance(value, kind):
        raise RefusedError(f"{value!r} is no {kind.__name__}")
    return value


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _findings(checks: list[str], account: Account) -> Iterator[dict[str, Any]]:
    """Yield what each check says, with the addresses that it says it of."""
    for check in checks:
        module = import_module(f"prowler.providers.aws.services.{check.partition('_')[0]}.{check}.{check}")
        for finding in getattr(module, check)().execute():
            said = {finding.resource_id, finding.resource_arn, *re.split("[:/]", finding.resource_arn)}
            addresses = [address for address, names in account.names.items() if not said.isdisjoint(names)]
            yield {"check": check, "passed": finding.status == "PASS", "addresses": addresses}


def _refuse_network(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise ConnectionRefusedError("nothing here reaches a network")


def main() -> None:
    """Answer the question of standard input on standard output."""
    gc.disable()  # in the seconds that it lives there is nothing to free
    sys.addaudithook(_refuse_network)
    asked = json.load(sys.stdin)
    logging.disable()
    with redirect_stdout(sys.stderr), mock_aws(config={"lambda": {"use_docker": False}}):
        runtimes = botocore.session.get_session().get_service_model("lambda").shape_for("Runtime").enum
        values = {
            "ec2_high_risk_ports": asked["ports"],
            "obsolete_lambda_runtimes": [each for each in runtimes if each not in asked["runtimes"]],
        }
        regions = {each["region"] for each in asked["resources"]}
        provider = AwsProvider(regions=regions, scan_unused_services=True, config_content=values)
        provider.audit_metadata = Audit_Metadata(
            services_scanned=0, expected_checks=asked["checks"], completed_checks=0, audit_progress=0
        )
        Provider.set_global_provider(provider)
        account = Account(provider.session.current_session, asked)
        said = list(_findings(asked["checks"], account))
    json.dump({"findings": said, "refused": account.refused}, sys.stdout)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # taking the account down again would take half as long as the audit
