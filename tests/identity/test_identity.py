"""Sessions: on the server, with an end, a new one at each sign-in, and nothing in the table that opens one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from portal.database.database import Database
from portal.database.sessions import MAX_SESSIONS, Sessions, sessions
from portal.domain.actors import SessionKind
from portal.sandbox import seed
from portal.settings.keys import LedgerKey
from tests.fixtures import services_of
from tests.harness.internals import cookie, flask_client, give_cookie, session_rows
from tests.harness.page import PageClient
from tests.harness.people import SIGN_OUT, Alice

SESSION = "activate"
START = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)


def session_id(alice: Alice) -> str:
    with flask_client(alice.browser).session_transaction(base_url=alice.browser.settings.public_url) as kept:
        found: str = kept["sid"]
        return found


def is_signed_in(alice: Alice) -> bool:
    return alice.browser.get("/activate").heading == "Link your TV"


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: PageClient) -> None:
    (line,) = client.get("/sign-in").headers("Set-Cookie")

    assert line.startswith("activate=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


def test_with_https_only_this_host_may_set_the_cookie(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(public_url="https://tv.example.com"))

    (line,) = browser.get("/sign-in").headers("Set-Cookie")
    assert line.startswith("__Host-activate=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
    assert "Domain" not in line
    assert Alice(browser).signs_in().page.heading == "Link your TV"


def test_the_row_names_the_viewer_and_hashes_the_id_and_the_address(alice: Alice, app: Flask) -> None:
    alice.signs_in()

    (row,) = session_rows(app)
    assert (row["kind"], row["principal_id"], row["email"]) == ("viewer", seed.ALICE.id, seed.ALICE.email)
    assert session_id(alice) not in str(row)
    assert "127.0.0.1" not in str(row)
    assert len(row["id_hash"]) == len(row["address_hash"]) == 64


def test_the_id_cannot_be_guessed(alice: Alice) -> None:
    alice.signs_in()

    assert len(session_id(alice)) >= 43


@pytest.mark.parametrize("stolen", ["id_hash", "principal_id"])
def test_no_column_of_the_table_opens_a_session(alice: Alice, app: Flask, stolen: str) -> None:
    alice.signs_in()
    (row,) = session_rows(app)
    with flask_client(alice.browser).session_transaction(base_url=alice.browser.settings.public_url) as kept:
        kept["sid"] = row[stolen]

    assert not is_signed_in(alice)


@pytest.mark.parametrize("value", [None, 5, ["a"], "", "\0", "x" * 3000])
def test_an_invalid_session_id_opens_no_session(alice: Alice, value: object) -> None:
    alice.signs_in()
    with flask_client(alice.browser).session_transaction(base_url=alice.browser.settings.public_url) as kept:
        kept["sid"] = value

    assert not is_signed_in(alice)


@pytest.mark.parametrize("value", ["", "rubbish", "eyJzaWQiOiJhIn0.aaaaaa.bbbbbbbbbbbb"])
def test_a_cookie_that_was_not_signed_here_is_ignored(alice: Alice, value: str) -> None:
    alice.signs_in()
    give_cookie(alice.browser, SESSION, value)

    assert not is_signed_in(alice)


def test_a_cookie_as_flask_signs_it_is_good_with_the_previous_key_too(
    alice: Alice, app: Flask, make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    alice.signs_in()
    signed = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signed
    theirs = str(signed.dumps({"sid": session_id(alice)}))
    assert signed.loads(cookie(alice.browser, SESSION) or "")["sid"] == session_id(alice)

    for keys, is_good in (({}, False), ({"secret_key_previous": app.secret_key}, True)):
        # The key of the ledger hashes the ids of sessions, and stays.
        later = Alice(browse(make_app(secret_key="n" * 32, ledger_key=app.secret_key, **keys)))
        give_cookie(later.browser, SESSION, theirs)
        assert is_signed_in(later) is is_good
    give_cookie(alice.browser, SESSION, theirs)
    assert is_signed_in(alice)


def test_sign_in_begins_a_new_session_and_ends_the_old_one(alice: Alice, app: Flask) -> None:
    alice.opens("/sign-in")
    before = cookie(alice.browser, SESSION)
    alice.signs_in()
    first = session_id(alice)
    # A page that says that a sign-in at Zype's page failed offers this to somebody who is signed in.
    fields = {"email": alice.account.email, "password": alice.account.password}
    token = alice.page.value(f"{SIGN_OUT} [name=csrf_token]")
    alice.browser.send("POST", "/sign-in", 303, data={**fields, "csrf_token": token})

    assert cookie(alice.browser, SESSION) != before
    assert session_id(alice) != first
    assert len(session_rows(app)) == 1


def test_a_session_cookie_from_before_sign_in_is_not_signed_in(
    alice: Alice, app: Flask, browse: Callable[..., PageClient]
) -> None:
    other = Alice(browse(app))
    other.opens("/sign-in")
    planted = cookie(other.browser, SESSION) or ""
    give_cookie(alice.browser, SESSION, planted)
    alice.signs_in()

    assert not is_signed_in(other)


def test_it_ends_after_two_hours_without_a_request(alice: Alice) -> None:
    with time_machine.travel(START, tick=True) as clock:
        alice.signs_in()
        clock.shift(timedelta(hours=1, minutes=59))
        assert is_signed_in(alice)
        clock.shift(timedelta(hours=1, minutes=59))
        assert is_signed_in(alice)
        clock.shift(timedelta(hours=2, seconds=1))
        assert not is_signed_in(alice)


def test_it_ends_after_a_day_whatever_happens(alice: Alice) -> None:
    with time_machine.travel(START, tick=True) as clock:
        alice.signs_in()
        for _ in range(15):
            clock.shift(timedelta(minutes=95))
            assert is_signed_in(alice)
        clock.move_to(START + timedelta(hours=24, minutes=1))
        assert not is_signed_in(alice)


def test_when_it_was_last_seen_is_written_once_a_minute_at_most(alice: Alice, app: Flask) -> None:
    with time_machine.travel(START, tick=False) as clock:
        alice.signs_in()
        clock.shift(timedelta(seconds=59))
        alice.opens("/activate")
        assert session_rows(app)[0]["seen_at"] == START
        clock.shift(timedelta(seconds=2))
        alice.opens("/activate")
        assert session_rows(app)[0]["seen_at"] == START + timedelta(seconds=61)


def test_the_page_is_shown_if_last_seen_can_t_be_written(alice: Alice, app: Flask) -> None:
    with time_machine.travel(START, tick=True) as clock:
        alice.signs_in()
        clock.shift(timedelta(minutes=5))
        refuse = "CREATE TRIGGER full BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        with services_of(app).database.write() as connection:
            connection.execute(sa.text(refuse))
        assert is_signed_in(alice)


def test_sessions_whose_time_is_up_are_deleted_at_the_next_sign_in(
    alice: Alice, app: Flask, browse: Callable[..., PageClient]
) -> None:
    with time_machine.travel(START, tick=True) as clock:
        alice.signs_in()
        clock.shift(timedelta(hours=25))
        Alice(browse(app)).signs_in()
        assert len(session_rows(app)) == 1


def test_a_session_of_another_kind_signs_no_viewer_in(alice: Alice, app: Flask) -> None:
    alice.signs_in()
    with services_of(app).database.write() as connection:
        connection.execute(sessions.update().values(kind="agent"))

    assert not is_signed_in(alice)


def test_a_row_that_was_deleted_signs_out_at_the_next_request(alice: Alice, app: Flask) -> None:
    alice.signs_in()
    with services_of(app).database.write() as connection:
        connection.execute(sessions.delete())

    assert not is_signed_in(alice)
    assert alice.browser.get("/activate/done", 303).location == "/activate"


@pytest.mark.parametrize("url", ["sqlite_url", "postgresql_url"])
def test_the_oldest_of_too_many_sessions_of_one_account_ends(url: str, request: pytest.FixtureRequest) -> None:
    database = Database(request.getfixturevalue(url))
    kept = Sessions(database, LedgerKey(b"a key of the tests"))

    def create(principal_id: str, kind: SessionKind = SessionKind.VIEWER) -> str:
        return kept.create(kind, principal_id, name=None, email=None, address="192.0.2.1")

    others = [create("mallory"), create("alice", SessionKind.AGENT)]
    with ThreadPoolExecutor(4) as pool:
        alice = [create("alice") for _ in range(2)]
        alice += pool.map(create, ["alice"] * (MAX_SESSIONS - 2))
    assert all(map(kept.find, others + alice))

    newest = [create("alice"), create("alice")]

    assert all(map(kept.find, others + alice[2:] + newest))
    assert [kept.find(session_id) for session_id in alice[:2]] == [None, None]
    assert database.scalar(sa.select(sa.func.count()).select_from(sessions)) == MAX_SESSIONS + 2
    database.dispose()
