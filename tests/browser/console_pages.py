"""The pages that support staff see, in every state: each function leads them to some, and yields each with a name."""

from collections.abc import Iterator

from portal.domain.actors import Actor, ActorKind, Reason, Role
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.sandbox import seed
from portal.services import Services
from tests.harness.page import Page, PageClient
from tests.support.conftest import UNLINK_WHY, VIEWER, Bob

Pages = Iterator[tuple[str, Page]]


def pages_of_finding(bob: Bob) -> Pages:
    """Lead Bob to a viewer."""
    yield "find", bob.opens("/support").page
    yield "nobody found", bob.finds("nobody@example.com", 422).page
    yield "viewer", bob.finds(seed.ALICE.email).page


def pages_of_helping(bob: Bob) -> Pages:
    """Lead Bob through linking a TV."""
    yield "link", bob.opens(f"{VIEWER}/link").page
    yield "something is missing", bob.enters("used1", 422, reason="", identity_checked=None).page
    yield "read back", bob.enters("used1").page
    yield "PIN not found", bob.confirms_link(422).page
    yield "linked", bob.links("sticky1").page
    yield "not undone", bob.undoes_link(503).page


def pages_of_unlinking(bob: Bob) -> Pages:
    """Lead Bob to a viewer's TVs, one of which can't be unlinked."""
    bob.links("sticky1")
    yield "viewer with TVs", bob.opens(VIEWER).page
    yield "unlink", bob.opens(str(bob.page.select(f'a[href^="{VIEWER}/devices/"]')[0]["href"])).page
    yield "unlink all", bob.opens(f"{VIEWER}/unlink-all").page
    yield "some unlinked", bob.browser.submit(bob.page, f"{VIEWER}/unlink-all", 503, **UNLINK_WHY)


def pages_of_history(supervisor: PageClient) -> Pages:
    """Lead a supervisor to the history, with and without a filter."""
    yield "history", supervisor.get("/support/history")
    yield "nothing in the history", supervisor.get("/support/history?agent=nobody")
    yield "part of the history", supervisor.get("/support/history?agent=bob&outcome=not_found")


def pages_of_an_agent(bob: Bob) -> Pages:
    """Lead Bob to what is not about linking."""
    yield "account", bob.opens("/support/account").page
    yield "choose a password", bob.opens("/support/account/password").page
    yield "for supervisors", bob.opens("/support/history", 403).page
    yield "sign a viewer out", bob.opens(f"{VIEWER}/sign-out").page


def pages_of_the_first_sign_in(services: Services, browser: PageClient) -> Pages:
    """Lead an agent with a new account through their first sign-in."""
    password = services.agents.add("Newcomer", Role.AGENT)
    form = browser.get("/support/sign-in")
    yield "staff sign-in", form
    browser.submit(form, "/support/sign-in", 303, name="newcomer", password=password)
    yield "second factor", browser.get("/support/sign-in/enrol")


def fill_history(ledger: Ledger) -> None:
    """Write an attempt with each outcome, by agents with short and with long ids, and a reason that can't wrap."""
    reason = Reason("The viewer needs a hand with the remote: " + "W" * 60, "T-4711")
    for number, outcome in enumerate(Outcome):
        actor = Actor(ActorKind.AGENT, "oidc:" + "w" * 36 if number % 2 else "bob", "192.0.2.9", "request-9")
        attempt = Attempt(Action.LINK, actor, seed.ALICE.id, reason=reason)
        ledger.begin(attempt)
        ledger.finish(attempt, outcome)
