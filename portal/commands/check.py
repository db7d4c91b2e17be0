"""``zype-activate check``: tries every setting and connection, and prints for each whether it works."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import click
import sqlalchemy as sa
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from sqlalchemy.exc import SQLAlchemyError

from portal.app import create_app
from portal.commands.context import environment, fail, listen_fault, load_settings
from portal.database.database import Database, describe
from portal.database.schema import is_current
from portal.mail.smtp import NotSent, smtp_client
from portal.pages.auth import authorization_code
from portal.pages.staff_auth.oidc.errors import ProviderError
from portal.pages.staff_auth.oidc.provider import Provider
from portal.pages.staff_auth.oidc.sign_in import CALLBACK_PATH
from portal.services import EXTENSION
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.errors import BadCredentials, Misconfigured, ZypeError

# An account that can't exist: asking for it shows whether our credentials are accepted, and nothing else.
UNKNOWN_ACCOUNT = "nobody@example.invalid"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        is_ok: whether it works.
        text: a sentence without the value of any setting.
    """

    is_ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_ok else 'FAIL'}  {self.text}"


@click.command()
def check() -> None:
    """Try every setting and connection, and say of each whether it works."""
    failed = 0
    for finding in findings(load_settings(environment())):
        click.echo(finding)
        failed += not finding.is_ok
    if failed:
        fail(f"{failed} to mend")


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for everything that the portal needs, in the order in which it needs it."""
    yield Finding(True, f"settings: all can be read; the mode is {settings.mode}")
    yield _address(settings)
    yield from _database(settings)
    if settings.redis_url:
        yield _redis(settings)
    zype = ZypeClient(settings)
    try:
        yield _api(zype)
        if "password" in settings.sign_in:
            yield _password(zype)
    finally:
        zype.close()
    if "code" in settings.sign_in:
        yield _authorization_code(settings)
    if settings.staff_oidc_issuer:
        yield _staff_provider(settings)
    yield _mail(settings)
    for name, bind in (("PORTAL_BIND", settings.bind), ("PORTAL_METRICS_BIND", settings.metrics_bind)):
        if bind:
            yield _port(name, bind)


def _address(settings: Settings) -> Finding:
    if settings.is_https and settings.proxy_hops == 0:
        return Finding(
            False,
            "PORTAL_PROXY_HOPS: is 0, but https ends at a proxy: every viewer would count as one address. "
            "Set it to the number of proxies in front of the portal.",
        )
    return Finding(True, "address: PORTAL_PUBLIC_URL and PORTAL_PROXY_HOPS fit together")


def _database(settings: Settings) -> Iterator[Finding]:
    database = Database(settings.database_url.get_secret_value(), connections=1)
    try:
        if not is_current(database):
            yield Finding(False, "database: it answers, but lacks this version's schema. Run: zype-activate db upgrade")
            return
        yield Finding(True, "database: it answers, and has this version's schema")
        yield _writable(database)
        yield _append_only(database)
    except SQLAlchemyError as error:
        yield Finding(False, f"database: {describe(error)}")
    finally:
        database.dispose()


def _writable(database: Database) -> Finding:
    try:
        with database.write() as connection:
            # Changes nothing, but succeeds only if the database can be written to.
            for table in ("pending", "outbox"):
                connection.execute(sa.text(f"DELETE FROM {table} WHERE attempt_id = ''"))  # noqa: S608
    except SQLAlchemyError as error:
        return Finding(False, f"database: can't write to it: {describe(error)}")
    return Finding(True, "database: it can be written to")


def _append_only(database: Database) -> Finding:
    if database.is_sqlite:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    else:
        query = "SELECT 2 * count(*) FROM pg_trigger WHERE tgname = 'ledger_no_change' AND tgenabled <> 'D'"
    try:
        with database.read() as connection:
            is_guarded = connection.execute(sa.text(query)).scalar_one() >= 2
    except SQLAlchemyError as error:
        return Finding(False, f"ledger: can't read its triggers: {describe(error)}")
    if not is_guarded:
        return Finding(False, "ledger: the triggers that refuse to change it are gone; restore the schema")
    return Finding(True, "ledger: the database refuses to change it")


def _redis(settings: Settings) -> Finding:
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    try:
        is_up = storage_from_string(url, socket_connect_timeout=3, socket_timeout=3).check()
    except ConfigurationError:
        return Finding(False, "redis: PORTAL_REDIS_URL is not an address of Redis, or its client is not installed")
    if not is_up:
        return Finding(False, "redis: it does not answer; each worker would count floods by itself")
    return Finding(True, "redis: it answers")


def _api(zype: ZypeClient) -> Finding:
    try:
        zype.consumers_by_email(UNKNOWN_ACCOUNT)
    except Misconfigured:
        return Finding(False, "Zype's API: it refuses PORTAL_ZYPE_API_KEY; an Admin key is needed")
    except ZypeError as error:
        return Finding(False, f"Zype's API: {error}")
    return Finding(True, "Zype's API: it answers, and accepts the key")


def _password(zype: ZypeClient) -> Finding:
    try:
        zype.token(UNKNOWN_ACCOUNT, uuid4().hex)
    except BadCredentials:
        return Finding(True, "Zype's login: it answers, and accepts the client")
    except Misconfigured:
        return Finding(False, "Zype's login: it refuses PORTAL_ZYPE_CLIENT_ID and PORTAL_ZYPE_CLIENT_SECRET")
    except ZypeError as error:
        return Finding(False, f"Zype's login: {error}")
    return Finding(False, "Zype's login: it gave a token to an account that can't exist")


def _authorization_code(settings: Settings) -> Finding:
    app = create_app(settings)
    try:
        with app.app_context():
            authorization_code.check_metadata()
    except ZypeError as error:
        return Finding(False, f"Zype's sign-in page: {error}")
    finally:
        app.extensions[EXTENSION].zype.close()
        app.extensions[EXTENSION].database.dispose()
    callback = "/sign-in/code/callback behind PORTAL_PUBLIC_URL"
    return Finding(True, f"Zype's sign-in page: its metadata are right; register {callback} at Zype")


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        return Finding(True, "mail: PORTAL_SMTP_URL is not set, so viewers get no mail")
    try:
        smtp_client(settings).check()
    except NotSent as error:
        return Finding(False, f"mail: the server of PORTAL_SMTP_URL can't be used: {error}")
    return Finding(True, "mail: the server of PORTAL_SMTP_URL answers, and accepts our sign-in")


def _staff_provider(settings: Settings) -> Finding:
    try:
        with Provider(settings).client() as client:
            client.check_client()
    except ProviderError as error:
        return Finding(False, f"staff's identity provider: {error}")
    callback = f"{CALLBACK_PATH} behind PORTAL_PUBLIC_URL"
    return Finding(True, f"staff's identity provider: it answers, and accepts the client; register {callback} there")


def _port(name: str, bind: str) -> Finding:
    if fault := listen_fault(bind):
        return Finding(False, f"{name}: can't listen on it: {fault}")
    return Finding(True, f"{name}: can be listened on")
