"""A viewer's own name for a TV: given on the page of TVs and on the success page, kept for that viewer alone."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.viewers.preferences import tv_names
from tests.devices.conftest import entries, handle
from tests.fixtures import services_of
from tests.harness.faulty_zype import answering
from tests.harness.internals import rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.harness.viewers import begin_session

LONG = "Wohnzimmer im Erdgeschoss, an der Wand !"


@pytest.fixture
def path(app: Flask, linked: Alice, tv: TV) -> str:
    """Where Alice names her TV."""
    return f"/devices/{handle(app, seed.ALICE.id, tv.device_id)}/name"


def post(browser: PageClient, path: str, name: str, status: int) -> Page:
    """Send a name as a form of ours does."""
    token = str(browser.get("/activate").select("[name=csrf_token]")[0]["value"])
    return browser.send("POST", path, status, data={"csrf_token": token, "name": name})


def names(app: Flask) -> dict[tuple[str, str], str]:
    return {(row["consumer_id"], row["linked_device_id"]): row["name"] for row in rows(app, tv_names)}


def test_the_success_page_offers_it(success_page: Alice, app: Flask, path: str, tv: TV) -> None:
    assert success_page.page.text(f'form[action="{path}"] label') == "Give this TV a name"

    page = success_page.browser.follow(success_page.browser.submit(success_page.page, path, 303, name="Living room"))

    assert (page.path, entries(page)) == ("/devices", ["Living room"])
    assert page.text(".notice--success") == "Saved."
    assert names(app) == {(seed.ALICE.id, tv.device_id): "Living room"}
    # Seen again, the success page has the name that it has by now, so that saving it again takes nothing away.
    assert success_page.opens("/activate/done").page.value(f'form[action="{path}"] [name=name]') == "Living room"


def test_it_is_not_offered_where_zype_gave_no_device_id(signed_in: Alice) -> None:
    page = signed_in.types_pin("nameless1").page

    assert page.heading == "Your TV is linked"
    assert not page.select("[name=name]")


def test_it_is_not_offered_once_the_tv_is_unlinked(success_page: Alice) -> None:
    assert not success_page.undoes().page.select("[name=name]")


def test_the_page_of_tvs_leads_to_the_form_and_that_renames(linked: Alice, app: Flask, path: str) -> None:
    link = f'.tv-entry a[href="{path}"]'
    assert linked.opens("/devices").page.text(link) == "Give it a name"

    page = linked.browser.follow(linked.browser.submit(linked.opens(path).page, path, 303, name="Kitchen"))
    assert (entries(page), page.text(link)) == (["Kitchen"], "Rename")
    assert linked.opens(path).page.value("#name") == "Kitchen"

    page = linked.browser.follow(linked.browser.submit(linked.page, path, 303, name="Bedroom"))
    assert entries(page) == ["Bedroom"]
    assert list(names(app).values()) == ["Bedroom"]


def test_a_suggestion_names_the_tv_with_one_press_and_is_not_offered_again(
    success_page: Alice, app: Flask, sandbox: SimulatedZype
) -> None:
    form = 'form[action$="/suggested-name"]'
    offered = [tag.get_text(strip=True) for tag in success_page.page.select(f"{form} button")]
    assert offered == ["Living room", "Bedroom", "Kitchen"]

    page = success_page.browser.follow(success_page.browser.submit(success_page.page, form, 303, button="Bedroom"))

    assert entries(page) == ["Bedroom"]
    page = success_page.types_pin(sandbox.tv().pin).page
    assert [tag.get_text(strip=True) for tag in page.select(f"{form} button")] == ["Living room", "Kitchen"]


def test_the_language_switch_carries_along_a_name_that_is_not_saved_yet(
    success_page: Alice, app: Flask, path: str
) -> None:
    alice = success_page
    # On the success page, on that of the TV, and where the name was refused.
    pages = {
        "/activate/done": alice.page,
        path: alice.opens(path).page,
        f"{path}?refused": post(alice.browser, path, "x" * 41, 422),
    }
    for place, page in pages.items():
        typed = f"Half a na{place[-1]}"
        sent = alice.browser.submit(page, "/language", 303, button="Deutsch", name=typed)
        assert sent.location == place.partition("?")[0]
        page = alice.browser.follow(sent)
        assert (page.value("#name"), page.status) == (typed, 200), place
        assert page.select('html[lang="de"]')
        # Once, and nothing was saved.
        assert alice.opens(page.path).page.value("#name") == ""
        alice.browser.submit(alice.page, "/language", 303, button="English")
        alice.opens(path)
    assert names(app) == {}
    # What was typed on one page is not for the form of another.
    alice.browser.submit(alice.opens(path).page, "/language", 303, button="English", name="Kitchen")
    assert alice.opens("/activate/done").page.value("#name") == ""


NAMES = [
    ("  Living room \u3000", "Living room"),
    ("a" * 40, "a" * 40),
    (LONG, LONG),
    ("  " + "a" * 40 + "  ", "a" * 40),
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ("'; DROP TABLE tv_names; --", "'; DROP TABLE tv_names; --"),
    ("{{ 7*7 }} %(x)s", "{{ 7*7 }} %(x)s"),
    ("غرفة الجلوس", "غرفة الجلوس"),
    ("居間のテレビ", "居間のテレビ"),
    ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ("TV 7", "TV 7"),
]


def test_a_name_is_saved_and_shown_trimmed(linked: Alice, app: Flask, path: str, subtests: pytest.Subtests) -> None:
    assert len(LONG) == 40
    for typed, kept in NAMES:
        with subtests.test(typed):
            page = linked.browser.follow(post(linked.browser, path, typed, 303))

            assert list(names(app).values()) == [kept]
            assert page.select_one(".tv-entry h2 bdi").get_text() == kept


def test_an_empty_name_deletes_the_name(linked: Alice, app: Flask, path: str, subtests: pytest.Subtests) -> None:
    for nothing in ("", "   ", "\u3000", "\u200b", "\u200b \u2060\ufeff", "\u3164", "\u2800\ufe0f"):
        with subtests.test(ascii(nothing)):
            post(linked.browser, path, "Kitchen", 303)
            assert names(app)

            page = linked.browser.follow(post(linked.browser, path, nothing, 303))

            assert names(app) == {}
            assert entries(page) == ["TV 1"]


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("a" * 41, "Use 40 characters at most."),
        ("a" * 10_000, "Use 40 characters at most."),
        ("Living\nroom", "Leave out characters that can't be seen."),
        ("Living\0room", "Leave out characters that can't be seen."),
        ("\x1b[31mred", "Leave out characters that can't be seen."),
        ("\x85a\x9f", "Leave out characters that can't be seen."),
    ],
)
def test_an_invalid_name_is_refused_and_stays_in_the_field(
    linked: Alice, app: Flask, path: str, typed: str, complaint: str
) -> None:
    page = post(linked.browser, path, typed, 422)

    assert page.title.startswith("Error: Give this TV a name")
    assert complaint in page.summary
    # Said once, and the field names it.
    assert page.text("body").count(complaint) == 1
    assert "problem" in page.select_one('#name[aria-invalid="true"]')["aria-describedby"].split()
    # Browsers read a NUL as U+FFFD.
    assert page.value("#name").strip() == typed.strip().replace("\0", "\ufffd")
    assert names(app) == {}
    # Mended on the spot, it is saved.
    assert linked.browser.submit(page, path, 303, name="Kitchen").location == "/devices"
    assert list(names(app).values()) == ["Kitchen"]


def test_naming_is_no_attempt_and_asks_zype_for_no_change(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype
) -> None:
    before = (rows(app, ledger), sandbox.record())

    post(linked.browser, path, "Kitchen", 303)

    assert (rows(app, ledger), sandbox.record()) == before


# Whose it is


def test_alice_s_tv_can_t_be_named_by_mallory(linked: Alice, mallory: Mallory, app: Flask, path: str, tv: TV) -> None:
    begin_session(app, mallory)
    own = f"/devices/{handle(app, seed.MALLORY.id, tv.device_id)}/name"

    for tried in (path, own):
        page = post(mallory.browser, tried, "Mine", 404)
        assert page.heading == "That TV is not linked to your account"

    assert names(app) == {}


def test_a_tv_that_moved_to_another_account_has_the_new_viewer_s_name_there(
    linked: Alice, mallory: Mallory, app: Flask, path: str, sandbox: SimulatedZype, tv: TV
) -> None:
    post(linked.browser, path, "Alice's living room", 303)
    # The TV is given away, and shows its new owner a new PIN.
    pin = sandbox.app.extensions["sandbox"].store.acquire(tv.device_id).pin
    begin_session(app, mallory)
    mallory.types_pin(pin)

    assert entries(mallory.opens("/devices").page) == ["TV 1"]
    assert post(linked.browser, path, "Still mine", 404).heading == "That TV is not linked to your account"
    assert "Alice" not in mallory.opens("/activate/done").page.text("main")


def test_an_invalid_handle_is_404_without_asking_zype(linked: Alice, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers/", 503):
        for device in ("a", "A" * 32, "g" * 32, "a" * 33, "a" * 5000):
            post(linked.browser, f"/devices/{device}/name", "Kitchen", 404)


@pytest.mark.parametrize("status", [503, 401])
def test_nothing_is_named_if_zype_does_not_list_the_tvs(
    linked: Alice, app: Flask, path: str, sandbox: SimulatedZype, status: int
) -> None:
    with answering(sandbox, "/consumers/", status):
        page = post(linked.browser, path, "Kitchen", 503)

    assert "Nothing has changed" in page.summary
    assert names(app) == {}


# Forms that come too late, or from elsewhere


def test_a_stale_form_comes_back_with_what_was_typed(linked: Alice, app: Flask, path: str) -> None:
    sent = {"csrf_token": "stale", "name": "Living room"}
    page = linked.browser.send("POST", path, 422, data=sent)

    assert "This page was open for too long" in page.summary
    assert page.value("#name") == "Living room"
    assert names(app) == {}
    assert linked.browser.submit(page, path, 303).location == "/devices"
    assert list(names(app).values()) == ["Living room"]


def test_without_a_session_it_asks_to_sign_in(app: Flask, browse: Callable[..., PageClient], path: str) -> None:
    answer = browse(app).send("POST", path, 303, data={"name": "Mine"})

    assert answer.location == "/sign-in?next=/devices"
    assert names(app) == {}


def test_a_failed_write_is_an_error_page(linked: Alice, app: Flask, path: str) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("ALTER TABLE tv_names RENAME TO gone"))

    post(linked.browser, path, "Kitchen", 503)
