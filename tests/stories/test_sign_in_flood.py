"""Strangers guess at passwords without a pause: the owner and the agents get in, and the ledger does not grow."""

import time
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask

from portal.ledger import delays
from portal.ledger.tables import ledger
from portal.pages.ops.metrics import STOPPED
from tests.fixtures import services_of
from tests.harness.internals import rows
from tests.harness.page import PageClient
from tests.harness.people import Bob
from tests.stories.viewer_clients import ViewerClient, ViewerClients, all_at_once, repeatedly

OWNER = 1
EMAIL, PASSWORD = f"u{OWNER}@example.com", f"pw-{OWNER}"
LIMIT = 2
# Ten times as many failures of an address, over all accounts.
ADDRESS_LIMIT = 20
# Of each of eight browsers.
TRIES = 6


@pytest.fixture
def environ(environ: dict[str, str], any_database_url: str) -> dict[str, str]:
    """A portal behind a proxy, on either database, with a low limit."""
    return environ | {
        "PORTAL_PROXY_HOPS": "1",
        "PORTAL_DATABASE_URL": any_database_url,
        "PORTAL_LIMIT_SIGN_IN": f"{LIMIT}/15minutes",
    }


def test_the_owner_and_agents_get_in_while_strangers_keep_the_account_waiting(
    live_clients: ViewerClients,
    app: Flask,
    browse: Callable[..., PageClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = live_clients
    monkeypatch.setattr(delays, "SECONDS", 0.2)
    clients.viewer(OWNER, "192.0.2.1")
    bob = Bob(browse(app)).with_account(services_of(app))

    guessers = [clients.stranger(0, f"198.51.100.{number}") for number in range(3)]
    for guesser in guessers:
        guesser.open("/sign-in")
    shown: Counter[int] = Counter()

    def guess(browser: ViewerClient) -> None:
        shown[browser.send_password(EMAIL, "wrong").status] += 1

    with repeatedly(guess, guessers):
        while not shown[503]:
            time.sleep(0.02)
        statuses = []
        for _ in range(3):
            home = clients.stranger(OWNER, "192.0.2.1")
            home.open("/sign-in")
            statuses.append(home.send_password(EMAIL, PASSWORD).status)
        clients.viewer(OWNER + 1, "192.0.2.2")
        bob.signs_in()
        # From an address that nobody knows yet, the strangers stand in the way until their refused tries have used up
        # what their addresses may fail.
        away = clients.stranger(OWNER, "192.0.2.3")
        away.open("/sign-in")
        tries = [away.send_password(EMAIL, PASSWORD).status]
        while tries[-1] == 503 and len(tries) < 15:
            time.sleep(0.2)
            tries.append(away.send_password(EMAIL, PASSWORD).status)

    assert statuses == [303] * 3
    assert tries[-1] == 303, tries


def test_a_flood_of_refused_sign_ins_adds_no_rows(live_clients: ViewerClients, app: Flask) -> None:
    browsers = [live_clients.stranger(number, "198.51.100.1") for number in range(8)]
    for browser in browsers:
        browser.open("/sign-in")
    counter = STOPPED.labels("sign_in", "viewer")
    before = counter._value.get()

    def guess(number: int) -> Counter[int]:
        tries = range(number * 100, number * 100 + TRIES)
        return Counter(browsers[number].send_password(f"x{one}@example.com", "wrong").status for one in tries)

    shown = sum(all_at_once(guess, range(8)), Counter())

    # Strangers may have so many calls in flight; a try that found no place for its call counts as well.
    assert shown[422] + shown[503] == ADDRESS_LIMIT
    assert shown[429] == 8 * TRIES - ADDRESS_LIMIT
    assert counter._value.get() - before == shown[429]
    written = Counter(row["outcome"] for row in rows(app, ledger))
    assert written == Counter({None: ADDRESS_LIMIT + 1, "wrong": shown[422], "busy": shown[503], "too_many": 1})
