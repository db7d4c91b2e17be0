"""``zype-activate mailer``: sends the mails that let viewers know what was done with their TVs."""

import logging

import click

from portal.commands.child_process import stop_event
from portal.commands.context import environment, fail, load_settings, open_database
from portal.mail.addresses import Addresses
from portal.mail.mailer import Mailer
from portal.mail.messages import MessageWriter
from portal.mail.smtp import smtp_client
from portal.pages.ops import metrics
from portal.pages.ops.shared_values import OWN
from portal.pages.web import logs
from portal.zype.client import ZypeClient


@click.command()
@click.option("--once", is_flag=True, help="Send what is due, and end.")
@click.option("--quiet", is_flag=True, help="Log only warnings and errors.")
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
@click.option("--values-file", type=int, help="The open file for the values of metrics, from serve.")
def mailer(once: bool, quiet: bool, stop_with_stdin: bool, values_file: int | None) -> None:
    """Send the mails that let viewers know what was done with their TVs."""
    if values_file is not None:
        OWN.put_into(values_file)
    settings = load_settings(environment())
    if settings.smtp_url is None:
        fail("PORTAL_SMTP_URL: is not set, so there are no mails to send")
    logs.configure(settings, logging.WARNING if quiet else logging.INFO)
    stop = stop_event(stop_with_stdin)
    zype = ZypeClient(settings, metrics.observe_zype)
    with open_database(settings) as database:
        find_email = Addresses(settings, database, zype).find
        sender = Mailer(database, find_email, MessageWriter(settings), smtp_client(settings), metrics.count_notice)
        sender.send_due(stop) if once else sender.run(stop)
