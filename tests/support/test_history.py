"""The supervisor's page of everybody's attempts, and the file of them."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.domain.actors import OPERATOR, Actor, ActorKind, Reason, Role
from portal.domain.outcomes import OUTCOMES, Action, LookUpOutcome, Outcome
from portal.ledger import export, history
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger
from portal.ledger.verification import Verification
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.internals import rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.staff import sign_in_staff
from tests.support.conftest import REASON, Bob, on_any_database

HISTORY = "/support/history"
BOB = Actor(ActorKind.AGENT, "bob", "192.0.2.9", "request-9")


@pytest.fixture
def supervisor(app: Flask, browse: Callable[..., PageClient]) -> PageClient:
    """A supervisor's browser."""
    browser = browse(app)
    sign_in_staff(app, browser, "supervisor", Role.SUPERVISOR)
    return browser


def write(app: Flask, *outcomes: Outcome | None, actor: Actor = BOB, viewer: str = seed.ALICE.id) -> list[Attempt]:
    """Put attempts to link into the ledger; none is one whose process crashed."""
    book = services_of(app).ledger
    made = [Attempt(Action.LINK, actor, viewer, reason=Reason(REASON, "T-1")) for _ in outcomes]
    for attempt, outcome in zip(made, outcomes, strict=True):
        book.begin(attempt)
        if outcome:
            book.finish(attempt, outcome)
    return made


def past_the_triggers(connection: Connection, database: Database) -> None:
    """Let this connection change rows, so that they can grow old."""
    off = "DROP TRIGGER ledger_no_update" if database.is_sqlite else "ALTER TABLE ledger DISABLE TRIGGER ALL"
    connection.exec_driver_sql(off)


def add_many(app: Flask, attempts: int) -> list[str]:
    """Put attempts that linked into the ledger in one transaction, and return their ids."""
    services = services_of(app)
    key = services.ledger.keyring.current
    begun = [row_of(Attempt(Action.LINK, BOB, "alice"), services.ledger.keyring) for _ in range(attempts)]
    now = datetime.now(UTC)
    with services.database.write() as connection:
        halves = (row | {"outcome": end} for row in begun for end in (None, "linked"))
        connection.execute(ledger.insert(), [sign(half, key, now) for half in halves])
    return [row["attempt_id"] for row in begun]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Yield what the database is asked in the block."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(database._engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(database._engine, "before_cursor_execute", note)


def listed(page: Page) -> list[str]:
    """Return the ids of the attempts that a page lists."""
    return [cell.get_text(strip=True) for cell in page.select("td code")]


def test_it_lists_what_viewers_and_agents_did(
    app: Flask, alice: Alice, bob: Bob, supervisor: PageClient, sandbox: object
) -> None:
    alice.signs_in().types_pin("used7", 422)
    bob.finds(seed.ALICE.email).links("good7")

    page = supervisor.get(HISTORY)

    text = page.text("table")
    for words in ("Look a viewer up found", "Link a TV linked", "Link a TV PIN not found", "Sign in signed in"):
        assert words in text
    assert REASON in text
    assert "(T-4711)" in text
    assert "bob" in text
    assert "the viewer" in text
    newest = sorted({row["attempt_id"]: row["id"] for row in reversed(rows(app, ledger)) if not row["outcome"]}.items())
    assert set(listed(page)) == {attempt_id for attempt_id, _ in newest}


def test_no_pin_fingerprint_or_hash_is_shown(app: Flask, alice: Alice, supervisor: PageClient) -> None:
    alice.signs_in().types_pin("good7")
    source = supervisor.get(HISTORY).source
    kept = [row[name] for row in rows(app, ledger) for name in ("pin_fingerprint", "address_hash", "row_hash")]
    assert len([value for value in kept if value]) > 4
    assert [value for value in kept if value and value in source] == []


def test_an_attempt_without_an_outcome_is_under_way_then_unknown(app: Flask, supervisor: PageClient) -> None:
    write(app, None)
    assert "Link a TV under way" in supervisor.get(HISTORY).text("table")

    database = services_of(app).database
    with database.write() as connection:
        past_the_triggers(connection, database)
        connection.execute(ledger.update().values(at=datetime.now(UTC) - timedelta(seconds=61)))
    page = supervisor.get(HISTORY)
    assert "Link a TV unknown, not written" in page.text("table")
    assert len(listed(supervisor.get(f"{HISTORY}?outcome=none"))) == 1
    assert "There are no such attempts." in supervisor.get(f"{HISTORY}?outcome=linked").text()


class TestFilter:
    """Which attempts are shown."""

    def test_by_agent_viewer_and_outcome(self, app: Flask, supervisor: PageClient) -> None:
        other = Actor(ActorKind.AGENT, "oidc:248 289", "192.0.2.9", "request-9")
        linked, missed = write(app, Outcome.LINKED, Outcome.NOT_FOUND)
        (theirs,) = write(app, Outcome.LINKED, actor=other, viewer=seed.MALLORY.id)

        assert listed(supervisor.get(f"{HISTORY}?agent=bob")) == [missed.id, linked.id]
        assert listed(supervisor.get(f"{HISTORY}?agent=oidc:248%20289")) == [theirs.id]
        assert listed(supervisor.get(f"{HISTORY}?viewer={seed.MALLORY.id}")) == [theirs.id]
        assert listed(supervisor.get(f"{HISTORY}?outcome=linked&agent=bob")) == [linked.id]
        assert listed(supervisor.get(f"{HISTORY}?agent={seed.ALICE.id}")) == []

    @on_any_database
    def test_by_days_both_included(self, app: Flask, supervisor: PageClient) -> None:
        (today,) = write(app, Outcome.LINKED)
        day = datetime.now(UTC).date()
        day_before, day_after = day - timedelta(days=1), day + timedelta(days=1)
        assert listed(supervisor.get(f"{HISTORY}?from={day_before}&to={day_after}")) == [today.id]
        assert listed(supervisor.get(f"{HISTORY}?from={day_before}&to={day_before}")) == []
        assert listed(supervisor.get(f"{HISTORY}?from={day_after}")) == []

    def test_the_form_leads_to_an_address_without_what_is_empty(self, app: Flask, supervisor: PageClient) -> None:
        write(app, Outcome.LINKED)
        page = supervisor.submit(supervisor.get(HISTORY), HISTORY, 303, agent=" bob ", outcome="linked")
        assert page.location == f"{HISTORY}?agent=bob&outcome=linked"
        shown = supervisor.follow(page)
        assert shown.value("#agent") == "bob"
        assert shown.select_one("option[selected]")["value"] == "linked"
        assert supervisor.submit(shown, HISTORY, 303, agent="", outcome="").location == HISTORY

    def test_a_filter_finds_the_viewer_of_the_outcome_s_row(self, app: Flask, supervisor: PageClient) -> None:
        """Of a look-up or a sign-in it is Zype's answer that tells who it was about."""
        book = services_of(app).ledger
        look_up = Attempt(Action.LOOK_UP, BOB, subject_hash="0" * 64)
        book.begin(look_up)
        book.finish(replace(look_up, consumer_id=seed.ALICE.id), LookUpOutcome.FOUND)
        assert listed(supervisor.get(f"{HISTORY}?viewer={seed.ALICE.id}")) == [look_up.id]

    def test_an_e_mail_address_is_refused_as_a_filter(self, app: Flask, supervisor: PageClient) -> None:
        page = supervisor.submit(supervisor.get(HISTORY), HISTORY, 422, viewer=seed.ALICE.email)
        assert "find the viewer by email first" in page.summary
        assert page.value("#viewer") == seed.ALICE.email
        page = supervisor.submit(supervisor.get(HISTORY), HISTORY, 422, agent="bob@example.com")
        assert "no email address" in page.summary

    def test_an_invalid_filter_is_422_with_a_sentence(self, supervisor: PageClient) -> None:
        for query in (
            "before=-1",
            "before=x",
            "before=" + "9" * 400,
            "before=" + "0" * 10_000,
            "before=" + "0" * 30 + "9" * 400,
            "before=%C2%B2",
            "from=0000-00-00",
            "from=0001-01-01",
            "to=9999-12-31",
            "from=2026-11-25&to=2026-11-24",
            "outcome=anything",
            "viewer=" + "a" * 10_000,
            "viewer=a%00b",
            "viewer=alice@example.com",
            "agent=a%00b",
            "agent=bob@example.com",
            "agent=" + "a" * 10_000,
        ):
            page = supervisor.get(f"{HISTORY}?{query}", 422)
            assert page.title.startswith("Error: History"), query[:30]
            assert page.summary, query[:30]


def test_every_action_and_outcome_has_words(app: Flask, supervisor: PageClient) -> None:
    book = services_of(app).ledger
    ends = [(action, outcome) for action, outcomes in OUTCOMES.items() for outcome in outcomes]
    for action, outcome in ends:
        book.record(Attempt(action, OPERATOR, reason=Reason("newcomer")), outcome)

    newest = supervisor.get(HISTORY)
    [older] = [link["href"] for link in newest.select("nav.actions a")]
    pages = (newest, supervisor.get(str(older)))
    told = [
        cells
        for page in pages
        for cells in zip(*(page.select(f"tbody td:nth-child({n})") for n in (2, 3)), strict=True)
    ]

    assert len({tuple(cell.get_text(strip=True) for cell in cells) for cells in told}) == len(ends)
    assert "the operator" in supervisor.get(HISTORY).text("table")


@on_any_database
def test_pages_keep_their_attempts_while_new_ones_are_added(app: Flask, supervisor: PageClient) -> None:
    made = add_many(app, 120)
    first = supervisor.get(f"{HISTORY}?agent=bob")
    older = str(first.select_one("main nav a")["href"])
    write(app, *[Outcome.LINKED] * 7)
    second = supervisor.get(older)
    third = supervisor.get(str(second.select("main nav a")[-1]["href"]))

    assert listed(first) + listed(second) + listed(third) == made[::-1]
    assert [len(listed(page)) for page in (first, second, third)] == [50, 50, 20]
    assert [link.get_text(strip=True) for link in third.select("main nav a")] == ["Back to the newest"]


class TestNearTheLimit:
    """A supervisor sees who nears the limits of a day."""

    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        """Days that are soon over."""
        return environ | {"PORTAL_LIMIT_AGENT": "5/day", "PORTAL_LIMIT_LOOKUP": "4/day"}

    @on_any_database
    def test_an_agent_is_listed_from_four_fifths_of_a_limit_on(
        self, app: Flask, bob: Bob, supervisor: PageClient
    ) -> None:
        write(app, Outcome.LINKED, Outcome.NOT_FOUND, Outcome.UNAVAILABLE, Outcome.MALFORMED, Outcome.UNKNOWN)
        assert "Close to their daily limit" not in supervisor.get(HISTORY).text()
        write(app, Outcome.REFUSED)
        text = supervisor.get(HISTORY).text()
        assert "bob: 4 of 5 links within 24 hours" in text
        assert "limit reached" not in text
        write(app, Outcome.LINKED)
        for _ in range(4):
            bob.finds(seed.ALICE.email)
        text = supervisor.get(HISTORY).text()
        assert "bob: 5 of 5 links within 24 hours (limit reached)" in text
        assert "bob: 4 of 4 look-ups within 24 hours (limit reached)" in text

    def test_both_budgets_of_an_agent_near_a_limit_are_listed(
        self, app: Flask, bob: Bob, supervisor: PageClient
    ) -> None:
        other = Actor(ActorKind.AGENT, "supervisor", "192.0.2.9", "request-9")
        write(app, *[Outcome.LINKED] * 4)
        write(app, *[Outcome.LINKED] * 3, actor=other)
        write(app, *[Outcome.LINKED] * 5, actor=Actor(ActorKind.VIEWER, seed.ALICE.id, "192.0.2.9", "request-9"))
        bob.finds(seed.ALICE.email)
        page = supervisor.get(HISTORY)
        assert [" ".join(item.get_text().split()) for item in page.select("main ul li")] == [
            "bob: 4 of 5 links within 24 hours",
            "bob: 1 of 4 look-ups within 24 hours",
        ]

    def test_attempts_of_more_than_a_day_ago_don_t_count(self, app: Flask, supervisor: PageClient) -> None:
        write(app, *[Outcome.LINKED] * 4)
        assert "Close to their daily limit" in supervisor.get(HISTORY).text()
        with services_of(app).database.write() as connection:
            past_the_triggers(connection, services_of(app).database)
            connection.execute(ledger.update().values(at=datetime.now(UTC) - timedelta(hours=24, seconds=1)))
        assert "Close to their daily limit" not in supervisor.get(HISTORY).text()


class TestExport:
    """The file to take away."""

    def taken(self, supervisor: PageClient, kind: str, query: str = "") -> Page:
        button = {"csv": "For a spreadsheet (CSV)", "jsonl": "For a program (JSON Lines)"}[kind]
        page = supervisor.get(f"{HISTORY}{query}")
        return supervisor.submit(page, f"{HISTORY}/export", 200, button=button)

    @on_any_database
    def test_an_export_has_the_filtered_attempts_and_verifies(self, app: Flask, supervisor: PageClient) -> None:
        linked, missed = write(app, Outcome.LINKED, Outcome.NOT_FOUND)
        write(app, Outcome.LINKED, viewer=seed.MALLORY.id)
        services = services_of(app)
        verification = Verification(services.database, services.ledger.keyring)
        for kind in export.TYPES:
            answer = self.taken(supervisor, kind, f"?viewer={seed.ALICE.id}")
            assert answer.header("Content-Disposition") == f"attachment; filename=zype-activate-history.{kind}"
            assert answer.header("Content-Type") == export.TYPES[kind]
            lines = list(export.read(io.BytesIO(answer.source.encode()), services.ledger.keyring))
            assert [line["attempt_id"] for line in lines] == [linked.id, missed.id]
            assert [line["outcome"] for line in lines] == ["linked", "not_found"]
            assert lines[0]["reason"] == REASON
            assert verification.export(lines).faults == []

    def test_an_export_has_no_hash_but_that_of_the_row(self, app: Flask, supervisor: PageClient) -> None:
        write(app, Outcome.LINKED)
        header = next(csv.reader(io.StringIO(self.taken(supervisor, "csv").source.lstrip("\ufeff"))))
        assert header == list(export.COLUMNS)
        assert not {"pin_fingerprint", "address_hash", "subject_hash"} & set(header)

    def test_an_export_is_recorded(self, app: Flask, supervisor: PageClient) -> None:
        self.taken(supervisor, "jsonl", "?agent=bob")
        kept = [row for row in rows(app, ledger) if row["action"] == "export"]
        assert [row["outcome"] for row in kept] == [None, "exported"]
        assert {row["actor_id"] for row in kept} == {"supervisor"}
        assert {row["reason"] for row in kept} == {"jsonl: agent=bob"}
        assert "Export the history handed out" in supervisor.get(HISTORY).text("table")

    def test_an_export_has_every_attempt_of_several_chunks(self, app: Flask, supervisor: PageClient) -> None:
        made = add_many(app, 520)
        lines = self.taken(supervisor, "jsonl", "?agent=bob").source.splitlines()
        assert [json.loads(line)["attempt_id"] for line in lines[:-1]] == made
        assert json.loads(lines[-1])["attempts"] == 520

    def test_the_first_line_comes_before_the_last_attempt_is_read(self, app: Flask) -> None:
        add_many(app, 501)
        services = services_of(app)
        lines = export.write(services.history.all(AttemptFilter()), "jsonl", services.ledger.keyring.current)
        with statements(services.database) as asked:
            next(lines)
            assert len(asked) == 2
            # What comes later is not in it, and does not make it longer.
            write(app, Outcome.LINKED)
            del asked[:]
            assert len(list(lines)) == 501
            assert len(asked) == 2

    def test_memory_does_not_grow_with_the_ledger(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history, "CHUNK_SIZE", 50)
        services = services_of(app)

        def peak() -> int:
            tracemalloc.start()
            for _ in export.write(services.history.all(AttemptFilter()), "csv", services.ledger.keyring.current):
                pass
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return most

        add_many(app, 120)
        # What stays in memory after the first time does not count.
        peak()
        few = peak()
        add_many(app, 240)
        assert peak() < 1.5 * few

    def test_an_export_needs_a_sign_in_of_a_few_minutes_ago(
        self, app: Flask, browse: Callable[..., PageClient]
    ) -> None:
        stale = browse(app)
        sign_in_staff(app, stale, "supervisor", Role.SUPERVISOR, signed_in_ago=timedelta(minutes=6))
        page = stale.submit(stale.get(HISTORY), f"{HISTORY}/export", 303, button="For a spreadsheet (CSV)")
        assert page.location == f"/support/sign-in?next={HISTORY}&again=1"
        assert rows(app, ledger) == []

    def test_its_filter_is_there_again_after_that_sign_in(self, app: Flask, browse: Callable[..., PageClient]) -> None:
        write(app, Outcome.LINKED, Outcome.NOT_FOUND)
        late = browse(app)
        sign_in_staff(app, late, "supervisor", Role.SUPERVISOR, signed_in_ago=timedelta(minutes=6))
        form = late.get(f"{HISTORY}?agent=bob&outcome=linked")
        asked = late.submit(form, f"{HISTORY}/export", 303, button="For a spreadsheet (CSV)")
        page = late.follow(asked)
        assert page.select_one("input[name=next]")["value"] == f"{HISTORY}?agent=bob&outcome=linked"
        # With the language too.
        page = late.follow(late.submit(page, "/language", 303, button="Deutsch"))
        assert page.select_one("input[name=next]")["value"] == f"{HISTORY}?agent=bob&outcome=linked"
        sign_in_staff(app, late, "supervisor", Role.SUPERVISOR)
        back = late.get(asked.location, 303)
        assert back.location == f"{HISTORY}?agent=bob&outcome=linked"
        assert len(listed(late.follow(back))) == 1

    def test_an_invalid_export_is_422(self, app: Flask, supervisor: PageClient) -> None:
        token = str(supervisor.get(HISTORY).select("[name=csrf_token]")[0]["value"])
        reversed_period = {"from": "2026-05-04", "to": "2026-05-03"}
        for fields in (
            {"format": "exe"},
            {"format": ""},
            {"format": "csv", "from": "x"},
            {"format": "csv", **reversed_period},
        ):
            page = supervisor.send("POST", f"{HISTORY}/export", 422, data={"csrf_token": token, **fields})
        assert "Choose a last day that is not before the first." in page.summary
        page = supervisor.get(f"{HISTORY}?from=2026-05-04&to=2026-05-03", 422)
        assert "Choose a last day that is not before the first." in page.summary
        assert rows(app, ledger) == []

    def test_the_export_is_no_get(self, supervisor: PageClient) -> None:
        assert supervisor.get(f"{HISTORY}/export", 303).location == HISTORY


class TestOthers:
    """An agent neither sees it nor gets it."""

    def test_an_agent_is_shown_no_link_and_refused(self, app: Flask, bob: Bob, supervisor: PageClient) -> None:
        bob.opens("/support")
        assert [link for link in bob.page.select("a") if HISTORY in str(link["href"])] == []
        page = bob.browser.get(HISTORY, 403)
        assert "Ask whoever manages customer support here to make you one." in page.text()
        assert [form["action"] for form in page.select("main form")] == ["/support/sign-out"]
        token = str(bob.page.select("[name=csrf_token]")[0]["value"])
        for path in (HISTORY, f"{HISTORY}/export"):
            bob.browser.send("POST", path, 403, data={"csrf_token": token, "format": "csv"})
        assert rows(app, ledger) == []
        assert [link for link in supervisor.get("/support").select("a") if HISTORY in str(link["href"])]

    def test_a_form_of_an_ended_session_leads_back(self, supervisor: PageClient) -> None:
        assert supervisor.send("POST", f"{HISTORY}/export", 303).location == HISTORY
        fields = {"agent": "bob", "to": "2026-05-04", "outcome": ""}
        kept = supervisor.send("POST", f"{HISTORY}/export", 303, data=fields)
        assert kept.location == f"{HISTORY}?agent=bob&to=2026-05-04"

    def test_the_filter_survives_the_language_switch_and_the_end_of_the_session(
        self, app: Flask, supervisor: PageClient, browse: Callable[..., PageClient]
    ) -> None:
        address = f"{HISTORY}?agent=oidc%3Aa%26b%2B1&viewer=alice&from=2026-05-04"
        assert supervisor.submit(supervisor.get(address), "/language", 303, button="Deutsch").location == address
        assert supervisor.submit(supervisor.get(HISTORY), "/language", 303, button="English").location == HISTORY

        stranger = browse(app)
        page = stranger.follow(stranger.get(address, 303))
        assert page.select_one("input[name=next]")["value"] == address
        for nonsense in ("from=nonsense", "viewer=alice@example.com"):
            assert stranger.get(f"{HISTORY}?{nonsense}", 303).location == f"/support/sign-in?next={HISTORY}"
            page = supervisor.get(f"{HISTORY}?{nonsense}", 422)
            assert supervisor.submit(page, "/language", 303, button="Deutsch").location == HISTORY


def test_an_export_that_can_t_be_recorded_is_503(app: Flask, supervisor: PageClient) -> None:
    page = supervisor.get(HISTORY)
    with services_of(app).database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE pending RENAME TO not_there")
    button = "For a spreadsheet (CSV)"
    assert "zype-activate-history" not in str(supervisor.submit(page, f"{HISTORY}/export", 503, button=button).source)
