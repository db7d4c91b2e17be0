"""Who may ask for what: every route is on a list here, and what is on no list of open ones is closed."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from portal.ledger.tables import ledger
from portal.pages.web.forms import stale_pages
from tests.harness.internals import rows, session_rows
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.pages.test_permissions import EVERYBODY, MATRIX

# Open to everybody: the method, the path, and the status of a bare request without a session.
OPEN = {
    ("GET", "/"): 302,
    ("GET", "/healthz"): 200,
    ("GET", "/readyz"): 200,
    ("GET", "/.well-known/change-password"): 303,
    # In sandbox mode alone.
    ("GET", "/styleguide"): 200,
    # It shows the ways to sign in and nothing else.
    ("GET", "/activate"): 200,
    ("GET", "/sign-in"): 200,
    ("GET", "/sign-in/forgotten"): 200,
    ("GET", "/sign-in/code"): 302,
    ("GET", "/sign-in/code/callback"): 200,
    ("GET", "/support/sign-in"): 200,
    # Without an identity provider they lead to the page that shows the ways to sign in.
    ("GET", "/support/sign-in/provider"): 303,
    ("GET", "/support/sign-in/callback"): 303,
    ("GET", "/support/sign-out/provider"): 303,
}
# Open too, once they come from a form of ours; without its token they do nothing.
OPEN_FORMS = {
    # Without a session it keeps the PIN for after sign-in.
    ("POST", "/activate"),
    ("POST", "/activate/discard"),
    ("POST", "/sign-in"),
    ("POST", "/sign-in/forgotten"),
    ("POST", "/sign-out"),
    ("POST", "/language"),
    ("POST", "/support/sign-in"),
    ("POST", "/support/sign-out"),
}
# Open without a token of ours: a page of the operator's own site sends them, with a signed token of that site.
OPEN_TO_OTHER_SITES = {("POST", "/sign-in/handoff")}
CLOSED = {
    ("GET", "/activate/compare"),
    ("GET", "/activate/done"),
    ("POST", "/activate/confirm"),
    ("POST", "/activate/undo"),
    ("POST", "/activate/report"),
    ("POST", "/sign-out/everywhere"),
    ("GET", "/devices"),
    ("GET", "/devices/<device>/unlink"),
    ("POST", "/devices/<device>/unlink"),
    ("GET", "/devices/<device>/name"),
    ("POST", "/devices/<device>/name"),
    ("POST", "/devices/<device>/suggested-name"),
    ("GET", "/support"),
    ("POST", "/support"),
    ("GET", "/support/viewers/<consumer_id>"),
    ("GET", "/support/viewers/<consumer_id>/link"),
    ("POST", "/support/viewers/<consumer_id>/link"),
    ("POST", "/support/viewers/<consumer_id>/link/confirm"),
    ("GET", "/support/viewers/<consumer_id>/done"),
    ("POST", "/support/viewers/<consumer_id>/undo"),
    ("GET", "/support/viewers/<consumer_id>/devices/<device>/unlink"),
    ("POST", "/support/viewers/<consumer_id>/devices/<device>/unlink"),
    ("GET", "/support/viewers/<consumer_id>/unlink-all"),
    ("POST", "/support/viewers/<consumer_id>/unlink-all"),
    ("GET", "/support/viewers/<consumer_id>/sign-out"),
    ("POST", "/support/viewers/<consumer_id>/sign-out"),
    ("GET", "/support/viewers/<consumer_id>/password-mail"),
    ("POST", "/support/viewers/<consumer_id>/password-mail"),
    ("GET", "/support/account"),
    ("POST", "/support/account/recovery-codes"),
    ("GET", "/support/account/password"),
    ("POST", "/support/account/password"),
    ("POST", "/support/sign-out/everywhere"),
    # For those who gave a password of the staff, and owe the second factor.
    ("GET", "/support/sign-in/second-factor"),
    ("POST", "/support/sign-in/second-factor"),
    ("GET", "/support/sign-in/enrol"),
    ("POST", "/support/sign-in/enrol"),
}
HARMLESS = {"HEAD", "OPTIONS"}
SAFE = {"GET", *HARMLESS}


def routes(app: Flask) -> Iterator[tuple[str, Rule]]:
    """Yield each method of each rule."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - HARMLESS):
            yield method, rule


@pytest.fixture
def reached(app: Flask) -> list[str]:
    """The endpoints whose views were called."""
    called: list[str] = []

    def watched(endpoint: str, view: Callable[..., object]) -> Callable[..., object]:
        def call(**given: object) -> object:
            called.append(endpoint)
            return view(**given)

        return call

    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = watched(endpoint, view)
    return called


def token_of(browser: PageClient) -> str:
    return str(browser.get("/activate").select("[name=csrf_token]")[0]["value"])


def test_every_route_is_on_a_list(app: Flask) -> None:
    listed = set(OPEN) | OPEN_FORMS | OPEN_TO_OTHER_SITES | CLOSED | set(MATRIX)
    assert {(method, rule.rule) for method, rule in routes(app)} == listed
    assert not CLOSED & (set(OPEN) | OPEN_FORMS)
    # What the staff and the viewers of the matrix alone may do is on no list of what is open.
    closed = {route for route, allowed in MATRIX.items() if allowed != EVERYBODY}
    assert not closed & (set(OPEN) | OPEN_FORMS)


def test_stale_forms_are_shown_again_for_endpoints_that_exist(app: Flask) -> None:
    assert set(stale_pages) <= set(app.view_functions) | set(app.blueprints)
    ours = [one for one in routes(app) if (one[0], one[1].rule) not in OPEN_TO_OTHER_SITES]
    forms = {rule.endpoint for method, rule in ours if method == "POST"}
    blueprints = {name for name in stale_pages if "." not in name}
    assert {name for name in forms - set(stale_pages) if name.partition(".")[0] not in blueprints} == set()


def test_an_open_route_answers_everybody(client: PageClient) -> None:
    for route, status in OPEN.items():
        client.send(*route, status)


def test_a_closed_route_leads_to_the_page_that_asks_to_sign_in(
    client: PageClient, app: Flask, sandbox: SimulatedZype
) -> None:
    pages = {"support": "/support/sign-in", "devices": "/sign-in"}
    fields = {"csrf_token": token_of(client), "shown": "a", "attempt": "a" * 32}

    for method, path in sorted(CLOSED):
        answer = client.send(method, path, 303, data=fields if method == "POST" else None)
        page = pages.get(path.split("/")[1], "/activate")
        assert (answer.location or "").partition("?")[0] == page, (method, path)

    assert sandbox.record() == []
    assert rows(app, ledger) == []


def test_a_post_without_a_token_reaches_no_view(
    alice: Alice, app: Flask, reached: list[str], sandbox: SimulatedZype
) -> None:
    alice.signs_in().opens("/activate?pin=good1", 303)
    before = len(rows(app, ledger))
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "rubbish"}, {"csrf_token": "ä\0"}):
        for method, rule in routes(app):
            if method in SAFE or (method, rule.rule) in OPEN_TO_OTHER_SITES:
                continue
            reached.clear()
            path = rule.rule.replace("<", "").replace(">", "")
            sent = {"pin": "good1", "email": "a@example.com", "password": "wrong", **token}
            answer = alice.browser.transport.send(method, path, sent, {})
            # There is no TV that these handles stand for.
            statuses = (404,) if path.startswith("/devices") else (303, 400, 422)
            assert answer.status in statuses, (method, path, answer.status)
            assert reached == [], (method, path)

    assert sandbox.record() == []
    assert len(rows(app, ledger)) == before
    assert len(session_rows(app)) == 1


def test_a_token_of_somebody_else_reaches_no_view(
    alice: Alice, app: Flask, reached: list[str], browse: Callable[..., PageClient]
) -> None:
    alice.signs_in()
    theirs = token_of(browse(app))
    reached.clear()

    alice.browser.send("POST", "/sign-out", 422, data={"csrf_token": theirs})

    assert reached == []
    assert len(session_rows(app)) == 1
