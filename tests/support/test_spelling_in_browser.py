"""The PIN spelled as it is typed: the script says of every sign what the server says."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from portal.phonetics import spell
from tests.page import PageClient
from tests.staff import sign_in_staff
from tests.support.conftest import VIEWER
from tests.windows import Watch

PRINTABLE = "".join(chr(number) for number in range(0x21, 0x7F) if chr(number) != "-")


@pytest.fixture
def form(live: str, app: Flask, browser: Browser, browse: Callable[..., PageClient]) -> Iterator[Page]:
    """The form to link a TV, in a window of an agent's."""
    session_id = sign_in_staff(app, browse(app))
    context = browser.new_context(locale="en")
    context.add_cookies([{"name": "activate-staff", "value": session_id, "url": live}])
    watch = Watch(context)
    page = context.new_page()
    page.goto(f"{live}{VIEWER}/link")
    yield page
    context.close()
    assert watch.faults() == []


@pytest.mark.parametrize(
    ("typed", "spoken"),
    [
        (" ZIZM-529", "zulu-india-zulu-mike-five-two-nine"),
        ("\uff5aizm\u2013\u200b529", "zulu-india-zulu-mike-five-two-nine"),
        (PRINTABLE, spell(PRINTABLE)),
        ("a\u00e4", "alfa-\u00e4"),
        ("", ""),
    ],
    ids=ascii,
)
def test_it_is_spelled_while_it_is_typed(form: Page, typed: str, spoken: str) -> None:
    form.get_by_label("PIN from the caller's TV").fill("first")
    form.get_by_label("PIN from the caller's TV").fill(typed)

    expect(form.locator("#pin-spelling")).to_have_text(spoken)


def test_it_starts_in_the_field_and_enter_goes_on(form: Page) -> None:
    expect(form.get_by_label("PIN from the caller's TV")).to_be_focused()
    form.keyboard.type("zizm529")
    with form.expect_navigation():
        form.keyboard.press("Enter")

    expect(form.get_by_role("alert")).to_be_focused()
    expect(form.locator("#pin-spelling")).to_have_text("zulu-india-zulu-mike-five-two-nine")
