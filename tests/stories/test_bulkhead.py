"""Zype hangs while two hundred viewers keep posting: other pages stay fast."""

import statistics
import time
from collections import Counter
from itertools import count

import pytest

from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from portal.zype.breaker import SECONDS_OPEN
from tests.stories.viewer_clients import Response, ViewerClient, ViewerClients, repeatedly

SIGNED_IN = 20
POSTING = 200
# How long each viewer reads the page before pressing the button again.
READING_SECONDS = 3.0
LOAD_SECONDS = 5.0
GETS_A_SECOND = 25
# A portal whose threads were all waiting for Zype would answer after the deadline of a call. How much sooner an answer
# comes depends on the machine's other work.
SHARE_OF_DEADLINE = 0.5
POST_MARGIN_SECONDS = 1.5
# Who signs in after the load.
NEWCOMERS = range(SIGNED_IN, SIGNED_IN + 10)


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A short deadline, and no limit but the bulkhead's."""
    return environ | {
        "PORTAL_ZYPE_READ_TIMEOUT": "3",
        "PORTAL_LIMIT_VIEWER": "100000/15minutes",
        "PORTAL_LIMIT_ADDRESS": "100000/15minutes",
        "PORTAL_LIMIT_FLOOD": "100000/minute",
    }


def get_repeatedly(viewer: ViewerClient, seconds: float) -> list[Response]:
    """Open the page at a steady pace, as many different viewers would, and return the answers."""
    shown: list[Response] = []
    start = time.monotonic()
    while (due := start + len(shown) / GETS_A_SECOND) < start + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        shown.append(viewer.open())
    return shown


def p95(shown: list[Response]) -> float:
    """Return the seconds that 95 of a hundred answers did not exceed."""
    return statistics.quantiles([page.seconds for page in shown], n=20)[-1]


def test_pages_stay_fast_while_zype_hangs_and_calls_go_on_afterwards(
    clients: ViewerClients, settings: Settings
) -> None:
    viewers = clients.viewers(SIGNED_IN)
    tabs = [clients.tab_of(viewers[n % SIGNED_IN]) for n in range(POSTING)]
    reader = clients.tab_of(viewers[0])

    posts: list[Response] = []
    numbers = count()

    def post(tab: ViewerClient) -> None:
        posts.append(tab.enter_pin(f"hang{next(numbers):06}"))

    with repeatedly(post, tabs, READING_SECONDS, READING_SECONDS):
        busy = get_repeatedly(reader, LOAD_SECONDS)

    assert {page.status for page in busy} == {200}
    assert p95(busy) < SHARE_OF_DEADLINE * settings.zype_deadline

    # The first calls wait for Zype up to their deadline; the rest get an answer at once, with Retry-After.
    assert max(page.seconds for page in posts) < settings.zype_deadline + POST_MARGIN_SECONDS
    outcomes = Counter(page.outcome for page in posts)
    assert outcomes.keys() == {Outcome.UNKNOWN, Outcome.UNAVAILABLE}
    assert outcomes[Outcome.UNAVAILABLE] > outcomes[Outcome.UNKNOWN]
    unavailable = [page for page in posts if page.outcome is Outcome.UNAVAILABLE]
    assert p95(unavailable) < SHARE_OF_DEADLINE * settings.zype_deadline
    assert all(page.status == 503 and page.retry_after for page in posts if page.outcome is Outcome.UNAVAILABLE)

    # Linking waits for its breaker, which tests/zype/test_breaker.py sees close.
    refused = reader.enter_pin("good1")
    assert refused.outcome is Outcome.UNAVAILABLE
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= SECONDS_OPEN
    # No call has kept its place in the bulkhead: the login service, whose breaker is closed, is called at once.
    for number in NEWCOMERS:
        clients.viewer(number)
