"""Signing in with email and password: our form, and what the viewer is told when it does not work."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.domain.outcomes import SignInOutcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.faulty_zype import answering, recording_calls
from tests.harness.internals import cookie, give_cookie, logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import SIGN_OUT, Alice
from tests.harness.servers import free_port
from tests.harness.simulated_zype import SimulatedZype

WRONG_PASSWORD = "wrong"
WRONG = "That email and password don't go together"
NOT_NOW = "Signing in does not work right now"
OTHER_PATHS = (
    "//evil.example",
    "https://evil.example/activate",
    "/\\evil.example",
    "\\\\evil.example",
    "/activate/../support",
    "/unknown",
    "/activate?from=link",
    "javascript:alert(1)",
    "",
)
ELSEWHERE = {"forgotten_password": "Forgotten password?", "sign_up": "Create an account"}


def sign_in(browser: PageClient, status: int, email: str, password: str = WRONG_PASSWORD) -> Page:
    return browser.submit(browser.get("/sign-in"), "/sign-in", status, email=email, password=password)


def test_every_outcome_is_tested_here() -> None:
    shown = {SignInOutcome.SIGNED_IN, SignInOutcome.WRONG, SignInOutcome.UNAVAILABLE, SignInOutcome.MISCONFIGURED}
    # The first two of these are in test_sign_in_limits.py; a viewer has no second factor, and no role.
    elsewhere = {SignInOutcome.TOO_MANY, SignInOutcome.BUSY}
    assert shown | elsewhere | {SignInOutcome.SECOND_FACTOR_REQUIRED, SignInOutcome.REFUSED} == set(SignInOutcome)


def test_the_right_password_leads_to_the_form(alice: Alice, app: Flask) -> None:
    page = alice.signs_in().page

    assert (page.path, page.heading) == ("/activate", "Link your TV")
    assert "You're signed in as alice@example.com" in page.text(".account")
    assert outcomes(app, "sign_in") == ["signed_in"]


@pytest.mark.parametrize("email", [seed.ALICE.email, "nobody@example.com"], ids=["known", "unknown"])
def test_a_wrong_password_gets_the_same_page_for_known_and_unknown_accounts(
    client: PageClient, app: Flask, email: str
) -> None:
    page = sign_in(client, 422, email)

    assert page.title.startswith("Error: Sign in to link your TV")
    assert page.text("[role=alert] h2") == WRONG
    assert page.text("main").replace(email, "") == sign_in(client, 422, "else@example.com").text("main")
    assert page.value("#email") == email
    assert page.value("#password") == ""
    assert outcomes(app, "sign_in")[0] == "wrong"
    assert session_rows(app) == []


@each(
    "email, password, sentence",
    [
        ("", "", "Enter your email address."),
        ("alice@example.com", "", "Enter your password."),
        ("a" * 255, "x", "Enter your email address."),
        ("alice@example.com", "x" * 1001, "Use 1000 characters at most."),
        ("alice\0@example.com", "x", "Leave out characters that can't be seen."),
        ("alice@example.com", "x\x1b", "Leave out characters that can't be seen."),
    ],
)
def test_a_field_that_can_t_be_sent_says_why(
    client: PageClient, app: Flask, email: str, password: str, sentence: str
) -> None:
    page = sign_in(client, 422, email, password)

    assert sentence in page.summary
    assert page.value("#email") == email.replace("\0", "")
    assert page.value("#password") == ""
    assert rows(app, ledger) == []


@pytest.mark.parametrize("password", ["wrong-password", "x" * 1001, "x\x1b"])
def test_a_password_is_never_shown_again_or_logged(client: PageClient, password: str) -> None:
    with logged() as events:
        page = sign_in(client, 422, seed.ALICE.email, password)

    assert password not in page.source
    assert password not in str(events)


@each("number, word", enumerate(["http503", "http429", "http500", "html", "broken", "http302"], start=1))
def test_a_login_service_that_fails_is_not_the_viewer_s_fault(
    client: PageClient, app: Flask, number: int, word: str
) -> None:
    page = sign_in(client, 503, f"{word}@example.com")

    assert page.text("[role=alert] h2") == NOT_NOW
    assert "It is not your email or password." in page.summary
    assert int(page.header("Retry-After")) > 0
    assert page.value("#email") == f"{word}@example.com"
    assert outcomes(app, "sign_in") == ["unavailable"] * number


def test_a_login_service_that_hangs_is_waited_for_until_the_deadline(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(zype_read_timeout="0.2")

    assert NOT_NOW in sign_in(browse(app), 503, "hang@example.com").summary
    assert outcomes(app, "sign_in") == ["unavailable"]


def test_a_login_service_that_is_down_is_unavailable(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(zype_login_url=f"http://127.0.0.1:{free_port()}")

    assert NOT_NOW in sign_in(browse(app), 503, seed.ALICE.email, seed.ALICE.password).summary
    assert session_rows(app) == []


def test_a_wrong_client_secret_is_an_error_for_the_operator(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(zype_client_secret="another-secret")
    with logged() as events:
        page = sign_in(browse(app), 503, seed.ALICE.email, seed.ALICE.password)

    assert NOT_NOW in page.summary
    assert outcomes(app, "sign_in") == ["misconfigured"]
    (event,) = [event for event in events if event["event"] == "zype_refused_our_client"]
    assert event["log_level"] == "error"
    assert "another-secret" not in str(events)


@each("status, document", [(500, None), (401, {"error": "invalid_token"}), (200, {})])
def test_a_token_without_token_info_signs_nobody_in(
    client: PageClient, app: Flask, sandbox: SimulatedZype, status: int, document: object
) -> None:
    with answering(sandbox, "/oauth/token/info", status, document):
        page = sign_in(client, 503, seed.ALICE.email, seed.ALICE.password)

    assert NOT_NOW in page.summary
    assert session_rows(app) == []
    assert tokens(sandbox) == {}


def test_the_token_is_revoked_and_stored_nowhere(alice: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    with recording_calls(sandbox) as calls, logged() as events:
        alice.signs_in()

    revoked = [fields["token"] for path, fields in calls if path == "/oauth/revoke"]
    assert revoked
    assert tokens(sandbox) == {}
    kept = str([session_rows(app), rows(app, ledger), events, cookie(alice.browser, "activate")])
    assert not [token for token in revoked if token in kept]


def test_a_viewer_whose_token_can_t_be_revoked_is_signed_in(alice: Alice, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/oauth/revoke", 500), logged() as events:
        alice.signs_in()

    assert alice.page.heading == "Link your TV"
    assert "token_not_revoked" in [event["event"] for event in events]


@pytest.mark.parametrize("status", [500, 404, 401])
def test_without_a_name_the_page_says_your_account(alice: Alice, sandbox: SimulatedZype, status: int) -> None:
    with answering(sandbox, "/consumers/", status):
        alice.signs_in()

    assert "You're signed in to your account" in alice.page.text(".account")


def test_a_sign_in_leads_to_no_other_path(
    app: Flask, browse: Callable[..., PageClient], subtests: pytest.Subtests
) -> None:
    for path in OTHER_PATHS:
        with subtests.test(path=path):
            client = browse(app)
            form = client.send("GET", "/sign-in", 200, data={"next": path})
            assert form.value('form[action="/sign-in"] [name=next]') == "/activate"
            fields = {"email": seed.ALICE.email, "password": seed.ALICE.password, "next": path}
            assert client.submit(form, "/sign-in", 303, **fields).location == "/activate"


def test_the_address_is_the_same_however_it_is_typed(app: Flask, client: PageClient) -> None:
    for email in ("\uff41lice\uff20example.com", "mailto:alice@example.com\u00a0", "A <ALICE@example.com>,"):
        sign_in(client, 303, email, seed.ALICE.password)
        client.submit(client.get("/activate"), SIGN_OUT, 303)

    signed_in = [row for row in rows(app, ledger) if row["action"] == "sign_in"]
    assert {row["outcome"] for row in signed_in} == {None, "signed_in"}
    assert len({row["subject_hash"] for row in signed_in}) == 1


def test_what_is_no_address_is_no_wrong_password(app: Flask, client: PageClient, sandbox: SimulatedZype) -> None:
    for email in ("alice", "alice@", "alice example.com", "alice@example.com bob@example.com", "\u200b", " "):
        page = sign_in(client, 422, email)
        assert "Enter your email address" in page.summary, email
        assert "don't go together" not in page.summary, email

    assert rows(app, ledger) == []
    assert sandbox.record() == []


def test_the_pin_survives_a_wrong_and_a_right_password(alice: Alice) -> None:
    alice.opens("/activate?pin=good1", 303)
    assert not alice.page.select_one("#pin-kept").has_attr("hidden")

    alice.signs_in("wrong", 422)
    assert not alice.page.select_one("#pin-kept").has_attr("hidden")
    alice.signs_in()

    assert alice.page.value("#pin") == "good1"


@pytest.mark.parametrize(("account", "pin"), [(seed.MALLORY, ""), (seed.ALICE, "good1")], ids=["another", "the same"])
def test_signing_in_directly_forgets_the_pin_of_another_viewer(alice: Alice, account: seed.Consumer, pin: str) -> None:
    page = alice.signs_in().opens("/activate?pin=good1", 303).page
    token = page.value(f"{SIGN_OUT} [name=csrf_token]")

    # No page offers this to somebody who is signed in, except one that says that a sign-in at Zype's page failed.
    fields = {"email": account.email, "password": account.password, "csrf_token": token}
    alice.browser.send("POST", "/sign-in", 303, data=fields)

    page = alice.opens("/activate").page
    assert account.email in page.text(".account")
    assert page.value("#pin") == pin


@pytest.mark.parametrize("token", [None, "stale"])
def test_a_stale_form_keeps_the_e_mail_and_never_the_password(
    client: PageClient, app: Flask, token: str | None
) -> None:
    sent = {"email": seed.ALICE.email, "password": seed.ALICE.password, **({"csrf_token": token} if token else {})}
    client.get("/sign-in")

    page = client.send("POST", "/sign-in", 422, data=sent)

    assert "This page was open for too long" in page.summary
    assert page.value("#email") == seed.ALICE.email
    assert seed.ALICE.password not in page.source
    assert rows(app, ledger) == []
    again = client.submit(page, "/sign-in", 303, password=seed.ALICE.password)
    assert again.location == "/activate"


def test_a_password_is_not_taken_where_it_is_not_a_way_to_sign_in(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    earlier = browse(make_app(sign_in="password"))
    form = earlier.get("/sign-in")
    app = make_app(sign_in="code")
    browser = browse(app)
    give_cookie(browser, "activate", cookie(earlier, "activate") or "")

    with recording_calls(sandbox) as calls:
        page = browser.submit(form, "/sign-in", 422, email=seed.ALICE.email, password=seed.ALICE.password)

    assert "You can't sign in that way here" in page.summary
    assert calls == []
    assert session_rows(app) == []


def tokens(sandbox: SimulatedZype) -> dict[str, object]:
    """Return the access tokens that still live."""
    found: dict[str, object] = sandbox.app.extensions["sandbox"].tokens._tokens
    return found


def test_the_page_says_what_comes_next_and_leads_on_to_where_the_operator_says(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    plain, theirs = (
        browse(make_app(sign_in="password,code", brand_name="Example TV", **addresses))
        for addresses in ({}, {f"brand_{name}_url": f"https://example.com/{name}" for name in ELSEWHERE})
    )
    page = plain.get("/activate")
    assert page.text(".step") == "Step 1 of 2"
    assert page.text("#next-step") == "Then enter the PIN from your TV."
    assert page.text('a[href^="/sign-in/code"]') == "Sign in with Example TV"
    assert not page.select("main a[href^=https]")

    page = theirs.get("/activate")
    assert {link["href"].rpartition("/")[2]: link.text for link in page.select("main a[href^=https]")} == ELSEWHERE
    wrong = sign_in(plain, 422, seed.ALICE.email)
    assert wrong.summary == f"{WRONG} Check both and try again.", "no more than two lines"
    assert wrong.text('[formaction="/sign-in/forgotten"]') == ELSEWHERE["forgotten_password"]
    assert not sign_in(theirs, 422, seed.ALICE.email).select("[formaction^='/sign-in/forgotten']"), (
        "there is a page for it"
    )
    # No PIN comes after it.
    assert not plain.get("/sign-in?next=/devices").select(".step, #next-step")
