"""The agent of a request, from the session that its cookie names."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask, Response

from portal.domain.actors import Role, SessionKind
from portal.pages.identity import agent
from portal.staff.accounts import Account
from portal.staff.tables import agents
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.internals import session_rows

NOW = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bob(app: Flask) -> Account:
    services = services_of(app)
    add_account(services, "bob", Role.AGENT)
    account = services.agents.find("bob")
    assert account is not None
    return account


def cookie_of(app: Flask, kind: SessionKind, authenticated_at: datetime | None = None) -> dict[str, str]:
    """Return the header with the cookie of a new session of Bob's."""
    session_id = services_of(app).sessions.create(
        kind, "bob", name=None, email=None, address="192.0.2.1", authenticated_at=authenticated_at
    )
    return {"Cookie": f"activate-staff={session_id}"}


@pytest.mark.parametrize("kind", list(SessionKind))
def test_each_kind_of_session_counts_for_itself_alone(app: Flask, bob: Account, kind: SessionKind) -> None:
    with app.test_request_context(headers=cookie_of(app, kind)):
        signed_in = agent.Agent("bob", "Bob", Role.AGENT, is_fresh=True)
        assert agent.current_agent() == (signed_in if kind is SessionKind.AGENT else None)
        assert agent.pending_agent() == (bob if kind is SessionKind.PENDING_AGENT else None)


def test_a_disabled_account_is_not_signed_in_though_its_session_goes_on(app: Flask) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(agents.update().values(disabled_at=datetime.now(UTC)))

    with app.test_request_context(headers=cookie_of(app, SessionKind.AGENT)):
        assert agent.current_agent() is None
    with app.test_request_context(headers=cookie_of(app, SessionKind.PENDING_AGENT)):
        assert agent.pending_agent() is None


@pytest.mark.parametrize(("seconds", "is_fresh"), [(0, True), (300, True), (301, False)])
def test_a_sign_in_is_fresh_for_five_minutes(app: Flask, seconds: int, is_fresh: bool) -> None:
    authenticated_at = NOW - timedelta(seconds=seconds)
    with (
        time_machine.travel(NOW, tick=False),
        app.test_request_context(headers=cookie_of(app, SessionKind.AGENT, authenticated_at)),
    ):
        found = agent.current_agent()
        assert found is not None
        assert found.is_fresh is is_fresh


def test_a_session_has_the_provider_s_time_of_authentication(app: Flask, bob: Account) -> None:
    with app.test_request_context():
        agent.begin(Response(), bob, NOW)

    [row] = session_rows(app)
    assert (row["kind"], row["principal_id"], row["authenticated_at"]) == (SessionKind.AGENT, "bob", NOW)


def test_the_second_factor_turns_a_pending_session_into_an_agent_s(app: Flask, bob: Account) -> None:
    with app.test_request_context(headers=cookie_of(app, SessionKind.PENDING_AGENT)):
        assert agent.complete_pending(Response(), bob)
    assert [row["kind"] for row in session_rows(app)] == [SessionKind.AGENT]


def test_without_a_pending_session_the_second_factor_opens_none(app: Flask, bob: Account) -> None:
    with app.test_request_context():
        assert not agent.complete_pending(Response(), bob)
    assert session_rows(app) == []


@pytest.mark.parametrize(("password_hash", "kinds"), [("now", [SessionKind.PENDING_AGENT]), ("before a reset", [])])
def test_only_the_password_of_now_begins_a_pending_session(
    app: Flask, bob: Account, password_hash: str, kinds: list[SessionKind]
) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(agents.update().values(password_hash="now"))

    with app.test_request_context():
        assert agent.begin_pending(Response(), bob, password_hash) is bool(kinds)
    assert [row["kind"] for row in session_rows(app)] == kinds
