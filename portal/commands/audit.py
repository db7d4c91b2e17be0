"""The commands of the ledger."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click

from portal.commands.context import environment, fail, load_settings, open_database
from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import OUTCOMES, Action, ExportOutcome
from portal.ledger import export
from portal.ledger.attempts import Attempt
from portal.ledger.history import AttemptFilter, History
from portal.ledger.ledger import Ledger
from portal.ledger.verification import Report, Verification
from portal.mail.outbox import queue_notice
from portal.settings.keys import keyring

audit = click.Group()

# As text, since click would ask for the names of an enumeration, and the log and the ledger hold the values.
ANY_OUTCOME = sorted({str(outcome) for outcomes in OUTCOMES.values() for outcome in outcomes})


@contextmanager
def _ledger() -> Iterator[Ledger]:
    settings = load_settings(environment())
    with open_database(settings) as database:
        yield Ledger(database, keyring(settings), on_outcome=queue_notice if settings.smtp_url else None)


@contextmanager
def _history() -> Iterator[History]:
    with open_database(load_settings(environment())) as database:
        yield History(database)


Command = TypeVar("Command", bound=Callable[..., Any])
DAY = click.DateTime(["%Y-%m-%d"])


def _id(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Accept an id: what is asked for is written into the ledger, where no e-mail address may be."""
    if value and "@" in value and not value.startswith("oidc:"):
        raise click.BadParameter("Give an id and no e-mail address.")
    return value


def _filters(command: Command) -> Command:
    """Give a command the options that say which attempts are meant."""
    for option in (
        click.option("--to", "until", type=DAY, help="The last day, UTC, which counts too."),
        click.option("--from", "since", type=DAY, help="The first day, UTC."),
        click.option("--outcome", type=click.Choice([*ANY_OUTCOME, "none"]), help="How they ended."),
        click.option("--viewer", callback=_id, help="The consumer id of the viewer whom they are about."),
        click.option("--agent", callback=_id, help="The id of the agent who made them."),
    ):
        command = option(command)
    return command


def _wanted(given: dict[str, Any]) -> AttemptFilter:
    days = {name: given[name].date() if given[name] else None for name in ("since", "until")}
    return AttemptFilter(**given | days)


@audit.command()
@click.option("--older-than", default=60, show_default=True, help="Seconds; younger attempts may be under way.")
def pending(older_than: int) -> None:
    """List the attempts that have no outcome, as a crash leaves them."""
    with _history() as history:
        found = history.without_outcome(timedelta(seconds=older_than))
    for one in found:
        click.echo(f"{one.at.isoformat(timespec='seconds')}  {one.attempt_id}  {one.action}  {one.consumer_id}")


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


@audit.command("list")
@_filters
@click.option("--limit", default=50, show_default=True, help="How many at most.")
def list_attempts(limit: int, **given: Any) -> None:
    """List attempts, newest first."""
    before = None
    with _history() as history:
        while limit > 0:
            page = history.page(_wanted(given), before)
            for one in islice(page.attempts, limit):
                ended = one.outcome or ("under way" if one.at > page.crashed_before else "unknown: no outcome")
                who = f"{one.actor_kind} {one.actor_id or '?'}"
                click.echo(f"{one.at:%Y-%m-%d %H:%M:%S}Z  {one.attempt_id}  {one.action}  {ended}  {who}", nl=False)
                click.echo(f"  for {one.consumer_id}" if one.consumer_id else "")
            limit -= len(page.attempts)
            before = page.before
            if before is None:
                return


@audit.command("export")
@_filters
@click.option(
    "--format", "kind", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True, help="Of the file."
)
def export_attempts(kind: str, **given: Any) -> None:
    """Write attempts to standard output, oldest first, with a last line by which a missing one shows."""
    file_kind = next(known for known in export.TYPES if known == kind)
    wanted = _wanted(given)
    with _ledger() as ledger, _history() as history:
        operator = Actor(ActorKind.OPERATOR, "command line", "", "command-line")
        attempt = Attempt(Action.EXPORT, operator, reason=Reason(f"{kind}: {wanted}"))
        try:
            ledger.begin(attempt)
        except LedgerUnavailable:
            fail("Nothing was exported: that it was could not be written down. The log above says why.")
        ledger.finish(attempt, ExportOutcome.EXPORTED)
        for line in export.write(history.all(wanted), file_kind, ledger.keyring.current):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


@audit.command()
@click.argument("exports", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(exports: tuple[Path, ...]) -> None:
    """Check every row of the ledger, or that everything in EXPORTS is still in it."""
    settings = load_settings(environment())
    with open_database(settings) as database:
        verification = Verification(database, keyring(settings))
        reports = {str(file): _verify_export(verification, file) for file in exports}
        if not exports:
            reports["The ledger"] = verification.ledger()
    for name, report in reports.items():
        _tell(name, report)
    if any(report.faults for report in reports.values()):
        fail("Not everything is as it was written.")


def _verify_export(verification: Verification, path: Path) -> Report:
    try:
        with path.open("rb") as file:
            return verification.export(export.read(file, verification.keyring))
    except (export.InvalidExport, OSError) as error:
        return Report(faults=[str(error)])


def _tell(name: str, report: Report) -> None:
    for fault in report.faults:
        click.echo(f"{name}: {fault}")
    if report.without_outcome:
        click.echo(f"{name}: {report.without_outcome} attempts have no outcome; see: zype-activate audit pending")
    click.echo(f"{name}: {report.checked} {report.unit} checked, {len(report.faults)} faults")
