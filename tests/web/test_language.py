"""The language of the pages: the one that was chosen, else what the browser asks for, else the operator's."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from babel import Locale
from flask import Flask

from portal.pages.web.language import choices
from portal.sandbox import seed
from portal.settings.types import languages
from portal.viewers.preferences import viewers
from tests.fixtures import services_of
from tests.harness.internals import cookie, give_cookie, logged, rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice

COOKIE = "activate-language"
# As a browser could send them; the portal has none of these.
UNKNOWN = ("", "tlh", "../../etc/passwd", "<script>", "x" * 5000)


def language_of(page: Page) -> str:
    return str(page.select_one("html")["lang"])


def choose(browser: PageClient, language: str, return_path: str = "/activate") -> Page:
    """Press a button of the language switch."""
    token = browser.get("/activate").select("[name=csrf_token]")[0]["value"]
    sent = {"csrf_token": str(token), "language": language, "next": return_path}
    return browser.send("POST", "/language", 303, data=sent)


def test_the_browser_s_language_is_used(app: Flask, browse: Callable[..., PageClient]) -> None:
    for language in languages():
        # The page client checks that the direction belongs to the language.
        assert language_of(browse(app, language=f"{language},en;q=0.1").get("/sign-in")) == language


def test_an_unsupported_language_falls_back_to_english(app: Flask, browse: Callable[..., PageClient]) -> None:
    for asked in ("", "*", "tlh", "tlh, en;q=0.5", "x" * 5000, "en;q=no", ";;,,", "en-GB", "en_US"):
        assert language_of(browse(app, language=asked).get("/sign-in")) == "en", asked


def test_the_operator_s_language_is_used_if_the_browser_asks_for_no_other(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    for language in languages():
        assert language_of(browse(make_app(language=language), language="tlh").get("/sign-in")) == language


def test_the_chosen_language_stays_whatever_the_browser_asks_for(client: PageClient) -> None:
    for language in languages():
        chosen = choose(client, language)

        assert chosen.location == "/activate"
        (line,) = [line for line in chosen.headers("Set-Cookie") if line.startswith(COOKIE)]
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
        assert language_of(client.get("/sign-in")) == language


def test_an_unknown_choice_changes_nothing(client: PageClient) -> None:
    for language in UNKNOWN:
        assert choose(client, language).location == "/activate", language
        assert cookie(client, COOKIE) is None, language


def test_a_cookie_that_names_no_language_is_ignored(client: PageClient) -> None:
    for language in ("tlh", "rubbish", "a" * 3000):
        give_cookie(client, COOKIE, language)
        assert language_of(client.get("/sign-in")) == "en", language


def test_choosing_a_language_leads_back_to_the_page(client: PageClient) -> None:
    queries = ("?next=/devices", "?next=/support/viewers/abc&again=1")
    for path in ("/activate", "/activate/done", "/sign-in", "/devices", *(f"/sign-in{query}" for query in queries)):
        assert choose(client, "en", path).location == path


def test_an_unknown_return_path_is_ignored(client: PageClient) -> None:
    foreign = ("//evil.example", "https://evil.example", "/\\evil.example", "//evil.example/sign-in?next=/devices")
    for path in ("", *foreign, "/sign-out", "/x", "/sign-in?next=a b", "/sign-in?pin=a", "/sign-in?next=a&pin=b"):
        assert choose(client, "en", path).location == "/activate", path


def test_another_site_can_choose_no_language(client: PageClient) -> None:
    page = client.send("POST", "/language", 400, data={"language": "en"})

    assert page.heading == "Your browser sent no cookie of this site"
    client.get("/sign-in")
    for site in ("cross-site", "same-site"):
        client.send("POST", "/language", 400, data={"language": "en"}, headers={"Sec-Fetch-Site": site})
    assert cookie(client, COOKIE) is None


def test_the_switch_works_on_a_page_of_an_earlier_session(client: PageClient) -> None:
    client.get("/sign-in")

    page = client.send("POST", "/language", 303, data={"language": "fr", "next": "/sign-in", "csrf_token": "stale"})

    assert language_of(client.follow(page)) == "fr"


def test_the_pin_and_the_session_stay(alice: Alice) -> None:
    alice.signs_in().opens("/activate?pin=good1", 303)

    choose(alice.browser, "en")

    page = alice.opens("/activate").page
    assert page.value("#pin") == "good1"
    assert "alice@example.com" in page.text(".account")


def test_the_switch_is_there_where_there_is_something_to_choose(client: PageClient) -> None:
    buttons = [(str(tag["value"]), tag.get_text(strip=True)) for tag in client.get("/sign-in").select(".language")]

    assert buttons == (choices() if len(languages()) > 1 else [])


def test_each_language_has_its_own_name() -> None:
    names = {code: Locale.parse(code, sep="-").get_display_name() for code in languages()}

    assert choices() == [(code, name[0].upper() + name[1:]) for code, name in names.items() if name]


def test_the_choice_on_a_page_of_one_tv_leads_back_to_it_and_else_to_all_of_them(client: PageClient) -> None:
    for page in ("name", "unlink"):
        assert choose(client, "en", f"/devices/{'a' * 32}/{page}").location == f"/devices/{'a' * 32}/{page}"
    for path in ("/devices/0123/unlink", f"/devices/{'a' * 32}/suggested-name", "/devices/https://evil.example"):
        assert choose(client, "en", path).location == "/devices"


# The language of the mails to a viewer


@pytest.mark.parametrize("url", ["sqlite_url", "postgresql_url"])
def test_a_viewer_s_language_is_saved_at_sign_in_and_choice(
    request: pytest.FixtureRequest, make_app: Callable[..., Flask], browse: Callable[..., PageClient], url: str
) -> None:
    app = make_app(database_url=request.getfixturevalue(url))
    alice = Alice(browse(app, language="de")).signs_in()
    assert rows(app, viewers) == [{"consumer_id": seed.ALICE.id, "language": "de"}]

    choose(alice.browser, "pt-BR")
    assert rows(app, viewers) == [{"consumer_id": seed.ALICE.id, "language": "pt-BR"}]

    choose(alice.browser, "tlh")
    Alice(browse(app, language="ja")).signs_in()
    assert rows(app, viewers) == [{"consumer_id": seed.ALICE.id, "language": "ja"}]


def test_without_a_session_no_language_is_saved(client: PageClient, app: Flask, alice: Alice) -> None:
    alice.signs_in("wrong", 422)
    choose(client, "ja")

    assert rows(app, viewers) == []


def test_a_language_that_can_t_be_saved_is_only_logged(alice: Alice, app: Flask) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("DROP TABLE viewers"))

    with logged() as events:
        page = alice.signs_in().page
        chosen = choose(alice.browser, "ja")

    assert page.heading == "Link your TV"
    assert chosen.location == "/activate"
    assert cookie(alice.browser, COOKIE) == "ja"
    assert [event["event"] for event in events].count("language_not_remembered") == 2
    assert "alice@example.com" not in str(events)


def test_a_language_is_chosen_though_the_sessions_can_t_be_read(alice: Alice, app: Flask) -> None:
    alice.signs_in()
    form = alice.page
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("DROP TABLE sessions"))

    alice.browser.submit(form, "/language", 303, button="Deutsch")

    assert cookie(alice.browser, COOKIE) == "de"
