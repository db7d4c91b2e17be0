"""Unlinking a TV of one's own: asked first, done once, each outcome with its sentence, and nobody else's TV."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.domain.outcomes import UnlinkOutcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.viewers.preferences import tv_names
from tests.devices.conftest import entries, handle
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import logged, outcomes, rows
from tests.harness.linking import link_as_viewer
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.harness.viewers import begin_session

# The second sentence is apart, since it is for few.
ELSEWHERE = "If somebody else has that TV, it may stay signed in for a while: change your password and tell support."
UNLINKED = f"Unlinked. {ELSEWHERE}"
# What the page says of each outcome but the one that is a success, and its status.
SHOWN = {
    UnlinkOutcome.GONE: (422, "We can't unlink this TV here"),
    UnlinkOutcome.UNAVAILABLE: (503, "We can't unlink this TV right now"),
    UnlinkOutcome.MISCONFIGURED: (503, "We can't unlink this TV right now"),
    UnlinkOutcome.UNKNOWN: (503, "We did not hear back"),
}
ANSWERS = {
    UnlinkOutcome.GONE: 404,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.MISCONFIGURED: 401,
    UnlinkOutcome.UNKNOWN: 500,
}
NO_HANDLES = ["a", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "tv-1", "%00", "a" * 5000, "%0a" * 32, "..", "' OR 1=1"]


@pytest.fixture
def path(app: Flask, linked: Alice, tv: TV) -> str:
    """Where Alice unlinks her TV."""
    return f"/devices/{handle(app, seed.ALICE.id, tv.device_id)}/unlink"


def unlinks(sandbox: SimulatedZype) -> int:
    return [call["path"] for call in sandbox.record()].count("/pin/unlink")


def post(browser: PageClient, path: str, status: int) -> Page:
    """Send what the form of the page would send, to a path that the page may not have shown."""
    token = str(browser.get("/activate").select("[name=csrf_token]")[0]["value"])
    return browser.send("POST", path, status, data={"csrf_token": token})


def test_it_asks_first_and_says_what_will_happen(linked: Alice, path: str, sandbox: SimulatedZype, tv: TV) -> None:
    page = linked.opens("/devices").page
    (link,) = page.select('.tv-entry a[href$="/unlink"]')
    page = linked.opens(str(link["href"])).page

    assert (page.path, page.heading) == (path, "Unlink this TV?")
    assert "TV 1" in page.text(".tv-entry")
    assert "by you" in page.text(".tv-entry")
    assert "It will no longer be linked to alice@example.com." in page.text()
    assert page.text("main > .quiet") == ELSEWHERE
    assert [tag.get_text(strip=True) for tag in page.select(".choices .button")] == ["Keep it linked", "Yes, unlink it"]
    assert tv.is_linked()
    assert unlinks(sandbox) == 0


@pytest.mark.parametrize("url", ["sqlite_url", "postgresql_url"])
def test_it_unlinks_the_tv_and_forgets_its_name(
    request: pytest.FixtureRequest,
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
    url: str,
) -> None:
    app = make_app(database_url=request.getfixturevalue(url))
    tv, other = sandbox.tv(), sandbox.tv()
    alice = Alice(browse(app))
    begin_session(app, alice)
    for linked in (tv, other):
        link_as_viewer(app, alice, linked.pin)
    for owner, device in ((seed.ALICE, tv), (seed.ALICE, other), (seed.MALLORY, tv)):
        services_of(app).preferences.name_tv(owner.id, device.device_id, f"{owner.name}'s")
    path = f"/devices/{handle(app, seed.ALICE.id, tv.device_id)}/unlink"

    page = alice.browser.follow(alice.browser.submit(alice.opens(path).page, path, 303))

    assert (page.path, page.heading, entries(page)) == ("/devices", "Your TVs", ["Alice's"])
    assert "by you" in page.text(".tv-entry"), "who linked it is read from either database"
    assert page.text(".notice--success") == UNLINKED
    assert page.text(".notice--success .quiet") == ELSEWHERE
    assert (tv.is_linked(), other.is_linked()) == (False, True)
    assert outcomes(app, "unlink") == ["unlinked"]
    kept = {(row["consumer_id"], row["linked_device_id"]) for row in rows(app, tv_names)}
    assert kept == {(seed.ALICE.id, other.device_id), (seed.MALLORY.id, tv.device_id)}
    # It is said once.
    assert not alice.opens("/devices").page.select(".notice")


def test_undo_forgets_the_name_too(success_page: Alice, app: Flask, tv: TV) -> None:
    services_of(app).preferences.name_tv(seed.ALICE.id, tv.device_id, "Living room")

    success_page.undoes()

    assert rows(app, tv_names) == []


def test_a_name_that_can_t_be_deleted_does_not_stop_the_unlink(linked: Alice, app: Flask, path: str, tv: TV) -> None:
    services = services_of(app)
    services.preferences.name_tv(seed.ALICE.id, tv.device_id, "Living room")
    with services.database.write() as connection:
        refuse = "CREATE TRIGGER full BEFORE DELETE ON tv_names BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        connection.execute(sa.text(refuse))

    with logged() as events:
        page = linked.browser.follow(linked.browser.submit(linked.opens(path).page, path, 303))

    assert UNLINKED in page.text()
    assert not tv.is_linked()
    assert "tv_name_not_forgotten" in [event["event"] for event in events]


def test_every_failure_is_shown_here() -> None:
    assert set(SHOWN) == set(ANSWERS) == set(UnlinkOutcome) - {UnlinkOutcome.UNLINKED}


@pytest.mark.parametrize("outcome", SHOWN)
def test_each_failure_has_its_status_and_its_sentence(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype, tv: TV, outcome: UnlinkOutcome
) -> None:
    status, sentence = SHOWN[outcome]
    asked = linked.opens(path).page
    with answering(sandbox, "/pin/unlink", ANSWERS[outcome]):
        page = linked.browser.submit(asked, path, status)

    assert page.title.startswith("Error: Unlink this TV?")
    assert sentence in page.summary
    assert outcomes(app, "unlink") == [outcome]
    assert bool(page.headers("Retry-After")) == (status == 503)
    # As far as anybody knows it is still linked, so it can be tried again from here.
    assert linked.browser.submit(page, path, 303).location == "/devices"
    assert not tv.is_linked()


@pytest.mark.parametrize("asked", [404, 500, 401])
def test_a_tv_whose_pin_zype_does_not_tell_stays_linked(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype, asked: int
) -> None:
    outcome = {404: UnlinkOutcome.GONE, 500: UnlinkOutcome.UNAVAILABLE, 401: UnlinkOutcome.MISCONFIGURED}[asked]
    with answering(sandbox, "/pin/status", asked):
        page = post(linked.browser, path, SHOWN[outcome][0])

    assert SHOWN[outcome][1] in page.summary
    assert outcomes(app, "unlink") == [outcome]
    assert unlinks(sandbox) == 0


def test_a_tv_that_moved_to_another_account_meanwhile_is_left_alone(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype, tv: TV
) -> None:
    moved = {"pin": tv.pin, "linked_device_id": tv.device_id, "consumer_id": seed.MALLORY.id, "linked": True}
    with answering(sandbox, "/pin/status", 200, {"response": moved}):
        page = post(linked.browser, path, 422)

    assert SHOWN[UnlinkOutcome.GONE][1] in page.summary
    assert unlinks(sandbox) == 0
    assert tv.is_linked()


def test_where_the_attempt_can_t_be_written_zype_is_not_asked(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype
) -> None:
    with services_of(app).database.write() as connection:
        refuse = "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        connection.execute(sa.text(refuse))

    page = post(linked.browser, path, 503)

    assert "nothing has changed" in page.text()
    assert unlinks(sandbox) == 0


def test_unlinking_twice_says_that_the_tv_is_not_linked(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype
) -> None:
    form = linked.opens(path).page
    linked.browser.submit(form, path, 303)

    page = linked.browser.submit(form, path, 404)

    assert page.heading == "That TV is not linked to your account"
    assert "It may have been unlinked in the meantime." in page.text()
    assert "You're signed in as alice@example.com" in page.text(".account")
    assert unlinks(sandbox) == 1
    assert outcomes(app, "unlink") == ["unlinked"]


@each("status", [500, 503, 401])
def test_nothing_is_unlinked_if_zype_does_not_list_the_tvs(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype, status: int
) -> None:
    form = linked.opens(path).page
    with answering(sandbox, "/consumers/", status):
        assert "Nothing has changed" in linked.opens(path, 503).page.summary
        page = linked.browser.submit(form, path, 503)

    assert "Nothing has changed" in page.summary
    assert page.header("Retry-After") == "10"
    assert outcomes(app, "unlink") == []
    assert unlinks(sandbox) == 0


# Whose it is


def test_mallory_can_t_use_alice_s_handle(
    linked: Alice, mallory: Mallory, app: Flask, path: str, sandbox: SimulatedZype, tv: TV
) -> None:
    begin_session(app, mallory)
    link_as_viewer(app, mallory, sandbox.tv().pin)
    before = rows(app, ledger)

    assert mallory.opens(path, 404).page.heading == "That TV is not linked to your account"
    assert post(mallory.browser, path, 404).heading == "That TV is not linked to your account"

    assert rows(app, ledger) == before
    assert unlinks(sandbox) == 0
    assert tv.is_linked()


def test_mallory_can_t_unlink_alice_s_tv_with_her_own_handle(
    linked: Alice, mallory: Mallory, app: Flask, sandbox: SimulatedZype, tv: TV
) -> None:
    # She knows the TV's id, and even what would stand for it if it were hers.
    forged = f"/devices/{handle(app, seed.MALLORY.id, tv.device_id)}/unlink"
    begin_session(app, mallory)

    mallory.opens(forged, 404)
    post(mallory.browser, forged, 404)

    assert unlinks(sandbox) == 0
    assert tv.is_linked()


def test_fields_of_the_form_don_t_choose_the_tv(linked: Alice, mallory: Mallory, app: Flask, path: str, tv: TV) -> None:
    begin_session(app, mallory)
    token = mallory.opens("/activate").page.value('form[action="/activate"] [name=csrf_token]')
    claims = {"csrf_token": token, "consumer_id": seed.ALICE.id, "linked_device_id": tv.device_id, "device": tv.pin}

    mallory.browser.send("POST", path, 404, data=claims)
    mallory.browser.send("POST", f"{path}?consumer_id={seed.ALICE.id}", 404, data=claims)

    assert tv.is_linked()


def test_the_same_tv_has_another_handle_with_another_viewer(app: Flask, tv: TV) -> None:
    hers, theirs = (handle(app, viewer.id, tv.device_id) for viewer in (seed.ALICE, seed.MALLORY))

    assert hers != theirs
    assert tv.device_id not in hers


def test_an_invalid_handle_is_404_without_asking_zype(linked: Alice, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers/", 503):
        for device in NO_HANDLES:
            linked.opens(f"/devices/{device}/unlink", 404)
            post(linked.browser, f"/devices/{device}/unlink", 404)

    assert unlinks(sandbox) == 0


# Forms that come too late, or from elsewhere


def test_a_stale_form_is_shown_again_and_unlinks_nothing(
    linked: Alice, path: str, sandbox: SimulatedZype, tv: TV
) -> None:
    page = linked.browser.send("POST", path, 422, data={"csrf_token": "stale"})

    assert "This page was open for too long" in page.summary
    assert tv.is_linked()
    assert linked.browser.submit(page, path, 303).location == "/devices"
    assert not tv.is_linked()


@pytest.mark.parametrize("broken", ["zype", "database", "handle"])
def test_a_stale_form_shows_an_error_page_if_showing_it_again_fails(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype, broken: str
) -> None:
    expected: dict[str, Any] = {"zype": 503, "database": 503, "handle": 404}
    if broken == "database":
        with services_of(app).database.write() as connection:
            connection.execute(sa.text("DROP TABLE tv_names"))
    sent = path.replace("/devices/", "/devices/x") if broken == "handle" else path

    with answering(sandbox, "/consumers/" if broken == "zype" else "/nothing", 503):
        linked.browser.send("POST", sent, expected[broken], data={"csrf_token": "stale"})

    assert unlinks(sandbox) == 0


def test_without_a_session_it_asks_to_sign_in(
    app: Flask, browse: Callable[..., PageClient], path: str, sandbox: SimulatedZype, tv: TV
) -> None:
    client = browse(app)

    assert client.get(path, 303).location == "/sign-in?next=/devices"
    assert client.send("POST", path, 303).location == "/sign-in?next=/devices"
    assert tv.is_linked()


@each("method", ["PUT", "DELETE", "PATCH"])
def test_nothing_but_a_post_unlinks(linked: Alice, path: str, tv: TV, method: str) -> None:
    answer = linked.browser.send(method, path, 405)

    assert set(answer.header("Allow").replace(" ", "").split(",")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert tv.is_linked()
