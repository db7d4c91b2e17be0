"""Viewers for tests whose subject is not the sign-in: a session, without the way there."""

from flask import Flask

from portal.domain.actors import SessionKind
from tests.fixtures import services_of
from tests.harness.internals import flask_client
from tests.harness.people import Person

# The key of the session's id in the cookie; portal/pages/identity/viewer.py alone knows it otherwise.
SESSION_ID = "sid"


def begin_session(app: Flask, viewer: Person) -> None:
    """Give a viewer's browser a session, as a sign-in from this machine does."""
    account, browser = viewer.account, viewer.browser
    session_id = services_of(app).sessions.create(
        SessionKind.VIEWER, account.id, name=account.name, email=account.email, address="127.0.0.1"
    )
    with flask_client(browser).session_transaction(base_url=browser.settings.public_url) as cookie:
        cookie[SESSION_ID] = session_id
