"""What tests of the mails share: a ledger that queues them, a mailer, and a real mail server that it speaks to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.mail.letters import Letters
from portal.mail.mailer import Mailer
from portal.mail.outbox import outbox, queue_notice
from portal.mail.smtp import MailServer as Server
from portal.sandbox import seed
from portal.settings.keys import Keyring, LedgerKey
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from tests.harness.mail_servers import MailServer
from tests.harness.simulated_zype import SimulatedZype

KEYS = Keyring(LedgerKey(b"a key for the ledger of the tests"))
HERE = "192.0.2.1"


class Deeds:
    """What viewers and agents do, as the ledger is told it.

    Args:
        database: where the ledger is.
        keyring: of the ledger.
        queues_notices: whether viewers are to know.
    """

    def __init__(self, database: Database, keyring: Keyring = KEYS, queues_notices: bool = True) -> None:
        self.database = database
        self.ledger = Ledger(database, keyring, on_outcome=queue_notice if queues_notices else None)

    def begins(
        self,
        kind: ActorKind = ActorKind.AGENT,
        action: Action = Action.LINK,
        consumer_id: str = seed.ALICE.id,
        address: str = HERE,
        device: str | None = "tv-1",
    ) -> Attempt:
        """Write an attempt."""
        actor_id = consumer_id if kind is ActorKind.VIEWER else "bob"
        attempt = Attempt(action, Actor(kind, actor_id, address, "request-1"), consumer_id, device)
        self.ledger.begin(attempt)
        return attempt

    def links(
        self, kind: ActorKind = ActorKind.AGENT, outcome: str = Outcome.LINKED, is_repeat: bool = False, **other: Any
    ) -> str:
        """Write an attempt and how it ended, and return its id."""
        attempt = self.begins(kind, **other)
        self.ledger.finish(attempt, outcome, is_repeat=is_repeat)
        return attempt.id

    def mails(self) -> list[Mapping[str, Any]]:
        """Return the rows of the outbox, the newest last."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.select(outbox).order_by(outbox.c.at)).mappings()]

    def states(self) -> list[str]:
        """Return how each mail stands."""
        return [row["state"] for row in self.mails()]

    def makes_due(self) -> None:
        """Let the time pass that the mails wait for."""
        with self.database.write() as connection:
            connection.execute(outbox.update().values(due_at=self.database.now(connection)))


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database(any_database_url, connections=20)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A database for tests to whose subject it does not matter which."""
    opened = Database(sqlite_url, connections=20)
    yield opened
    opened.dispose()


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that takes every mail, until a test says otherwise."""
    with MailServer().running() as server:
        yield server


@pytest.fixture
def mail_settings(sandbox: SimulatedZype) -> Settings:
    """The settings of a portal that sends mail."""
    return load(
        {
            "PORTAL_ZYPE_API_URL": sandbox.url,
            "PORTAL_MAIL_FROM": "support@example.com",
            "PORTAL_ZYPE_READ_TIMEOUT": "1",
        }
    )


MakeMailer = Callable[..., Mailer]


@pytest.fixture
def make_mailer(mail_settings: Settings) -> Iterator[MakeMailer]:
    """Return a maker of mailers: ``make_mailer(database, mail_server.url)``."""
    with ExitStack() as stack:

        def make(database: Database, url: str, settings: Settings = mail_settings, seconds: float = 3) -> Mailer:
            zype = ZypeClient(settings)
            stack.callback(zype.close)
            return Mailer(database, zype, Letters(settings), Server(url, "portal.test", seconds, 2 * seconds))

        yield make


def sends(mailer: Mailer) -> None:
    """Let a mailer send what is due."""
    mailer.send_due(Event())
