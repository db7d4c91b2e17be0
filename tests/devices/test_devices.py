"""The page with a viewer's own TVs: what Zype lists, joined with what the portal knows of it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
import time_machine
from flask import Flask

from portal.domain.actors import Reason
from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.sandbox.seed import SHAPES
from portal.settings.types import languages
from tests.devices.conftest import entries, handle
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import logged, rows
from tests.harness.ledger import actor
from tests.harness.linking import link_as_agent, link_as_viewer
from tests.harness.page import PageClient
from tests.harness.people import Alice, Mallory, Person
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.harness.viewers import begin_session

DAY = "2031-05-06T12:00:00Z"


def consumer(linked_devices: Any) -> dict[str, Any]:
    """Return what Zype says of Alice's account, with some linked devices."""
    return {"response": {"_id": seed.ALICE.id, "email": seed.ALICE.email, "linked_devices": linked_devices}}


def test_it_lists_what_zype_lists(linked: Alice, app: Flask, tv: TV) -> None:
    page = linked.opens("/devices").page

    assert page.heading == "Your TVs"
    assert entries(page) == ["TV 1"]
    unlink = page.select_one('.tv-entry a[href$="/unlink"]')["href"]
    assert unlink == f"/devices/{handle(app, seed.ALICE.id, tv.device_id)}/unlink"
    assert tv.device_id not in page.source
    assert tv.pin not in page.source
    assert "You're signed in as alice@example.com" in page.text(".account")


def test_the_entry_and_done_pages_link_to_it(success_page: Alice) -> None:
    assert success_page.page.select('main a[href="/devices"]')
    assert success_page.opens("/activate").page.select('a[href="/devices"]')


def test_without_a_tv_it_leads_to_the_form(signed_in: Alice) -> None:
    page = signed_in.opens("/devices").page

    assert entries(page) == []
    assert "No TV is linked to your account yet" in page.text()
    assert page.select_one('main .button--primary[href="/activate"]').get_text(strip=True) == "Link a TV"


def test_without_a_session_it_asks_to_sign_in_and_leads_back(alice: Alice) -> None:
    asked = alice.browser.get("/devices", 303)
    assert asked.location == "/sign-in?next=/devices"
    alice.opens(asked.location)
    assert alice.page.heading == "Sign in to see your TVs"

    assert alice.signs_in().page.path == "/devices"


def test_it_says_when_and_that_it_was_the_viewer(
    app: Flask, browse: Callable[..., PageClient], alice: Alice, sandbox: SimulatedZype, subtests: pytest.Subtests
) -> None:
    services = services_of(app)
    with services.database.read() as connection:
        now = services.database.now(connection)
    link_as_viewer(app, alice, sandbox.tv().pin)

    for language in languages():
        reader = Alice(browse(app, language=language))
        begin_session(app, reader)
        with subtests.test(language):
            page = reader.opens("/devices").page
            # For a script, which knows the reader's time zone and says "today, 12:23".
            at = datetime.fromisoformat(page.select_one(".tv-entry time")["datetime"])
            assert abs(at - now) < timedelta(seconds=30)
            if language == "en":
                assert re.fullmatch(r"Linked by you · \d+ seconds? ago", page.text(".tv-entry .quiet"))


def test_it_says_that_it_was_the_support_team(signed_in: Alice, app: Flask, tv: TV) -> None:
    link_as_agent(app, seed.ALICE.id, tv.pin, Reason("Their remote control is broken."))

    line = signed_in.opens("/devices").page.text(".tv-entry .quiet")

    assert line.startswith("Linked by our support team · ")
    assert "bob" not in line


def test_the_newest_is_first_and_marked_and_numbers_stay_when_one_goes(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype
) -> None:
    first, second, third = (sandbox.tv() for _ in range(3))
    for tv in (first, second):
        link_as_viewer(app, signed_in, tv.pin)
    assert entries(signed_in.opens("/devices").page) == ["TV 2", "TV 1"]

    link_as_viewer(app, signed_in, third.pin)
    services_of(app).unlinking.unlink(first.device_id, seed.ALICE.id, actor(seed.ALICE.id))

    page = signed_in.opens("/devices").page
    assert entries(page) == ["TV 3", "TV 2"]
    assert [tag.get_text(strip=True) for tag in page.select(".tv-entry .tag")] == ["Newest"]
    assert page.select("li:first-child .tag")


def test_of_a_tv_that_was_linked_elsewhere_it_says_nothing(signed_in: Alice, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers/", 200, consumer(["a-tv"])):
        page = signed_in.opens("/devices").page

    assert entries(page) == ["TV 1"]
    assert not page.select(".tv-entry .quiet")


def test_of_a_tv_that_was_linked_elsewhere_again_it_says_nothing(
    success_page: Alice, sandbox: SimulatedZype, tv: TV
) -> None:
    success_page.undoes()
    with answering(sandbox, "/consumers/", 200, consumer([tv.device_id])):
        page = success_page.opens("/devices").page

    assert entries(page) == ["TV 1"]
    assert not page.select(".tv-entry .quiet")


def test_a_name_replaces_the_number(linked: Alice, app: Flask, sandbox: SimulatedZype, tv: TV) -> None:
    second = sandbox.tv()
    link_as_viewer(app, linked, second.pin)
    preferences = services_of(app).preferences
    preferences.name_tv(seed.ALICE.id, tv.device_id, "<b>Living room</b>")
    # Another viewer's name for the same TV is theirs.
    preferences.name_tv(seed.MALLORY.id, second.device_id, "Mine now")

    assert entries(linked.opens("/devices").page) == ["TV 2", "<b>Living room</b>"]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_zype_s_list_is_read(
    app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype, shape: str
) -> None:
    viewer = next(consumer for consumer in seed.consumers() if consumer.devices == shape and consumer.name != "Alice")
    person = Person(browse(app))
    person.account = viewer

    begin_session(app, person)

    assert entries(person.opens("/devices").page) == []
    for _ in range(2):
        link_as_viewer(app, person, sandbox.tv().pin)
    assert entries(person.opens("/devices").page) == ["TV 2", "TV 1"]


@each(
    "linked_devices",
    [
        None,
        [],
        {},
        [None, "", {}],
        [{"linked_device_id": None}],
    ],
)
def test_an_empty_list_is_no_tv(signed_in: Alice, sandbox: SimulatedZype, linked_devices: Any) -> None:
    with answering(sandbox, "/consumers/", 200, consumer(linked_devices)):
        assert "No TV is linked" in signed_in.opens("/devices").page.text()


def test_fifty_tvs_are_listed_in_zype_s_order(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    ids = [f"tv-{n}" for n in range(50)]
    services_of(app).preferences.name_tv(seed.ALICE.id, "tv-7", "Kitchen")
    with answering(sandbox, "/consumers/", 200, consumer(ids)):
        page = signed_in.opens("/devices").page

    assert entries(page) == [f"TV {n}" if n != 8 else "Kitchen" for n in range(1, 51)]
    links = [link["href"] for link in page.select('.tv-entry a[href$="/unlink"]')]
    assert links == [f"/devices/{handle(app, seed.ALICE.id, device)}/unlink" for device in ids]


@each(
    "status, document, event",
    [
        (503, None, "zype_could_not_be_asked"),
        (500, None, "zype_could_not_be_asked"),
        (404, None, "zype_could_not_be_asked"),
        (200, {"response": {"_id": seed.ALICE.id, "linked_devices": "tv-1"}}, "zype_could_not_be_asked"),
        (200, [], "zype_could_not_be_asked"),
        (401, None, "zype_refused_our_key"),
        (403, None, "zype_refused_our_key"),
    ],
)
def test_a_failed_list_says_that_nothing_has_changed(
    linked: Alice, sandbox: SimulatedZype, status: int, document: Any, event: str
) -> None:
    with answering(sandbox, "/consumers/", status, document), logged() as events:
        page = linked.opens("/devices", 503).page

    assert page.title.startswith("Error: Your TVs")
    assert "Nothing has changed: your TVs are as they were. Please try again in 10 seconds." in page.summary
    assert page.header("Retry-After") == "10"
    assert "You're signed in as alice@example.com" in page.text(".account")
    # Asked for the list, nobody must read that there is none.
    assert "No TV is linked" not in page.text()
    assert [line["event"] for line in events if line["event"] != "request"] == [event]


def test_a_hanging_zype_is_waited_for_until_the_deadline(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    app = make_app(zype_read_timeout="0.2")
    alice = Alice(browse(app))
    begin_session(app, alice)
    stopping = sandbox.app.extensions["sandbox"].stopping
    sandbox.app.wsgi_app = Hanging(sandbox.app.wsgi_app, stopping)  # type: ignore[method-assign]

    assert "We can't show your TVs right now" in alice.opens("/devices", 503).page.summary


class Hanging:
    """Zype that answers nothing about a consumer until the test is over.

    Args:
        honest: the application that answers the rest.
        stopping: set at the end of the test.
    """

    def __init__(self, honest: Any, stopping: Event) -> None:
        self._honest = honest
        self._stopping = stopping

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/consumers/"):
            self._stopping.wait(10)
        return self._honest(environ, start_response)


def test_listing_tvs_is_no_attempt(linked: Alice, app: Flask) -> None:
    before = rows(app, ledger)

    linked.opens("/devices")

    assert rows(app, ledger) == before


def test_mallory_does_not_see_alice_s_tv(linked: Alice, mallory: Mallory, app: Flask) -> None:
    begin_session(app, mallory)

    assert entries(mallory.opens("/devices").page) == []


def test_the_time_is_said_in_the_page_s_language_and_after_a_week_the_date_of_utc(
    make_app: Callable[..., Flask], sqlite_url: str, browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    # On SQLite alone, which takes this process's clock.
    app = make_app(database_url=sqlite_url)
    with time_machine.travel(DAY, tick=True) as clock:
        alice = Alice(browse(app, language="de"))
        begin_session(app, alice)
        link_as_viewer(app, alice, sandbox.tv().pin)
        clock.shift(timedelta(minutes=90))
        earlier = alice.opens("/devices").page.text(".tv-entry .quiet")
        # Longer than a session lasts.
        clock.shift(timedelta(days=7))
        begin_session(app, alice)
        line = alice.opens("/devices").page.text(".tv-entry .quiet")

    assert earlier.endswith(" vor 1 Stunde")
    assert line.endswith(" 6. Mai 2031")
