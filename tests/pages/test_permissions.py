"""Who may open what below /support and /devices: every route, for everybody there is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask

from portal.domain.actors import Role, SessionKind
from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.staff.agents import agents
from tests.fixtures import services_of
from tests.harness.internals import cookie, give_cookie, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff

NOBODY, VIEWER, OTHER, HALF, AGENT, STALE, SUPERVISOR, DISABLED = (
    "nobody",
    "the viewer",
    "another viewer",
    "half an agent",
    "an agent",
    "an agent who signed in long ago",
    "a supervisor",
    "an agent who was disabled",
)
PEOPLE = (NOBODY, VIEWER, OTHER, HALF, AGENT, STALE, SUPERVISOR, DISABLED)
# Who may do what a route is for; everybody else is asked to sign in, or told that it is not for them.
EVERYBODY = frozenset(PEOPLE)
VIEWERS = frozenset({VIEWER, OTHER})
STAFF = frozenset({AGENT, STALE, SUPERVISOR})
FRESH = frozenset({AGENT, SUPERVISOR})
SUPERVISORS = frozenset({SUPERVISOR})
OWING = frozenset({HALF})

V = "/support/viewers/<consumer_id>"
MATRIX: dict[tuple[str, str], frozenset[str]] = {
    ("GET", "/devices"): VIEWERS,
    ("GET", "/devices/<device>/unlink"): VIEWERS,
    ("POST", "/devices/<device>/unlink"): VIEWERS,
    ("GET", "/devices/<device>/name"): VIEWERS,
    ("POST", "/devices/<device>/name"): VIEWERS,
    ("POST", "/devices/<device>/suggested-name"): VIEWERS,
    ("GET", "/support"): STAFF,
    ("POST", "/support"): STAFF,
    ("GET", V): STAFF,
    ("GET", f"{V}/link"): STAFF,
    ("POST", f"{V}/link"): STAFF,
    ("POST", f"{V}/link/confirm"): STAFF,
    ("GET", f"{V}/done"): STAFF,
    ("POST", f"{V}/undo"): STAFF,
    ("GET", f"{V}/devices/<device>/unlink"): STAFF,
    ("POST", f"{V}/devices/<device>/unlink"): STAFF,
    ("GET", f"{V}/unlink-all"): FRESH,
    ("POST", f"{V}/unlink-all"): FRESH,
    ("GET", f"{V}/sign-out"): STAFF,
    ("POST", f"{V}/sign-out"): STAFF,
    ("GET", f"{V}/password-mail"): STAFF,
    ("POST", f"{V}/password-mail"): STAFF,
    ("GET", "/support/history"): SUPERVISORS,
    ("POST", "/support/history"): SUPERVISORS,
    ("POST", "/support/history/export"): SUPERVISORS,
    ("GET", "/support/sign-in"): EVERYBODY,
    ("POST", "/support/sign-in"): EVERYBODY,
    ("GET", "/support/sign-in/second-factor"): OWING,
    ("POST", "/support/sign-in/second-factor"): OWING,
    ("GET", "/support/sign-in/enrol"): OWING,
    ("POST", "/support/sign-in/enrol"): OWING,
    ("GET", "/support/sign-in/provider"): EVERYBODY,
    ("GET", "/support/sign-in/callback"): EVERYBODY,
    ("GET", "/support/sign-out/provider"): EVERYBODY,
    ("POST", "/support/sign-out"): EVERYBODY,
    ("POST", "/support/sign-out/everywhere"): STAFF,
    ("GET", "/support/account"): STAFF,
    ("POST", "/support/account/recovery-codes"): FRESH,
    ("GET", "/support/account/password"): STAFF,
    ("POST", "/support/account/password"): STAFF,
}
EVERYWHERE = ("POST", "/support/sign-out/everywhere")


def guarded_routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield method and rule of every route below /support and /devices."""
    for rule in app.url_map.iter_rules():
        if rule.rule.split("/")[1] in ("support", "devices"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule


def test_every_route_is_in_the_matrix_and_no_other(app: Flask) -> None:
    assert set(guarded_routes(app)) == set(MATRIX)


def test_a_route_that_is_not_in_the_matrix_is_found(app: Flask) -> None:
    app.add_url_rule("/support/anything", "anything", lambda: "", methods=["DELETE"])
    assert set(guarded_routes(app)) - set(MATRIX) == {("DELETE", "/support/anything")}


@dataclass(frozen=True)
class Scene:
    """Alice's linked TV, and a browser for each of those who may come along."""

    browsers: Mapping[str, PageClient]
    paths: Mapping[str, str]

    def asks(self, who: str, method: str, rule: str) -> Page:
        """Send what a form of ours would send, its token included; the answer may have any status."""
        browser = self.browsers[who]
        path = rule
        for name, value in self.paths.items():
            path = path.replace(f"<{name}>", value)
        given = {}
        if method == "POST":
            given["csrf_token"] = str(browser.get("/activate").select("[name=csrf_token]")[0]["value"])
        return Page(path, browser.transport.send(method, path, given, {}))


@pytest.fixture
def scene(app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype) -> Scene:
    alice = Alice(browse(app)).signs_in().types_pin(sandbox.tv().pin)
    staff = {who: browse(app) for who in (HALF, AGENT, STALE, SUPERVISOR, DISABLED)}
    sign_in_staff(app, staff[AGENT])
    sign_in_staff(app, staff[STALE], signed_in_ago=timedelta(minutes=20))
    sign_in_staff(app, staff[SUPERVISOR], "supervisor", Role.SUPERVISOR)
    sign_in_staff(app, staff[DISABLED], "gone")
    sign_in_staff(app, staff[HALF], "half")
    services = services_of(app)
    half = services.sessions.create(SessionKind.PENDING_AGENT, "half", name=None, email=None, address="127.0.0.1")
    give_cookie(staff[HALF], "activate-staff", half)
    with services.database.write() as connection:
        gone = services.database.now(connection)
        connection.execute(agents.update().where(agents.c.id == "gone").values(disabled_at=gone))
    services.second_factor.offer("half")
    tv = services.directory.tvs(seed.ALICE.id)[0]
    viewers = {VIEWER: alice.browser, OTHER: Mallory(browse(app)).signs_in().browser, NOBODY: browse(app)}
    return Scene(viewers | staff, {"consumer_id": seed.ALICE.id, "device": tv.handle})


def is_refused(page: Page) -> bool:
    """Tell whether an answer asks to sign in, or says that the page is not for whoever asked."""
    is_sign_in = (page.location or "").partition("?")[0] in ("/sign-in", "/support/sign-in", "/activate")
    return page.status == 403 or (page.status == 303 and is_sign_in)


REFUSED = [(who, *route) for route, allowed in MATRIX.items() for who in PEOPLE if who not in allowed]
ALLOWED = [(who, *route) for route, allowed in MATRIX.items() for who in PEOPLE if who in allowed < EVERYBODY]


def test_other_people_are_refused_and_nothing_changes(scene: Scene, app: Flask, sandbox: SimulatedZype) -> None:
    before = (rows(app, ledger), sandbox.record())
    passed = [(who, method, rule) for who, method, rule in REFUSED if not is_refused(scene.asks(who, method, rule))]

    assert passed == []
    assert (rows(app, ledger), sandbox.record()) == before


def test_allowed_people_are_not_refused(scene: Scene, app: Flask) -> None:
    refused = [one for one in ALLOWED if one[1:] != EVERYWHERE and is_refused(scene.asks(*one))]
    assert refused == []

    # It leads to the sign-in even if all goes well, so what it does is what tells.
    for who in (SUPERVISOR, AGENT):
        before = len(session_rows(app))
        scene.asks(who, *EVERYWHERE)
        assert len(session_rows(app)) < before


def test_a_session_of_one_kind_in_the_cookie_of_another_opens_nothing(
    scene: Scene, app: Flask, browse: Callable[..., PageClient]
) -> None:
    services = services_of(app)
    viewer = services.sessions.create(SessionKind.VIEWER, seed.ALICE.id, name=None, email=None, address="127.0.0.1")
    disguised = browse(app)
    give_cookie(disguised, "activate-staff", viewer)
    assert cookie(disguised, "activate-staff") == viewer
    alone = Scene({NOBODY: disguised}, scene.paths)
    closed = [route for route, allowed in MATRIX.items() if NOBODY not in allowed]

    assert [route for route in closed if not is_refused(alone.asks(NOBODY, *route))] == []


@pytest.mark.parametrize("cleared", ["agents", "sessions"])
def test_an_agent_without_account_or_session_is_refused(scene: Scene, app: Flask, cleared: str) -> None:
    """An agent whose account or session is gone is refused, so being let in above says something."""
    with services_of(app).database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM {cleared}")  # noqa: S608 - one of two words

    assert is_refused(scene.asks(AGENT, "GET", "/support"))
