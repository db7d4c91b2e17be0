"""The command zype-activate. It reads the environment and prints; what the commands do is done elsewhere."""

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar
from urllib.parse import urlsplit

import click
from dotenv import dotenv_values

from portal import __version__
from portal.config import Settings, load
from portal.errors import SettingsError
from portal.models import Outcome, SignInOutcome, UnlinkOutcome

if TYPE_CHECKING:
    from portal.audit import Ledger

# As text, since click would ask for the names of an enumeration, and the log and the ledger hold the values.
OUTCOMES = sorted({outcome.value for kind in (Outcome, UnlinkOutcome, SignInOutcome) for outcome in kind})


T = TypeVar("T")


def _environment() -> dict[str, str]:
    """Return the environment, on top of what a .env file in this folder says."""
    return {**{name: value or "" for name, value in dotenv_values(".env").items()}, **os.environ}


def _fail(*lines: str) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    sys.exit(1)


def _settings(environ: Mapping[str, str]) -> Settings:
    try:
        return load(environ)
    except SettingsError as error:
        _fail("The settings have faults:", *(f"  {fault}" for fault in error.faults))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zype-activate")
def main() -> None:
    """The page where a viewer types the PIN that their TV shows, for video services on Zype."""


@main.command()
@click.option("--once", is_flag=True, help="Stop as soon as everything is up.")
def demo(once: bool) -> None:
    """Try everything, with a simulated Zype and TV and no credentials."""
    from portal.demo import environment, steps

    server = os.getpid()
    with _folder("demo") as folder:
        environ = environment(os.environ, folder)
        settings = _settings(environ)

        def tell() -> None:
            click.echo(steps(settings))
            if once:
                os.kill(server, signal.SIGTERM)

        _serve(settings, environ, tell, log_level=logging.WARNING)


@main.command()
def serve() -> None:
    """Serve the portal; in sandbox mode, the sandbox beside it."""
    environ = _environment()
    _serve(_settings(environ), environ, lambda: None)


@contextmanager
def _folder(purpose: str) -> Iterator[Path]:
    """Yield an empty folder that is gone after the block.

    A worker ends by leaving the block too, since it was forked inside: the folder is then still in use. That is
    also why tempfile's own TemporaryDirectory won't do: it tidies up at the end of any process.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"zype-activate-{purpose}-"))
    owner = os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Let the workers add up their metrics in a folder of their own while the block runs."""
    with _folder("metrics") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        yield


def _serve(
    settings: Settings, environ: Mapping[str, str], on_ready: Callable[[], None], log_level: int = logging.INFO
) -> None:
    # Entered before anything imports the client of Prometheus, which looks for the folder then.
    with _metrics_folder() if settings.metrics_bind else nullcontext():
        from portal.server import CannotServe
        from portal.server import serve as serve_portal
        from portal.web import logs

        logs.configure(settings, log_level)
        try:
            serve_portal(settings, environ, on_ready)
        except (CannotServe, OSError) as error:
            _fail(str(error))


@main.command()
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
def sandbox(stop_with_stdin: bool) -> None:
    """Serve the simulated Zype and its TV alone."""
    from portal.sandbox.app import create_app
    from portal.sandbox.server import serve as serve_sandbox

    settings = _settings(_environment())
    if settings.mode != "sandbox":
        _fail("PORTAL_MODE: is live; the sandbox serves in sandbox mode alone")
    app = create_app(
        api_key=settings.zype_api_key.get_secret_value(),
        client_id=settings.zype_client_id,
        client_secret=settings.zype_client_secret.get_secret_value(),
        activate_url=f"{settings.public_url}/activate",
    )
    parts = urlsplit(settings.zype_api_url)
    try:
        serve_sandbox(app, parts.hostname or "", parts.port or 80, stop_with_stdin)
    except OSError as error:
        _fail(f"{error.strerror}. Set PORTAL_ZYPE_API_URL to another port.")


@main.command()
def check() -> None:
    """Try every setting and connection, and say of each whether it works."""
    from portal.check import check as findings

    failed = 0
    for finding in findings(_settings(_environment())):
        click.echo(finding)
        failed += not finding.is_ok
    if failed:
        _fail(f"{failed} to mend")


@main.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the database's schema up to date."""
    from sqlalchemy.exc import SQLAlchemyError

    from portal import db as database
    from portal.db import why

    try:
        database.upgrade(_settings(_environment()).database_url.get_secret_value())
    except SQLAlchemyError as error:
        _fail(f"The database can't be upgraded: {why(error)}")
    click.echo("The database has this version's schema.")


def _asked(ask: "Callable[[Ledger], T]") -> "T":
    """Return what the ledger answers, or end with what the database said."""
    from sqlalchemy.exc import SQLAlchemyError

    from portal.audit import Ledger
    from portal.db import Database, why
    from portal.keys import keyring

    settings = _settings(_environment())
    database = Database(settings.database_url.get_secret_value(), connections=1)
    try:
        return ask(Ledger(database, keyring(settings)))
    except SQLAlchemyError as error:
        _fail(f"The ledger can't be reached: {why(error)}. Does it have its schema (zype-activate db upgrade)?")
    finally:
        database.dispose()


@main.group()
def audit() -> None:
    """The ledger."""


@audit.command()
@click.option("--older-than", default=60, show_default=True, help="Seconds; younger attempts may be under way.")
def pending(older_than: int) -> None:
    """List the attempts that have no outcome, as a crash leaves them."""
    for entry in _asked(lambda ledger: ledger.without_outcome(timedelta(seconds=older_than))):
        click.echo(f"{entry.at.isoformat(timespec='seconds')}  {entry.attempt_id}  {entry.action}  {entry.consumer_id}")


@audit.command()
@click.argument("attempt_id")
@click.argument("outcome", type=click.Choice(OUTCOMES))
def resolve(attempt_id: str, outcome: str) -> None:
    """Add the OUTCOME of an attempt that has none, as the log or Zype says it."""
    try:
        _asked(lambda ledger: ledger.resolve(attempt_id, outcome))
    except LookupError as error:
        _fail(f"Nothing was written: {error}")
    click.echo("The outcome is in the ledger.")
