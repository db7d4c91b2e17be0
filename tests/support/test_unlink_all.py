"""Unlinking all TVs of a viewer: after a sign-in of a few minutes ago, one by one, and honest about each."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import outcomes, rows
from tests.harness.markup import words
from tests.harness.page import Page, PageClient
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import UNLINK_REASON, UNLINK_WHY, VIEWER, Bob

ALL = f"{VIEWER}/unlink-all"


def unlinks_all(bob: Bob, status: int) -> Page:
    page = bob.opens(ALL).page
    return bob.browser.submit(page, ALL, status, **UNLINK_WHY)


def unlinks(sandbox: SimulatedZype) -> int:
    return [call["path"] for call in sandbox.record()].count("/pin/unlink")


def test_every_tv_that_zype_lists_is_unlinked_with_an_attempt_each(
    bob: Bob, app: Flask, sandbox: SimulatedZype
) -> None:
    tvs = [sandbox.tv() for _ in range(3)]
    bob.has_linked(*(tv.pin for tv in tvs))
    assert [item.get_text(strip=True) for item in bob.opens(ALL).page.select(".list li")] == ["TV 3", "TV 2", "TV 1"]

    page = bob.browser.follow(unlinks_all(bob, 303))

    assert not [tv for tv in tvs if tv.is_linked()]
    assert "3 TVs are unlinked." in page.text("[role=status]")
    assert outcomes(app, "unlink") == ["unlinked"] * 3
    kept = [row for row in rows(app, ledger) if row["action"] == "unlink"]
    assert {(row["actor_id"], row["reason"], row["ticket"]) for row in kept} == {("bob", UNLINK_REASON, "T-4711")}
    assert len({row["attempt_id"] for row in kept}) == 3


def test_each_result_is_listed_if_some_tvs_stay_linked(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    bob.has_linked("good1", "sticky1", "good2")

    page = unlinks_all(bob, 503)

    assert [words(item) for item in page.select("[role=alert] li")] == [
        "TV 3: unlinked.",
        "TV 2: still linked; it can't be unlinked right now.",
        "TV 1: unlinked.",
    ]
    assert page.header("Retry-After") == "60"
    assert page.text("#details") == UNLINK_WHY["details"]
    assert outcomes(app, "unlink") == ["unlinked", "unavailable", "unlinked"]
    assert len(services_of(app).directory.tvs(seed.ALICE.id)) == 1


@pytest.mark.parametrize(
    ("zype", "status", "words"),
    [
        (404, 422, "nothing to unlink; it has a new PIN, or is no longer linked."),
        (500, 503, "we did not hear back; it may still be linked."),
        (401, 503, "still linked; it can't be unlinked right now."),
    ],
)
def test_each_way_to_fail_has_its_words(bob: Bob, sandbox: SimulatedZype, zype: int, status: int, words: str) -> None:
    bob.has_linked("good1")
    with answering(sandbox, "/pin/unlink", zype):
        assert words in unlinks_all(bob, status).summary


def test_tvs_are_left_when_the_time_is_up(
    bob: Bob, app: Flask, monkeypatch: pytest.MonkeyPatch, sandbox: SimulatedZype
) -> None:
    bob.has_linked("good1", "good2")
    monkeypatch.setattr("portal.pages.support.unlinking_views.UNLINK_ALL_SECONDS", -1)

    page = unlinks_all(bob, 503)

    assert page.summary.count("not tried yet; the others took too long.") == 2
    assert outcomes(app, "unlink") == []


def test_without_a_tv_there_is_nothing_to_do(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    page = bob.opens(ALL).page

    assert "Zype lists none for this account." in page.text()
    assert not page.select(f'form[action="{ALL}"]')
    bob.has_linked("good1")
    form = bob.opens(ALL).page
    bob.unlinks()
    assert bob.browser.submit(form, ALL, 303, **UNLINK_WHY).location == VIEWER
    assert outcomes(app, "unlink") == ["unlinked"]


def test_an_agent_who_signed_in_long_ago_signs_in_again_first(
    app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)
    bob.has_linked("good1")
    form = bob.opens(ALL).page
    sign_in_staff(app, bob.browser, signed_in_ago=timedelta(minutes=6))

    for answer in (bob.browser.get(ALL, 303), bob.browser.submit(form, ALL, 303, **UNLINK_WHY)):
        assert (answer.location or "").startswith("/support/sign-in?")
        assert "again=1" in (answer.location or "")
    assert unlinks(sandbox) == 0


@each("field", ["reason", "details", "identity_checked"])
def test_a_missing_field_is_named_and_nothing_is_unlinked(bob: Bob, sandbox: SimulatedZype, field: str) -> None:
    bob.has_linked("good1")
    sent: dict[str, str | None] = {**UNLINK_WHY, field: None if field == "identity_checked" else ""}

    page = bob.browser.submit(bob.opens(ALL).page, ALL, 422, **sent)

    assert page.select(f'[role=alert] a[href="#{field}"]')
    assert unlinks(sandbox) == 0


@pytest.fixture
def ready(bob: Bob) -> Bob:
    """Bob on the page with the form, with a TV to unlink."""
    return bob.has_linked("good1").opens(ALL)


def test_what_was_typed_stays_while_zype_is_down(ready: Bob, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers", 503):
        page = ready.browser.submit(ready.page, ALL, 503, **UNLINK_WHY)

    assert "The TV can't be unlinked right now" in page.summary
    assert page.text("#details") == UNLINK_WHY["details"]
    assert unlinks(sandbox) == 0


def test_without_the_ledger_nothing_is_unlinked(ready: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("DROP TABLE pending"))

    page = ready.browser.submit(ready.page, ALL, 503, **UNLINK_WHY)

    assert "TV 1: still linked" in page.summary
    assert unlinks(sandbox) == 0


def test_a_stale_form_comes_back_with_what_was_typed(ready: Bob, sandbox: SimulatedZype) -> None:
    signed = ready.page.value("[name=caller]")

    page = ready.browser.send("POST", ALL, 422, data=UNLINK_WHY | {"caller": signed, "csrf_token": "stale"})

    assert "This page was open for too long" in page.summary
    assert page.text("#details") == UNLINK_WHY["details"]
    assert unlinks(sandbox) == 0
