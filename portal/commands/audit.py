"""The commands of the ledger."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click

from portal.commands.archive import archive
from portal.commands.context import configured_database, fail, operator
from portal.commands.parameters import Id
from portal.commands.redacted_output import binary_output
from portal.domain.actors import ActorKind, Reason
from portal.domain.counting import counted
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import OUTCOMES, Action, ExportOutcome
from portal.ledger import export
from portal.ledger.archive_file import is_archive
from portal.ledger.archive_verification import ArchiveVerification
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt, PastAttempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.verification import Report, Verification
from portal.mail.queueing import queue_notice
from portal.settings.keys import keyring

audit = click.Group(help="The ledger.")
audit.add_command(archive)

# As text: click offers the names of an enumeration, while the log and the ledger hold its values.
ANY_OUTCOME = sorted({str(outcome) for outcomes in OUTCOMES.values() for outcome in outcomes})
DAY = click.DateTime(["%Y-%m-%d"])
Command = TypeVar("Command", bound=Callable[..., Any])


@contextmanager
def _open() -> Iterator[tuple[Ledger, History]]:
    """Yield the ledger to write to and its history to read, for the block."""
    with configured_database() as (settings, database):
        ledger = Ledger(database, keyring(settings), on_outcome=queue_notice if settings.smtp_url else None)
        yield ledger, History(database)


def _filter_options(command: Command) -> Command:
    for option in (
        click.option("--to", "until", type=DAY, help="The last day, UTC, inclusive."),
        click.option("--from", "since", type=DAY, help="The first day, UTC."),
        click.option(
            "--outcome",
            type=click.Choice([*ANY_OUTCOME, "none"]),
            help="The outcome, or none for attempts without one.",
        ),
        click.option("--viewer", type=Id(), help="The consumer id of the viewer."),
        click.option("--agent", type=Id(), help="The id of the agent."),
    ):
        command = option(command)
    return command


def _attempt_filter(options: dict[str, Any]) -> AttemptFilter:
    days = {name: options[name].date() if options[name] else None for name in ("since", "until")}
    if days["since"] and days["until"] and days["until"] < days["since"]:
        raise click.UsageError("The day of --to is before that of --from.")
    return AttemptFilter(**options | days)


@audit.command()
@click.option(
    "--older-than",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="Seconds; younger attempts may be in flight.",
)
def pending(older_than: int) -> None:
    """List the attempts that have no outcome, as a crash leaves them."""
    with _open() as (_, history):
        attempts = history.without_outcome(timedelta(seconds=older_than))
    for attempt in attempts:
        at = attempt.at.isoformat(timespec="seconds")
        click.echo(f"{at}  {attempt.attempt_id}  {attempt.action}  {attempt.consumer_id}")


@audit.command()
@click.argument("attempt_id")
@click.argument("outcome", type=click.Choice(ANY_OUTCOME))
def resolve(attempt_id: str, outcome: str) -> None:
    """Add the OUTCOME of an attempt that has none, as the log or Zype shows it."""
    try:
        with _open() as (ledger, _):
            ledger.resolve(attempt_id, outcome, operator())
    except LookupError as error:
        fail(f"Nothing was written: {error}")
    click.echo("The outcome is in the ledger.")


@audit.command("list")
@_filter_options
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The largest number of attempts.")
def list_attempts(limit: int, **options: Any) -> None:
    """List attempts, newest first."""
    attempt_filter = _attempt_filter(options)
    before = None
    with _open() as (_, history):
        while limit > 0:
            page = history.page(attempt_filter, before)
            for attempt in islice(page.attempts, limit):
                click.echo(_line(attempt, is_crashed=attempt.at <= page.crashed_before))
            limit -= len(page.attempts)
            before = page.before
            if before is None:
                return


def _line(attempt: PastAttempt, is_crashed: bool) -> str:
    outcome = attempt.outcome or ("unknown: no outcome" if is_crashed else "under way")
    # Who signs in is known at the end of it, as the viewer of the attempt.
    viewer = attempt.consumer_id if attempt.actor_kind == ActorKind.VIEWER else None
    actor = f"{attempt.actor_kind} {attempt.actor_id or viewer or '?'}"
    parts: list[str] = [f"{attempt.at:%Y-%m-%d %H:%M:%S}Z", attempt.attempt_id, attempt.action, outcome, actor]
    if attempt.consumer_id:
        parts.append(f"for {attempt.consumer_id}")
    return "  ".join(parts)


@audit.command("export")
@_filter_options
@click.option("--format", "kind", type=click.Choice([*export.TYPES]), default="jsonl", show_default=True)
def export_attempts(kind: export.Format, **options: Any) -> None:
    """Write attempts to standard output, oldest first, and a last line that shows whether any is missing."""
    attempt_filter = _attempt_filter(options)
    if sys.stdout is None:
        fail("Nothing was exported, because standard output is closed.")
    with _open() as (ledger, history):
        attempt = Attempt(Action.EXPORT, operator(), reason=Reason(f"{kind}: {attempt_filter}"))
        try:
            ledger.begin(attempt)
        except LedgerUnavailable:
            fail("Nothing was exported, because the export could not be written to the ledger. See the log above.")
        ledger.finish(attempt, ExportOutcome.EXPORTED)
        for line in export.write(history.all(attempt_filter), kind, ledger.keyring.current):
            binary_output().write(line)
        binary_output().flush()


@audit.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(files: tuple[Path, ...]) -> None:
    """Verify every row of the ledger, or that everything in FILES, exports and archives, is as it was written."""
    archives = [file for file in files if _is_archive(file)]
    exports = [file for file in files if file not in archives]
    with configured_database() as (settings, database):
        verification = Verification(database, keyring(settings))
        of_archives = ArchiveVerification(database, verification.keyring)
        reports = {str(file): _verify_export(verification, file, of_archives.rows(archives)) for file in exports}
        if archives or not exports:
            reports["The ledger"] = verification.ledger()
        if archives:
            reports |= of_archives.archives(archives)
    for name, report in reports.items():
        _print_report(name, report)
    if of_archives.records and not archives:
        forms = ("archive was not checked: give its file", "archives were not checked: give their files")
        click.echo(f"The ledger: {counted(len(of_archives.records), *forms)} too")
    if any(report.faults for report in reports.values()):
        fail("Not everything is as it was written.")


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return is_archive(file)


def _verify_export(verification: Verification, path: Path, archived: Iterator[Mapping[str, Any]]) -> Report:
    try:
        with path.open("rb") as file:
            return verification.export(export.read(file, verification.keyring), archived)
    except (export.InvalidExport, OSError) as error:
        return Report(faults=[str(error)])


def _print_report(name: str, report: Report) -> None:
    for fault in report.faults:
        click.echo(f"{name}: {fault}")
    if report.without_outcome:
        lost = counted(report.without_outcome, "attempt has", "attempts have")
        click.echo(f"{name}: {lost} no outcome; see: zype-activate audit pending")
    checked = counted(report.checked, report.unit)
    click.echo(f"{name}: {checked} checked, {counted(len(report.faults), 'fault')}")
