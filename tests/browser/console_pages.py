"""The pages that support staff see, in every state: each function leads them to some, and yields each with a name."""

from collections.abc import Iterator

from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.sandbox import seed
from tests.browser.viewer_pages import STALE
from tests.harness import people
from tests.harness.faulty_zype import answering
from tests.harness.page import Page, PageClient
from tests.harness.simulated_zype import SimulatedZype
from tests.support.conftest import UNLINK_WHY, VIEWER, WHY, Bob

# How Zype answers, and the status of the page.
ANSWERS = {404: 422, 500: 503, 401: 503, 503: 503}
ALL, SIGN_OUT, MAIL = f"{VIEWER}/unlink-all", f"{VIEWER}/sign-out", f"{VIEWER}/password-mail"
SIGN_OUT_WHY = WHY | {"reason": "other"}
Pages = Iterator[tuple[str, Page]]


def pages_of_signing_in(staff: people.Staff) -> Pages:
    """Lead somebody with an account to the console, who may try three times."""
    browser = staff.browser
    yield "staff: sign in", staff.opens("/support/sign-in").page
    yield "staff: once more", staff.opens("/support/sign-in?next=/support&again=1").page
    yield "staff: nothing entered", browser.submit(staff.page, "/support/sign-in", 422)
    yield "staff: stale form", browser.submit(staff.page, "/support/sign-in", 422, name="bob", password="x", **STALE)
    yield "staff: code", staff.gives_password().page
    yield "staff: no code", browser.submit(staff.page, "/support/sign-in/second-factor", 422)
    yield "staff: stale code", browser.submit(staff.page, "/support/sign-in/second-factor", 422, code="1", **STALE)
    for number, status in enumerate((422, 422, 422, 429)):
        yield f"staff: wrong code {number}", staff.gives_code("123456", status).page


def pages_of_enrolling(newcomer: people.Staff) -> Pages:
    """Lead somebody who signs in for the first time, with a password that was given to them."""
    browser = newcomer.browser
    fields = {"name": newcomer.name, "password": newcomer.password}
    browser.submit(newcomer.opens("/support/sign-in").page, "/support/sign-in", 303, **fields)
    yield "staff: second factor", newcomer.opens("/support/sign-in/enrol").page
    yield "staff: wrong first code", browser.submit(newcomer.page, "/support/sign-in/enrol", 422, code="123456")
    newcomer.secret = newcomer.page.text(".secret").replace(" ", "")
    codes = browser.submit(newcomer.page, "/support/sign-in/enrol", 200, code=newcomer.code())
    yield "staff: recovery codes", codes
    yield "staff: choose a password", newcomer.opens("/support/account/password").page
    yield "staff: no password", browser.submit(newcomer.page, "/support/account/password", 422)
    yield "staff: stale password", browser.submit(newcomer.page, "/support/account/password", 422, **STALE)


def pages_of_account(bob: Bob) -> Pages:
    """Lead Bob to his account, and to a page that is not his."""
    yield "staff: account", bob.opens("/support/account").page
    yield "staff: stale account", bob.browser.submit(bob.page, "/support/account/recovery-codes", 422, **STALE)
    yield "staff: stale sign-out", bob.browser.submit(bob.page, "/support/sign-out/everywhere", 422, **STALE)
    yield "staff: not allowed", bob.opens("/support/history", 403).page
    yield "staff: no such page", bob.opens("/support/no-such-page", 404).page


def pages_of_finding(bob: Bob, sandbox: SimulatedZype) -> Pages:
    """Lead Bob to a viewer."""
    yield "find", bob.opens("/support").page
    yield "nobody found", bob.finds("nobody@example.com", 422).page
    yield "nobody typed", bob.finds("", 422).page
    yield "nobody possible", bob.finds("@", 422).page
    yield "stale look-up", bob.browser.submit(bob.page, "main form", 422, who="x", **STALE)
    yield "look up first", bob.browser.get(f"/support/viewers/{seed.MALLORY.id}")
    for answer in (503, 401):
        with answering(sandbox, "/consumers", answer):
            yield f"look-up answered by {answer}", bob.finds(seed.ALICE.email, 503).page
    yield "viewer", bob.finds(seed.ALICE.email).page


def pages_of_helping(bob: Bob, sandbox: SimulatedZype) -> Pages:
    """Lead Bob through linking a TV."""
    yield "link", bob.opens(f"{VIEWER}/link").page
    yield "stale link", bob.browser.submit(bob.page, f"{VIEWER}/link", 422, **STALE)
    yield "something is missing", bob.enters("used1", 422, reason="", identity_checked=None).page
    yield "no PIN", bob.enters("?", 422).page
    yield "read back", bob.enters("used1").page
    yield "PIN not found", bob.confirms_link(422).page
    for word, status in {"refused": 422, "http503": 503, "http401": 503, "http500": 503}.items():
        yield f"read back: {word}", bob.enters(f"{word}1").confirms_link(status).page
    first = bob.opens(f"{VIEWER}/link").enters("good1").page
    bob.opens(f"{VIEWER}/link").enters("good2")
    yield "another PIN to read back", bob.browser.submit(first, 'button[value="link"]', 200)
    yield "linked", bob.links("sticky1").page
    yield "not undone", bob.undoes_link(503).page
    yield "stale Undo of staff", bob.browser.submit(bob.page, f"{VIEWER}/undo", 422, **STALE)
    bob.has_linked_and_sees("good3")
    with answering(sandbox, "/pin/unlink", 404):
        yield "nothing to undo", bob.undoes_link(422).page
    yield "undone by staff", bob.undoes_link().page
    yield "without Undo", bob.has_linked_and_sees("nameless1").page


def pages_of_unlinking(bob: Bob, sandbox: SimulatedZype) -> Pages:
    """Lead Bob to a viewer's TVs, one of which can't be unlinked."""
    browser = bob.browser
    yield "viewer with TVs", bob.opens(VIEWER).page
    path = str(bob.page.select(f'a[href^="{VIEWER}/devices/"]')[0]["href"])
    yield "unlink", bob.opens(path).page
    yield "no reason to unlink", browser.submit(bob.page, path, 422)
    yield "stale unlinking by staff", browser.submit(bob.page, path, 422, **UNLINK_WHY, **STALE)
    for answer, status in ANSWERS.items():
        with answering(sandbox, "/pin/unlink", answer):
            yield f"unlinking by staff answered by {answer}", browser.submit(bob.page, path, status, **UNLINK_WHY)
    yield "unlink all", bob.opens(ALL).page
    yield "no reason to unlink all", browser.submit(bob.page, ALL, 422)
    yield "some unlinked", browser.submit(bob.page, ALL, 503, **UNLINK_WHY)
    yield "sign a viewer out", bob.opens(SIGN_OUT).page
    yield "no reason to sign out", browser.submit(bob.page, SIGN_OUT, 422)
    yield "viewer signed out", browser.follow(browser.submit(bob.page, SIGN_OUT, 303, **SIGN_OUT_WHY))
    yield "send a mail", bob.opens(MAIL).page
    why = SIGN_OUT_WHY | {"reason": "forgotten"}
    for answer, status in {422: 422, 401: 503, 500: 503}.items():
        with answering(sandbox, "/consumers/forgot_password", answer):
            yield f"mail answered by {answer}", browser.submit(bob.page, MAIL, status, **why)
    yield "mail sent", browser.follow(browser.submit(bob.page, MAIL, 303, **why))
    yield "mails past a limit", browser.submit(bob.page, MAIL, 429, **why)


def pages_of_history(supervisor: PageClient) -> Pages:
    """Lead a supervisor to the history, with and without a filter."""
    yield "history", supervisor.get("/support/history")
    yield "nothing in the history", supervisor.get("/support/history?agent=nobody")
    yield "part of the history", supervisor.get("/support/history?agent=bob&outcome=not_found")
    yield "no such history", supervisor.get("/support/history?agent=bob&since=never&viewer=@", 422)


def fill_history(ledger: Ledger) -> None:
    """Write an attempt with each outcome, by agents with short and with long ids, and a reason that can't wrap."""
    reason = Reason("The viewer needs a hand with the remote: " + "W" * 60, "T-4711")
    for number, outcome in enumerate([*Outcome, *[Outcome.LINKED] * 12]):
        actor = Actor(ActorKind.AGENT, "oidc:" + "w" * 36 if number % 2 else "bob", "192.0.2.9", "request-9")
        attempt = Attempt(Action.LINK, actor, seed.ALICE.id, reason=reason)
        ledger.begin(attempt)
        ledger.finish(attempt, outcome)
