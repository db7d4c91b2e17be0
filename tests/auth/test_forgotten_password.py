"""Asking for the mail to set a new password: the same answer for everybody, and what was typed comes along."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.harness.faulty_zype import answering, recording_calls
from tests.harness.internals import outcomes, rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype

PATH = "/sign-in/forgotten"
ZYPE = "/consumers/forgot_password"
ON_ITS_WAY = "If there is an account with that email, a message is on its way."


def ask(browser: PageClient, status: int = 303, email: str = seed.ALICE.email, path: str = PATH) -> Page:
    return browser.submit(browser.get(path), PATH, status, email=email)


def test_everybody_gets_the_same_answer_and_zype_sends_its_mail(
    client: PageClient, app: Flask, sandbox: SimulatedZype
) -> None:
    with recording_calls(sandbox) as calls:
        known = client.follow(ask(client, email=f"Alice <{seed.ALICE.email}>"))
        unknown = client.follow(ask(client, email="nobody@example.com"))

    assert [path for path, _ in calls] == [ZYPE, ZYPE]
    assert ON_ITS_WAY in known.text("[role=status]")
    assert (known.status, known.text("body")) == (unknown.status, unknown.text("body"))
    assert outcomes(app, "forgotten_password") == ["sent", "refused"]
    assert seed.ALICE.email not in str(rows(app, ledger))
    assert client.get(PATH).heading == "Set a new password", "the message is shown once"


def test_the_email_typed_at_sign_in_and_the_pin_come_along_there_and_back(
    client: PageClient, app: Flask, sandbox: SimulatedZype
) -> None:
    page = client.get("/activate?pin=good1", 303)
    page = client.get("/activate")
    with recording_calls(sandbox) as calls:
        answer = client.submit(
            page, PATH, 303, button="Forgotten password?", email=seed.ALICE.email, password="no idea"
        )
    assert calls == []
    assert rows(app, ledger) == []
    page = client.follow(answer)
    assert page.path == PATH
    assert page.value("#email") == seed.ALICE.email
    assert "Your PIN is kept" in page.text("#pin-kept")

    page = client.follow(client.submit(page, PATH, 303))
    back = client.get(str(page.select_one("main a.button--primary")["href"]))
    assert back.value("#email") == seed.ALICE.email
    alice = Alice(client).signs_in()
    assert alice.page.value("#pin") == "good1"


def test_it_leads_back_to_the_tvs(client: PageClient) -> None:
    sign_in = client.get("/sign-in?next=/devices")
    page = client.follow(client.submit(sign_in, PATH, 303))
    assert page.path == f"{PATH}?next=/devices"
    page = client.follow(client.submit(page, PATH, 303, email=seed.ALICE.email))
    assert page.select_one("main a.button--primary")["href"] == "/sign-in?next=/devices"
    assert "evil" not in client.get(f"{PATH}?next=//evil.example").source


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (429, "unavailable", "No message can be sent right now"),
        (401, "misconfigured", "No message can be sent right now"),
        (500, "unknown", "We did not hear back"),
    ],
)
def test_if_zype_is_down_the_page_says_so(
    answer: int, outcome: str, said: str, client: PageClient, app: Flask, sandbox: SimulatedZype
) -> None:
    with answering(sandbox, ZYPE, answer):
        page = ask(client, 503)

    assert said in page.summary
    assert int(page.header("Retry-After")) > 0
    assert page.value("#email") == seed.ALICE.email
    assert outcomes(app, "forgotten_password") == [outcome]


def test_past_the_limit_the_page_says_how_long_to_wait(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    ask(browse(app, "192.0.2.1"))
    for email in (seed.ALICE.email, "nobody@example.com"):
        ask(browse(app, "192.0.2.3"), 303 if email != seed.ALICE.email else 429, email)
        page = ask(browse(app, "192.0.2.2"), 429, email)
        assert "You can try again in 15 minutes." in page.summary, "it says nothing about whether there is an account"
        assert page.header("Retry-After") == "900"


def test_what_is_no_email_is_no_attempt(client: PageClient, app: Flask) -> None:
    for typed in ("", "alice"):
        page = ask(client, 422, typed)
        assert page.select("#email[aria-invalid]")
    assert rows(app, ledger) == []


def test_a_stale_form_comes_back_with_what_was_typed(client: PageClient, app: Flask) -> None:
    client.get(PATH)
    page = client.send("POST", PATH, 422, data={"email": seed.ALICE.email, "csrf_token": "stale"})

    assert page.value("#email") == seed.ALICE.email
    detour = client.send("POST", PATH, 303, data={"email": "a@example.com", "of_sign_in": "y", "csrf_token": "stale"})
    assert client.follow(detour).value("#email") == "a@example.com"
    assert rows(app, ledger) == []
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.send("POST", PATH, 303, data={"email": "a@example.com"}, headers=foreign).location == "/activate"


@pytest.mark.parametrize(
    ("settings", "leads_to"),
    [
        ({"sign_in": "code"}, "/activate"),
        ({"brand_forgotten_password_url": "https://example.com/password"}, "https://example.com/password"),
    ],
)
def test_where_viewers_have_no_password_at_zype_or_another_page_for_it_there_is_none(
    settings: dict[str, str],
    leads_to: str,
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
) -> None:
    app = make_app(**settings)
    client = browse(app)

    sign_in = client.get("/sign-in")
    assert PATH not in sign_in.source
    assert client.get(PATH, 303).location == leads_to
    with recording_calls(sandbox) as calls:
        fields = {"email": seed.ALICE.email, "csrf_token": sign_in.value("[name=csrf_token]")}
        assert client.send("POST", PATH, 303, data=fields).location == leads_to
    assert calls == []


def test_browsers_find_the_page(client: PageClient) -> None:
    assert client.get("/.well-known/change-password", 303).location == PATH
