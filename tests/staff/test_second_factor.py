"""Codes of the app and recovery codes: which are right, that each is right once, and how their secrets are stored."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pyotp
import pytest
import time_machine

from portal.database.database import Database
from portal.settings.settings import Settings
from portal.staff.second_factor import SecondFactor
from portal.staff.tables import agents
from tests.harness.internals import logged
from tests.harness.ledger import agent
from tests.harness.people import Bob

BOB = agent("bob")


def code_at(offset: int) -> str:
    """Return Bob's code of so many half-minutes from now."""
    return pyotp.TOTP(Bob.secret).generate_otp(int(time.time()) // 30 + offset)


def successes_at_once(threads: int, attempt: Callable[[], bool]) -> int:
    """Run an attempt in several threads at the same moment; return how many succeeded."""
    start = Barrier(threads)

    def run(_: int) -> bool:
        start.wait(10)
        return attempt()

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(run, range(threads)))


def test_the_codes_of_a_minute_and_a_half_are_right(second_factor: SecondFactor) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        # In this order, because a code uses up all before it.
        verified = {offset: second_factor.verify("bob", code_at(offset)) for offset in (-2, -1, 0, 1, 2)}
    assert verified == {-2: False, -1: True, 0: True, 1: True, 2: False}


def test_a_code_uses_up_its_step_and_all_before_it(second_factor: SecondFactor) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        before, now, after = (code_at(offset) for offset in (-1, 0, 1))
        assert second_factor.verify("bob", f"{now[:3]} {now[3:]}")
        assert [second_factor.verify("bob", code) for code in (now, before)] == [False, False]
        wide = "".join(chr(ord(digit) + 0xFEE0) for digit in after)
        assert second_factor.verify("bob", f"\u00a0{wide[:3]}\uff70\u200b{wide[3:]}")


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_a_code_that_is_sent_eight_times_at_once_is_right_once(second_factor: SecondFactor, kind: str) -> None:
    recovery = second_factor.renew_recovery_codes("bob", BOB) or ()
    code = code_at(0) if kind == "app" else recovery[0]

    assert successes_at_once(8, lambda: second_factor.verify("bob", code)) == 1


def test_of_several_enrolments_at_once_one_succeeds(second_factor: SecondFactor, database: Database) -> None:
    with database.write() as connection:
        connection.execute(agents.update().values(totp_secret=None, totp_step=None))
    second_factor.offer("bob")
    code = pyotp.TOTP(second_factor.offered("bob") or "").now()

    assert successes_at_once(4, lambda: second_factor.accept("bob", code, BOB) is not None) == 1
    assert second_factor.recovery_codes_left("bob") == 10


def test_malformed_codes_are_wrong(second_factor: SecondFactor) -> None:
    for code in ("", "12345", "1234567", "１２３４５６", "000000\n", "-" * 100, "é", "a" * 10_000):
        assert not second_factor.verify("bob", code)
        assert not second_factor.verify("nobody", code)


def test_the_secret_key_can_be_changed(second_factor: SecondFactor, settings: Settings, database: Database) -> None:
    recovery = second_factor.renew_recovery_codes("bob", BOB) or ()
    newer = settings.model_copy(update={"secret_key": Settings().secret_key})
    both = newer.model_copy(update={"secret_key_previous": settings.secret_key})
    code = code_at(0)

    with logged() as events:
        assert not SecondFactor(database, newer, second_factor._ledger).verify("bob", code)
    assert [event["event"] for event in events] == ["second_factor_unreadable"]
    assert SecondFactor(database, both, second_factor._ledger).verify("bob", recovery[0])
    assert SecondFactor(database, both, second_factor._ledger).verify("bob", code)
    # Verifying the code has encrypted the secret again with the new key.
    assert SecondFactor(database, newer, second_factor._ledger).verify("bob", code_at(1))
