"""Asks before something is done that cannot be taken back, or widens access."""

import sys
from collections.abc import Callable

from deployment.failures import DeploymentError


class Consent:
    """Whoever runs the command, or ``ACCOUNT=`` on the make line in their place.

    :param account: the account that is about to be changed; its number is the answer.
    :param given: the answer of the make line; "" for none.
    """

    def __init__(
        self,
        account: str,
        given: str,
        *,
        is_terminal: Callable[[], bool] = lambda: sys.stdin.isatty(),
        ask: Callable[[str], str] = input,
    ) -> None:
        self._account = account
        self._given = given
        self._ask = ask
        if given and given != account:
            raise DeploymentError(
                f"ACCOUNT={given} was meant, and these credentials are of account {account}; nothing was changed"
            )
        if not given and not is_terminal():
            raise DeploymentError(
                "there is no terminal to ask on; say on the make line which account is meant: "
                f"ACCOUNT={account}; nothing was changed"
            )

    def to(self, deed: str) -> None:
        """Go on only when the deed is wanted."""
        if self._given:
            print(f"{deed}: answered by ACCOUNT={self._given}", flush=True)
            return
        try:
            answer = self._ask(f"{deed}? Type the account's number to go on: ").strip()
        except EOFError:
            answer = ""
        if answer != self._account:
            raise DeploymentError(f"not answered with {self._account}; this was not done, and nothing after it")
