"""The authorizer's entry: a verified token gives a policy, anything else the one answer 401."""

import logging
import os
from typing import Any

from .configuration import Configuration, ConfigurationError
from .key_set import KeySet, https_fetch
from .policy import policy
from .refusal import RefusedError
from .token import SigningKeys, verify

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class UnauthorizedError(Exception):
    """API Gateway answers 401 when the authorizer fails with exactly this message, and 500 with any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Authorizer:
    """A configuration and the issuer's keys; lives as long as the function's process, so that keys stay cached."""

    def __init__(self, configuration: Configuration, keys: SigningKeys) -> None:
        self._configuration = configuration
        self._keys = keys

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the policy for the event's token, or raise :class:`RefusedError`."""
        caller = verify(event.get("authorizationToken"), self._configuration, self._keys)
        return policy(event.get("methodArn"), caller, self._configuration)


_authorizer: Authorizer | None = None


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer a TOKEN authorizer's event; fails closed, and tells the caller nothing, whatever goes wrong."""
    global _authorizer
    try:
        if _authorizer is None:
            configuration = Configuration.read(os.environ)
            _authorizer = Authorizer(configuration, KeySet(configuration.jwks_url, https_fetch()))
        return _authorizer.answer(event)
    except RefusedError as refusal:
        # The reason is one of a few fixed words: nothing of the token reaches the log.
        logger.info("refused: %s", refusal.reason)
    except ConfigurationError as error:
        logger.error("refused: configuration: %s", error)  # noqa: TRY400 - a trace would say no more
    except Exception as error:  # noqa: BLE001 - every failure must be a 401, never a 500 or an Allow
        logger.error("refused: %s", type(error).__name__)  # noqa: TRY400 - its text might hold the token
    raise UnauthorizedError
