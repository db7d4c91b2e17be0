"""Redis counts floods alone: stopped, hung or back, links go on."""

import pytest

from portal.settings.settings import Settings
from tests.faults.agreement import Agreement, words_of
from tests.harness.people import Alice
from tests.harness.redis_server import Redis
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import at_most
from tests.stories.ledger_rows import rows_of

# Redis gets 0.3 seconds, once.
SECONDS = 5


@pytest.fixture
def environ(environ: dict[str, str], redis_server: Redis) -> dict[str, str]:
    """A portal that counts in that Redis."""
    return environ | {"PORTAL_REDIS_URL": redis_server.url}


def test_page_ledger_and_zype_agree(
    redis_server: Redis, sandbox: SimulatedZype, alice: Alice, settings: Settings
) -> None:
    alice.signs_in()
    for fault, happen in {
        "Redis hangs": redis_server.hang,
        "Redis is back": redis_server.go_on,
        "Redis is stopped": redis_server.kill,
    }.items():
        happen()
        tv = sandbox.tv()
        with at_most(SECONDS):
            alice.opens("/activate").types_pin(tv.pin)
        outcome, did = rows_of(settings)[-1]["outcome"], "linked" if tv.owner() == alice.account.id else "nothing"
        seen = words_of(alice.page)
        again = alice.opens("/activate").types_pin(tv.pin)
        assert again.page.heading == "Your TV is linked"
        Agreement(fault, seen, outcome, did, rows_of(settings)[-1]["outcome"]).check()
