"""Having Zype send a viewer its mail to set a new password: with a reason, on the record, and within limits."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.ledger.tables import ledger
from portal.mail.outbox import outbox
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.faulty_zype import answering, recording_calls
from tests.harness.internals import outcomes, rows
from tests.harness.page import PageClient
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import VIEWER, WHY, Bob

MAIL = f"{VIEWER}/password-mail"
MAIL_WHY = WHY | {"reason": "forgotten", "details": "She can't remember it."}
REASON = "The viewer forgot their password: She can't remember it."
ZYPE = "/consumers/forgot_password"
BUTTON = f'a[href="{MAIL}"]'


def test_zype_sends_the_mail_and_the_record_says_who_asked_and_why(
    bob: Bob, app: Flask, sandbox: SimulatedZype
) -> None:
    assert bob.opens(VIEWER).page.text(BUTTON) == "Send a message to set a new password"
    bob.opens(MAIL)
    with recording_calls(sandbox) as calls:
        answer = bob.browser.submit(bob.page, MAIL, 303, **MAIL_WHY)

    assert [path for path, _ in calls if path == ZYPE] == [ZYPE]
    page = bob.browser.follow(answer)
    assert page.path == VIEWER
    assert "Zype sends the message" in page.text("[role=status]")
    assert REASON in page.text()
    begun, ended = [row for row in rows(app, ledger) if row["action"] == "forgotten_password"]
    for row in (begun, ended):
        assert (row["actor_kind"], row["actor_id"], row["consumer_id"]) == ("agent", "bob", seed.ALICE.id)
        assert (row["reason"], row["ticket"]) == (REASON, WHY["ticket"])
        assert row["subject_hash"] == services_of(app).ledger.keyring.subject(seed.ALICE.email)
    assert (begun["outcome"], ended["outcome"]) == (None, "sent")
    assert seed.ALICE.email not in str(rows(app, ledger))
    assert rows(app, outbox) == [], "Zype's mail is enough"


def test_without_a_reason_or_with_a_stale_form_nothing_is_sent(bob: Bob, app: Flask) -> None:
    bob.opens(MAIL)
    for missing in ({"reason": ""}, {"reason": "gone"}, {"details": " "}, {"identity_checked": None}):
        assert "Something is missing" in bob.browser.submit(bob.page, MAIL, 422, **MAIL_WHY | missing).summary
    stale = bob.browser.submit(bob.page, MAIL, 422, **MAIL_WHY, csrf_token="stale")
    assert "What you typed is still here" in stale.summary
    assert stale.text("#details") == MAIL_WHY["details"]
    assert outcomes(app, "forgotten_password") == []


@pytest.mark.parametrize(
    ("answer", "status", "outcome", "said"),
    [
        (422, 422, "refused", "Zype sends no message to this viewer"),
        (429, 503, "unavailable", "No message can be sent right now"),
        (403, 503, "misconfigured", "Zype does not accept our key"),
        (500, 503, "unknown", "ask the viewer to check their inbox first"),
    ],
)
def test_each_answer_of_zype_has_its_message(
    answer: int, status: int, outcome: str, said: str, bob: Bob, app: Flask, sandbox: SimulatedZype
) -> None:
    bob.opens(MAIL)
    with answering(sandbox, ZYPE, answer):
        page = bob.browser.submit(bob.page, MAIL, status, **MAIL_WHY)

    assert said in page.summary
    assert page.text("#details") == MAIL_WHY["details"]
    assert outcomes(app, "forgotten_password") == [outcome]
    with answering(sandbox, f"/consumers/{seed.ALICE.id}", 503):
        page = bob.browser.submit(bob.page, MAIL, 503, **MAIL_WHY)
    assert "No message can be sent right now" in page.summary, "whose email it is can't be asked"


def test_past_a_limit_the_agent_waits(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    sign_in_staff(app, browser := browse(app))
    bob = Bob(browser)
    form = bob.opens(MAIL).page
    bob.browser.submit(form, MAIL, 303, **MAIL_WHY)

    page = bob.browser.submit(form, MAIL, 429, **MAIL_WHY)

    assert "You can try again in 15 minutes." in page.summary
    assert outcomes(app, "forgotten_password") == ["sent", "too_many"]


@pytest.mark.parametrize(
    "settings", [{"sign_in": "code"}, {"brand_forgotten_password_url": "https://example.com/password"}]
)
def test_where_viewers_set_a_password_in_another_way_it_is_not_shown_and_refused(
    settings: dict[str, str], make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(**settings)
    sign_in_staff(app, browser := browse(app))
    bob = Bob(browser)

    other = bob.opens(f"{VIEWER}/sign-out").page
    sent = MAIL_WHY | {"caller": other.value("[name=caller]")}
    tokens = (str(other.select("[name=csrf_token]")[0]["value"]), "stale")
    assert not bob.opens(VIEWER).page.select(BUTTON)
    bob.opens(MAIL, 404)
    for token in tokens:
        browser.send("POST", MAIL, 404, data=sent | {"csrf_token": token})
    assert outcomes(app, "forgotten_password") == []


def test_of_an_account_without_an_email_it_is_not_shown_and_refused(bob: Bob, sandbox: SimulatedZype) -> None:
    form = bob.opens(MAIL).page
    without = {"response": {"_id": seed.ALICE.id, "email": None, "linked_devices": []}}
    with answering(sandbox, f"/consumers/{seed.ALICE.id}", 200, without), recording_calls(sandbox) as calls:
        assert not bob.opens(VIEWER).page.select(BUTTON)
        bob.opens(MAIL, 404)
        bob.browser.submit(form, MAIL, 404, **MAIL_WHY)
    assert ZYPE not in [path for path, _ in calls]
