"""The commands of the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from portal.command_line import environment, fail, open_database, settings_of
from portal.models import OUTCOMES

if TYPE_CHECKING:
    from portal.audit import Ledger

# As text, since click would ask for the names of an enumeration, and the log and the ledger hold the values.
ANY_OUTCOME = sorted({str(outcome) for outcomes in OUTCOMES.values() for outcome in outcomes})


@contextmanager
def _ledger() -> "Iterator[Ledger]":
    from portal.audit import Ledger
    from portal.keys import keyring

    settings = settings_of(environment())
    with open_database(settings) as database:
        yield Ledger(database, keyring(settings), queues_notices=settings.smtp_url is not None)


@click.group()
def audit() -> None:
    """The ledger."""


@audit.command()
@click.option("--older-than", default=60, show_default=True, help="Seconds; younger attempts may be under way.")
def pending(older_than: int) -> None:
    """List the attempts that have no outcome, as a crash leaves them."""
    with _ledger() as ledger:
        found = ledger.without_outcome(timedelta(seconds=older_than))
    for entry in found:
        click.echo(f"{entry.at.isoformat(timespec='seconds')}  {entry.attempt_id}  {entry.action}  {entry.consumer_id}")


@audit.command()
@click.argument("attempt_id")
@click.argument("outcome", type=click.Choice(ANY_OUTCOME))
def resolve(attempt_id: str, outcome: str) -> None:
    """Add the OUTCOME of an attempt that has none, as the log or Zype says it."""
    try:
        with _ledger() as ledger:
            ledger.resolve(attempt_id, outcome)
    except LookupError as error:
        fail(f"Nothing was written: {error}")
    click.echo("The outcome is in the ledger.")
