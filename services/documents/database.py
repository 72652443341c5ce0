"""One connection to PostgreSQL: TLS with the server verified, signed in by a token made for that connection."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import botocore.session  # type: ignore[import-untyped]
import psycopg
from botocore.model import ServiceId  # type: ignore[import-untyped]
from botocore.signers import RequestSigner  # type: ignore[import-untyped]
from psycopg.rows import DictRow, dict_row

from .environment import DatabaseAddress
from .observability import logger, traced

#: How long a request may wait for a connection, tries and all: a statement, which has five seconds, and the answer then
#: end before the function's ten do. One slow sign-in may take all of it: a second one beside it would only add to the
#: load that made it slow.
READY_SECONDS = 4
#: The least that a sign-in can be given, and as long as a server that went away may leave a statement unacknowledged.
LEAST_SECONDS = 2
TOKEN_SECONDS = 900

Connection = psycopg.Connection[DictRow]
Cursor = psycopg.Cursor[DictRow]


class DatabaseUnavailableError(Exception):
    """The database cannot be reached or has no room; the same request may succeed soon."""


def sign_in_token(address: DatabaseAddress, session: Any) -> str:
    """Return an RDS sign-in token, computed here without a call to AWS.

    It names host, port and user, works for 15 minutes, and opens connections only: open ones stay.

    :param session: a botocore session with credentials that may ``rds-db:connect`` as the user.
    """
    signer = RequestSigner(
        ServiceId("rds-db"),
        address.region,
        "rds-db",
        "v4",
        session.get_credentials(),
        session.get_component("event_emitter"),
    )
    query = urlencode({"Action": "connect", "DBUser": address.user})
    request = {
        "method": "GET",
        "url": f"https://{address.host}:{address.port}/?{query}",
        "body": {},
        "headers": {},
        "context": {},
    }
    url: str = signer.generate_presigned_url(request, operation_name="", expires_in=TOKEN_SECONDS)
    return url.removeprefix("https://")


def connect(address: DatabaseAddress, seconds: int = READY_SECONDS) -> Connection:
    """Open a connection with a fresh token. Plaintext, another authority and another host name are refused.

    :param seconds: how long that may take.
    """
    return psycopg.connect(
        host=address.host,
        port=address.port,
        dbname=address.name,
        user=address.user,
        password=sign_in_token(address, botocore.session.get_session()),
        sslmode="verify-full",
        sslrootcert=str(address.ca_file),
        ssl_min_protocol_version="TLSv1.2",
        gssencmode="disable",
        # After a failover the old address may answer for a while, and refuse every write.
        target_session_attrs="read-write",
        connect_timeout=seconds,
        tcp_user_timeout=LEAST_SECONDS * 1000,
        application_name="documents",
        autocommit=True,
        row_factory=dict_row,
    )


class Database:
    """Transactions for one caller at a time, on a connection that outlives a request.

    :param open_connection: opens another within so many seconds.
    """

    def __init__(self, open_connection: Callable[[int], Connection]) -> None:
        self._open_connection = open_connection
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self, owner: str = "") -> Iterator[Cursor]:
        """Run a transaction that sees and writes the owner's rows and no others, as far as the role is bound to one.

        :param owner: nobody when left out: the API's role then sees nothing.
        :raises DatabaseUnavailableError: when there is no connection to be had, or it broke.
        """
        try:
            connection = self._ready()
            with traced("transaction"), connection.transaction(), connection.cursor() as cursor:
                # For this transaction only: the next one on this connection begins with nobody.
                cursor.execute("SELECT set_config('documents.owner', %s, true)", [owner])
                yield cursor
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
            self.close()
            logger.warning("database unavailable", error=type(error).__name__, sqlstate=error.sqlstate)
            raise DatabaseUnavailableError from None

    def close(self) -> None:
        """Forget the connection; the next transaction opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ready(self) -> Connection:
        end = time.monotonic() + READY_SECONDS
        if self._connection is not None:
            try:
                # The server may have cut it while the function was frozen.
                self._connection.execute("SELECT 1")
            except psycopg.Error:
                self.close()
        if self._connection is None:
            with traced("sign-in to the database"):
                try:
                    self._connection = self._open_connection(max(round(end - time.monotonic()), LEAST_SECONDS))
                except psycopg.OperationalError:
                    left = int(end - time.monotonic())
                    if left < LEAST_SECONDS:
                        raise
                    # Once more with a new token: credentials may have just been rotated.
                    self._connection = self._open_connection(left)
        return self._connection
