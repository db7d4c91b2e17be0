"""The command zype-activate. It reads the environment and prints; what the commands do is done elsewhere."""

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import click

from portal import __version__
from portal.commands.agents import agents
from portal.commands.audit import audit
from portal.commands.context import environment, fail, open_database, settings_of
from portal.settings.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zype-activate")
def main() -> None:
    """The page where a viewer types the PIN that their TV shows, for video services on Zype."""


@main.command()
@click.option("--once", is_flag=True, help="Stop as soon as everything is up.")
def demo(once: bool) -> None:
    """Try everything, with a simulated Zype and TV and no credentials."""
    from portal.commands import demo as tour

    server = os.getpid()
    with _folder("demo") as folder:
        environ = tour.environment(os.environ, folder)
        settings = settings_of(environ)
        tour.keep_settings(environ, folder)
        tour.hire(settings)

        def tell() -> None:
            click.echo(tour.steps(settings, folder))
            if once:
                os.kill(server, signal.SIGTERM)

        _serve(settings, environ, tell, log_level=logging.WARNING)


@main.command()
def serve() -> None:
    """Serve the portal; in sandbox mode, the sandbox beside it."""
    environ = environment()
    _serve(settings_of(environ), environ, lambda: None)


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
        from portal.commands.serve import CannotServe
        from portal.commands.serve import serve as serve_portal
        from portal.pages.web import logs

        logs.configure(settings, log_level)
        try:
            serve_portal(settings, environ, on_ready)
        except (CannotServe, OSError) as error:
            fail(str(error))


@main.command()
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
def sandbox(stop_with_stdin: bool) -> None:
    """Serve the simulated Zype and its TV alone."""
    from portal.sandbox.app import create_app
    from portal.sandbox.mail_server import CannotTakeMail
    from portal.sandbox.server import serve as serve_sandbox

    settings = settings_of(environment())
    if settings.mode != "sandbox":
        fail("PORTAL_MODE: is live; the sandbox serves in sandbox mode alone")
    app = create_app(
        api_key=settings.zype_api_key.get_secret_value(),
        client_id=settings.zype_client_id,
        client_secret=settings.zype_client_secret.get_secret_value(),
        activate_url=f"{settings.public_url}/activate",
    )
    parts = urlsplit(settings.zype_api_url)
    try:
        serve_sandbox(app, parts.hostname or "", parts.port or 80, stop_with_stdin, settings.sandbox_mail_address)
    except CannotTakeMail as error:
        fail(f"{error.strerror}. Set PORTAL_SMTP_URL to another.")
    except OSError as error:
        fail(f"{error.strerror}. Set PORTAL_ZYPE_API_URL to another port.")


@main.command()
@click.option("--once", is_flag=True, help="Send what is due, and end.")
@click.option("--quiet", is_flag=True, help="Log warnings and errors alone.")
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
def mailer(once: bool, quiet: bool, stop_with_stdin: bool) -> None:
    """Send the mails that let viewers know what was done with their TVs."""
    from portal.commands.child_process import told_to_stop
    from portal.mail.letters import Letters
    from portal.mail.mailer import Mailer, mail_server
    from portal.pages.ops import metrics
    from portal.pages.web import logs
    from portal.zype.client import ZypeClient

    settings = settings_of(environment())
    if settings.smtp_url is None:
        fail("PORTAL_SMTP_URL: is not set, so there are no mails to send")
    logs.configure(settings, logging.WARNING if quiet else logging.INFO)
    stop = told_to_stop(stop_with_stdin)
    zype = ZypeClient(settings, metrics.observe_zype)
    with open_database(settings) as database:
        sender = Mailer(database, zype, Letters(settings), mail_server(settings), metrics.count_notice)
        sender.send_due(stop) if once else sender.run(stop)


@main.command()
def check() -> None:
    """Try every setting and connection, and say of each whether it works."""
    from portal.commands.check import check as findings

    failed = 0
    for finding in findings(settings_of(environment())):
        click.echo(finding)
        failed += not finding.is_ok
    if failed:
        fail(f"{failed} to mend")


@main.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the database's schema up to date."""
    from sqlalchemy.exc import SQLAlchemyError

    from portal.database import database as database
    from portal.database.database import describe

    try:
        database.upgrade(settings_of(environment()).database_url.get_secret_value())
    except SQLAlchemyError as error:
        fail(f"The database can't be upgraded: {describe(error)}")
    click.echo("The database has this version's schema.")


main.add_command(agents)
main.add_command(audit)
