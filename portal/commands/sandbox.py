"""``zype-activate sandbox``: serves the simulated Zype and its TV."""

import logging
from urllib.parse import urlsplit

import click

from portal.commands.child_process import stop_event
from portal.commands.context import check_sandbox_ports, environment, fail, load_settings
from portal.pages.web import logs
from portal.sandbox.app import create_app
from portal.sandbox.server import serve
from portal.sandbox.state import Sandbox
from portal.settings.settings import SANDBOX_API_KEY, SANDBOX_APP_KEY


@click.command()
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
def sandbox(stop_with_stdin: bool) -> None:
    """Serve the simulated Zype and its TV alone."""
    settings = load_settings(environment())
    if settings.mode != "sandbox":
        fail("PORTAL_MODE: is live; the sandbox serves in sandbox mode alone")
    check_sandbox_ports(settings)
    # Libraries log the addresses of who sends mail.
    logs.configure(settings, logging.WARNING)
    state = Sandbox(
        api_key=settings.zype_api_key.get_secret_value() if settings.zype_api_key else SANDBOX_API_KEY,
        app_key=settings.zype_app_key.get_secret_value() if settings.zype_app_key else SANDBOX_APP_KEY,
        client_id=settings.zype_client_id,
        client_secret=settings.zype_client_secret.get_secret_value(),
        activate_url=f"{settings.public_url}/activate",
        console_url=f"{settings.console_url}/support" if settings.has_console else None,
        handoff_key=settings.handoff_key.get_secret_value() if settings.handoff_key else None,
        handoff_issuer=settings.handoff_issuer,
        other_hosts=(urlsplit(settings.zype_login_url).netloc,),
    )
    parts = urlsplit(settings.zype_api_url)
    stop = stop_event(stop_with_stdin)
    serve(create_app(state), parts.hostname or "", parts.port or 80, stop, settings.sandbox_mail_address)
