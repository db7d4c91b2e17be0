"""Two tabs of one browser, and browsers that keep no cookies: what an open page can still do, and what it says."""

from collections.abc import Callable, Mapping

import pytest
from flask import Flask

from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.internals import cookie, flask_client, give_cookie, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import SIGN_OUT, SIGN_OUT_EVERYWHERE, Alice, Bob, Mallory

NO_COOKIES = "Your browser sent no cookie of this site"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
ALICE = {"email": seed.ALICE.email, "password": seed.ALICE.password}
BOB = {"name": "bob", "password": Bob.password}


def hidden(page: Page, form: str) -> dict[str, str]:
    """Return the hidden fields of a form."""
    return {str(tag["name"]): str(tag["value"]) for tag in page.select(f'form[action="{form}"] [type=hidden]')}


def post(browser: PageClient, page: Page, path: str, status: int, headers: Mapping[str, str], **fields: str) -> Page:
    return browser.send("POST", path, status, data=hidden(page, path) | fields, headers=headers)


@pytest.fixture
def tabs(app: Flask, browse: Callable[..., PageClient]) -> Callable[[str], tuple[PageClient, Page]]:
    """Return a function that opens a path in two tabs of a new browser at once; it returns the page of the older."""

    def open_twice(path: str) -> tuple[PageClient, Page]:
        browser, second = browse(app), browse(app)
        page = browser.get(path)
        second.get(path)
        # Neither request had a cookie, so the later answer's replaced the earlier's.
        give_cookie(browser, "activate", cookie(second, "activate") or "")
        return browser, page

    return open_twice


# Two first visits at once


@pytest.mark.parametrize(("path", "fields"), [("/sign-in", ALICE), ("/support/sign-in", BOB)], ids=["viewer", "agent"])
def test_the_older_of_two_first_visits_can_sign_in(
    tabs: Callable[[str], tuple[PageClient, Page]],
    settings_origin: str,
    bob: Bob,
    path: str,
    fields: dict[str, str],
) -> None:
    assert bob
    for headers in (SAME_ORIGIN, {"Origin": settings_origin}):
        browser, older = tabs(path)
        page = post(browser, older, path, 303, headers, **fields)
        assert page.location in ("/activate", "/support/sign-in/second-factor")


def test_no_other_site_can_sign_anybody_in(
    tabs: Callable[[str], tuple[PageClient, Page]], app: Flask, settings_origin: str, subtests: pytest.Subtests
) -> None:
    stated: list[tuple[dict[str, str], int]] = [
        ({"Sec-Fetch-Site": "cross-site"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 303),
        ({"Sec-Fetch-Site": "cross-site", "Origin": settings_origin}, 303),
        ({"Origin": "https://evil.example"}, 303),
        ({"Origin": "null"}, 303),
        ({"Origin": f"{settings_origin}.evil.example"}, 303),
        ({"Sec-Fetch-Site": "none"}, 422),
        ({}, 422),
    ]
    for headers, status in stated:
        with subtests.test(headers=headers):
            browser, older = tabs("/sign-in")
            post(browser, older, "/sign-in", status, headers, **ALICE)
            assert session_rows(app) == []


def test_without_any_cookie_the_origin_is_not_enough(client: PageClient, app: Flask) -> None:
    client.send("POST", "/sign-in", 422, data=ALICE, headers=SAME_ORIGIN)

    assert session_rows(app) == []


def test_a_page_about_one_account_never_acts_for_another(alice: Alice, mallory: Mallory) -> None:
    page = alice.signs_in().page
    alice.signs_out()
    mallory.browser = alice.browser
    mallory.signs_in()

    answer = post(mallory.browser, page, "/activate", 422, SAME_ORIGIN, pin="good1")

    assert "open for too long" in answer.summary


# Another tab was faster


def test_a_second_tab_s_sign_in_leads_on(alice: Alice, app: Flask) -> None:
    page = alice.browser.get("/sign-in?next=/devices")
    alice.signs_in()

    assert (
        post(alice.browser, page, "/sign-in", 303, {}, email="x@example.com", password="wrong").location == "/devices"
    )
    assert alice.browser.get("/sign-in?next=/devices", 303).location == "/devices"
    assert len(session_rows(app)) == 1


def test_a_second_tab_s_sign_in_of_an_agent_leads_on(bob: Bob, app: Flask) -> None:
    first = bob.browser.get("/support/sign-in?next=/support/account")
    bob.gives_password()
    second = bob.browser.get("/support/sign-in/second-factor?next=/support/account")
    token = {"csrf_token": "stale"}
    bob.gives_code()

    for page, path in ((first, "/support/sign-in"), (second, "/support/sign-in/second-factor")):
        answer = post(bob.browser, page, path, 303, {}, **token, name="bob", password="wrong", code="1")
        assert answer.location == "/support/account"
    for path in ("/support/sign-in/second-factor", "/support/sign-in/enrol"):
        page = bob.browser.get(f"{path}?next=/support/account", 303)
        assert page.location == "/support/sign-in?next=/support/account"
    # Its token is the session's of the viewers' pages, which still is what it was.
    assert post(bob.browser, first, "/support/sign-in", 303, {}, **BOB).location == "/support/account"
    for again in ("", "&again=1"):
        page = bob.browser.get(f"/support/sign-in?next=/support/account{again}", 303)
        assert page.location == "/support/account"
    assert len(session_rows(app)) == 1


# Signing out on a page of an earlier session


@pytest.mark.parametrize(
    ("form", "path"),
    [(SIGN_OUT, "/activate"), (".account button", "/activate"), (SIGN_OUT_EVERYWHERE, "/devices")],
)
def test_a_viewer_s_button_of_an_earlier_session_asks_and_then_does_it(
    alice: Alice, mallory: Mallory, app: Flask, form: str, path: str
) -> None:
    page = alice.signs_in().opens("/activate?pin=good1", 303).opens(path).page
    alice.opens("/activate").says_that_is_not_me()
    mallory.browser = alice.browser
    mallory.signs_in()

    asked = mallory.browser.submit(page, form, 422)
    assert "mallory@example.com" in asked.text()
    assert len(session_rows(app)) == 1
    mallory.browser.submit(asked, "main form", 303)

    assert session_rows(app) == []
    assert (cookie(mallory.browser, "activate-pin") is not None) == (form == ".account button")


@pytest.mark.parametrize("path", ["/support/sign-out", "/support/sign-out/everywhere"])
def test_an_agent_s_button_of_an_earlier_session_asks_and_then_does_it(bob: Bob, app: Flask, path: str) -> None:
    bob.signs_in().opens("/support/account")

    asked = bob.browser.send("POST", path, 422, data={"csrf_token": "stale"})
    assert "bob" in asked.text()
    assert len(session_rows(app)) == 1
    bob.browser.submit(asked, f'main form[action="{path}"]', 303)

    assert session_rows(app) == []
    assert bob.browser.send("POST", path, 303, data={"csrf_token": "stale"}).location == "/support/sign-in"


# What was typed stays


def test_the_language_switch_and_a_wrong_password_keep_the_e_mail_and_where_to_go_on(
    client: PageClient, subtests: pytest.Subtests
) -> None:
    for language, word in (("fr", "Mot de passe"), ("en", "Password")):
        page = client.get("/sign-in?next=/devices")
        with subtests.test(language=language):
            names = {"fr": "Français", "en": "English"}
            chosen = client.submit(
                page, "/language", 303, button=names[language], email="alice@example.com", password="secret-to-be"
            )
            page = client.follow(chosen)
            assert word in page.text()
            assert (page.value("#email"), page.value("#password")) == ("alice@example.com", "")
            assert "secret-to-be" not in str(flask_client(client).get_cookie("activate", domain="127.0.0.1"))
            wrong = client.submit(page, "/sign-in", 422, password="wrong")
            again = client.follow(client.submit(wrong, "/language", 303, button=names[language]))
            assert again.value("#email") == "alice@example.com"
            assert again.value('form[action="/sign-in"] [name=next]') == "/devices"
            unseen = client.submit(
                again, "/language", 303, button=names[language], email="a\0li\u200bce@example.com" + "x" * 999
            )
            assert client.follow(unseen).value("#email") == ("alice@example.com" + "x" * 999)[:254]
            # It is shown once.
            assert client.get("/sign-in").value("#email") == ""


def test_the_language_switch_keeps_the_name_of_an_agent_and_where_to_go_on(bob: Bob) -> None:
    page = bob.browser.get("/support/sign-in?next=/support/account")

    chosen = bob.browser.submit(page, "/language", 303, button="English", name="bob", password="x")
    page = bob.browser.follow(chosen)
    assert page.value("#name") == "bob"
    page = bob.browser.follow(bob.browser.submit(page, "/support/sign-in", 303, password=Bob.password))
    page = bob.browser.follow(bob.browser.submit(page, "/language", 303, button="English"))
    done = bob.browser.submit(page, "/support/sign-in/second-factor", 303, code=bob.code())

    assert done.location == "/support/account"


# Browsers that keep no cookies


def test_a_browser_that_keeps_no_cookies_is_told_so_and_how_to_go_on(
    client: PageClient, app: Flask, bob: Bob, subtests: pytest.Subtests
) -> None:
    assert bob
    for path, fields, kept in (("/sign-in", ALICE, "#email"), ("/support/sign-in", BOB, "#name")):
        with subtests.test(path=path):
            for headers in ({}, SAME_ORIGIN):
                page = client.get(path)
                flask_client(client).delete_cookie("activate", domain="127.0.0.1")
                page = post(client, page, path, 422, headers, **fields)
                flask_client(client).delete_cookie("activate", domain="127.0.0.1")
                assert NO_COOKIES in page.summary
                assert "allow cookies for this site" in page.summary
                assert page.value(kept) in fields.values()
            # They are kept now: the same page signs in.
            page = client.get(path)
            post(client, page, path, 303, {}, **fields)
    assert services_of(app)


@pytest.fixture
def settings_origin(app: Flask) -> str:
    """The origin of the portal."""
    return services_of(app).settings.public_url
