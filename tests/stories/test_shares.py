"""One viewer keeps reloading, while Zype is slow: the links of others go on."""

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from portal.domain.outcomes import Outcome
from portal.zype.bulkhead import CALLS_OF_ONE
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.viewer_clients import ViewerClient, ViewerClients, all_at_once, repeatedly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONNECTIONS = 40
LINKING = 12
SLOW_SECONDS = 0.4
# Between two reloads of each connection.
RELOAD_SECONDS = 0.4


@pytest.fixture
def environ(environ: dict[str, str], any_database_url: str) -> dict[str, str]:
    """A portal behind a proxy, which names the address of each viewer, on either database."""
    return environ | {"PORTAL_PROXY_HOPS": "1", "PORTAL_DATABASE_URL": any_database_url}


class SlowAccounts:
    """A sandbox that is slow to answer about accounts, and counts how many of these calls are in flight."""

    def __init__(self, sandbox: SimulatedZype) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._answer = sandbox.app.wsgi_app
        sandbox.app.wsgi_app = self  # type: ignore[method-assign]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if not environ["PATH_INFO"].startswith("/consumers/"):
            return self._answer(environ, start_response)
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            time.sleep(SLOW_SECONDS)
            return self._answer(environ, start_response)
        finally:
            with self._lock:
                self._now -= 1


def test_forty_connections_of_one_viewer_stop_no_link_of_others_and_no_sign_in(
    live_clients: ViewerClients, sandbox: SimulatedZype
) -> None:
    clients = live_clients
    viewers = [clients.viewer(number, f"192.0.2.{number}") for number in range(LINKING)]
    greedy = clients.viewer(LINKING, "198.51.100.1")
    tabs = [greedy.another_tab() for _ in range(CONNECTIONS)]
    accounts = SlowAccounts(sandbox)

    shown: Counter[int] = Counter()

    def reload(tab: ViewerClient) -> None:
        shown[tab.open("/devices").status] += 1

    with repeatedly(reload, tabs, RELOAD_SECONDS):
        while not shown[503]:
            time.sleep(0.02)
        pages = all_at_once(lambda viewer: viewer.enter_pin(f"good{viewer.number:03}"), viewers)
        most = accounts.most
        clients.viewer(LINKING + 1, "192.0.2.200")

    for tab in tabs:
        tab.close()
    assert [page.outcome for page in pages] == [Outcome.LINKED] * LINKING
    assert max(page.seconds for page in pages) < 5
    assert most == CALLS_OF_ONE
    assert set(shown) == {200, 503}
    assert shown[503] > shown[200]
