"""What tests of the mail share: a ledger that queues notices, a mailer, and a real mail server to send to."""

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
from portal.mail.addresses import Addresses
from portal.mail.mailer import Mailer
from portal.mail.messages import MessageWriter
from portal.mail.outbox import outbox
from portal.mail.queueing import queue_notice
from portal.mail.smtp import SMTPClient
from portal.pages.ops import metrics
from portal.sandbox import seed
from portal.settings.keys import Keyring, LedgerKey
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from tests.harness.mail_servers import MailServer
from tests.harness.simulated_zype import SimulatedZype, simulated_zype

KEYS = Keyring(LedgerKey(b"a key for the ledger of the tests"))
ADDRESS = "192.0.2.1"


class Attempts:
    """Writes attempts and outcomes to the ledger, and reads the notices that these queue.

    Args:
        database: where the ledger is.
        keyring: of the ledger.
        queues_notices: whether the ledger queues notices.
    """

    def __init__(self, database: Database, keyring: Keyring = KEYS, queues_notices: bool = True) -> None:
        self.database = database
        self.ledger = Ledger(database, keyring, on_outcome=queue_notice if queues_notices else None)

    def begin(
        self,
        kind: ActorKind = ActorKind.AGENT,
        action: Action = Action.LINK,
        consumer_id: str = seed.ALICE.id,
        address: str = ADDRESS,
        device: str | None = "tv-1",
    ) -> Attempt:
        """Write an attempt."""
        actor_id = consumer_id if kind is ActorKind.VIEWER else "bob"
        attempt = Attempt(action, Actor(kind, actor_id, address, "request-1"), consumer_id, device)
        self.ledger.begin(attempt)
        return attempt

    def finish(
        self, kind: ActorKind = ActorKind.AGENT, outcome: str = Outcome.LINKED, is_repeat: bool = False, **other: Any
    ) -> str:
        """Write an attempt and its outcome, and return its id."""
        attempt = self.begin(kind, **other)
        self.ledger.finish(attempt, outcome, is_repeat=is_repeat)
        return attempt.id

    def notices(self) -> list[Mapping[str, Any]]:
        """Return the rows of the outbox, the newest last."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.select(outbox).order_by(outbox.c.at)).mappings()]

    def states(self) -> list[str]:
        """Return the state of each notice."""
        return [row["state"] for row in self.notices()]

    def make_due(self) -> None:
        """Make every notice due now."""
        with self.database.write() as connection:
            connection.execute(outbox.update().values(due_at=self.database.now(connection)))


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database(any_database_url, connections=20)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A database for tests of what no database decides."""
    opened = Database(sqlite_url, connections=20)
    yield opened
    opened.dispose()


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that accepts every message, until a test changes that."""
    with MailServer().serve_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SimulatedZype]:
    """A sandbox for all tests of a module: mailers only read the consumers there."""
    with simulated_zype("http://127.0.0.1:8000") as sandbox:
        yield sandbox


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
            smtp = SMTPClient(url, "portal.test", seconds, 2 * seconds)
            find_email = Addresses(settings, database, zype).find
            return Mailer(database, find_email, MessageWriter(settings), smtp, metrics.count_notice)

        yield make


def send_due(mailer: Mailer) -> None:
    """Let a mailer send what is due."""
    mailer.send_due(Event())
