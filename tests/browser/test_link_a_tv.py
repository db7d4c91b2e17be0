"""The main story in a real browser: a TV shows a PIN, a viewer enters it on a phone, and the TV greets them."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from portal.sandbox import seed
from tests.browser.menus import account_menu, choose_language, press_in_menu
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.windows import OpenWindow

# Milliseconds, more than a TV waits before it asks again whether it is linked.
POLL = 2_100
# The sandbox links it at once.
PIN = "good1234"
GiveSession = Callable[[Page], None]


# Each with the PIN of a link in it, as people, QR codes and content systems write it.
ADDRESSES = (
    *("/activate#PIN={}", "/activate#utm=1&pin={}&x=2", "/activate#?pin={}", "/activate##Pin={}", "/activate#!/pin={}"),
    *("/activate#pin%3D{}", "/activate#%3Fpin%253D{}", "/activate#pin={}%20", "/activate#%=1&pin={}#x"),
    *("/#pin={}", "/Activate/#pin={}", "/ACTIVATE/?utm=1#pin={}", "/activate?pin={}#utm", "/activate%23pin={}"),
)
# Nothing that is understood; it leaves the address all the same.
NONSENSE = ("/activate#pni=good1", "/activate#%E0", "/activate?p1n=good1", "/activate?utm=1#x=1", "/activate#")
# What the first browsers with modules do not have.
OLD_BROWSER = """
for (const name of ["replaceAll", "matchAll", "at", "trimStart"]) delete String.prototype[name];
for (const name of ["flat", "flatMap", "at"]) delete Array.prototype[name];
for (const name of ["replaceChildren", "toggleAttribute"]) delete Element.prototype[name];
delete SubmitEvent.prototype.submitter;
delete window.URLSearchParams;
delete window.structuredClone;
"""


class Screen:
    """The simulated TV in its own window.

    Args:
        window: where it runs, with a clock.
        origin: the sandbox's.
    """

    def __init__(self, window: Page, origin: str) -> None:
        self.window = window
        window.goto(f"{origin}/tv")
        expect(window.locator("#pin")).not_to_be_empty()

    @property
    def pin(self) -> str:
        """The PIN as a viewer reads it off the screen."""
        return re.sub(r"\s", "", self.window.locator("#pin").inner_text())

    @property
    def link(self) -> str:
        """The address in the QR code."""
        address = self.window.locator("#qr a").get_attribute("href")
        assert address
        return address

    def greets(self, name: str) -> None:
        """Let the TV ask once more whether it is linked, and wait until it greets a viewer by name."""
        self.window.clock.fast_forward(POLL)
        expect(self.window.locator("#greeting")).to_contain_text(name)


@pytest.fixture
def tv(open_window: OpenWindow, sandbox: SimulatedZype) -> Screen:
    return Screen(open_window(1280, 800, has_clock=True), sandbox.url)


def sign_in(page: Page) -> None:
    """Fill in the sign-in form on the current page and send it."""
    page.get_by_label("Email").fill(seed.ALICE.email)
    page.get_by_label("Password").fill(seed.ALICE.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_viewer_types_the_pin_the_tv_greets_them_and_undo_unlinks_it(
    live: str, tv: Screen, phone: Page, sandbox: SimulatedZype
) -> None:
    phone.goto(f"{live}/activate")
    sign_in(phone)
    expect(phone.get_by_label("PIN from your TV")).not_to_be_focused()
    phone.get_by_label("PIN from your TV").fill(tv.pin.upper())
    phone.get_by_role("button", name="Link my TV").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("Your TV is linked")
    expect(phone.locator("main")).to_contain_text(seed.ALICE.email)
    tv.greets("Alice")

    phone.get_by_role("button", name="Undo").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("That TV is no longer linked")
    expect(phone.locator("main")).to_contain_text("change your password and tell support")
    assert [call["path"] for call in sandbox.record()] == ["/pin/link", "/pin/unlink"]


def test_a_viewer_scans_the_qr_code_and_compares(live: str, tv: Screen, phone: Page) -> None:
    pin = tv.pin
    phone.goto(tv.link)
    expect(phone).to_have_url(f"{live}/activate")
    expect(phone.locator("#pin-kept")).to_be_visible()

    sign_in(phone)
    expect(phone.get_by_label("PIN from your TV")).to_have_value(pin)
    phone.get_by_role("button", name="Link my TV").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("Does the TV in front of you show this PIN?")
    expect(phone.locator("main")).to_contain_text(pin)
    assert phone.get_by_role("button").all_inner_texts()[0] == "Not my TV", "it comes first"
    phone.get_by_role("button", name="Yes, link this TV").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("Your TV is linked")
    tv.greets("Alice")


def test_the_pin_of_a_link_is_kept_through_sign_in_at_zype_and_never_sent_there(
    live: str, tv: Screen, phone: Page, sandbox: SimulatedZype
) -> None:
    pin = tv.pin
    seen: list[str] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).netloc == urlsplit(sandbox.url).netloc:
            seen.append(f"{request.url} {request.headers} {request.post_data}")

    phone.on("request", note)
    phone.goto(tv.link)
    phone.get_by_role("link", name="Sign in with Zype Activate").click()
    expect(phone).to_have_url(re.compile(re.escape(f"{sandbox.url}/oauth/authorize")))
    assert "#" not in phone.url
    sign_in(phone)

    expect(phone).to_have_url(f"{live}/activate")
    expect(phone.get_by_label("PIN from your TV")).to_have_value(pin)
    assert seen, "the login host was asked"
    assert not [line for line in seen if pin in line]
    phone.remove_listener("request", note)


def test_a_key_pressed_in_a_filled_in_pin_does_not_make_it_a_typed_one(
    live: str, phone: Page, sandbox: SimulatedZype, give_session: GiveSession
) -> None:
    give_session(phone)
    field, compare = phone.get_by_label("PIN from your TV"), re.compile("/activate/compare$")
    hint, mark = phone.locator("#prefilled-hint"), phone.locator("#from")
    # A script fills the field in, or the page comes with it; what a key does after that is the same.
    phone.goto(f"{live}/activate#pin={PIN}")
    for key in ("End", "Space", "Backspace", "Backspace", "x"):
        field.press(key)
        expect(mark, key).to_have_value("link")
    field.press("Enter")
    expect(phone).to_have_url(compare)
    # Nor does typing it again, all of it, after the field was empty.
    for link, again in (("#", PIN), ("#", PIN[:-1]), ("?", PIN)):
        phone.goto(f"{live}/activate{link}pin={PIN}")
        expect(field).to_have_value(PIN)
        field.fill("")
        expect(hint).to_be_hidden()
        expect(mark).to_have_value("")
        field.press_sequentially(again)
        field.press("Enter")
        expect(phone).to_have_url(compare)
    assert sandbox.record() == []


def test_back_and_reload_of_the_comparison_show_it_again(live: str, phone: Page, give_session: GiveSession) -> None:
    give_session(phone)
    phone.goto(f"{live}/activate#pin={PIN}")
    phone.get_by_role("button", name="Link my TV").click()
    heading = phone.get_by_role("heading", level=1)
    expect(heading).to_have_text("Does the TV in front of you show this PIN?")

    phone.reload()
    expect(heading).to_have_text("Does the TV in front of you show this PIN?")
    phone.goto(f"{live}/devices")
    phone.go_back()
    expect(heading).to_have_text("Does the TV in front of you show this PIN?")
    expect(phone.locator("main")).to_contain_text(PIN)


def test_a_typed_pin_survives_the_language_switch_and_not_you_without_a_script(
    live: str, open_window: OpenWindow
) -> None:
    page = open_window(360, 740, java_script_enabled=False)
    page.goto(f"{live}/activate")
    sign_in(page)
    page.locator("#pin").fill("gab-0019")
    choose_language(page, "Deutsch")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#pin")).to_have_value("gab-0019")

    page.locator("#pin").fill("gab-0020")
    page.locator(".account button").click()
    page.locator("#email").fill(seed.MALLORY.email)
    page.locator("#password").fill(seed.MALLORY.password)
    page.locator("form[action='/sign-in'] button").click()
    expect(page.locator("#pin")).to_have_value("gab-0020")


def test_not_you_keeps_the_pin_of_a_link_and_a_typed_pin_that_replaces_it_is_not_compared(
    live: str, phone: Page, give_session: GiveSession
) -> None:
    give_session(phone)
    field = phone.get_by_label("PIN from your TV")
    phone.goto(f"{live}/activate#pin=zzzz9999")
    expect(field).to_have_value("zzzz9999")

    phone.get_by_role("button", name="Not you?").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Sign in")
    phone.get_by_label("Email").fill(seed.MALLORY.email)
    phone.get_by_label("Password").fill(seed.MALLORY.password)
    phone.get_by_role("button", name="Sign in", exact=True).click()
    expect(field).to_have_value("zzzz9999")

    field.fill(PIN)
    phone.get_by_role("button", name="Link my TV").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("Your TV is linked")


def test_the_menu_closes_by_escape_and_a_press_elsewhere_and_signing_out_in_it_forgets_the_pin(
    live: str, phone: Page
) -> None:
    phone.goto(f"{live}/activate#pin={PIN}")
    sign_in(phone)
    expect(phone.get_by_label("PIN from your TV")).to_have_value(PIN)

    menu, sign_out = account_menu(phone), phone.get_by_role("button", name="Sign out", exact=True)
    menu.click()
    sign_out.focus()
    phone.keyboard.press("Escape")
    expect(sign_out).to_be_hidden()
    expect(menu).to_be_focused()
    for elsewhere in (phone.locator(".account p").click, phone.get_by_label("PIN from your TV").focus):
        menu.click()
        expect(sign_out).to_be_visible()
        elsewhere()
        expect(sign_out).to_be_hidden()
    press_in_menu(phone, "Sign out")
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Sign in")
    sign_in(phone)

    expect(phone.get_by_label("PIN from your TV")).to_have_value("")


def test_everything_but_a_link_with_a_fragment_works_without_javascript(
    live: str, tv: Screen, open_window: OpenWindow
) -> None:
    page = open_window(360, 740, java_script_enabled=False)
    page.goto(f"{live}/activate?pin={tv.pin}")
    expect(page).to_have_url(f"{live}/activate")
    sign_in(page)
    expect(page.get_by_label("PIN from your TV")).to_have_value(tv.pin)
    page.get_by_role("button", name="Link my TV").click()
    page.get_by_role("button", name="Yes, link this TV").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Your TV is linked")
    tv.greets("Alice")


def test_the_page_can_be_used_by_keyboard_only(live: str, desktop: Page) -> None:
    desktop.goto(f"{live}/activate")
    desktop.get_by_label("Email").focus()
    desktop.keyboard.type(seed.ALICE.email)
    desktop.keyboard.press("Tab")
    desktop.keyboard.type(seed.ALICE.password)
    desktop.keyboard.press("Enter")
    # With a mouse there is no keyboard on the screen to cover the page, so the field has the focus.
    expect(desktop.get_by_label("PIN from your TV")).to_be_focused()
    desktop.keyboard.type("nope")
    desktop.keyboard.press("Enter")

    # The summary has the focus, and its link leads back to the field.
    expect(desktop.locator(".error-summary")).to_be_focused()
    desktop.keyboard.press("Tab")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_label("PIN from your TV")).to_be_focused()
    expect(desktop.get_by_label("PIN from your TV")).to_have_value("nope")


def test_the_button_says_that_it_links_keeps_its_size_and_says_so_again_after_four_seconds(
    live: str, phone: Page, give_session: GiveSession
) -> None:
    give_session(phone)
    phone.clock.install()
    phone.goto(f"{live}/activate")
    button, told = phone.locator("#enter-pin .button"), phone.locator("#enter-pin [role=status].under-way")
    size, label = button.bounding_box(), button.inner_text()
    # As if the answer never came.
    phone.evaluate("addEventListener('submit', event => event.preventDefault())")

    button.click()
    expect(button).to_have_text("Linking …")
    expect(told).to_have_text("Linking …")
    expect(button).to_be_enabled()
    assert button.bounding_box() == size
    phone.clock.fast_forward(4_000)
    expect(button).to_have_text("Still asking …")
    expect(told).to_have_text("Still asking …")
    assert button.bounding_box() == size

    # Back shows the page as it was.
    phone.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(button).to_have_text(label)
    phone.clock.fast_forward(4_000)
    expect(button).to_have_text(label)


def test_a_pin_is_found_wherever_it_stands_in_an_address_and_by_old_browsers_too(
    live: str, open_window: OpenWindow, give_session: GiveSession
) -> None:
    phone = open_window(360, 740, is_shared=False)
    phone.add_init_script(OLD_BROWSER)
    give_session(phone)
    field = phone.get_by_label("PIN from your TV")
    for number, address in enumerate(ADDRESSES):
        pin = f"good{number}0"
        phone.goto(live + address.format(pin))
        expect(field, address).to_have_value(pin)
        expect(phone, address).to_have_url(f"{live}/activate")

    for address in NONSENSE:
        phone.goto(live + address)
        expect(phone, address).to_have_url(f"{live}/activate")
    # Where a link of the page itself leads.
    phone.goto(f"{live}/activate#main")
    expect(phone).to_have_url(f"{live}/activate#main")
    field.fill("typed1")
    choose_language(phone, "Deutsch")
    expect(phone.locator("#pin")).to_have_value("typed1")


def test_another_link_in_the_same_window_replaces_the_pin_and_all_of_the_error(live: str, phone: Page) -> None:
    phone.goto(f"{live}/activate")
    title = re.compile("^Error:")
    sign_in(phone)
    phone.get_by_label("PIN from your TV").fill("used")
    phone.get_by_role("button", name="Link my TV").click()
    expect(phone.locator(".error-summary")).to_be_visible()
    expect(phone.locator("[aria-invalid]")).to_be_visible()
    expect(phone).to_have_title(title)

    phone.goto(f"{live}/activate#pin={PIN}")

    field = phone.get_by_label("PIN from your TV")
    expect(field).to_have_value(PIN)
    expect(phone.locator(".error-summary, [aria-invalid]")).to_have_count(0)
    expect(phone).not_to_have_title(title)
    expect(phone).to_have_url(f"{live}/activate")
    # Still the PIN of a link, which is compared.
    field.press("Enter")
    expect(phone).to_have_url(re.compile("/activate/compare$"))
