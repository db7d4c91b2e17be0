"""Zype hangs while two hundred viewers keep posting: other pages are served, and calls go on afterwards."""

import time
from contextlib import ExitStack
from itertools import count

import pytest

from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from portal.zype.breaker import FAILURES_TO_OPEN, SECONDS_OPEN
from tests.harness.faulty_zype import holding
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.viewer_clients import Response, ViewerClient, ViewerClients, repeatedly

SIGNED_IN = 10
POSTING = 200
# How long each viewer reads the page before pressing the button again.
READING_SECONDS = 3.0
# Over which they begin.
BEGIN_SECONDS = 1.5
# Between two pages that other viewers open.
PAUSE_SECONDS = 0.04
PAGES = 20
# Zype hangs until all are answered who can be. A call would end after this, which no step of the test comes near.
HANGING_SECONDS = 25
# Who signs in after the load.
NEWCOMERS = range(SIGNED_IN, SIGNED_IN + 5)


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A portal with one worker, which all calls are made by, and with no limit but the bulkhead's."""
    return environ | {
        "PORTAL_WORKERS": "1",
        "PORTAL_ZYPE_READ_TIMEOUT": str(HANGING_SECONDS),
        "PORTAL_LIMIT_VIEWER": "100000/15minutes",
        "PORTAL_LIMIT_ADDRESS": "100000/15minutes",
        "PORTAL_LIMIT_FLOOD": "100000/minute",
        # So that each viewer has an address, and a share, of their own.
        "PORTAL_PROXY_HOPS": "1",
    }


def test_pages_are_served_while_zype_hangs_and_calls_go_on_afterwards(
    clients: ViewerClients, sandbox: SimulatedZype, settings: Settings
) -> None:
    viewers = clients.viewers(SIGNED_IN)
    tabs = [clients.tab_of(viewers[n % SIGNED_IN]) for n in range(POSTING)]
    reader = clients.tab_of(viewers[0])

    posts: list[Response] = []
    busy: list[Response] = []
    numbers = count()

    def post(tab: ViewerClient) -> None:
        posts.append(tab.enter_pin(f"lost{next(numbers):06}"))

    with ExitStack() as hanging:
        has_call = hanging.enter_context(holding(sandbox, "/pin/link", HANGING_SECONDS))
        with repeatedly(post, tabs, READING_SECONDS, BEGIN_SECONDS):
            while len(posts) < POSTING - settings.zype_concurrency or len(busy) < PAGES:
                busy.append(reader.open())
                time.sleep(PAUSE_SECONDS)
            assert has_call.is_set()
            answered_meanwhile = [*posts]
            hanging.close()

    assert {page.status for page in busy} == {200}
    # The first calls waited for Zype. The rest got an answer meanwhile, with Retry-After.
    assert {(page.outcome, page.status) for page in answered_meanwhile} == {(Outcome.UNAVAILABLE, 503)}
    assert all(page.retry_after for page in answered_meanwhile)
    assert [page.outcome for page in posts].count(Outcome.UNKNOWN) >= FAILURES_TO_OPEN
    assert {page.outcome for page in posts} == {Outcome.UNKNOWN, Outcome.UNAVAILABLE}

    # Linking waits for its breaker, which tests/zype/test_breaker.py sees close.
    refused = reader.enter_pin("good1")
    assert refused.outcome is Outcome.UNAVAILABLE
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= SECONDS_OPEN
    # No call has kept its place in the bulkhead: the login service, whose breaker is closed, is called at once.
    for number in NEWCOMERS:
        clients.viewer(number)
