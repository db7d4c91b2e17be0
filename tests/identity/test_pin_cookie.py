"""The PIN between two requests: encrypted, kept from everybody else, and gone after half an hour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.domain.pins import Pin
from portal.pages.identity import pin_cookie
from tests.harness.internals import cookie, give_cookie
from tests.harness.page import Page, PageClient
from tests.harness.people import SIGN_OUT, Alice

COOKIE = "activate-pin"


@pytest.fixture
def signed_in(alice: Alice) -> Alice:
    """Alice, signed in."""
    return alice.signs_in()


def set_cookies(page: Page) -> list[str]:
    return [line for line in page.headers("Set-Cookie") if line.startswith(("activate-pin=", "__Host-activate-pin="))]


def test_the_cookie_is_encrypted_and_kept_from_scripts_and_other_sites(signed_in: Alice) -> None:
    (line,) = set_cookies(signed_in.browser.get("/activate?pin=good1", 303))

    assert "good1" not in line
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=1800", "Path=/"} <= set(line.split("; "))
    assert "Secure" not in line
    assert "Domain" not in line


def test_with_https_only_this_host_may_set_the_cookie(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(public_url="https://tv.example.com"))

    (line,) = set_cookies(browser.get("/activate?pin=good1", 303))

    assert line.startswith("__Host-activate-pin=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


def test_a_cookie_that_is_not_ours_is_ignored(signed_in: Alice) -> None:
    for value in ("", "rubbish", "gAAAAABrubbish==", "ä", "a" * 4000):
        give_cookie(signed_in.browser, COOKIE, value)

        assert signed_in.browser.get("/activate").value("#pin") == "", value


def test_a_cookie_that_was_changed_is_ignored(signed_in: Alice) -> None:
    signed_in.opens("/activate?pin=good1", 303)
    value = cookie(signed_in.browser, COOKIE) or ""
    give_cookie(signed_in.browser, COOKIE, value[:-8] + ("A" if value[-8] != "A" else "B") + value[-7:])

    assert signed_in.browser.get("/activate").value("#pin") == ""


def test_a_cookie_of_another_key_is_ignored_and_one_of_the_previous_key_is_read(
    signed_in: Alice, make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    signed_in.opens("/activate?pin=good1", 303)
    value = cookie(signed_in.browser, COOKIE) or ""
    old, new = signed_in.browser.settings.secret_key.get_secret_value(), "another" * 10

    for settings, kept in (({}, False), ({"secret_key_previous": old}, True)):
        browser = browse(make_app(secret_key=new, **settings))
        give_cookie(browser, COOKIE, value)
        assert browser.get("/activate").select_one("#pin-kept").has_attr("hidden") is not kept


def test_after_half_an_hour_the_server_forgets_too(signed_in: Alice) -> None:
    signed_in.opens("/activate?pin=good1", 303)
    value = cookie(signed_in.browser, COOKIE) or ""

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=29), tick=True) as clock:
        assert signed_in.browser.get("/activate").value("#pin") == "good1"
        clock.shift(timedelta(minutes=2))
        # As a browser that does not keep to Max-Age would send it.
        give_cookie(signed_in.browser, COOKIE, value)
        assert signed_in.browser.get("/activate").value("#pin") == ""


def test_the_same_pin_never_looks_the_same(signed_in: Alice) -> None:
    first, second = (set_cookies(signed_in.browser.get("/activate?pin=good1", 303))[0] for _ in range(2))

    assert first != second


def test_the_handle_of_a_pin_depends_on_the_key_and_does_not_contain_it(make_app: Callable[..., Flask]) -> None:
    seen = set()
    for app in (make_app(), make_app(), make_app(secret_key="another" * 10)):
        with app.app_context():
            seen.add(pin_cookie.handle(Pin("good1")))

    assert len(seen) == 2
    assert not [text for text in seen if "good1" in text]


def test_a_discarded_pin_deletes_the_cookie(signed_in: Alice) -> None:
    signed_in.opens("/activate?pin=good1", 303)

    (line,) = set_cookies(signed_in.browser.submit(signed_in.page, SIGN_OUT, 303))

    assert line.startswith("activate-pin=;")
    assert {"Max-Age=0", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


def test_without_a_pin_no_cookie_is_sent(signed_in: Alice) -> None:
    assert set_cookies(signed_in.browser.get("/activate")) == []
    assert set_cookies(signed_in.browser.submit(signed_in.page, SIGN_OUT, 303)) == []
