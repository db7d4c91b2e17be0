"""What the commands share: where their settings come from, and how they end when they can't go on."""

import getpass
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click
import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.commands.brand_folder import read_brand
from portal.commands.redacted_output import hide
from portal.database.database import Database
from portal.database.engine import DatabaseUnusable
from portal.database.faults import is_of_connection, reason
from portal.database.schema import WrongSchema
from portal.domain.actors import OPERATOR, Actor
from portal.domain.errors import SettingsError
from portal.pages.web.overrides import faults
from portal.pages.web.redaction import Redactor
from portal.settings.addresses import split_bind
from portal.settings.dotenv_file import read_dotenv
from portal.settings.environment import PREFIX, variable
from portal.settings.loading import load
from portal.settings.platforms import injected
from portal.settings.settings import SECRETS, Settings

# More of an operator's name is not kept.
MAX_NAME = 64


def read_environment() -> dict[str, str]:
    """Return the environment, with what a .env file in the current folder adds to it. Raises SettingsError.

    What is not a setting is put into the environment itself, because libraries look there: for a proxy and its
    exceptions, and for the operator's own certificate authority.
    """
    context = click.get_current_context(silent=True)
    if context and context.meta.get("no_dotenv"):
        return dict(os.environ)
    found = read_dotenv(Path(".env"))
    for name, value in found.items():
        if not name.startswith(PREFIX):
            os.environ.setdefault(name, value)
    return {**found, **os.environ}


def environment() -> dict[str, str]:
    """Return what ``read_environment`` does, or end with everything that is wrong with the file .env."""
    try:
        return read_environment()
    except SettingsError as error:
        _fail_with(error)


def operator() -> Actor:
    """Return the operator as an actor, with their account on this machine, or the one that they called sudo from."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # The process runs as a number that has no name, as in many containers.
        name = str(os.getuid())
    return replace(OPERATOR, id="".join(filter(str.isprintable, name))[:MAX_NAME] or OPERATOR.id)


def fail(*lines: str) -> NoReturn:
    """Print lines to standard error, and end with status 1."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(1)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings of an environment, or end with everything that is wrong with them.

    From here on nothing that the command prints has a secret of theirs in it.
    """
    given = [environ[name] for name in map(variable, SECRETS) if name in environ]
    hide(Redactor(given).printed)
    if names := injected(environ):
        click.echo(f"Ignored, because the platform has set them for its services: {', '.join(sorted(names))}", err=True)
    try:
        settings = load(environ)
    except SettingsError as error:
        _fail_with(error)
    hide(Redactor([*given, *settings.secret_values]).printed)
    return settings


def load_brand(folder: Path) -> dict[str, str]:
    """Return the settings of the brand in a folder, or end with what is wrong with them."""
    try:
        return read_brand(folder)
    except SettingsError as error:
        _fail_with(error)


def _fail_with(error: SettingsError) -> NoReturn:
    fail("The settings have faults:", *(f"  {fault}" for fault in error.faults))


@contextmanager
def configured_database() -> Iterator[tuple[Settings, Database]]:
    """Yield the settings of the environment, and the database that they name, for the block."""
    settings = load_settings(environment())
    # A line of the log must not get into a list or an export.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    with open_database(settings) as database:
        yield settings, database


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Yield the database for the block. If the database fails, the command ends with the database's own message."""
    database = Database(settings.database_url.get_secret_value(), connections=1)
    try:
        yield database
    except (DatabaseUnusable, WrongSchema) as error:
        fail(f"The database can't be used: {error}.")
    except SQLAlchemyError as error:
        advice = "" if is_of_connection(error) else " Does it have its schema (zype-activate db upgrade)?"
        fail(f"The database can't be used: {reason(error)}.{advice}")
    finally:
        database.dispose()


def check_overrides(settings: Settings) -> None:
    """End the command with everything in the operator's own templates and stylesheets that would break a page."""
    if settings.overrides_dir and (found := faults(settings.overrides_dir)):
        fail("The files in PORTAL_OVERRIDES_DIR have faults:", *(f"  {fault}" for fault in found))


def listen_fault(bind: str) -> str | None:
    """Return why nothing can listen on HOST:PORT, or none if it can."""
    host, port = split_bind(bind)
    try:
        with socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return None
    except OSError as error:
        # A name that can't be resolved has no error number of the operating system.
        text = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
        return text[:1].lower() + text[1:]


def check_port(name: str, bind: str) -> None:
    """End the command if nothing can listen on HOST:PORT, which the setting of this name sets."""
    if fault := listen_fault(bind):
        fail(f"Can't listen on {bind}: {fault}. Set {name} to another address.")


def check_sandbox_ports(settings: Settings) -> None:
    """End the command if the sandbox can't listen where the settings look for Zype and, if it takes it, for mail."""
    parts = urlsplit(settings.zype_api_url)
    check_port("PORTAL_ZYPE_API_URL", f"{parts.hostname}:{parts.port or 80}")
    if mail_address := settings.sandbox_mail_address:
        check_port("PORTAL_SMTP_URL", "{}:{}".format(*mail_address))
