"""The order in which an account is asked, shown and changed; the CDK CLI and AWS are played."""

from pathlib import Path
from typing import Any

import pytest

from deployment import account as subject
from deployment import cdk
from deployment.caller import Caller
from deployment.deployed import Deployed
from deployment.failures import DeploymentError
from deployment.walk import Step
from profiles.settings import LoadBalancerSettings
from secure_backend.analysis import Assembly

ALICES = "111122223333"
URL = "https://abc.execute-api.eu-central-1.amazonaws.com/v1/"
DEV = "secure-backend-dev"


class CloudFormation:
    """Tells of stacks by name."""

    def __init__(self, *names: str, protected: bool = False) -> None:
        self.names = names
        self.protected = protected
        self.status = "CREATE_COMPLETE"

    def stack(self, name: str) -> dict[str, Any] | None:
        if name not in self.names:
            return None
        outputs = [{"OutputKey": "Url", "OutputValue": URL}] if name.endswith("-api") else []
        return {
            "StackName": name,
            "StackStatus": self.status,
            "EnableTerminationProtection": self.protected,
            "Outputs": outputs,
        }


@pytest.fixture
def cloudformation() -> CloudFormation:
    return CloudFormation("CDKToolkit", *(f"{DEV}-{part}" for part in ("network", "data", "api", "audit")))


class Commands(list[str]):
    """What was asked of the CDK CLI, by its verb."""

    widens = True
    fails: tuple[str, ...] = ()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloudformation: CloudFormation) -> Commands:
    """Play AWS and the CDK CLI; return what was asked of the CLI, in order."""
    ran = Commands()

    def shown_here(verb: str, *arguments: str, environment: dict[str, str]) -> int:
        ran.append(verb)
        return int(verb in ran.fails)

    def captured(verb: str, *arguments: str, environment: dict[str, str]) -> tuple[int, str]:
        ran.append("is access widened" if "--security-only" in arguments else verb)
        return (int(ran.widens), "") if "--security-only" in arguments else (int(verb in ran.fails), "a finding")

    def walked(*_: Any, **options: Any) -> list[Step]:
        ran.append(f"walk {options}")
        return []

    monkeypatch.setattr(cdk, "shown_here", shown_here)
    monkeypatch.setattr(cdk, "captured", captured)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of nobody")
    monkeypatch.setattr(subject, "ROOT", tmp_path)
    monkeypatch.setattr(
        subject, "who_calls", lambda _: Caller(account=ALICES, arn="arn:aws:iam::1:user/a", endpoint="https://sts")
    )
    monkeypatch.setattr(Deployed, "stack", lambda _, name: cloudformation.stack(name))
    monkeypatch.setattr(subject, "deployed_assembly", lambda *_: Assembly(()))
    monkeypatch.setattr(subject, "physical_ids", lambda *_: {})
    monkeypatch.setattr(subject, "machine_token", lambda *_, **__: "a token")
    monkeypatch.setattr(subject, "walk", walked)
    return ran


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115 - what a scheduled job has


def test_a_deployment_is_shown_and_agreed_to_before_anything_is_changed(
    commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    assert subject.deploy("dev", ALICES) == 0
    assert commands == ["synth", "diff", "is access widened", "deploy", "walk {'one_caller': True}"]
    told = capsys.readouterr().out
    assert f"account    {ALICES}" in told
    assert "region     eu-central-1" in told
    assert f"the API answers at {URL.rstrip('/')}" in told


@pytest.mark.usefixtures("no_terminal")
@pytest.mark.parametrize("verb", [subject.deploy, subject.destroy])
def test_without_a_terminal_and_without_an_answer_nothing_is_changed(verb: Any, commands: Commands) -> None:
    commands.widens = False
    with pytest.raises(DeploymentError, match=f"ACCOUNT={ALICES}"):
        verb("dev", "")
    assert not {"bootstrap", "deploy", "destroy"} & set(commands)


@pytest.mark.parametrize("verb", [subject.deploy, subject.destroy])
def test_an_answer_for_another_account_changes_nothing(verb: Any, commands: Commands) -> None:
    with pytest.raises(DeploymentError, match="ACCOUNT=999999999999 was meant"):
        verb("dev", "999999999999")
    assert not {"bootstrap", "deploy", "destroy"} & set(commands)


def test_wider_access_is_asked_about_and_a_no_deploys_nothing(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "Consent", Refusing)
    with pytest.raises(DeploymentError, match="no: deploy to account"):
        subject.deploy("dev", "")
    assert "deploy" not in commands


def test_what_does_not_widen_access_is_not_asked_about(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "Consent", Refusing)
    commands.widens = False
    assert subject.deploy("dev", "") == 0
    assert "deploy" in commands


def test_a_stack_in_the_middle_of_an_operation_is_told_before_anything_is_asked(
    commands: Commands, cloudformation: CloudFormation
) -> None:
    cloudformation.status = "UPDATE_IN_PROGRESS"
    with pytest.raises(DeploymentError, match=rf"stack {DEV}-network is in the middle .*\nstack {DEV}-data"):
        subject.deploy("dev", ALICES)
    assert commands == []


def test_a_no_destroys_nothing(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "Consent", Refusing)
    with pytest.raises(DeploymentError, match="no: destroy this in account"):
        subject.destroy("dev", "")
    assert commands == []


def test_an_account_that_the_cdk_never_saw_is_prepared_only_after_a_yes(
    commands: Commands, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudformation.names = ()
    monkeypatch.setattr(subject, "Consent", Refusing)
    with pytest.raises(DeploymentError, match="no: prepare aws://111122223333/eu-central-1"):
        subject.deploy("dev", "")
    assert commands == ["synth"]


def test_templates_that_the_rules_refuse_change_nothing_and_are_told(commands: Commands) -> None:
    commands.fails = ("synth",)
    with pytest.raises(DeploymentError, match="a finding\n\nthe templates were refused; nothing was changed"):
        subject.deploy("dev", ALICES)
    assert commands == ["synth"]


def test_a_deployment_that_fails_says_how_to_go_on_and_walks_nowhere(commands: Commands) -> None:
    commands.fails = ("deploy",)
    with pytest.raises(DeploymentError, match="run `make deploy PROFILE=dev` again"):
        subject.deploy("dev", ALICES)
    assert commands[-1] == "deploy"


def test_with_another_issuer_the_walk_needs_a_token_that_the_caller_brings(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "mine.toml"
    text = (Path(subject.__file__).parent.parent / "profiles/dev.toml").read_text()
    profile.write_text(text.replace('issuer = "cognito"', 'issuer = "https://tokens.example.com"'))
    monkeypatch.delenv("TOKEN", raising=False)
    assert subject.deploy(str(profile), ALICES) == 0
    assert commands[-1] == "deploy"
    assert "only https://tokens.example.com issues tokens" in capsys.readouterr().out
    monkeypatch.setenv("TOKEN", "brought")
    assert subject.deploy(str(profile), ALICES) == 0
    assert commands[-1].startswith("walk")
    assert "brought" not in capsys.readouterr().out


def test_a_load_balancer_of_the_vpc_alone_is_not_walked_to_from_here(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = subject.Account("dev")
    inside = LoadBalancerSettings(internet_facing=False)
    api = account.settings.api.model_copy(update={"load_balancer": inside})
    account.settings = account.settings.model_copy(update={"api": api})
    assert subject._token(account, {}) == (None, "the load balancer takes callers of the VPC alone")


def test_stacks_that_are_protected_are_left_and_the_way_to_lift_it_is_told(
    commands: Commands, cloudformation: CloudFormation
) -> None:
    cloudformation.protected = True
    with pytest.raises(DeploymentError) as caught:
        subject.destroy("dev", ALICES)
    assert "nothing was removed" in str(caught.value)
    assert f"--no-enable-termination-protection --stack-name {DEV}-data --region eu-central-1" in str(caught.value)
    assert commands == []


def test_a_destroy_leaves_the_stack_that_what_stays_stands_in_and_lists_what_stays(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {}}
    group = {
        "Type": "AWS::RDS::DBSubnetGroup",
        "DeletionPolicy": "Retain",
        "Properties": {"SubnetIds": [{"Fn::ImportValue": "subnet"}]},
    }
    outputs = {"Subnet": {"Value": {"Ref": "Subnet"}, "Export": {"Name": "subnet"}}}
    templates: dict[str, Any] = {
        f"{DEV}-network": {"Resources": {"Subnet": subnet}, "Outputs": outputs},
        f"{DEV}-data": {"Resources": {"Group": group}},
        f"{DEV}-api": {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}},
        f"{DEV}-audit": {"Resources": {}},
    }
    monkeypatch.setattr(subject, "deployed_assembly", lambda *_: Assembly.from_templates(templates))
    monkeypatch.setattr(subject, "physical_ids", lambda *_: {"Group": "group-1", "Queue": "queue-1"})
    asked: list[str] = []

    def shown_here(*arguments: str, environment: dict[str, str]) -> int:
        asked.extend(arguments)
        return 0

    monkeypatch.setattr(cdk, "shown_here", shown_here)
    (tmp_path / f"cdk.out.{DEV}").mkdir()
    assert subject.destroy("dev", ALICES) == 0
    assert asked[:1] + asked[-4:] == ["destroy", "--force", "data", "api", "audit"]
    told = capsys.readouterr().out
    assert "aws rds delete-db-subnet-group --db-subnet-group-name group-1 --region eu-central-1" in told
    assert "queue-1" not in told
    assert f"stack {DEV}-network stays too: RDS DBSubnetGroup" in told
    list_of_it = tmp_path / f"cdk.out.{DEV}/remaining.txt"
    assert "--db-subnet-group-name group-1" in list_of_it.read_text()


class LoadBalancers:
    """Tells whether the load balancer is protected just now, whatever its template says."""

    def __init__(self) -> None:
        self.protected = "true"

    def describe_load_balancer_attributes(self, *, LoadBalancerArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's own
        assert LoadBalancerArn == "arn:1"
        return {"Attributes": [{"Key": "deletion_protection.enabled", "Value": self.protected}]}


def test_a_load_balancer_that_is_protected_is_left_and_the_way_to_lift_it_is_told(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / f"cdk.out.{DEV}").mkdir()
    resources = {"Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {}}}
    templates = {f"{DEV}-{part}": {"Resources": resources if part == "api" else {}} for part in ("data", "api")}
    monkeypatch.setattr(subject, "deployed_assembly", lambda *_: Assembly.from_templates(templates))
    monkeypatch.setattr(subject, "physical_ids", lambda *_: {"Balancer": "arn:1"})
    aws = LoadBalancers()
    monkeypatch.setattr(subject.Account, "client", lambda *_: aws)
    with pytest.raises(DeploymentError, match="nothing was removed") as caught:
        subject.destroy("dev", ALICES)
    assert "Value=false --load-balancer-arn arn:1 --region eu-central-1" in str(caught.value)
    assert commands == []
    aws.protected = "false"
    assert subject.destroy("dev", ALICES) == 0
    assert "destroy" in commands


def test_what_an_earlier_destroy_left_stays_on_the_list(commands: Commands, tmp_path: Path) -> None:
    kept = tmp_path / f"cdk.out.{DEV}/remaining.txt"
    kept.parent.mkdir()
    kept.write_text("the database of the first destroy\n")
    commands.fails = ("destroy",)
    with pytest.raises(DeploymentError, match=r"not every stack went, .*remaining.txt lists .* again"):
        subject.destroy("dev", ALICES)
    assert kept.read_text().startswith("the database of the first destroy\n")


def test_an_account_without_the_stacks_has_nothing_to_destroy(
    commands: Commands, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation.names = ("CDKToolkit",)
    assert subject.destroy("dev", ALICES) == 0
    assert "has no stack of profile dev" in capsys.readouterr().out
    assert commands == []


def test_the_cli_gets_the_identity_that_was_checked_and_no_other(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named together, the SDKs do not agree which of a profile and a key wins."""
    account = subject.Account("dev")
    monkeypatch.setenv("AWS_PROFILE", "another")
    environment = account.environment()
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] == "AKIAIOSFODNN7EXAMPLE"
    assert environment["AWS_REGION"] == "eu-central-1"


class Refusing:
    """Says no to whatever is asked."""

    def __init__(self, account: str, given: str) -> None:
        pass

    def to(self, deed: str) -> None:
        raise DeploymentError(f"no: {deed}")
