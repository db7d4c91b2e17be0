"""The page about a viewer: what an agent needs to know, what happened last, and nothing else of Zype's."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import OUTCOMES, Action
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import outcomes, rows
from tests.harness.linking import link_as_viewer
from tests.harness.page import Page
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import REASON, VIEWER, Bob, on_any_database

RUBBISH = {
    "10 kB": "a" * 10_000,
    "nobody's": "f" * 24,
    "an email": "alice@example.com",
    "a zero byte": "%00",
    "a line break": "a%0Ab",
    "dots": "..%2e",
    "HTML": "%3Cscript%3E",
    "not UTF-8": "%ff%fe",
    "Arabic digits": "%D9%A1%D9%A2",
}


def as_bob() -> Actor:
    return Actor(ActorKind.AGENT, "bob", "127.0.0.1", "request-1")


def test_it_says_what_an_agent_needs(bob: Bob, alice: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    link_as_viewer(app, alice, sandbox.tv().pin)
    bob.has_linked(sandbox.tv().pin)
    device = services_of(app).directory.tvs(seed.ALICE.id)[-1].linked_device_id
    services_of(app).preferences.name_tv(seed.ALICE.id, device, "Living <b>room")

    page = bob.opens(VIEWER).page

    assert page.heading == "Alice"
    facts = page.text(".facts")
    assert facts == (f"Email alice@example.com Consumer id {seed.ALICE.id} Viewer since Jan 1, 2024 Subscriptions 1")
    numbered, named = (row.get_text(" ", strip=True) for row in page.select(".row"))
    assert re.fullmatch(r"Living <b>room Linked by the viewer \d seconds? ago Unlink", named)
    assert re.fullmatch(r"TV 2 Linked by support \d seconds? ago Unlink", numbered)


def test_a_time_is_said_as_how_long_ago_and_gives_the_exact_one_to_mouse_and_keyboard(bob: Bob) -> None:
    with time_machine.travel(datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC), tick=False) as clock:
        bob.has_linked("good1").has_found()
        clock.shift(timedelta(minutes=12))
        time = bob.opens(VIEWER).page.select_one(".attempt time")

    assert time.get_text(strip=True) == "12 minutes ago"
    said = dict(time.attrs)
    assert said["datetime"] == "2026-05-04T09:30:15+00:00"
    assert "".join(said["title"].split()) == "May4,2026,9:30:15AMUTC"
    assert said["tabindex"] == "0"


def test_a_tv_that_was_not_linked_here_was_linked_elsewhere(bob: Bob, sandbox: SimulatedZype) -> None:
    sandbox.app.extensions["sandbox"].store.link(sandbox.tv().pin, seed.ALICE.id)

    assert "TV 1 Linked elsewhere" in bob.opens(VIEWER).page.text()


def test_no_other_field_of_zype_is_on_a_page(bob: Bob, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    pages = [bob.finds(seed.ALICE.email).page, bob.enters(tv.pin).page, bob.confirms_link().page]
    pages += [bob.opens(VIEWER).page, bob.opens(f"{VIEWER}/unlink-all").page]
    pages.append(bob.opens(str(bob.opens(VIEWER).page.select_one('a[href*="/devices/"]')["href"])).page)

    shown = "".join(page.source for page in pages)
    for secret in ("drop-this", "stripe", "braintree", "parental", seed.SITE_ID, seed.ALICE.password, tv.device_id):
        assert secret not in shown
    said = [bool(page.select(".pin-display")) or tv.pin in page.source for page in pages]
    assert said == [False, True, False, False, False, False], "the PIN stands on the page to read back alone"
    assert pages[1].select_one(".pin-display").get_text() == tv.pin


@each(
    "said, shown",
    [
        ({"name": None, "email": None}, "Viewer without a name Link a TV Email none"),
        ({"created_at": "yesterday", "subscription_count": None}, "Viewer since not known Subscriptions not known"),
        ({"linked_devices": None}, "Zype lists none for this account."),
        ({"name": "<b>\u202eecilA"}, "<b>\u202eecilA Link a TV Email"),
    ],
)
def test_missing_fields_of_zype_are_shown_as_unknown(
    bob: Bob, sandbox: SimulatedZype, said: dict[str, object], shown: str
) -> None:
    alice = {"_id": seed.ALICE.id, "email": seed.ALICE.email, "name": "Alice"}
    with answering(sandbox, "/consumers", 200, {"response": alice | said}):
        assert shown in bob.opens(VIEWER).page.text()


@each("below", ["", "/link", "/unlink-all", "/devices/x/unlink"])
def test_an_unknown_consumer_id_is_404(bob: Bob, app: Flask, below: str) -> None:
    for name, path in RUBBISH.items():
        page = Page(path, bob.browser.transport.send("GET", f"/support/viewers/{path}{below}", {}, {}))

        if page.status == 404:
            assert "There is no such viewer" in page.summary, name
        else:
            assert page.text("main h2") == "Look this viewer up first", name
        assert "example.com" not in page.source, name
        assert outcomes(app, "look_up") == [], name


@pytest.mark.parametrize(("zype", "shown"), [(503, "Please try again in 10 seconds."), (401, "Tell whoever runs")])
def test_a_failed_look_up_shows_the_page_to_find_a_viewer(
    bob: Bob, sandbox: SimulatedZype, zype: int, shown: str
) -> None:
    with answering(sandbox, "/consumers", zype):
        page = bob.opens(VIEWER, 503).page

    assert shown in page.summary
    assert page.header("Retry-After") == "10"


def test_without_the_ledger_no_viewer_is_shown(bob: Bob, app: Flask) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("DROP TABLE ledger"))

    assert "Viewers can't be looked up right now" in bob.browser.get(VIEWER, 503).summary


def test_an_address_looks_nobody_up_and_opens_only_whom_the_agent_found_recently(
    bob: Bob, app: Flask, sandbox: SimulatedZype
) -> None:
    below = ("", "/link", "/unlink-all", f"/devices/{'0' * 32}/unlink", "/done?attempt=x")
    for path in below[:-1]:
        page = bob.browser.send("GET", f"{VIEWER}{path}", 200, headers={"Sec-Fetch-Site": "cross-site"})
        assert page.text("main h2") == "Look this viewer up first", path
        assert page.value("#who") == seed.ALICE.id, path
    bob.browser.get(f"{VIEWER}/done?attempt=x", 303)
    assert rows(app, ledger) == []
    assert sandbox.record() == []

    assert bob.browser.submit(page, "/support", 303).location == VIEWER
    for path in below:
        bob.browser.transport.send("GET", f"{VIEWER}{path}", {}, {})
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=29), tick=True) as clock:
        assert bob.browser.get(VIEWER).heading == "Alice"
        clock.shift(timedelta(minutes=2))
        sign_in_staff(app, bob.browser)
        assert bob.browser.get(VIEWER).text("main h2") == "Look this viewer up first"
    assert outcomes(app, "look_up") == ["found"]


def test_the_last_attempts_are_listed_with_actor_and_reason(bob: Bob, alice: Alice) -> None:
    alice.signs_in("wrong", 422).signs_in().types_pin("used1", 422)
    bob.has_linked_and_sees("good1").undoes_link()

    told = [item.get_text(" ", strip=True) for item in bob.opens(VIEWER).page.select(".attempt")]

    assert [" ".join(re.sub(r"\d seconds? ago ", "", text).split()) for text in told] == [
        "Undo a link unlinked by bob of support",
        f"Link a TV linked by bob of support {REASON} ( T-4711 )",
        "Link a TV PIN not found by the viewer",
        "Sign in signed in by the viewer",
    ]


def test_only_the_ten_newest_attempts_are_listed(bob: Bob, app: Flask) -> None:
    book = services_of(app).ledger
    for number in range(12):
        attempt = Attempt(Action.LINK, as_bob(), seed.ALICE.id)
        book.begin(attempt)
        book.finish(attempt, "linked" if number == 11 else "not_found")

    told = bob.opens(VIEWER).page.select(".attempt")

    assert len(told) == 10
    assert "linked" in told[0].get_text()


def test_an_attempt_without_an_outcome_is_under_way_for_a_minute_and_then_unknown(bob: Bob, app: Flask) -> None:
    services_of(app).ledger.begin(Attempt(Action.LINK, as_bob(), seed.ALICE.id))

    assert bob.opens(VIEWER).page.text(".attempt p:first-child") == "Link a TV under way"
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
        page = bob.opens(VIEWER).page
    assert page.text(".attempt p:first-child") == "Link a TV unknown, not written"


@each("action", [Action.LINK, Action.UNLINK, Action.UNDO, Action.SIGN_IN])
def test_every_outcome_has_words(bob: Bob, app: Flask, action: Action) -> None:
    told = []
    for outcome in OUTCOMES[action]:
        services_of(app).ledger.record(Attempt(action, as_bob(), seed.ALICE.id), outcome)
        told.append(bob.opens(VIEWER).page.select(".attempt p")[0].get_text(" ", strip=True))

    assert len(set(told)) == len(OUTCOMES[action])


def test_attempts_of_other_viewers_are_not_listed(bob: Bob, app: Flask) -> None:
    services_of(app).ledger.record(Attempt(Action.LINK, as_bob(), seed.MALLORY.id), "linked")

    assert "Nothing has happened here yet." in bob.opens(VIEWER).page.text()


@on_any_database
def test_the_newest_attempts_are_listed_first(bob: Bob) -> None:
    page = bob.has_linked_and_sees("good1").undoes_link().opens(VIEWER).page

    assert [words.get_text() for words in page.select(".attempt strong")] == ["Undo a link", "Link a TV"]


@pytest.mark.parametrize("below", ["", "/link", "/unlink-all"])
def test_the_switch_of_the_language_leads_back_to_the_page(bob: Bob, below: str) -> None:
    page = bob.opens(f"{VIEWER}{below}").page

    assert bob.browser.submit(page, "/language", 303, button="Deutsch").location == f"{VIEWER}{below}"


def test_an_error_page_below_support_leads_back_to_the_console(bob: Bob) -> None:
    assert bob.opens("/support/no-such-page", 404).page.select_one("main a")["href"] == "/support"
