"""Bob, who helps Alice on the telephone: a browser with an agent's session, and what an agent does in it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Self

import pytest
from flask import Flask
from playwright.sync_api import Page

from portal.domain.actors import Reason
from portal.domain.outcomes import Action, LookUpOutcome
from portal.ledger.attempts import Attempt
from portal.pages.support.signed_state import sign
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness import people
from tests.harness.internals import cookie, flask_client
from tests.harness.ledger import agent
from tests.harness.linking import link_as_agent
from tests.harness.page import PageClient
from tests.harness.staff import sign_in_staff
from tests.harness.transports import InProcess
from tests.harness.windows import OpenWindow

VIEWER = f"/support/viewers/{seed.ALICE.id}"
VIEWER_PATH = re.compile("/support/viewers/([0-9a-f]{24})(?=/|$)")
WHY = {
    "reason": "no_hands",
    "details": "Her remote has no letters left on it.",
    "ticket": "T-4711",
    "identity_checked": "y",
}
# How the ledger stores it.
REASON = "The viewer needs a hand with the remote: Her remote has no letters left on it."
STORED = Reason(REASON, WHY["ticket"])
UNLINK_WHY = WHY | {"reason": "gone", "details": "She sold it in the spring."}
UNLINK_REASON = "The viewer no longer has this TV: She sold it in the spring."


class Bob(people.Bob):
    """The agent, at work."""

    def opens(self, path: str, status: int = 200) -> Self:
        """Type an address; the viewer of a page was found before it is opened, past the pages."""
        if viewer := VIEWER_PATH.match(path):
            self.has_found(viewer[1])
        return super().opens(path, status)

    def has_found(self, consumer_id: str = seed.ALICE.id) -> Self:
        """Look a viewer up past the pages, as whoever is signed in, unless that was done a short time ago.

        Where the portal is in other processes, the pages are the only way.
        """
        if not isinstance(self.browser.transport, InProcess):
            return self.finds(consumer_id)
        services = services_of(flask_client(self.browser).application)
        session = services.sessions.find(cookie(self.browser, "activate-staff") or "")
        actor = agent(session.principal_id if session else self.name)
        if not services.history.has_looked_up(actor, consumer_id, timedelta(minutes=30)):
            services.ledger.record(Attempt(Action.LOOK_UP, actor, consumer_id), LookUpOutcome.FOUND)
        return self

    def finds(self, who: str, status: int = 303) -> Self:
        """Look a viewer up; if there is one, their page is shown."""
        self.opens("/support")
        return self._submits("/support", status, who=who)

    def enters(self, pin: str, status: int = 200, **fields: str | None) -> Self:
        """Enter a PIN for Alice, and a reason; with 200 the page to read it back is shown."""
        if self._page is None or not self.page.select(f'form[action="{VIEWER}/link"]'):
            self.opens(f"{VIEWER}/link")
        page = self.browser.submit(self.page, f"{VIEWER}/link", status, **{**WHY, **fields, "pin": pin})
        return self._show(page)

    def confirms_link(self, status: int = 303, answer: str = "link") -> Self:
        """Answer whether the PIN is what the TV shows."""
        button = f'form[action="{VIEWER}/link/confirm"] button[value="{answer}"]'
        return self._show(self.browser.submit(self.page, button, status))

    def links(self, pin: str, status: int = 303) -> Self:
        """Enter a PIN and link it."""
        return self.enters(pin).confirms_link(status)

    def has_linked(self, *pins: str) -> Self:
        """Link TVs for Alice past the pages."""
        for pin in pins:
            link_as_agent(flask_client(self.browser).application, seed.ALICE.id, pin, STORED)
        return self

    def has_linked_and_sees(self, pin: str) -> Self:
        """Link a TV for Alice past the forms, and open the page that says what was linked."""
        app = flask_client(self.browser).application
        attempt_id = link_as_agent(app, seed.ALICE.id, pin, STORED)
        with app.app_context():
            attempt = sign("attempt", seed.ALICE.id, attempt_id)
        return self.opens(f"{VIEWER}/done?attempt={attempt}")

    def undoes_link(self, status: int = 303) -> Self:
        """Press "Undo" on the page that says what was linked."""
        return self._submits(f"{VIEWER}/undo", status)

    def unlinks(self, number: int = 1, status: int = 303, **fields: str | None) -> Self:
        """Open Alice's page, choose one of her TVs, and unlink it."""
        self.opens(VIEWER)
        links = self.page.select(f'a[href^="{VIEWER}/devices/"]')
        path = str(links[number - 1]["href"])
        self.opens(path)
        return self._show(self.browser.submit(self.page, path, status, **{**UNLINK_WHY, **fields}))


# For tests whose queries are not tested on both databases in the rooms below.
on_any_database = pytest.mark.parametrize("database_url", ["sqlite_url", "postgresql_url"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated SQLite database, and a PostgreSQL one too if the test is marked ``on_any_database``."""
    url: str = request.getfixturevalue(getattr(request, "param", "sqlite_url"))
    return url


@pytest.fixture
def environ(environ: dict[str, str], database_url: str) -> dict[str, str]:
    """The variables of this test's portal, with its database."""
    return environ | {"PORTAL_DATABASE_URL": database_url}


@pytest.fixture
def bob(app: Flask, browse: Callable[..., PageClient]) -> Bob:
    """Bob, signed in, with no page open."""
    browser = browse(app)
    sign_in_staff(app, browser)
    return Bob(browser)


@pytest.fixture
def console_window(live: str, app: Flask, open_window: OpenWindow, browse: Callable[..., PageClient]) -> Page:
    """A window of Chromium with a session of Bob's, whose clock a test can move."""
    session_id = sign_in_staff(app, (browser_of_bob := browse(app)))
    Bob(browser_of_bob).has_found()
    window = open_window(1280, 720, has_clock=True)
    window.context.add_cookies([{"name": "activate-staff", "value": session_id, "url": live}])
    return window
