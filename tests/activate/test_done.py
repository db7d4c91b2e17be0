"""The page after a TV was linked: which account, how long, what if not, and Undo for ten minutes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from tests.harness.faulty_zype import answering
from tests.harness.page import PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import SimulatedZype


@pytest.fixture
def linked(signed_in: Alice) -> Alice:
    """Alice on the page that says that her TV is linked."""
    return signed_in.types_pin("good1")


def test_it_names_the_account_the_time_and_what_to_do_if_nothing_happens(linked: Alice) -> None:
    page = linked.page

    assert (page.path, page.status, page.heading) == ("/activate/done", 200, "Your TV is linked")
    assert "It is linked to alice@example.com." in page.text()
    assert "Your TV should continue within about ten seconds." in page.text()
    assert "get a new PIN on the TV and link it again" in page.text()
    assert re.search("undo this for .*10 .*minutes", page.text())
    assert page.select_one('form[action="/activate/undo"] button').get_text(strip=True) == "Undo"
    assert page.text("main .button--primary") == "Done"
    assert page.select_one("main .button--primary")["href"] == "/devices"
    assert "good1" not in page.source


def test_it_links_to_the_operator_s_support(
    linked: Alice, make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(brand_support_url="https://example.com/help"))
    page = Alice(browser).signs_in().types_pin("nameless1").page

    assert {link["href"] for link in page.select("main a.support-link")} == {"https://example.com/help"}
    assert not linked.page.select("a.support-link")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (4, "undo this for .*6 .*minutes"),
        (9.5, "undo this for .* minute[.]"),
    ],
)
def test_it_says_how_long_undo_is_still_there(linked: Alice, minutes: float, words: str) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        page = linked.opens("/activate/done").page

    assert re.search(words, page.text())


def test_after_ten_minutes_there_is_no_undo(linked: Alice) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=1), tick=True):
        page = linked.opens("/activate/done").page

    assert page.heading == "Your TV is linked"
    assert not page.select('form[action="/activate/undo"]')
    assert "Tell support: they can unlink it for you" in page.text()


def test_without_a_device_id_there_is_no_undo(signed_in: Alice) -> None:
    page = signed_in.types_pin("nameless1").page

    assert page.heading == "Your TV is linked"
    assert not page.select('form[action="/activate/undo"]')
    assert "Tell support: they can unlink it for you" in page.text()


def test_a_refresh_shows_it_again(linked: Alice) -> None:
    assert linked.opens("/activate/done").page.heading == "Your TV is linked"


def test_without_a_link_it_leads_to_the_form(signed_in: Alice) -> None:
    assert signed_in.browser.get("/activate/done", 303).location == "/activate"


def test_after_a_failed_attempt_there_is_no_done_page(signed_in: Alice) -> None:
    signed_in.types_pin("used1", 422)

    assert signed_in.browser.get("/activate/done", 303).location == "/activate"


def test_without_a_session_it_leads_to_the_page_that_asks_to_sign_in(client: PageClient) -> None:
    assert client.get("/activate/done", 303).location == "/activate"


def test_the_next_account_in_this_browser_does_not_see_it(linked: Alice, mallory: Mallory) -> None:
    linked.signs_out()
    mallory.browser = linked.browser
    mallory.signs_in()

    assert mallory.browser.get("/activate/done", 303).location == "/activate"


def test_an_account_without_a_name_is_called_your_account(alice: Alice, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers/", 500):
        alice.signs_in()

    page = alice.types_pin("good1").page

    assert "It is linked to your account." in page.text()
