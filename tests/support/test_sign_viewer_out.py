"""Signing a viewer out everywhere for them: with a reason, on the record, and while Zype is down too."""

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.ledger.tables import ledger
from portal.mail.outbox import outbox
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.faulty_zype import answering
from tests.harness.internals import outcomes, rows, session_rows
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import SimulatedZype
from tests.support.conftest import VIEWER, WHY, Bob

SIGN_OUT = f"{VIEWER}/sign-out"
SIGN_OUT_WHY = WHY | {"reason": "stranger", "details": "Somebody else has her laptop."}
REASON = "Somebody else may be signed in to the account: Somebody else has her laptop."


@pytest.fixture
def ready(bob: Bob, alice: Alice, mallory: Mallory) -> Bob:
    """Bob, on the page to sign Alice out; she is signed in, and so is Mallory."""
    alice.signs_in()
    mallory.signs_in()
    return bob.opens(SIGN_OUT)


def signed_in(app: Flask) -> list[tuple[str, str]]:
    return sorted((row["kind"], row["principal_id"]) for row in session_rows(app))


def test_the_viewer_s_page_leads_there(ready: Bob) -> None:
    assert ready.opens(VIEWER).page.text(f'a[href="{SIGN_OUT}"]') == "Sign this viewer out everywhere"


def test_every_session_of_the_viewer_ends_and_no_other(ready: Bob, app: Flask, alice: Alice) -> None:
    answer = ready.browser.submit(ready.page, SIGN_OUT, 303, **SIGN_OUT_WHY)

    page = ready.browser.follow(answer)
    assert page.path == VIEWER
    assert "The viewer is signed out in every browser." in page.text("[role=status]")
    assert REASON in page.text()
    assert signed_in(app) == [("agent", "bob"), ("viewer", seed.MALLORY.id)]
    assert alice.browser.get("/activate").heading == "Sign in to link your TV"


def test_the_ledger_says_who_did_it_and_why(ready: Bob, app: Flask) -> None:
    ready.browser.submit(ready.page, SIGN_OUT, 303, **SIGN_OUT_WHY)

    begun, ended = [row for row in rows(app, ledger) if row["action"] == "sign_out_everywhere"]
    for row in (begun, ended):
        assert (row["actor_kind"], row["actor_id"], row["consumer_id"]) == ("agent", "bob", seed.ALICE.id)
        assert (row["reason"], row["ticket"]) == (REASON, WHY["ticket"])
    assert (begun["outcome"], ended["outcome"]) == (None, "done")
    assert [row["kind"] for row in rows(app, outbox)] == ["signed_out_by_agent"]


def test_without_a_reason_nothing_changes(ready: Bob, app: Flask) -> None:
    before = signed_in(app)
    for missing in ({"reason": ""}, {"reason": "gone"}, {"details": " "}, {"identity_checked": None}):
        page = ready.browser.submit(ready.page, SIGN_OUT, 422, **SIGN_OUT_WHY | missing)
        assert "Something is missing" in page.summary

    assert signed_in(app) == before
    assert outcomes(app, "sign_out_everywhere") == []


def test_a_stale_form_comes_back_with_what_was_typed(ready: Bob, app: Flask) -> None:
    before = signed_in(app)

    page = ready.browser.send("POST", SIGN_OUT, 422, data=SIGN_OUT_WHY | {"csrf_token": "stale"})

    assert "What you typed is still here" in page.summary
    assert page.text("#details") == SIGN_OUT_WHY["details"]
    assert signed_in(app) == before


def test_it_works_while_zype_is_down(ready: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers/", 500):
        ready.browser.submit(ready.page, SIGN_OUT, 303, **SIGN_OUT_WHY)

    assert ("viewer", seed.ALICE.id) not in signed_in(app)


def test_what_can_not_be_recorded_is_not_done(ready: Bob, app: Flask) -> None:
    before = signed_in(app)
    refuse = "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    with services_of(app).database.write() as connection:
        connection.execute(sa.text(refuse))

    ready.browser.submit(ready.page, SIGN_OUT, 503, **SIGN_OUT_WHY)

    assert signed_in(app) == before
