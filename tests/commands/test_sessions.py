"""The command that ends sessions: of a viewer, of an agent, or all of them."""

from collections.abc import Callable

import pytest

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import ActorKind, Role, SessionKind
from portal.domain.outcomes import Action
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import PastAttempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.staff.agents import Agents
from tests.commands.conftest import Run
from tests.harness.environment import SECRET_KEY

End = Callable[..., str]


@pytest.fixture
def environ(any_database_url: str) -> dict[str, str]:
    """The settings of the command."""
    return {"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": any_database_url}


@pytest.fixture
def signed_in(database: Database, environ: dict[str, str]) -> Callable[[], list[str]]:
    """Two sessions of Alice's, one of Mallory's, and of Bob's one and a half; returns who is signed in still."""
    keys = keyring(load(environ))
    sessions = Sessions(database, keys.current)
    Agents(database, sessions, Ledger(database, keys)).add("bob", Role.AGENT)
    ids = [
        (who, sessions.create(kind, who, name=None, email=None, address="127.0.0.1"))
        for kind, who in (
            *[(SessionKind.VIEWER, "alice")] * 2,
            (SessionKind.VIEWER, "mallory"),
            (SessionKind.AGENT, "bob"),
            (SessionKind.PENDING_AGENT, "bob"),
        )
    ]
    return lambda: [who for who, session_id in ids if sessions.find(session_id)]


@pytest.fixture
def end(run: Run, environ: dict[str, str]) -> End:
    """Return a runner of ``zype-activate sessions end``, which returns all that it printed."""

    def end(*options: str, status: int = 0) -> str:
        result = run("sessions", "end", *options, **environ)
        assert result.exit_code == status, result.output
        return result.output

    return end


def recorded(database: Database) -> list[PastAttempt]:
    found = History(database).all(AttemptFilter())
    return [attempt for attempt in found if attempt.action is Action.SIGN_OUT_EVERYWHERE]


def test_it_ends_the_sessions_of_one_viewer(end: End, signed_in: Callable[[], list[str]], database: Database) -> None:
    assert end("--viewer", "alice") == "2 sessions ended.\n"

    assert signed_in() == ["mallory", "bob", "bob"]
    (attempt,) = recorded(database)
    assert (attempt.actor_kind, attempt.consumer_id, attempt.outcome) == (ActorKind.OPERATOR, "alice", "done")
    assert end("--viewer", "nobody") == "0 sessions ended.\n"


def test_it_ends_the_sessions_of_one_agent(end: End, signed_in: Callable[[], list[str]], database: Database) -> None:
    assert end("--agent", "Bob") == "2 sessions ended.\n"

    assert signed_in() == ["alice", "alice", "mallory"]
    (attempt,) = recorded(database)
    assert (attempt.actor_kind, attempt.reason, attempt.outcome) == (ActorKind.OPERATOR, "bob", "done")
    assert "There is no such account" in end("--agent", "newcomer", status=1)


def rename(database: Database, table: str, name: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {name}")


def test_where_the_ledger_can_not_be_written_no_session_ends(
    end: End, signed_in: Callable[[], list[str]], database: Database
) -> None:
    rename(database, "ledger", "elsewhere")
    try:
        for options in (("--viewer", "alice"), ("--agent", "bob"), ("--all",)):
            assert "ledger" in end(*options, status=1), options
    finally:
        rename(database, "elsewhere", "ledger")
    assert len(signed_in()) == 5


def test_it_ends_every_session(end: End, signed_in: Callable[[], list[str]], database: Database) -> None:
    assert end("--all") == "5 sessions ended.\n"

    assert signed_in() == []
    (attempt,) = recorded(database)
    assert (attempt.actor_kind, attempt.outcome) == (ActorKind.OPERATOR, "done")
    assert end("--viewer", "alice") == "0 sessions ended.\n"


def test_exactly_one_option_is_needed(end: End, signed_in: Callable[[], list[str]], database: Database) -> None:
    for options in ((), ("--viewer", "alice", "--all"), ("--agent", "bob", "--viewer", "alice")):
        assert "Give exactly one of --viewer, --agent and --all." in end(*options, status=2)

    # What is given is written to the ledger.
    for viewer in ("", "alice@example.com", "\udcff"):
        assert "Invalid value for '--viewer': Give an id" in end("--viewer", viewer, status=2), viewer
    assert "There is no such account" in end("--agent", "", status=1)

    assert len(signed_in()) == 5
    assert recorded(database) == []
