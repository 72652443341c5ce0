"""Nothing is done unasked: a person types the account's number, or the make line names it."""

import pytest

from deployment.consent import Consent
from deployment.failures import DeploymentError

ACCOUNT = "111122223333"


def never_asked(question: str) -> str:
    raise AssertionError(f"asked: {question}")


def test_the_make_line_answers_for_nobody_at_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Consent(ACCOUNT, ACCOUNT, is_terminal=lambda: False, ask=never_asked).to("deploy")
    assert capsys.readouterr().out == f"deploy: answered by ACCOUNT={ACCOUNT}\n"


def test_a_make_line_that_means_another_account_stops_even_at_a_terminal() -> None:
    with pytest.raises(DeploymentError, match=f"ACCOUNT=999999999999 was meant, and .* {ACCOUNT}; nothing was changed"):
        Consent(ACCOUNT, "999999999999", is_terminal=lambda: True, ask=lambda _: ACCOUNT)


def test_without_a_terminal_and_an_answer_it_stops_before_anything_and_says_what_to_write() -> None:
    with pytest.raises(DeploymentError, match=f"no terminal .* ACCOUNT={ACCOUNT}; nothing was changed"):
        Consent(ACCOUNT, "", is_terminal=lambda: False, ask=never_asked)


def test_a_person_goes_on_by_the_accounts_number() -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return ACCOUNT

    Consent(ACCOUNT, "", is_terminal=lambda: True, ask=answer).to("widen access")
    assert asked == ["widen access? Type the account's number to go on: "]


@pytest.mark.parametrize("answer", ["", "y", "yes", "000000000000"])
def test_any_other_answer_stops(answer: str) -> None:
    with pytest.raises(DeploymentError, match="this was not done"):
        Consent(ACCOUNT, "", is_terminal=lambda: True, ask=lambda _: answer).to("widen access")


def test_a_terminal_that_is_closed_stops() -> None:
    def closed(_: str) -> str:
        raise EOFError

    with pytest.raises(DeploymentError, match="this was not done"):
        Consent(ACCOUNT, "", is_terminal=lambda: True, ask=closed).to("widen access")
