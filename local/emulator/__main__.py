"""Starts ministack on loopback with what it lacks, saves its state, and opens the door in front of PostgreSQL."""

import asyncio
import asyncio.constants
import json
import logging
import os
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Before ministack is imported: it reads its environment then.
CONFIGURATION = json.loads(os.environ.pop("LOCAL_CONFIGURATION"))
# psycopg comes with the functions' packages.
sys.path.append(os.environ["_LAMBDA_LAYERS_DIRS"])

import hypercorn.asyncio
import hypercorn.config
import psycopg
from ministack import app as ministack
from ministack.core import lambda_runtime
from ministack.core.iam_evaluator import (
    AuthError,
    EvalContext,
    evaluate,
    evaluate_resource_policy,
    resolve_principal,
)
from ministack.core.persistence import save_all
from ministack.core.rds_iam import VerifiedRdsToken, verify_rds_iam_token
from ministack.core.responses import request_scope
from ministack.services import alb, apigateway_v1, cloudformation, eventbridge, lambda_svc, rds, s3, sts
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS
from psycopg import sql

from local.emulator import (
    cold_starts,
    event_targets,
    full_buckets,
    gateway_variables,
    interrupted,
    load_balancer,
    request_validation,
    resources,
    s3_events,
)
from local.emulator.database_door import Door

SOCKET_FOLDER: str = CONFIGURATION["socket_folder"]
DOOR: tuple[str, int] = (CONFIGURATION["door_host"], CONFIGURATION["door_port"])
# The most that a kill -9 can take back of what AWS calls changed; PostgreSQL and S3 write at once.
SAVE_SECONDS = 1.0
# As long as a function's own credentials last at most on AWS.
SESSION_SECONDS = 12 * 3600


def superuser(database: str = "postgres") -> psycopg.Connection[Any]:
    """Sign in as what RDS keeps for itself."""
    return psycopg.connect(host=SOCKET_FOLDER, dbname=database, user="postgres", autocommit=True)


def make_database(properties: dict[str, Any]) -> dict[str, Any]:
    """Make the master role and the database of a DBInstance, where they are not there, and return its endpoint."""
    master, name = properties["MasterUsername"], properties["DBName"]
    if int(properties["Port"]) != DOOR[1]:
        raise ValueError(f"the local database listens on port {DOOR[1]}; set database.port to it")
    with superuser() as connection:
        for role, attributes in (("rds_iam", "NOLOGIN"), (master, "LOGIN CREATEROLE CREATEDB")):
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))
        # With the admin option, as RDS's master has it: the migrations grant it to the roles that they make.
        connection.execute(sql.SQL("GRANT rds_iam TO {} WITH ADMIN OPTION").format(sql.Identifier(master)))
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(master))
            )
    return {"Address": DOOR[0], "Port": DOOR[1]}


def may_sign_in(user: str, token: str) -> bool:
    """Check a token as RDS does: signature, user, host, port, 15 minutes, and ``rds-db:connect`` of its principal."""
    why = "no instance with IAM database authentication at this address"
    for account, region, instance in _instances():
        _give_function_sessions_an_end()
        verified = verify_rds_iam_token(
            token, hostname=DOOR[0], port=DOOR[1], db_user=user, region=region, account_id=account
        )
        if not isinstance(verified, VerifiedRdsToken):
            why = verified.code
        elif not _may_connect(verified, account, region, instance):
            why = f"{verified.principal_arn} may not rds-db:connect"
        elif not _is_member(user):
            why = "the user does not have the role rds_iam"
        else:
            return True
    print(f"sign-in of {user!r} refused: {why}", flush=True)
    return False


def _give_function_sessions_an_end() -> None:
    """Give the sessions of functions, which ministack leaves without one, the end that the token's check wants."""
    for session in sts._sessions.values():
        if ":assumed-role/" in str(session.get("Arn", "")):
            session.setdefault("Expiration", time.time() + SESSION_SECONDS)


_asking = threading.local()


def _is_member(user: str) -> bool:
    """Ask PostgreSQL anew for each sign-in, on a connection that stays open: a membership may end at any time."""
    question = "SELECT pg_has_role(rolname, 'rds_iam', 'member') FROM pg_roles WHERE rolname = %s"
    if not hasattr(_asking, "connection"):
        _asking.connection = superuser()
    try:
        found = _asking.connection.execute(question, [user]).fetchone()
    except psycopg.OperationalError:
        # PostgreSQL was restarted.
        _asking.connection = superuser()
        found = _asking.connection.execute(question, [user]).fetchone()
    return (found or [False])[0] is True


def _instances() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for account, region in CONFIGURATION["scopes"]:
        with request_scope(account, region):
            found += [(account, region, one) for one in rds._instances.values() if one["Endpoint"]["Port"] == DOOR[1]]
    return [one for one in found if one[2].get("IAMDatabaseAuthenticationEnabled") is True]


def _may_connect(verified: VerifiedRdsToken, account: str, region: str, instance: dict[str, Any]) -> bool:
    with request_scope(account, region):
        principal = resolve_principal(verified.access_key_id, account)
        if isinstance(principal, AuthError) or principal.arn != verified.principal_arn:
            return False
        if principal.policies is None:  # the account's root
            return True
        arn = f"arn:aws:rds-db:{region}:{account}:dbuser:{instance['DbiResourceId']}/{verified.db_user}"
        request = EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=account,
            action="rds-db:connect",
            resource_arn=arn,
            region=region,
            principal_keys=principal.keys,
        )
        return bool(evaluate(request, principal.policies, *principal.limits).decision == "Allow")


class KeySetServer(BaseHTTPRequestHandler):
    """Publishes the local issuer's public keys, and nothing else."""

    def do_GET(self) -> None:
        """Answer the one address that an issuer's clients ask."""
        found = self.path == "/.well-known/jwks.json"
        body = Path(CONFIGURATION["key_set"]).read_bytes() if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no line for each request."""


def serve_key_set(tls: ssl.SSLContext) -> None:
    """Serve the issuer's keys in a thread that ends with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", CONFIGURATION["issuer_port"]), KeySetServer)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


async def keep_saving() -> None:
    """Save what AWS calls changed, so that a killed emulator loses no more than a second of it."""
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        save_all(ministack._build_persistence_save_dict())


async def main() -> None:
    """Run until a signal to end."""
    # A client that keeps its connection open would hold up the end for half a minute.
    vars(asyncio.constants)["SSL_SHUTDOWN_TIMEOUT"] = 1.0
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"])
    resources.register(_RESOURCE_HANDLERS, make_database)
    request_validation.register(_RESOURCE_HANDLERS)
    full_buckets.register(_RESOURCE_HANDLERS)
    load_balancer.register(_RESOURCE_HANDLERS, alb)
    load_balancer.serve(alb, lambda_svc, evaluate_resource_policy, EvalContext)
    gateway_variables.fill_in(apigateway_v1)
    s3_events.name_versions(s3, eventbridge)
    cold_starts.start_by_processor(lambda_runtime, Path(os.environ["_LAMBDA_LAYERS_DIRS"]))
    event_targets.call_asynchronously(eventbridge, lambda_svc)
    interrupted.settle_at_start(cloudformation)
    # It tells of every file that it saves, every second.
    logging.getLogger("persistence").setLevel(logging.WARNING)
    serve_key_set(tls)
    door = Door(socket=Path(SOCKET_FOLDER) / ".s.PGSQL.5432", tls=tls, check=may_sign_in)
    await door.serve(*DOOR)
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{os.environ['GATEWAY_PORT']}"]
    config.certfile, config.keyfile = os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"]
    config.keep_alive_timeout = 75
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    saving = asyncio.create_task(keep_saving())
    await hypercorn.asyncio.serve(ministack.app, config, shutdown_trigger=ended.wait)
    saving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
