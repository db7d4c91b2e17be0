"""The sandbox's pages without a browser: their content and their headers."""

from collections.abc import Callable

from flask import Flask

from portal.sandbox.seed import MAGIC_PINS
from portal.sandbox.state import EXTENSION
from tests.harness.cases import each
from tests.harness.markup import parsed
from tests.sandbox.conftest import API_KEY, APP_KEY, CLIENT_SECRET, PORTAL, Calls

PAGES = ("/", "/tv", "/mail", "/authenticator", "/oauth/authorize")
VIDEO_SERVICE = "/video-service"


@each("path", PAGES)
def test_pages_have_no_inline_code_and_no_secrets(calls: Calls, path: str) -> None:
    answer = calls.http.get(path)
    shown = parsed(answer.text)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not shown.select("style, [style], script:not([src])")
    assert not [name for tag in shown.select("*") for name in tag.attrs if name.startswith("on")]
    for secret in (API_KEY, CLIENT_SECRET):
        assert secret not in answer.text


@each("path", [*PAGES, "/healthz", "/sandbox/record", "/nowhere", "/static/tv.js"])
def test_every_answer_has_the_security_headers(calls: Calls, path: str) -> None:
    with calls.http.get(path) as answer:
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    # The TV is shown in the living room too.
    ancestors = "'self'" if path == "/tv" else "'none'"
    assert f"frame-ancestors {ancestors}" in headers["Content-Security-Policy"]


@each("path", [*PAGES, VIDEO_SERVICE])
def test_browsers_leave_pins_names_and_the_brand_as_they_are(calls: Calls, path: str) -> None:
    shown = parsed(calls.http.get(path).text)
    for tag in shown.select("code, bdi, .brand, #pin, #url, th[scope=row]"):
        inner = [tag, *tag.select("*")]
        assert any(part.get("translate") == "no" for part in inner) or tag.text.startswith("Viewer 0"), tag


def test_it_has_icons_for_all_browsers_and_nothing_for_search_engines(calls: Calls) -> None:
    for path, kind, start in (
        ("/favicon.ico", "image/", b"\0\0\1\0"),
        ("/apple-touch-icon.png", "image/png", b"\x89PNG"),
        ("/apple-touch-icon-120x120-precomposed.png", "image/png", b"\x89PNG"),
        ("/robots.txt", "text/plain", b"User-agent: *\nDisallow: /\n"),
    ):
        with calls.http.get(path) as answer:
            assert (answer.status_code, answer.data[: len(start)]) == (200, start), path
            assert answer.content_type.startswith(kind), path
    for path in PAGES:
        shown = parsed(calls.http.get(path).text)
        icons = [tag["href"] for tag in shown.select("link[rel=icon], link[rel=apple-touch-icon]")]
        assert icons == ["/favicon.ico", "/static/icon.svg", "/apple-touch-icon.png"], path


def test_it_lists_the_magic_pins_and_the_sign_ins_on_its_front_page(calls: Calls) -> None:
    shown = parsed(calls.http.get("/").text)
    assert [cell.text for cell in shown.select("#magic-pins tbody th")] == [magic.word for magic in MAGIC_PINS]
    for text in ("alice@example.com", "alice-password", "mallory@example.com"):
        assert text in shown.text
    assert shown.select('main a[href="/tv"]')
    assert shown.select(f'main a[href="{PORTAL}/activate"]')
    assert shown.select(f'main a[href="{PORTAL}/styleguide"]')


def test_each_cell_of_a_table_has_the_name_of_its_column_for_narrow_windows(calls: Calls) -> None:
    for path in ("/", "/authenticator"):
        for table in parsed(calls.http.get(path).text).select("table"):
            names = [head.text.strip() for head in table.select("thead th")]
            for row in table.select("tbody tr"):
                assert [cell.get("data-label") for cell in row.select("td")] == names[1:], path


def test_every_page_leads_to_every_other_and_to_the_portal(calls: Calls, app: Flask) -> None:
    app.extensions[EXTENSION].console_url = f"{PORTAL}/support"
    pages = ["/", "/tv", "/living-room", "/mail", "/video-service", "/authenticator"]
    expected = [*pages, f"{PORTAL}/activate", f"{PORTAL}/support"]
    for path in (*PAGES, VIDEO_SERVICE):
        shown = parsed(calls.http.get(path).text)
        assert [link["href"] for link in shown.select("nav a")] == expected, path
        assert [link["href"] for link in shown.select("nav [aria-current]")] == [path] * (path in expected), path
    # A form that is sent again, and the answer to a client that is not known, are pages as well.
    assert parsed(calls.http.post("/authenticator", data={"secret": "no"}).text).select("nav a")


def test_the_health_check_answers(calls: Calls) -> None:
    answer = calls.http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_the_page_of_a_tv_has_no_pin(calls: Calls) -> None:
    shown = parsed(calls.http.get("/tv").text)
    assert shown.select_one("#url").text == "127.0.0.1:8000/activate"
    assert shown.select_one("body")["data-app-key"] == APP_KEY
    assert "JavaScript" in shown.select_one("noscript").text
    assert shown.select_one("#pin").text == ""


def test_the_qr_code_keeps_the_content_security_policy(calls: Calls) -> None:
    calls.acquire()
    answer = calls.http.get("/tv/qr.svg", query_string={"device": "tv"})
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.startswith("<svg")
    assert "style" not in answer.text


def test_a_tv_without_an_unlinked_pin_has_no_qr_code(calls: Calls) -> None:
    assert calls.http.get("/tv/qr.svg").status_code == 404
    calls.link(calls.acquire())
    assert calls.http.get("/tv/qr.svg", query_string={"device": "tv"}).status_code == 404


def test_two_sandboxes_share_no_pin(make_app: Callable[[], Flask]) -> None:
    first, second = (Calls(make_app().test_client()) for _ in range(2))
    assert {first.acquire(f"tv-{n}") for n in range(50)}.isdisjoint(second.acquire(f"tv-{n}") for n in range(50))
