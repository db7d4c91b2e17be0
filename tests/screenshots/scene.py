"""What the pictures show: a portal and a sandbox with the people of the demo, at a moment that is always the same."""

import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import requests
import time_machine
from flask import Flask

from portal.app import create_app
from portal.commands.brand_folder import read_brand
from portal.database.migration import upgrade
from portal.domain.actors import Actor, ActorKind, Reason, Role
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.sandbox import seed
from portal.sandbox.server import serve_in_thread
from portal.settings.loading import load
from tests.fixtures import services_of
from tests.harness import servers
from tests.harness.environment import live_environ, portal_environ
from tests.harness.internals import cookie
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.servers import Port
from tests.harness.simulated_zype import SimulatedZype, new_app, new_state
from tests.harness.staff import sign_in_staff
from tests.harness.transports import InProcess
from tests.support.conftest import Bob

NOW = datetime(2026, 11, 27, 20, 15, tzinfo=UTC)
# With it the first TV shows a PIN with letters and digits that look different.
SEED = 7
WHY = Reason("The viewer needs a hand with the remote: no letters are left on it.", "T-4711")
# A portal, and its origin.
Portal = tuple[Flask, str]
PLAIN = {"PORTAL_BRAND_SUPPORT_URL": "mailto:support@example.com"}
EXAMPLE = Path(__file__).parent.parent.parent / "docs/examples/brand"
# How long ago, by whom and how.
HISTORY = (
    (timedelta(hours=26), "supervisor", Outcome.LINKED),
    (timedelta(hours=25), "supervisor", Outcome.NOT_FOUND),
    (timedelta(hours=7), "bob", Outcome.REFUSED),
    (timedelta(hours=6), "bob", Outcome.LINKED),
    (timedelta(hours=5), "supervisor", Outcome.UNKNOWN),
    (timedelta(hours=4), "supervisor", Outcome.LINKED),
)


@dataclass(frozen=True)
class Scene:
    """A portal, its sandbox, and the people with their browsers.

    Args:
        url: the portal's origin.
        branded_url: the origin of the same portal in the brand that ships as an example.
    """

    url: str
    branded_url: str
    sandbox: SimulatedZype
    app: Flask
    alice: Alice
    supervisor: PageClient
    clock: time_machine.Traveller

    def cookies(self) -> list[dict[str, str]]:
        """Return the sessions of Alice and of the supervisor, as a browser keeps them."""
        held = {name: cookie(self.alice.browser, name) for name in (self.app.config["SESSION_COOKIE_NAME"],)}
        held |= {"activate-staff": cookie(self.supervisor, "activate-staff")}
        return [{"name": name, "value": value, "url": self.url} for name, value in held.items() if value]


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Serve a portal and a sandbox whose clocks stand still and whose random numbers are the same each time."""
    numbers = itertools.count(1)
    with (
        ExitStack() as stack,
        patch("secrets.token_hex", lambda size=32: random.Random(next(numbers)).randbytes(size).hex()),
        time_machine.travel(NOW - timedelta(days=9), tick=False) as clock,
    ):
        state = replace(new_state("https://example.tv"), randomness=random.Random(SEED))
        served = new_app(state)
        origin = stack.enter_context(serve_in_thread(served))
        sandbox = SimulatedZype(stack.enter_context(requests.Session()), origin, served)
        url = f"sqlite:///{folder / 'portal.db'}"
        upgrade(url)
        portals = [_portal(stack, origin, url, look) for look in (PLAIN, read_brand(EXAMPLE))]
        yield _played(portals, sandbox, clock)


def _portal(stack: ExitStack, sandbox: str, database: str, look: Mapping[str, str]) -> Portal:
    """Serve a portal until the stack is closed; all have the same sessions. Browsers give its cookies to all ports."""
    port = Port()
    environ = portal_environ(port, sandbox, database) | {"PORTAL_SIGN_IN": "password"}
    app = create_app(load(live_environ({**environ, **look})))
    stack.callback(services_of(app).database.dispose)
    stack.callback(services_of(app).zype.close)
    return app, stack.enter_context(servers.serving(app, port))


def _browser(app: Flask) -> PageClient:
    settings = services_of(app).settings
    return PageClient(InProcess(app, settings.public_url, "127.0.0.1"), settings)


def _played(portals: list[Portal], sandbox: SimulatedZype, clock: time_machine.Traveller) -> Scene:
    """Let time pass until now, with all that happened in it."""
    (app, url), (_, branded_url) = portals
    alice = Alice(_browser(app)).signs_in().types_pin("good4711")
    named = alice.page.select('form[action$="/name"]')[0]
    alice.browser.submit(alice.page, f'form[action="{named["action"]}"]', 303, name="Bedroom")
    for ago, agent, outcome in HISTORY:
        clock.move_to(NOW - ago)
        _write(app, agent, outcome)
    clock.move_to(NOW - timedelta(hours=2))
    sign_in_staff(app, browser := _browser(app), "bob")
    Bob(browser).links("good4712")
    clock.move_to(NOW)
    sign_in_staff(app, supervisor := _browser(app), "supervisor", Role.SUPERVISOR)
    Bob(supervisor).has_found()
    return Scene(url, branded_url, sandbox, app, Alice(_browser(app)).signs_in(), supervisor, clock)


def _write(app: Flask, agent: str, outcome: Outcome) -> None:
    book = services_of(app).ledger
    attempt = Attempt(Action.LINK, Actor(ActorKind.AGENT, agent, "192.0.2.9", "request"), seed.ALICE.id, reason=WHY)
    book.begin(attempt)
    book.finish(attempt, outcome)
