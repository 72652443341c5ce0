"""Why a caller is refused: for the log only, the caller is told nothing but 401."""


class RefusedError(Exception):
    """The caller is refused; ``reason`` is one of a few fixed words and holds nothing of the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
