"""The command that forgets a viewer: what it erases, and what stays."""

import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.database.schema import metadata
from portal.database.sessions import Sessions
from portal.domain.actors import Actor, ActorKind, Reason, SessionKind
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.mail.outbox import outbox
from portal.mail.queueing import queue_notice
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.viewers.erasure import Erasure
from portal.viewers.preferences import ViewerPreferences
from portal.viewers.tv_numbers import TVNumbers
from tests.commands.conftest import Run
from tests.harness.environment import SECRET_KEY

BOB = Actor(ActorKind.AGENT, "bob", "192.0.2.9", "request-9")
# Tables with the id of a viewer that keep it: the ledger, and its list of attempts under way.
KEPT = {"ledger", "pending"}


@pytest.fixture
def environ(any_database_url: str) -> dict[str, str]:
    """The settings of the command."""
    return {"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": any_database_url}


@pytest.fixture
def database(database: Database, environ: dict[str, str]) -> Database:
    """A database in which Alice and Mallory have a session, a language, two names and numbers of TVs, and a mail."""
    keys = keyring(load(environ))
    ledger, preferences = Ledger(database, keys, on_outcome=queue_notice), ViewerPreferences(database)
    for viewer in ("alice", "mallory"):
        Sessions(database, keys.current).create(
            SessionKind.VIEWER, viewer, name="Alice", email="alice@example.com", address="127.0.0.1"
        )
        preferences.set_language(viewer, "de")
        for tv in ("tv-1", "tv-2"):
            preferences.name_tv(viewer, tv, "Living room")
        TVNumbers(database).of(viewer, ["tv-1", "tv-2"])
        attempt = Attempt(Action.LINK, BOB, viewer, "tv-1", reason=Reason("Other: asked for it"))
        ledger.begin(attempt)
        ledger.finish(attempt, Outcome.LINKED)
    return database


def rows_of(database: Database, viewer: str) -> dict[str, int]:
    """Return how many rows of each table have the id of a viewer anywhere."""
    found = {}
    with database.read() as connection:
        for table in metadata.sorted_tables:
            columns = [table.c[name] for name in ("consumer_id", "principal_id") if name in table.c]
            if columns:
                query = sa.select(sa.func.count()).select_from(table).where(sa.or_(*(c == viewer for c in columns)))
                found[table.name] = connection.execute(query).scalar_one()
    return found


def test_it_erases_everything_of_a_viewer_but_the_ledger(run: Run, environ: dict[str, str], database: Database) -> None:
    before = rows_of(database, "alice")
    deleted = ["sessions: 1", "language: 1", "names of TVs: 2", "numbers of TVs: 2", "mails: 1"]
    listed = [*deleted, "attempts in the ledger, which stay: 1"]

    tried = run("viewers", "forget", "--viewer", "alice", "--dry-run", **environ)
    assert tried.stdout.splitlines() == [*listed, "Nothing was erased: this was a dry run."]
    assert rows_of(database, "alice") == before
    assert run("viewers", "forget", "--viewer", "alice", **environ).stdout.splitlines() == [*listed, "Erased."]

    left = rows_of(database, "alice")
    assert {table for table, rows in left.items() if rows} == {"ledger"}
    assert rows_of(database, "mallory") == before
    trace = History(database).page(AttemptFilter()).attempts[0]
    assert (trace.action, trace.outcome, trace.consumer_id) == (Action.FORGET, "done", "alice")
    again = run("viewers", "forget", "--viewer", "alice", **environ)
    assert again.stdout.splitlines()[0] == "sessions: 0"


def test_a_new_table_with_viewers_in_it_is_erased_too(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    erased = {table.name for table in Erasure(database, Ledger(database, keyring(load({}))), outbox).tables.values()}
    assert erased == set(rows_of(database, "")) - KEPT
    database.dispose()


def test_an_id_is_needed(run: Run) -> None:
    for options in ((), ("--viewer", ""), ("--viewer", "alice@example.com"), ("--viewer", "\udcff")):
        assert run("viewers", "forget", *options).exit_code == 2, options
