"""For whom a call to Zype is made: whom the guard of the page has found, or somebody who is not signed in."""

from collections.abc import Callable

from flask import Flask, Response

from portal.domain.actors import Actor, ActorKind
from portal.pages.identity.caller import find_caller
from portal.sandbox import seed
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.staff import sign_in_staff


def test_it_is_who_a_guard_has_found(app: Flask, browse: Callable[..., PageClient]) -> None:
    found: list[Actor | None] = []

    def note(response: Response) -> Response:
        found.append(find_caller())
        return response

    app.after_request_funcs.setdefault(None, []).append(note)
    browser = browse(app, address="2001:db8::1")
    # One browser may have both sessions: what counts is the page.
    Alice(browser).signs_in()
    sign_in_staff(app, browser)
    found.clear()

    for path in ("/devices", "/support", "/healthz"):
        browser.get(path)
    browse(app).get("/sign-in")

    assert [(actor.kind, actor.id) for actor in found if actor] == [
        (ActorKind.VIEWER, seed.ALICE.id),
        (ActorKind.AGENT, "bob"),
        (ActorKind.VIEWER, ""),
        (ActorKind.VIEWER, ""),
    ]
    assert [actor.address for actor in found if actor] == ["2001:db8::1"] * 3 + ["127.0.0.1"]


def test_outside_a_request_it_is_the_portal_itself() -> None:
    assert find_caller() is None
