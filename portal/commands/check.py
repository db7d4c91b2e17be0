"""``zype-activate check``: tries every setting and connection, and prints for each whether it works."""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import click
import sqlalchemy as sa
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from sqlalchemy.exc import SQLAlchemyError

from portal.app import create_app
from portal.commands.context import environment, fail, listen_fault, load_settings
from portal.commands.folders import FolderUnusable, runtime_folder
from portal.commands.pattern_timing import slow_length
from portal.database.database import Database, describe
from portal.database.schema import is_current
from portal.domain.pins import MAX_LENGTH
from portal.mail.smtp import NotSent, smtp_client
from portal.pages.auth import authorization_code
from portal.pages.auth.handoff.errors import KeysUnavailable
from portal.pages.auth.handoff.keys import PublicKeys, keys_of
from portal.pages.auth.handoff.sign_in import PATH as HANDOFF_PATH
from portal.pages.staff_auth.oidc.errors import ProviderError
from portal.pages.staff_auth.oidc.provider import Provider
from portal.pages.staff_auth.oidc.sign_in import CALLBACK_PATH
from portal.pages.support.forms import MAX_TICKET
from portal.services import EXTENSION
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.errors import BadCredentials, Misconfigured, ZypeError

# An account that can't exist: asking for it shows whether our credentials are accepted, and nothing else.
UNKNOWN_ACCOUNT = "nobody@example.invalid"


@dataclass(frozen=True)
class Finding:
    """What one check found: whether it works, and a sentence without the value of any setting."""

    is_ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_ok else 'FAIL'}  {self.text}"


class CheckFailed(Exception):
    """Something does not work; the text goes on from the subject of the check."""


def print_findings() -> None:
    """Print a line for each finding, and end with status 1 if one is a fault."""
    failed = 0
    for finding in findings(load_settings(environment())):
        click.echo(finding)
        failed += not finding.is_ok
    if failed:
        fail(f"{failed} to mend")


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for everything that the portal needs, in the order in which it needs it."""
    yield _finding("settings", partial(_settings, settings))
    yield _finding("address", partial(_address, settings))
    yield _finding("runtime folder", _runtime_folder)
    yield _finding("PORTAL_PIN_PATTERN", partial(_pattern, settings.pin_pattern, MAX_LENGTH))
    yield _finding("PORTAL_TICKET_PATTERN", partial(_pattern, settings.ticket_pattern, MAX_TICKET))
    with ExitStack() as stack:
        database = Database(settings.database_url.get_secret_value(), connections=1)
        stack.callback(database.dispose)
        yield (schema := _finding("database", partial(_schema, database)))
        if schema.is_ok:
            yield _finding("database", partial(_writable, database))
            yield _finding("ledger", partial(_append_only, database))
    if settings.redis_url:
        yield _finding("redis", partial(_redis, settings.redis_url.get_secret_value()))
    with closing(ZypeClient(settings)) as zype:
        yield _finding("Zype's API", partial(_api, zype))
        if "password" in settings.sign_in:
            yield _finding("Zype's login", partial(_password, zype))
    yield from _sign_ins_elsewhere(settings)
    yield _finding("mail", partial(_mail, settings))
    for name, bind in (("PORTAL_BIND", settings.bind), ("PORTAL_METRICS_BIND", settings.metrics_bind)):
        if bind:
            yield _finding(name, partial(_port, bind))


def _sign_ins_elsewhere(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each way to sign in on the pages of another host."""
    if "code" in settings.sign_in:
        yield _finding("Zype's sign-in page", partial(_authorization_code, settings))
    if "handoff" in settings.sign_in:
        yield _finding("hand-off sign-in", partial(_handoff, settings))
    if settings.staff_oidc_issuer:
        yield _finding("staff's identity provider", partial(_staff_provider, settings))


def _finding(subject: str, check: Callable[[], str]) -> Finding:
    """Return what a check finds: it returns what works, and raises an error for what does not."""
    try:
        return Finding(True, f"{subject}: {check()}")
    except SQLAlchemyError as error:
        return Finding(False, f"{subject}: {describe(error)}")
    except (CheckFailed, FolderUnusable, ZypeError, ProviderError) as error:
        return Finding(False, f"{subject}: {error}")


def _settings(settings: Settings) -> str:
    dotenv = Path(".env")
    if dotenv.is_file() and dotenv.stat().st_mode & stat.S_IROTH:
        raise CheckFailed("every account of this machine can read the secrets in .env: run chmod 640 .env")
    return f"all can be read; the mode is {settings.mode}"


def _runtime_folder() -> str:
    folder = runtime_folder(environment())
    return f"the heartbeats of the workers can be written to {folder}"


def _address(settings: Settings) -> str:
    if settings.is_https and settings.proxy_hops == 0:
        raise CheckFailed(
            "https ends at a proxy, but PORTAL_PROXY_HOPS is 0: every viewer would count as one address. "
            "Set it to the number of proxies in front of the portal"
        )
    return "PORTAL_PUBLIC_URL and PORTAL_PROXY_HOPS fit together"


def _pattern(pattern: re.Pattern[str], longest: int) -> str:
    length = slow_length(pattern, longest)
    if length:
        raise CheckFailed(
            f"it takes too long on some texts of {length} characters, longer on each further one: strangers "
            "could stop the portal with it. Write it without a repetition inside a repetition"
        )
    return f"it is fast on all tried texts of up to {longest} characters"


def _schema(database: Database) -> str:
    if not is_current(database):
        raise CheckFailed("it answers, but lacks this version's schema. Run: zype-activate db upgrade")
    return "it answers, and has this version's schema"


def _writable(database: Database) -> str:
    try:
        with database.write() as connection:
            # Changes nothing, but succeeds only if the database can be written to.
            for table in ("pending", "outbox"):
                connection.execute(sa.text(f"DELETE FROM {table} WHERE attempt_id = ''"))  # noqa: S608
    except SQLAlchemyError as error:
        raise CheckFailed(f"can't write to it: {describe(error)}") from error
    if files := database.shared_files():
        names = ", ".join(file.name for file in files)
        raise CheckFailed(f"other accounts of this machine can read it: run chmod 600 on {names}")
    return "it can be written to" + (", and other accounts of this machine can't read it" if database.is_sqlite else "")


def _append_only(database: Database) -> str:
    if database.is_sqlite:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    else:
        query = "SELECT 3 * count(*) FROM pg_trigger WHERE tgname = 'ledger_no_change' AND tgenabled <> 'D'"
    with database.read() as connection:
        if connection.execute(sa.text(query)).scalar_one() < 3:
            raise CheckFailed("the triggers that refuse to change it are gone; restore the schema")
    return "the database refuses to change it"


def _redis(url: str) -> str:
    try:
        is_up = storage_from_string(url, socket_connect_timeout=3, socket_timeout=3).check()
    except ConfigurationError as error:
        raise CheckFailed("PORTAL_REDIS_URL is not an address of Redis, or its client is not installed") from error
    if not is_up:
        raise CheckFailed("it does not answer; each worker would count floods by itself")
    return "it answers"


def _api(zype: ZypeClient) -> str:
    try:
        zype.consumers_by_email(UNKNOWN_ACCOUNT)
    except Misconfigured as error:
        raise CheckFailed("it refuses PORTAL_ZYPE_API_KEY; an Admin key is needed") from error
    return "it answers, and accepts the key"


def _password(zype: ZypeClient) -> str:
    try:
        zype.token(UNKNOWN_ACCOUNT, uuid4().hex)
    except BadCredentials:
        return "it answers, and accepts the client"
    except Misconfigured as error:
        raise CheckFailed("it refuses PORTAL_ZYPE_CLIENT_ID and PORTAL_ZYPE_CLIENT_SECRET") from error
    raise CheckFailed("it gave a token to an account that can't exist")


def _authorization_code(settings: Settings) -> str:
    app = create_app(settings)
    services = app.extensions[EXTENSION]
    try:
        with app.app_context():
            authorization_code.check_metadata()
    finally:
        services.zype.close()
        services.database.dispose()
    callback = f"{authorization_code.CALLBACK_PATH} behind PORTAL_PUBLIC_URL"
    return f"its metadata are right; register {callback} at Zype"


def _handoff(settings: Settings) -> str:
    keys = keys_of(settings)
    if isinstance(keys, PublicKeys):
        try:
            return f"PORTAL_HANDOFF_JWKS_URL answers, with {keys.load()} keys; your site posts tokens to {HANDOFF_PATH}"
        except KeysUnavailable as error:
            raise CheckFailed(f"the keys of PORTAL_HANDOFF_JWKS_URL can't be had: {error}") from error
    return f"PORTAL_HANDOFF_KEY signs; your site posts tokens to {HANDOFF_PATH} behind PORTAL_PUBLIC_URL"


def _staff_provider(settings: Settings) -> str:
    with Provider(settings).client() as client:
        client.check_client()
    origin = "PORTAL_STAFF_URL" if settings.staff_url else "PORTAL_PUBLIC_URL"
    return f"it answers, and accepts the client; register {CALLBACK_PATH} behind {origin} there"


def _mail(settings: Settings) -> str:
    if settings.smtp_url is None:
        return "PORTAL_SMTP_URL is not set, so viewers get no mail"
    try:
        return f"the server of PORTAL_SMTP_URL {smtp_client(settings).check()}"
    except NotSent as error:
        raise CheckFailed(f"the server of PORTAL_SMTP_URL can't be used: {error}") from error


def _port(bind: str) -> str:
    if fault := listen_fault(bind):
        raise CheckFailed(f"can't listen on it: {fault}")
    return "can be listened on"
