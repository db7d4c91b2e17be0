"""The PIN spelled as it is typed: the script says of every sign what the server says."""

import pytest
from playwright.sync_api import Page, expect

from portal.domain.phonetics import spell
from tests.support.conftest import VIEWER

PRINTABLE = "".join(chr(number) for number in range(0x21, 0x7F) if chr(number) not in "-_")
# Milliseconds, more than the script waits after a key.
PAUSE = 500
# No two that follow each other sound the same, or the second would be taken for spelled before it is.
TYPED = {
    " ZIZM-529": "zulu-india-zulu-mike-five-two-nine",
    PRINTABLE: spell(PRINTABLE),
    "\uff5aizm\u2013\u200b529": "zulu-india-zulu-mike-five-two-nine",
    "\uff5aiz\u30fcm\uff70_\u2022\u30fb\u2067\ufe0f529": "zulu-india-zulu-mike-five-two-nine",
    "a\u00e4": "alfa-\u00e4",
    "": "",
}


@pytest.fixture
def form(console_window: Page, live: str) -> Page:
    """The form to link a TV, in an agent's window whose clock a test can move past a pause in typing."""
    console_window.goto(f"{live}{VIEWER}/link")
    return console_window


def test_it_is_spelled_while_it_is_typed(form: Page) -> None:
    for typed, spoken in TYPED.items():
        form.get_by_label("PIN from the caller's TV").fill(typed)
        form.clock.fast_forward(PAUSE)
        expect(form.locator("#pin-spelling")).to_have_text(spoken)


def test_the_field_has_focus_and_enter_submits(form: Page) -> None:
    expect(form.get_by_label("PIN from the caller's TV")).to_be_focused()
    form.keyboard.type("zizm529")
    with form.expect_navigation():
        form.keyboard.press("Enter")

    expect(form.get_by_role("alert")).to_be_focused()
    expect(form.locator("#pin-spelling")).to_have_text("zulu-india-zulu-mike-five-two-nine")
