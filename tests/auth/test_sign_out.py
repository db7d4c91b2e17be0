"""Signing out, and "Not you?": a POST that deletes the row of the session."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.domain.actors import SessionKind
from portal.ledger.tables import ledger
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.internals import cookie, give_cookie, rows, session_rows
from tests.harness.page import PageClient
from tests.harness.people import SIGN_OUT, SIGN_OUT_EVERYWHERE, Alice, Mallory
from tests.harness.simulated_zype import SimulatedZype

PIN = "activate-pin"


@pytest.fixture
def with_pin(alice: Alice) -> Alice:
    """Alice, signed in, with the PIN of a link in her cookie."""
    return alice.signs_in().opens("/activate?pin=good1", 303)


def test_signing_out_deletes_the_session_and_the_pin(with_pin: Alice, app: Flask) -> None:
    assert len(session_rows(app)) == 1

    page = with_pin.signs_out().page

    assert (page.path, page.heading) == ("/activate", "Sign in to link your TV")
    assert session_rows(app) == []
    assert cookie(with_pin.browser, PIN) is None


def test_not_you_deletes_the_session_and_keeps_the_pin(with_pin: Alice, mallory: Mallory, app: Flask) -> None:
    page = with_pin.says_that_is_not_me().page

    assert session_rows(app) == []
    assert not page.select_one("#pin-kept").has_attr("hidden")
    mallory.browser = with_pin.browser
    page = mallory.signs_in().page
    assert page.value("#pin") == "good1"
    assert "mallory@example.com" in page.text(".account")


def test_not_you_keeps_the_pin_of_the_script_too(with_pin: Alice) -> None:
    forms = {form["action"]: form for form in with_pin.page.select("form[data-forget-pin]")}
    assert "/sign-out" in forms
    assert not with_pin.page.select(".account form[data-forget-pin]")


def test_not_you_is_on_the_comparison_too(with_pin: Alice, sandbox: SimulatedZype) -> None:
    page = with_pin.sends_the_pin_of_a_link("good1").says_that_is_not_me().page

    assert page.heading == "Sign in to link your TV"
    assert cookie(with_pin.browser, PIN) is not None
    assert sandbox.record() == []


def test_a_copy_of_the_old_cookie_opens_nothing(with_pin: Alice) -> None:
    copied = cookie(with_pin.browser, "activate") or ""
    with_pin.signs_out()
    give_cookie(with_pin.browser, "activate", copied)

    assert with_pin.browser.get("/activate").heading == "Sign in to link your TV"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nothing_but_a_post_signs_out(with_pin: Alice, app: Flask, method: str) -> None:
    with_pin.browser.get("/sign-out", 303)
    answer = with_pin.browser.send(method, "/sign-out", 405)

    assert set(answer.header("Allow").replace(" ", "").split(",")) == {"POST", "OPTIONS"}
    assert len(session_rows(app)) == 1


def test_without_a_token_a_page_asks_before_anybody_is_signed_out(with_pin: Alice, app: Flask) -> None:
    for path, button in (("/sign-out", "Sign out"), ("/sign-out/everywhere", "Sign out everywhere")):
        page = with_pin.browser.send("POST", path, 422)

        assert "You are not signed out yet" in page.summary
        assert "alice@example.com" in page.text()
        assert page.text(f'main form[action="{path}"] button') == button
        assert page.select("main form[data-forget-pin]")
        assert len(session_rows(app)) == 1


def test_signing_out_without_a_session_is_done(client: PageClient, alice: Alice) -> None:
    alice.signs_in().opens("/devices")
    form = alice.page
    alice.signs_out()
    # From another tab, that still shows the buttons.
    for action in (SIGN_OUT, SIGN_OUT_EVERYWHERE):
        assert alice.browser.submit(form, action, 303).location == "/activate"

    assert client.get("/activate").heading == "Sign in to link your TV"


def test_signing_out_in_one_browser_leaves_the_others(alice: Alice, mallory: Mallory, app: Flask) -> None:
    alice.signs_in()
    mallory.signs_in()

    alice.signs_out()

    assert [row["email"] for row in session_rows(app)] == ["mallory@example.com"]
    assert mallory.opens("/activate").page.heading == "Link your TV"


# Everywhere


@pytest.fixture
def elsewhere(app: Flask, browse: Callable[..., PageClient]) -> Alice:
    """Alice at another browser of hers, signed in there too."""
    return Alice(browse(app)).signs_in()


def test_signing_out_everywhere_ends_every_session_of_the_viewer(
    with_pin: Alice, elsewhere: Alice, mallory: Mallory, app: Flask
) -> None:
    mallory.signs_in()
    # An agent may have the same id as a viewer: theirs is another kind of session.
    viewer = next(row["principal_id"] for row in session_rows(app) if row["email"] == "alice@example.com")
    services_of(app).sessions.create(SessionKind.AGENT, viewer, name=None, email=None, address="192.0.2.1")

    page = with_pin.opens("/devices").signs_out_everywhere().page

    assert (page.path, page.heading) == ("/sign-in", "Sign in to link your TV")
    assert "You are signed out in every browser" in page.text(".notice--success")
    assert sorted((row["kind"], row["email"]) for row in session_rows(app)) == [
        ("agent", None),
        ("viewer", "mallory@example.com"),
    ]
    assert cookie(with_pin.browser, PIN) is None
    assert elsewhere.browser.get("/devices", 303).location == "/sign-in?next=/devices"
    assert mallory.opens("/devices").page.heading == "Your TVs"
    recorded = [row for row in rows(app, ledger) if row["action"] == "sign_out_everywhere"]
    assert [(row["actor_kind"], row["consumer_id"], row["outcome"]) for row in recorded] == [
        ("viewer", viewer, None),
        ("viewer", viewer, "done"),
    ]


def test_signing_out_everywhere_explains_itself(elsewhere: Alice) -> None:
    page = elsewhere.opens("/devices").page
    assert page.text('[action="/sign-out/everywhere"][data-forget-pin] button') == "Sign out everywhere"

    assert "Your TVs stay linked. Sign in again when you like." in elsewhere.signs_out_everywhere().page.text()


def test_the_message_after_signing_out_everywhere_is_shown_once(with_pin: Alice, client: PageClient) -> None:
    page = with_pin.opens("/devices").signs_out_everywhere().page

    assert not with_pin.opens(page.path).page.select(".notice")
    assert not client.get(page.path).select(".notice")


def test_the_page_after_signing_out_everywhere_has_a_form_to_sign_in(with_pin: Alice) -> None:
    with_pin.opens("/devices").signs_out_everywhere()

    assert with_pin.signs_in().page.heading == "Link your TV"


def test_signing_out_everywhere_needs_a_session(client: PageClient, elsewhere: Alice, app: Flask) -> None:
    token = client.get("/sign-in").select("[name=csrf_token]")[0]["value"]

    assert client.send("POST", "/sign-out/everywhere", 303, data={"csrf_token": str(token)}).location == "/activate"
    assert len(session_rows(app)) == 1


@each("method, status", [("GET", 303), ("PUT", 405), ("DELETE", 405)])
def test_nothing_but_a_post_signs_out_everywhere(elsewhere: Alice, app: Flask, method: str, status: int) -> None:
    elsewhere.browser.send(method, "/sign-out/everywhere", status)

    assert len(session_rows(app)) == 1


def test_a_failure_to_end_the_sessions_is_not_shown_as_a_success(elsewhere: Alice, app: Flask) -> None:
    page = elsewhere.opens("/devices").page
    with services_of(app).database.write() as connection:
        refuse = "CREATE TRIGGER full BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        connection.execute(sa.text(refuse))

    elsewhere.browser.submit(page, SIGN_OUT_EVERYWHERE, 503)

    assert elsewhere.opens("/devices").page.heading == "Your TVs"


@pytest.mark.parametrize("url", ["sqlite_url", "postgresql_url"])
def test_signing_out_everywhere_works_on_both_databases(
    request: pytest.FixtureRequest, make_app: Callable[..., Flask], browse: Callable[..., PageClient], url: str
) -> None:
    app = make_app(database_url=request.getfixturevalue(url))
    browsers = [Alice(browse(app)).signs_in() for _ in range(3)]

    browsers[1].opens("/devices").signs_out_everywhere()

    assert session_rows(app) == []
    assert [alice.opens("/activate").page.heading for alice in browsers] == ["Sign in to link your TV"] * 3
