"""The password that an agent chooses: at the first sign-in, and later on the page of their account."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from flask import Flask

from portal.domain.actors import Role
from portal.ledger.tables import ledger
from tests.fixtures import services_of
from tests.harness.internals import outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Bob
from tests.harness.staff import sign_in_staff

PASSWORD = "/support/account/password"
ENROL = "/support/sign-in/enrol"
NEW = "seven wet umbrellas sing"


@pytest.fixture
def given(app: Flask) -> str:
    """The password that the operator gave to a new agent."""
    return services_of(app).agents.add("Newcomer", Role.AGENT)


def signs_in(client: PageClient, password: str, status: int = 303) -> Page:
    form = client.get("/support/sign-in?next=/support/account")
    return client.submit(form, "/support/sign-in", status, name="newcomer", password=password)


@pytest.fixture
def newcomer(client: PageClient, given: str) -> PageClient:
    """The browser of a new agent, who has signed in for the first time."""
    signs_in(client, given)
    form = client.get(ENROL)
    client.submit(form, ENROL, 200, code=pyotp.TOTP(form.text(".secret").replace(" ", "")).now())
    return client


def test_a_password_that_was_given_opens_nothing_but_the_page_to_change_it(newcomer: PageClient, app: Flask) -> None:
    for path in ("/support", "/support/account", "/support/viewers/0a11ce000000000000000001", "/support/history"):
        assert newcomer.get(path, 303).location == f"{PASSWORD}?next={path}"
    page = newcomer.get(f"{PASSWORD}?next=/support/account")
    assert page.text("main h2") == "Yours was given to you by somebody else"
    assert page.select('form[action="/support"]') == [], "the look-up of the bar would lead back here"
    assert newcomer.submit(page, PASSWORD, 303, password=NEW, again=NEW).location == "/support/account"
    assert "You have 10 recovery codes left." in newcomer.get("/support/account").text("main")
    account = services_of(app).agents.find("newcomer")
    assert account
    assert account.password_expires_at is None
    kept = [row for row in rows(app, ledger) if row["action"] == "change_password"]
    assert [(row["outcome"], row["actor_id"], row["reason"]) for row in kept] == [
        (None, "newcomer", "newcomer"),
        ("done", "newcomer", "newcomer"),
    ]
    assert NEW not in str(rows(app, ledger))


def test_a_given_password_is_good_for_72_hours(client: PageClient, app: Flask, given: str) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=72, minutes=1), tick=True):
        page = signs_in(client, given, 422)
        assert page.text("[role=alert] h2") == "This password has ended"
        assert session_rows(app) == []
        assert outcomes(app, "sign_in") == ["refused"]
        wrong = signs_in(client, "wrong", 422)
        assert wrong.text("[role=alert] h2") == "That name and password don't go together"
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=71), tick=True):
        signs_in(client, given)


def test_a_weak_password_is_refused_and_each_fault_listed(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(PASSWORD)
    for password, again, sentences in (
        ("short", "other", ["Use at least 12 characters", "This is not the same"]),
        ("newcomer2026!", "newcomer2026!", ["made of words, names or numbers that are tried first"]),
        ("", "", ["Enter a new password.", "Enter the new password once more."]),
        ("x" * 257, "x" * 257, ["Use 256 characters at most."]),
    ):
        page = newcomer.submit(page, PASSWORD, 422, password=password, again=again)
        assert all(sentence in page.summary for sentence in sentences), sentences
        assert page.value("#password") == page.value("#again") == ""
    assert outcomes(app, "change_password") == []


def test_later_it_needs_the_present_password_and_ends_other_sessions(
    bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    other = browse(app)
    sign_in_staff(app, other, "bob")
    sign_in_staff(app, bob.browser, "bob", signed_in_ago=timedelta(minutes=6))
    page = bob.opens("/support/account").page
    assert page.select(f'a[href="{PASSWORD}"]')
    form = bob.opens(PASSWORD).page
    assert "Enter your current password." in bob.browser.submit(form, PASSWORD, 422, password=NEW, again=NEW).summary
    wrong = bob.browser.submit(form, PASSWORD, 422, present="wrong", password=NEW, again=NEW)
    assert "That is not your current password" in wrong.summary
    assert other.get("/support/account").status == 200

    assert bob.browser.submit(wrong, PASSWORD, 303, present=Bob.password, password=NEW, again=NEW).location

    bob.browser.get("/support/account")
    other.get("/support/account", 303)
    assert outcomes(app, "change_password") == ["wrong", "done"]
    verified = services_of(app).agents.verify("bob", NEW)
    assert verified
    assert services_of(app).agents.verify("bob", Bob.password) is None


def test_wrong_present_passwords_are_limited(bob: Bob, app: Flask) -> None:
    sign_in_staff(app, bob.browser, "bob", signed_in_ago=timedelta(minutes=6))
    page = bob.opens(PASSWORD).page
    for _ in range(10):
        page = bob.browser.submit(page, PASSWORD, 422, present="wrong", password=NEW, again=NEW)
    page = bob.browser.submit(page, PASSWORD, 429, present=Bob.password, password=NEW, again=NEW)
    assert page.header("Retry-After")
    assert services_of(app).agents.verify("bob", Bob.password)


def test_an_agent_of_the_provider_has_no_password_here(client: PageClient, app: Flask) -> None:
    services_of(app).agents.upsert("https://id.example.com", "4711", "Bob", None, Role.AGENT)
    sign_in_staff(app, client, "oidc:4711")
    assert client.get(PASSWORD, 303).location == "/support/account"
    assert not client.get("/support/account").select(f'a[href="{PASSWORD}"]')


def test_a_stale_form_changes_nothing(bob: Bob, app: Flask) -> None:
    sign_in_staff(app, bob.browser, "bob")
    bob.opens(PASSWORD)
    data = {"password": NEW, "again": NEW, "csrf_token": "stale"}
    assert "open for too long" in bob.browser.send("POST", PASSWORD, 422, data=data).summary
    assert services_of(app).agents.verify("bob", Bob.password)
