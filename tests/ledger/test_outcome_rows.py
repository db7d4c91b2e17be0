"""The row of an outcome: what the hook gets before it is added, and what is logged if it can't be added."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from portal.database.database import Database
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.rows import row_of
from portal.settings.keys import Keyring, LedgerKey
from tests.harness.internals import logged
from tests.harness.ledger import REASON, agent

START = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)
KEYRING = Keyring(LedgerKey(b"a key for the ledger of the tests"), (LedgerKey(b"the key before that one"),))
ATTEMPT = Attempt(Action.UNLINK, agent(), "alice", "tv-1", pin_fingerprint="1" * 64, reason=REASON)
ROW = row_of(ATTEMPT, KEYRING) | {"outcome": "unlinked"}


def test_the_hook_gets_the_row_the_address_and_the_times(database: Database) -> None:
    calls: list[tuple[Any, ...]] = []
    ledger = Ledger(database, KEYRING, on_outcome=lambda connection, *arguments: calls.append(arguments))
    with time_machine.travel(START, tick=False):
        ledger.begin(ATTEMPT)
        ledger.finish(ATTEMPT, "unlinked", milliseconds=7)
        ledger.finish(ATTEMPT, "unlinked", is_repeat=True)

    assert calls == [(ROW | {"zype_milliseconds": 7}, KEYRING.addresses("192.0.2.9"), START, START)]


def test_resolving_gives_the_hook_the_time_and_the_address_of_the_attempt(database: Database) -> None:
    calls: list[tuple[Any, ...]] = []
    ledger = Ledger(database, KEYRING, on_outcome=lambda connection, *arguments: calls.append(arguments))
    with time_machine.travel(START, tick=False) as clock:
        ledger.begin(ATTEMPT)
        clock.shift(90)
        ledger.resolve(ATTEMPT.id, "unlinked")

    assert calls == [(ROW, (KEYRING.address("192.0.2.9"),), START + timedelta(seconds=90), START)]


def begin(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnavailable):
        ledger.begin(ATTEMPT)


@pytest.mark.parametrize(
    ("write", "outcome"),
    [
        (begin, {}),
        (lambda ledger: ledger.finish(ATTEMPT, "unlinked"), {"outcome": "unlinked"}),
        (lambda ledger: ledger.record(ATTEMPT, "gone"), {"outcome": "gone"}),
    ],
    ids=["begin", "finish", "record"],
)
def test_a_row_that_can_t_be_written_is_counted_and_logged(
    database: Database, write: Callable[[Ledger], object], outcome: dict[str, str]
) -> None:
    failures: list[None] = []
    with database.write() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        )
    with logged() as events:
        write(Ledger(database, KEYRING, on_failure=lambda: failures.append(None)))

    [event] = events
    assert event.pop("why")
    assert event == {
        "event": "ledger_failed",
        "log_level": "error",
        "attempt_id": ATTEMPT.id,
        "action": "unlink",
        **outcome,
    }
    assert len(failures) == 1
