"""Addresses as people type, print and scan them: each leads to the page that it means, and its PIN is kept.

A GET of a path that only takes a POST leads to the page with the form.
"""

from collections.abc import Callable
from urllib.parse import quote

from flask import Flask

from portal.pages.identity import pin_cookie
from portal.pages.web.paths import pin_in_address
from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.internals import flask_client, logged
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Bob
from tests.harness.viewers import begin_session

# What each means, without its query.
OTHERWISE = {
    "/Activate": "/activate",
    "/ACTIVATE": "/activate",
    "/activate/": "/activate",
    "/activate///": "/activate",
    "/activate.": "/activate",
    "/activate/.": "/activate",
    "/activate%20": "/activate",
    "/activate%0D%0A": "/activate",
    "/activate%E2%80%8B)": "/activate",
    "/activate&utm=2": "/activate",
    "/activate;utm=2": "/activate",
    "/activate%3Futm=2": "/activate",
    "/activate/%23main": "/activate",
    quote("/ａｃｔｉｖａｔｅ／"): "/activate",
    "/Activate/Done/": "/activate/done",
    "/activate//done": "/activate/done",
    "/Activate/Confirm": "/activate/confirm",
    "/Sign-In/": "/sign-in",
    "/SIGN-IN/CODE": "/sign-in/code",
    "/devices/": "/devices",
    "/DEVICES": "/devices",
    "/Devices/AbC/Unlink/": "/devices/AbC/unlink",
    "/Support/": "/support",
    "/SUPPORT/Sign-In//": "/support/sign-in",
    "/support/Viewers/AbC./LINK/": "/support/viewers/AbC./link",
    "/Sign-Out/": "/sign-out",
    "/%3F": "/",
}
FOREIGN = (
    *("/nothing", "/activated", "/activate/zizm529", "/activate/pin=zizm529", "/.activate", "/a/activate"),
    *("/evil.example/activate", "/%2Fevil.example/", "/%5Cevil.example", "/\\evil.example/activate"),
    *(
        "/https://evil.example/",
        "/activate%00",
        "/activate%0d%0aX:y",
        "/%00",
        "/devices//unlink",
        "/activate/evil.example",
    ),
)
# Each holds the PIN good1.
WITH_PIN = (
    *("/activate?pin=good1", "/activate?PIN=good1", "/activate?Pin=good1&utm=2", "/activate?utm=2&pIN=good1&a=b"),
    *("/activate?&pin=good1", "/activate??pin=good1", "/activate?utm=2?pin=good1", "/activate?utm=2;pin=good1"),
    *("/activate?pin%3Dgood1", "/activate?%70in=good1", "/activate?pin%253Dgood1", "/activate?pin%20=%20good1"),
    *("/activate?%26pin=good1", "/activate?%23pin=good1", "/activate?next=%2Factivate%3Fpin%3Dgood1"),
    *("/activate?pin=&pin=good1", "/activate?pin&PIN=good1", "/activate?pin=good1#utm", "/activate?pin=good1%23x"),
    *("/activate%23pin=good1", "/activate%3Fpin=good1", "/activate%23PIN%3Dgood1", "/activate%2523pin=good1"),
    *("/ACTIVATE%23PIN%3DGOOD1", "/ACTIVATE%3FPIN%3DGOOD1", "/ACTIVATE/?PIN=GOOD1/", "/activate?pin=good1&&"),
    *("/activate&pin=good1", "/activate;pin=good1", "/activate/%23pin=good1", "/activate%23utm=2&pin=good1"),
    *("/Activate/?pin=good1", "/ACTIVATE?PIN=GOOD1", "/activate/done?pin=good1"),
    *("/?pin=good1", "/?PIN=good1", "/%23pin=good1", "/%3Fpin=good1"),
    *("/sign-in?next=/devices&pin=good1", "/Sign-In/?pin=good1", "/devices?pin=good1", "/sign-in%23pin=good1"),
    f"/activate{quote('？ＰＩＮ＝ｇｏｏｄ1')}",
)
WITHOUT_PIN = (
    *(
        "/activate",
        "/activate?spin=good1",
        "/activate?your-pin=good1",
        "/activate?pin-code=good1",
        "/activate?opinion=1",
    ),
    *("/activate?utm=pin", "/activate?code=pin1", "/?", "/activate?pinned=1"),
)


def is_a_path_of_ours(address: str | None) -> bool:
    """Tell whether no browser takes the address for one of another host."""
    return bool(address) and str(address)[:1] == "/" and str(address)[1:2] not in ("/", "\\")


def test_an_address_in_another_form_leads_to_its_page_with_the_query(client: PageClient) -> None:
    for written, path in OTHERWISE.items():
        assert client.get(f"{written}?utm=1&a=%C3%A4", 308).location == f"{path}?utm=1&a=%C3%A4", written
        assert client.get(written, 308).location == path, written
        assert client.send("HEAD", written, 308).location == path, written


def test_a_form_that_is_sent_to_an_address_in_another_form_arrives(alice: Alice, app: Flask) -> None:
    begin_session(app, alice)
    token = alice.opens("/activate").page.value('form[action="/activate"] [name=csrf_token]')
    fields = {"pin": "used1", "csrf_token": token}

    # A browser sends the same once more to where a 308 leads.
    answer = alice.browser.send("POST", "/Activate/", 308, data=fields)
    page = alice.browser.send("POST", answer.location or "", 422, data=fields)

    assert "PIN not found" in page.summary


def test_a_foreign_path_is_404_and_leads_nowhere(client: PageClient) -> None:
    for path in FOREIGN:
        for query in ("", "?pin=good1"):
            page = client.get(path + query, 404)
            assert page.headers("Set-Cookie") == [], path


def test_no_address_leads_to_another_host(client: PageClient) -> None:
    origin, flask = client.settings.public_url, flask_client(client)
    for start in ("//", "///", "/\\", "\\\\", "//\\", "/\t/", "\t//", "/ //", "/%09//", "http://", "https:\\\\", ""):
        for path in (start, f"{start}evil.example", f"{start}evil.example/activate/", f"{start}activate/"):
            with flask.get("/", base_url=origin, environ_overrides={"PATH_INFO": path}) as answer:
                to = answer.headers.get("Location", "/").removeprefix(origin)
                assert is_a_path_of_ours(to), (path, to)
                assert "evil" not in to, (path, to)


def test_the_pin_is_found_wherever_it_stands_in_the_address(app: Flask) -> None:
    for address in WITH_PIN:
        with app.test_request_context(address):
            assert (pin_in_address() or "").strip(" /").lower() in ("good1", "ｇｏｏｄ1"), address
    for address in WITHOUT_PIN:
        with app.test_request_context(address):
            assert pin_in_address() is None, address


def test_the_pin_of_an_address_is_kept_and_the_address_dropped(app: Flask, client: PageClient) -> None:
    for method in ("GET", "HEAD"):
        for address in WITH_PIN:
            page = client.send(method, address, 303)
            assert page.location == "/activate", address
            (cookie,) = page.headers("Set-Cookie")
            with app.test_request_context(headers={"Cookie": cookie.partition(";")[0]}):
                kept = pin_cookie.read()
                assert kept is not None, address
                assert kept.secret == "good1", address


def test_a_page_of_the_staff_and_the_callback_keep_no_pin(client: PageClient) -> None:
    assert client.get("/Support/?pin=good1&a=1", 308).location == "/support?a=1"
    for path in ("/support/sign-in?pin=good1", "/sign-in/code/callback?pin=good1"):
        page = Page(path, client.transport.send("GET", path, {}, {}))
        assert not [line for line in page.headers("Set-Cookie") if "activate-pin" in line]


def test_no_pin_of_an_address_is_logged(client: PageClient) -> None:
    with logged() as events:
        for address in (*WITH_PIN, "/activate/good1", "/Activate/good1/", "/support/?pin=good1", "/nothing?pin=good1"):
            client.transport.send("GET", address, {}, {})

    assert len(events) >= len(WITH_PIN)
    assert "good1" not in str(events).lower()


# A path that only takes a POST


def only_posts(app: Flask) -> list[str]:
    """Return the path of each route that takes a POST and no GET."""
    taken: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        taken.setdefault(rule.rule, set()).update(rule.methods or ())
    return [path for path, methods in sorted(taken.items()) if "POST" in methods and "GET" not in methods]


def test_a_get_of_a_path_for_posts_leads_to_a_page(
    app: Flask, client: PageClient, alice: Alice, bob: Bob, browse: Callable[..., PageClient]
) -> None:
    begin_session(app, alice)
    paths = only_posts(app)
    assert len(paths) >= 12
    for rule in paths:
        path = rule.replace("<consumer_id>", seed.ALICE.id).replace("<device>", "a" * 32)
        assert "<" not in path, "say here what stands for it"
        for method in ("GET", "HEAD"):
            page = client.send(method, f"{path}?next=//evil.example", 303)
            assert is_a_path_of_ours(page.location), path
            assert "?" not in str(page.location), path
        for browser in (client, alice.browser, bob.browser):
            page = browser.get(path, 303)
            while page.location is not None:
                page = Page(path, browser.transport.send("GET", page.location, {}, {}))
            assert page.status == 200, path


@each(
    "path, page",
    [
        ("/activate/confirm", "/activate/compare"),
        ("/activate/discard", "/activate"),
        ("/activate/undo", "/activate/done"),
        ("/sign-out", "/activate"),
        ("/sign-out/everywhere", "/devices"),
        ("/language", "/activate"),
        (f"/devices/{'a' * 32}/suggested-name", "/devices"),
        ("/support/sign-out", "/support"),
        ("/support/sign-out/everywhere", "/support/account"),
        ("/support/viewers/a%20b/link/confirm", "/support/viewers/a%20b/link"),
        ("/support/viewers/ab/undo", "/support/viewers/ab"),
        ("/support/history/export", "/support/history"),
    ],
)
def test_the_page_is_the_one_with_the_form(client: PageClient, path: str, page: str) -> None:
    assert client.get(path, 303).location == page


def test_another_method_than_get_is_still_refused(client: PageClient) -> None:
    client.send("PUT", "/sign-out", 405)
    client.send("POST", "/activate/done", 405)
