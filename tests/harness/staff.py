"""Support staff for tests whose subject is not the sign-in: an account and a session, without the way there."""

from datetime import UTC, datetime, timedelta

from flask import Flask

from portal.domain.actors import Role, SessionKind
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.internals import give_cookie
from tests.harness.page import PageClient


def sign_in_staff(
    app: Flask,
    browser: PageClient,
    agent_id: str = "bob",
    role: Role = Role.AGENT,
    signed_in_ago: timedelta = timedelta(),
) -> str:
    """Make an account unless there is one, begin a session of it in a browser, and return the session's id."""
    services = services_of(app)
    if services.agents.find(agent_id) is None:
        add_account(services, agent_id, role)
    session_id = services.sessions.create(
        SessionKind.AGENT,
        agent_id,
        name=None,
        email=None,
        address="127.0.0.1",
        authenticated_at=datetime.now(UTC) - signed_in_ago,
    )
    prefix = "__Host-" if browser.settings.is_https else ""
    give_cookie(browser, f"{prefix}activate-staff", session_id)
    return session_id
