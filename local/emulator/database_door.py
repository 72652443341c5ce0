"""A door in front of PostgreSQL: TLS, and an RDS sign-in token as the password, checked as RDS checks it.

PostgreSQL itself listens on a Unix socket only. Who comes through here showed a token that was signed with
credentials of the emulator for exactly this host, port and user, not older than 15 minutes, whose principal may
``rds-db:connect`` as that user to this instance; and the user has the role ``rds_iam``.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

SSL_REQUEST = 80877103
PROTOCOL_3 = 196608
MAX_MESSAGE = 72 * 1024
SIGN_IN_SECONDS = 10.0

#: Whether a user may sign in with a token; runs in a thread.
Check = Callable[[str, str], bool]


class RefusedError(Exception):
    """The client is told SQLSTATE and message, and the connection ends."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Door:
    """Takes connections at a loopback address and passes on those that may pass.

    :param socket: PostgreSQL's Unix socket.
    """

    def __init__(self, *, socket: Path, tls: ssl.SSLContext, check: Check) -> None:
        self._socket = socket
        self._tls = tls
        self._check = check

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Begin to listen."""
        return await asyncio.start_server(self._enter, host, port)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS):
                try:
                    startup = await self._sign_in(reader, writer)
                    behind = await asyncio.open_unix_connection(str(self._socket))
                except RefusedError as refused:
                    writer.write(_error(refused.sqlstate, str(refused)))
                    await writer.drain()
                    return
                except (FileNotFoundError, ConnectionRefusedError):
                    writer.write(_error("57P03", "the database system is not running"))
                    await writer.drain()
                    return
            behind[1].write(startup)
            await asyncio.gather(_copy(reader, behind[1]), _copy(behind[0], writer))
        except (OSError, EOFError, TimeoutError, ssl.SSLError, struct.error, ValueError):
            pass
        finally:
            writer.close()

    async def _sign_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Return the start-up message of a client that may pass."""
        length, code = struct.unpack("!II", await reader.readexactly(8))
        if (length, code) != (8, SSL_REQUEST):
            raise RefusedError("28000", "no pg_hba.conf entry for this host, no encryption")
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._tls)
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        body = await reader.readexactly(_bounded(length) - 4)
        (code,) = struct.unpack("!I", body[:4])
        if code != PROTOCOL_3:
            raise RefusedError("0A000", "unsupported frontend protocol")
        words = [word.decode() for word in body[4:].split(b"\0")]
        parameters = dict(zip(words[::2], words[1::2], strict=False))
        user = parameters.get("user", "")
        if "replication" in parameters:
            raise RefusedError("28000", "no replication connections")
        writer.write(b"R" + struct.pack("!II", 8, 3))
        await writer.drain()
        kind = await reader.readexactly(1)
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        token = (await reader.readexactly(_bounded(length) - 4)).rstrip(b"\0").decode()
        if kind != b"p" or not await asyncio.to_thread(self._check, user, token):
            raise RefusedError("28000", f'PAM authentication failed for user "{user}"')
        return struct.pack("!I", len(body) + 4) + body


def _bounded(length: int) -> int:
    if not 4 < length <= MAX_MESSAGE:
        raise ValueError("a message of an impossible length")
    return length


def _error(sqlstate: str, message: str) -> bytes:
    fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": message}
    body = b"".join(name.encode() + value.encode() + b"\0" for name, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        pass
    finally:
        target.close()
