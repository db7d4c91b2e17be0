"""The pages for everything that goes wrong: the right status, a sentence, a way on, and never an exception's text."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import make_url

from portal.database import database as db
from portal.database.engine import TimeLimits
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import recording_calls
from tests.harness.internals import cookie, give_cookie, logged, outcomes, send_body
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.viewers import begin_session

SECRET_TEXT = "no page may show these words"


def leads_on(page: Page) -> bool:
    return [str(link["href"]) for link in page.select("main a.button")] == ["/activate"]


@each("path", ["/nothing", "/activate/nothing", "/static/no.css", "/%00", "/<script>alert(1)</script>", "/ä"])
def test_an_unknown_path_is_404(client: PageClient, path: str) -> None:
    page = client.get(path, 404)

    assert "alert(1)" not in page.source
    if not path.startswith("/static"):
        assert page.heading == "There is no such page"
        assert leads_on(page)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/activate", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", "/activate/confirm", {"OPTIONS", "POST"}),
        ("DELETE", "/sign-in", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PROPFIND", "/activate/done", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_405_with_allow(client: PageClient, method: str, path: str, allowed: set[str]) -> None:
    page = client.send(method, path, 405)

    assert page.heading == "This page can't be opened like that"
    assert set(page.header("Allow").split(", ")) == allowed


@each("path", ["/activate", "/activate/confirm", "/sign-in", "/sign-out", "/language"])
@each("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_of_a_megabyte_is_413(client: PageClient, path: str, content_type: str) -> None:
    page = send_body(client, path, b"pin=" + b"a" * 1_000_000, content_type)

    assert page.status == 413
    assert page.heading == "That was too long"


def test_a_too_long_field_is_413(client: PageClient) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="pin"\r\n\r\n' + b"a" * 65_000

    assert send_body(client, "/activate", body, "multipart/form-data; boundary=x").status in (303, 413, 422)


@each(
    "body, content_type",
    [
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=%d" % n for n in range(5000)), "application/x-www-form-urlencoded"),
        (b"--y", "multipart/form-data"),
        (b"no boundary", "multipart/form-data; boundary=x"),
        (b"{", "application/json"),
        (b"<a/>", "text/xml"),
        (b"pin=good1", "application/x-www-form-urlencoded; charset=rubbish"),
    ],
)
def test_an_unreadable_body_is_a_client_error(client: PageClient, body: bytes, content_type: str) -> None:
    for path in ("/activate", "/sign-in", "/language"):
        assert send_body(client, path, body, content_type).status in (303, 400, 413, 422)


def test_a_flood_is_429_with_the_time_to_wait(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(limit_flood="3/hour")
    browser = browse(app)
    for _ in range(3):
        browser.get("/sign-in")

    page = browser.get("/sign-in", 429)

    assert page.heading == "Please wait before you try again"
    seconds = int(page.header("Retry-After"))
    assert seconds == pytest.approx(3600, abs=30)
    assert "Please try again in" in page.text()
    assert "minutes" in page.text()
    browse(app, address="192.0.2.8").get("/sign-in", 200)


def test_an_address_may_flood_before_a_sign_in_is_asked_for(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    browser = browse(make_app(limit_flood="1/hour"))
    form = browser.get("/sign-in")

    with recording_calls(sandbox) as calls:
        browser.submit(form, "/sign-in", 429, email=seed.ALICE.email, password=seed.ALICE.password)
    assert calls == []


@pytest.mark.parametrize(
    "fault", [RuntimeError(SECRET_TEXT), KeyError(SECRET_TEXT), AssertionError(SECRET_TEXT)], ids=repr
)
def test_an_unhandled_exception_is_500_and_only_logged(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], fault: Exception
) -> None:
    def fail() -> str:
        raise fault

    app = make_app()
    app.add_url_rule("/fails", view_func=fail)
    with logged() as events:
        page = browse(app).get("/fails", 500)

    assert page.heading == "Sorry, something went wrong"
    assert "look at it first; trying the same PIN again is safe" in page.text()
    assert SECRET_TEXT not in page.source
    assert leads_on(page)
    (event,) = [event for event in events if event["event"] == "unhandled_exception"]
    assert event["exc_info"] is fault


def test_the_pages_for_errors_ask_the_database_for_nothing(alice: Alice, app: Flask, sqlite_url: str) -> None:
    begin_session(app, alice)
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("ALTER TABLE sessions RENAME TO not_sessions"))

    assert alice.browser.get("/nothing", 404).heading == "There is no such page"
    assert alice.browser.send("PUT", "/activate", 405).heading == "This page can't be opened like that"
    assert not alice.browser.get("/nothing", 404).select("form")


def test_a_foreign_host_is_400(client: PageClient) -> None:
    page = client.get("/activate", 400, headers={"Host": "evil.example"})

    assert page.header("Content-Type").startswith("text/plain")
    assert "evil.example" not in page.source


def taken_over(alice: Alice, browser: PageClient) -> Alice:
    """Return Alice at a browser of a portal with the same keys, still signed in."""
    give_cookie(browser, "activate", cookie(alice.browser, "activate") or "")
    return Alice(browser)


def assert_nothing_happened(page: Page, sandbox: SimulatedZype, events: list[dict[str, object]], why: str) -> None:
    """Assert that the page says so, that Zype was not asked, and that the log says why."""
    assert int(page.header("Retry-After")) > 0
    assert sandbox.record() == []
    assert [event for event in events if event["log_level"] == "error" and why in str(event)], events


def test_a_database_that_is_locked_links_nothing(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(db, "TIME_LIMITS", TimeLimits(lock_seconds=0.2))
    app = make_app()
    alice = Alice(browse(app))
    begin_session(app, alice)
    alice.opens("/activate")
    other = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with logged() as events:
        page = alice.types_pin("Good 1", 503).page

    other.close()
    assert_nothing_happened(page, sandbox, events, "locked")
    assert page.value("#pin") == "Good 1"
    alice.browser.submit(page, "/activate", 303)


def test_a_database_that_is_full_links_nothing(alice: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    begin_session(app, alice)
    with services_of(app).database.write() as connection:
        refuse = (
            "CREATE TRIGGER full BEFORE INSERT ON pending BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        connection.execute(sa.text(refuse))

    with logged() as events:
        page = alice.types_pin("good1", 503).page

    assert_nothing_happened(page, sandbox, events, "database or disk is full")
    assert page.value("#pin") == "good1"
    assert outcomes(app) == []


def test_a_database_that_is_read_only_links_nothing(
    alice: Alice,
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
    sqlite_url: str,
) -> None:
    alice.signs_in()
    file = make_url(sqlite_url).database
    app = make_app(database_url=f"sqlite:///file:{file}?mode=ro&uri=true")
    reader = taken_over(alice, browse(app))

    with logged() as events:
        page = reader.types_pin("good1", 503).page

    assert_nothing_happened(page, sandbox, events, "readonly")
    assert page.value("#pin") == "good1"


def test_a_compared_pin_is_kept_too(
    alice: Alice,
    app: Flask,
    sandbox: SimulatedZype,
) -> None:
    begin_session(app, alice)
    alice.sends_the_pin_of_a_link("good1")
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("ALTER TABLE pending RENAME TO not_pending"))

    with logged() as events:
        page = alice.confirms(503).page

    assert_nothing_happened(page, sandbox, events, "pending")
    assert (page.value("#pin"), page.value("#from")) == ("good1", "link")


def test_an_undo_that_can_t_be_written_is_not_sent(alice: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    begin_session(app, alice)
    alice.types_pin("good1")
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("ALTER TABLE pending RENAME TO not_pending"))

    page = alice.undoes(503).page

    assert page.heading == "Sorry, this does not work right now"
    assert [call["path"] for call in sandbox.record()] == ["/pin/link"]


def test_without_the_database_it_is_503_and_signs_no_viewer_in(
    alice: Alice,
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
    tmp_path: Path,
) -> None:
    alice.signs_in()
    app = make_app(database_url=f"sqlite:///{tmp_path}/no-such-folder/portal.db")

    with logged() as events, recording_calls(sandbox) as calls:
        reader = taken_over(alice, browse(app))
        page = reader.browser.get("/activate", 503)
        browser = browse(app)
        form = browser.get("/activate", 200)
        browser.submit(form, "/sign-in", 503, email=seed.ALICE.email, password=seed.ALICE.password)

    assert calls == []
    assert page.heading == "Sorry, something went wrong"
    assert "trying the same PIN again is safe" in page.text()
    assert_nothing_happened(page, sandbox, events, "no-such-folder does not exist")


def test_the_staff_s_error_pages_lead_back_to_the_console(client: PageClient) -> None:
    page = client.get("/support/no-such-page", 404)
    assert page.select_one("main a.button")["href"] == "/support"
    assert client.get("/no-such-page", 404).select_one("main a.button")["href"] == "/activate"
