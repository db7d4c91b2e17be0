"""A foreign Host gets nothing, and every answer tells the browser what to refuse."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.pages.web import headers
from portal.settings.loading import load
from tests.harness.cases import each
from tests.harness.page import PageClient
from tests.harness.page_rules import cookies_are_ours_alone
from tests.harness.people import Alice

KEY = "5ec4e7" * 11


@pytest.fixture
def client_of() -> Callable[..., FlaskClient]:
    """Return a maker of applications with headers and nothing else: ``client_of("https://tv.example.com")``."""

    def make(public_url: str) -> FlaskClient:
        app = Flask("tests", static_folder=None)
        headers.secure_pages(app)
        headers.init_app(
            app, load({"PORTAL_SANDBOX_PUBLIC": "yes", "PORTAL_PUBLIC_URL": public_url, "PORTAL_SECRET_KEY": KEY})
        )

        @app.get("/")
        @app.get("/healthz")
        @app.get("/readyz")
        def page() -> str:
            return "page"

        return app.test_client()

    return make


@each(
    "public_url, host",
    [
        ("https://tv.example.com", "tv.example.com"),
        ("https://tv.example.com", "TV.Example.COM"),
        ("https://tv.example.com", "tv.example.com:443"),
        ("https://tv.example.com:443", "tv.example.com"),
        ("https://TV.example.com", "tv.example.com"),
        ("https://tv.example.com:8443", "tv.example.com:8443"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]", "[::1]"),
    ],
)
def test_it_answers_to_its_own_host(public_url: str, host: str, client_of: Callable[..., FlaskClient]) -> None:
    assert client_of(public_url).get("/", headers={"Host": host}).status_code == 200


HOSTILE = [
    "",
    "example.com",
    "tv.example.com.evil.example",
    "tv.example.com:80",
    "tv.example.com:443:443",
    "tv.example.com, evil.example",
    "tv.example.com@evil.example",
    "tv.example.com/",
    "tv.example.com.",
    " tv.example.com",
    "evil.example#tv.example.com",
    "[::1]",
    "\x00",
    "ü" * 4000,
]


@each("host", HOSTILE)
def test_a_foreign_host_gets_a_plain_400_that_does_not_repeat_it(
    host: str, client_of: Callable[..., FlaskClient]
) -> None:
    answer = client_of("https://tv.example.com").get("/", environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 400
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text == "This address is not served here. Open https://tv.example.com\n"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_request_without_a_host_is_refused(client_of: Callable[..., FlaskClient]) -> None:
    client = client_of("https://tv.example.com")
    environ = {"REQUEST_METHOD": "HEAD", "PATH_INFO": "/", "SERVER_NAME": "tv.example.com", "SERVER_PORT": "443"}
    seen: list[str] = []
    body = client.application.wsgi_app(environ, lambda status, *rest: seen.append(status))
    assert seen == ["400 Bad Request"]
    assert list(body) == []


@each("path", ["/healthz", "/readyz"])
@each("host", ["10.0.0.7:8000", *HOSTILE])
def test_health_checks_accept_any_host(path: str, host: str, client_of: Callable[..., FlaskClient]) -> None:
    answer = client_of("https://tv.example.com").get(path, environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_every_page_is_protected(path: str, client_of: Callable[..., FlaskClient]) -> None:
    answer = client_of("https://tv.example.com").get(path, base_url="https://tv.example.com")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


# Everything that answers: pages, redirects, refusals, health checks, static files, and the check of the Host header.
ANSWERS = (
    *(("GET", "/activate", 200), ("HEAD", "/activate", 200), ("GET", "/", 302), ("GET", "/Activate/", 308)),
    *(("GET", "/nowhere", 404), ("GET", "/sign-out", 303), ("PUT", "/sign-out", 405), ("OPTIONS", "/activate", 200)),
    *(("POST", "/language", 400), ("GET", "/healthz", 200), ("GET", "/readyz", 200), ("GET", "/support", 303)),
    *(("GET", "STATIC", 200), ("HEAD", "STATIC", 200), ("POST", "STATIC", 405), ("GET", "/static/no.css", 404)),
)


def test_every_answer_has_the_headers_for_all_once(make_app: Callable[..., Flask]) -> None:
    origin = "https://tv.example.com"
    app = make_app(public_url=origin, proxy_hops="1")
    app.add_url_rule("/fails", view_func=lambda: 1 / 0)
    with app.test_request_context():
        stylesheet = app.jinja_env.globals["asset"]("site.css")
    requests = [
        *((method, path.replace("STATIC", stylesheet), status, {}) for method, path, status in ANSWERS),
        ("GET", "/fails", 500, {}),
        ("GET", stylesheet, 304, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
        ("GET", stylesheet, 206, {"Range": "bytes=0-1"}),
        ("GET", stylesheet, 416, {"Range": "bytes=99999999-"}),
        ("GET", "/activate", 400, {"Host": "evil.example"}),
    ]
    for method, path, status, sent in requests:
        with app.test_client().open(path, method=method, base_url=origin, headers=sent) as answer:
            assert answer.status_code == status, (method, path)
            assert answer.headers.getlist("Strict-Transport-Security") == ["max-age=31536000"], (method, path, status)
            assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"], (method, path, status)
            assert answer.headers.getlist("Referrer-Policy") == ["same-origin"], (method, path, status)


def test_every_cookie_of_an_https_portal_is_for_its_host_alone(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    # The page client refuses a cookie without the prefix.
    alice = Alice(browse(make_app(public_url="https://tv.example.com", proxy_hops="1")))
    alice.signs_in().opens("/activate?pin=good1", 303)
    chosen = alice.browser.submit(alice.page, "/language", 303, button="Deutsch")
    assert "__Host-activate-language=de" in str(chosen.headers("Set-Cookie"))
    assert alice.opens("/activate").page.select_one("html")["lang"] == "de"


def test_a_cookie_that_another_host_may_set_is_a_fault() -> None:
    prefixed = "__Host-activate=x; Secure; HttpOnly; Path=/; SameSite=Lax"
    assert list(cookies_are_ours_alone([("Set-Cookie", prefixed)])) == []
    for line in (prefixed[7:], prefixed.replace("Secure; ", ""), f"{prefixed}; Domain=example.com", "a=__Host-b"):
        assert list(cookies_are_ours_alone([("Set-Cookie", line)])), line


def test_no_header_stands_twice(client_of: Callable[..., FlaskClient]) -> None:
    names = [
        name.lower()
        for name, _ in client_of("https://tv.example.com").get("/", base_url="https://tv.example.com").headers
    ]
    assert len(names) == len(set(names))


def test_plain_http_on_loopback_does_not_ask_for_https(client_of: Callable[..., FlaskClient]) -> None:
    answer = client_of("http://127.0.0.1:8000").get("/", base_url="http://127.0.0.1:8000")
    assert "Strict-Transport-Security" not in answer.headers
