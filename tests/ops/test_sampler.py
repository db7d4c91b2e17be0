"""What a worker samples: how much waits in the database, whether it answers, and which breakers are open."""

import math
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from portal.database.database import Database
from portal.ledger.tables import pending
from portal.mail.outbox import NoticeKind, NoticeState, outbox
from portal.pages.ops.sampler import Sampler
from portal.zype.breaker import FAILURES_TO_OPEN
from portal.zype.client import ZypeClient
from portal.zype.errors import Unknown
from tests.harness.internals import logged
from tests.zype.conftest import settings_for

HOUR = 3600
# A test takes less.
MARGIN = 60


@pytest.fixture
def zype() -> Iterator[ZypeClient]:
    """A client that is asked for nothing but its breakers."""
    client = ZypeClient(settings_for("http://127.0.0.1:9"))
    yield client
    client.close()


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database(any_database_url)
    yield opened
    opened.dispose()


def shown(name: str, **labels: str) -> float:
    """Return the value of a gauge."""
    value = REGISTRY.get_sample_value(f"portal_{name}", labels)
    assert value is not None, name
    return value


def waits(database: Database, kind: str, state: str, hours: float, tries: int = 0, due_in: float = 0) -> None:
    """Write a notice of what was done so many hours ago."""
    with database.write() as connection:
        now = database.now(connection)
        at, due_at = now - timedelta(hours=hours), now + timedelta(hours=due_in)
        row = {"attempt_id": f"{kind}{hours}", "kind": kind, "consumer_id": "alice", "state": state, "tries": tries}
        connection.execute(outbox.insert(), row | {"at": at, "due_at": due_at})


def test_what_waits_in_the_database_is_shown_with_its_age(database: Database, zype: ZypeClient) -> None:
    sampler = Sampler(database, zype)
    sampler.sample()
    names = ("outbox_waiting", "outbox_age_seconds", "ledger_pending", "ledger_pending_age_seconds")
    assert [shown(name) for name in names] == [0] * 4
    assert shown("database_up") == 1

    waits(database, NoticeKind.LINK_BY_AGENT_UNKNOWN, NoticeState.WAITING, 0.5, due_in=0.5)
    sampler.sample()
    assert [shown(name) for name in names[:2]] == [1, 0], "it is not to be sent before"

    waits(database, NoticeKind.LINKED_BY_AGENT, NoticeState.WAITING, 2, tries=3, due_in=1)
    for state in (NoticeState.SENT, NoticeState.FAILED, NoticeState.SETTLED):
        waits(database, f"old_{state}", state, 9, tries=1)
    with database.write() as connection:
        begun = database.now(connection) - timedelta(hours=3)
        row = {"attempt_id": "one", "at": begun, "action": "link", "address_hash": "x"}
        connection.execute(pending.insert(), [row, row | {"attempt_id": "two", "at": begun + timedelta(hours=1)}])
    sampler.sample()
    assert shown("outbox_waiting") == 2
    assert shown("ledger_pending") == 2
    assert 0 <= shown("outbox_age_seconds") - 2 * HOUR < MARGIN
    assert 0 <= shown("ledger_pending_age_seconds") - 3 * HOUR < MARGIN


def test_a_database_that_does_not_answer_leaves_no_old_numbers(sqlite_url: str, zype: ZypeClient) -> None:
    database = Database(sqlite_url)
    sampler = Sampler(database, zype)
    sampler.sample()
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE pending RENAME TO gone"))
    with logged() as events:
        for _ in range(2):
            sampler.sample()
    [event] = events
    assert event["event"] == "database_down", "the log says why, once"
    assert "no such table: pending" in event["why"]
    assert shown("database_up") == 0
    assert math.isnan(shown("ledger_pending"))
    assert math.isnan(shown("outbox_age_seconds"))
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE gone RENAME TO pending"))
    sampler.sample()
    assert shown("database_up") == 1
    assert shown("ledger_pending") == 0
    database.dispose()


def test_open_breakers_are_shown_by_service(sqlite_url: str, zype: ZypeClient) -> None:
    database = Database(sqlite_url)
    sampler = Sampler(database, zype)
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(Unknown), zype._login.breaker.watch("POST", "/oauth/token", lambda: False):
            raise Unknown("POST", "/oauth/token", reason="timed out after sending")
    sampler.sample()
    assert shown("breakers_open", service="api") == 0
    assert shown("breakers_open", service="login") == 1
    database.dispose()
