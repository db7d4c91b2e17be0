"""Finding a viewer: exactly, by POST, and every look-up on record, whatever came of it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.domain.outcomes import LookUpOutcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import logged, outcomes, rows, send_body
from tests.harness.page import PageClient
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import VIEWER, Bob


@dataclass(frozen=True)
class Shown:
    """What an agent gets to see of an outcome.

    Args:
        status: of the page.
        sentence: that no other outcome has.
        zype: the status with which Zype answers, or none where it is not asked.
        retry_after: the seconds that stand in Retry-After.
    """

    status: int
    sentence: str
    zype: int | None = None
    retry_after: int | None = None


SHOWN = {
    LookUpOutcome.FOUND: Shown(303, "alice@example.com", 200),
    LookUpOutcome.NOT_FOUND: Shown(422, "Nobody has exactly this email or id.", 404),
    LookUpOutcome.MALFORMED: Shown(422, "That is no email and no consumer id"),
    LookUpOutcome.TOO_MANY: Shown(429, "You have looked up as many viewers as you may for now", None, 86_400),
    LookUpOutcome.UNAVAILABLE: Shown(503, "Please try again in 10 seconds.", 503, 10),
    LookUpOutcome.MISCONFIGURED: Shown(503, "Zype does not accept our key. Tell whoever runs this portal", 401, 10),
}
# Each is another address than alice@example.com, or none at all.
LOOK_ALIKES = {
    "Cyrillic a": "\u0430lice@example.com",
    "dotless i": "al\u0131ce@example.com",
    "dotted capital i": "AL\u0130CE@example.com",
    "full-width Cyrillic a": "\u0430lice\uff20example.com",
    "long s": "alice@example\u017f.com",
    "part of it": "alice@example",
    "wildcard": "%@example.com",
    "star": "*@example.com",
    "two": "alice@example.com,mallory@example.com",
}
PASTED = (
    "\uff41lice\uff20example.com\u200b",
    "mailto:alice@example.com",
    "Alice <alice@example.com>,",
    "\u201calice@example.com\u201d.",
)
EXACT = (seed.ALICE.email, " Alice@Example.COM\u00a0", *PASTED, seed.ALICE.id, f" {seed.ALICE.id}\u200b ")
RUBBISH = {
    "zero byte": "alice@example.com\0",
    "line break": "alice@example.com\n",
    "escape": "\x1b[2Jalice@example.com",
    "separator": "\x1falice@example.com",
    "path": "../consumers",
    "SQL": "' OR 1=1 --",
    "HTML": "<script>alert(1)</script>",
    "template": "{{ 7 * 7 }}",
    "10 kB": "a" * 10_000,
    "10 kB of an address": "a" * 10_000 + "@example.com",
    "emoji": "📺",
    "object id with a dash": "0a11ce00-0000000000000001",
}


def test_every_outcome_is_shown_here() -> None:
    assert set(SHOWN) == set(LookUpOutcome)


def test_the_exact_address_or_id_leads_to_the_viewer(bob: Bob, app: Flask, subtests: pytest.Subtests) -> None:
    for who in EXACT:
        before = len(outcomes(app, "look_up"))
        with subtests.test(who):
            page = bob.finds(who).page

            assert page.path == VIEWER
            assert page.heading == "Alice"
            assert outcomes(app, "look_up")[before:] == ["found"]


@pytest.mark.parametrize("outcome", [outcome for outcome, shown in SHOWN.items() if shown.zype not in (None, 200)])
def test_each_failed_look_up_has_its_words_and_keeps_what_was_typed(
    bob: Bob, app: Flask, sandbox: SimulatedZype, outcome: LookUpOutcome
) -> None:
    expected = SHOWN[outcome]
    with answering(sandbox, "/consumers", expected.zype or 0):
        page = bob.finds("0" * 24, expected.status).page

    assert page.title.startswith("Error: Find a viewer")
    assert expected.sentence in page.summary
    others = {shown.sentence for shown in SHOWN.values()} - {expected.sentence}
    assert not [sentence for sentence in others if sentence in page.summary]
    assert page.value("#who") == "0" * 24
    assert page.header("Retry-After", "") == str(expected.retry_after or "")
    assert outcomes(app, "look_up") == [outcome]


def test_a_similar_address_or_id_finds_no_viewer(bob: Bob, app: Flask, subtests: pytest.Subtests) -> None:
    for name, who in LOOK_ALIKES.items():
        before = len(outcomes(app, "look_up"))
        with subtests.test(name):
            page = bob.finds(who, 422).page

            assert page.value("#who") == who
            assert outcomes(app, "look_up")[before] in ("not_found", "malformed")


@each("kind", ["\u212aate@example.com", "kate@example.org", "\u1e33ate@example.com", "kaſe@x.com"])
def test_a_partial_match_of_zype_s_search_finds_no_viewer(bob: Bob, sandbox: SimulatedZype, kind: str) -> None:
    kate = {"_id": seed.ALICE.id, "email": "kate@example.com", "name": "Kate"}
    case = kate | {"email": "kase@x.com"}
    with answering(sandbox, "/consumers", 200, {"response": [kate, case]}):
        assert SHOWN[LookUpOutcome.NOT_FOUND].sentence in bob.finds(kind, 422).page.summary


def test_two_accounts_with_one_address_are_no_match(bob: Bob, sandbox: SimulatedZype) -> None:
    twins = [{"_id": f"{n:024x}", "email": seed.ALICE.email, "name": "Alice"} for n in (1, 2)]
    with answering(sandbox, "/consumers", 200, {"response": twins}):
        bob.finds(seed.ALICE.email, 422)


def test_an_impossible_address_or_id_is_422_without_asking_zype(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    with answering(sandbox, "/consumers", 500):
        for name, who in RUBBISH.items():
            assert SHOWN[LookUpOutcome.MALFORMED].sentence in bob.finds(who, 422).page.summary, name

    assert outcomes(app, "look_up") == ["malformed"] * len(RUBBISH)


@each("who", ["", "   ", "\u200b\u3164"])
def test_an_empty_field_is_no_look_up(bob: Bob, app: Flask, who: str) -> None:
    page = bob.finds(who, 422).page

    assert page.summary == "Enter an email or a consumer id. The field is empty. Go to the field"
    assert outcomes(app, "look_up") == []


@each(
    "body",
    ["csrf_token={}&who=alice%40example.com&who=mallory%40example.com", "csrf_token={}", "csrf_token={}&who=a%ff%40"],
)
def test_a_body_that_no_form_sends_finds_no_viewer(bob: Bob, body: str) -> None:
    token = bob.opens("/support").page.value('form[action="/support"] [name=csrf_token]')

    page = send_body(bob.browser, "/support", body.format(token).encode(), "application/x-www-form-urlencoded")

    assert page.status == 422


def test_the_page_of_the_daily_limit_says_how_long_to_wait(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(limit_lookup="2/day")
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)
    bob.finds(seed.ALICE.email)
    bob.finds(seed.MALLORY.email)

    page = bob.finds("u1@example.com", 429).page

    expected = SHOWN[LookUpOutcome.TOO_MANY]
    assert expected.sentence in page.summary
    assert "You can try again in 24 hours." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(expected.retry_after, abs=30)
    assert page.value("#who") == "u1@example.com"
    assert outcomes(app, "look_up") == ["found", "found", "too_many"]
    assert bob.opens(VIEWER).page.heading == "Alice", "whom one has just found stays open"


def test_the_look_up_is_recorded_without_the_e_mail_address(bob: Bob, app: Flask) -> None:
    bob.finds(seed.ALICE.email)
    bob.finds("nobody@example.com", 422)

    kept = [row for row in rows(app, ledger) if row["action"] == "look_up"]
    assert {(row["actor_kind"], row["actor_id"]) for row in kept} == {("agent", "bob")}
    assert [row["consumer_id"] for row in kept] == [None, seed.ALICE.id, None, None]
    assert "@" not in str(kept)


def test_no_address_is_in_a_url_or_a_log(bob: Bob) -> None:
    with logged() as events:
        found = bob.browser.submit(bob.opens("/support").page, "/support", 303, who=seed.ALICE.email)
        bob.finds("nobody@example.com", 422)

    assert found.location == VIEWER
    assert events
    assert "example.com" not in str(events)


@pytest.mark.parametrize("table", ["pending", "ledger"])
def test_without_the_ledger_no_viewer_is_looked_up(bob: Bob, app: Flask, table: str, sandbox: SimulatedZype) -> None:
    bob.opens("/support")
    with services_of(app).database.write() as connection:
        connection.execute(sa.text(f"DROP TABLE {table}"))

    with answering(sandbox, "/consumers", 500):
        page = bob.browser.submit(bob.page, "/support", 503, who=seed.ALICE.email)

    assert "Viewers can't be looked up right now" in page.summary
    assert page.value("#who") == seed.ALICE.email
    assert page.header("Retry-After") == "60"


def test_a_stale_form_keeps_what_was_typed_and_looks_nobody_up(bob: Bob, app: Flask) -> None:
    page = bob.browser.send("POST", "/support", 422, data={"who": seed.ALICE.email, "csrf_token": "stale"})

    assert "This page was open for too long" in page.summary
    assert page.value("#who") == seed.ALICE.email
    assert outcomes(app, "look_up") == []
    assert bob.browser.submit(page, "/support", 303).location == VIEWER


def test_a_stale_form_without_a_session_asks_to_sign_in(client: PageClient) -> None:
    assert client.send("POST", "/support", 303, data={"who": seed.ALICE.email}).location == "/support/sign-in"


def test_the_first_page_has_focus_in_its_field(bob: Bob) -> None:
    field = bob.opens("/support").page.select_one("#who")

    assert field.has_attr("data-autofocus")
    assert not field.has_attr("autofocus")
    assert {"autocomplete": "off", "spellcheck": "false"}.items() <= dict(field.attrs).items()


def test_every_page_has_the_look_up_once_and_names_the_agent(bob: Bob) -> None:
    below = ("", "/link", "/unlink-all", "/sign-out")
    paths = ("/support", *(f"{VIEWER}{path}" for path in below), "/support/account", "/support/account/password")
    for path in paths:
        page = bob.opens(path).page
        assert page.text(".staff-name") == "Bob Agent", path
        found = bob.browser.submit(page, "/support", 303, who=seed.ALICE.email)
        assert found.location == VIEWER, path
    # Nobody has been looked up, so that page asks for it.
    page = bob.browser.get(f"/support/viewers/{seed.MALLORY.id}")
    assert page.value('form[action="/support"] [name=who]') == seed.MALLORY.id
