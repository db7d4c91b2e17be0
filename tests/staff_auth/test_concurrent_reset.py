"""A sign-in that is overtaken: by a reset, or by signing out elsewhere, between two of its own steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Engine

from portal.domain.actors import Role
from portal.staff.tables import agents
from tests.conftest import services_of
from tests.harness.inside import rows, session_rows
from tests.harness.page import PageClient

SIGN_IN = "/support/sign-in"
ENROL = "/support/sign-in/enrol"


@contextmanager
def overtaken_after(statement: str, do: Callable[[], object]) -> Iterator[None]:
    """Do something else once, right after the first statement that begins like this."""
    left = [do]

    def after_statement(_connection: object, _cursor: object, sent: str, *_: Any) -> None:
        if sent.startswith(statement) and left:
            left.pop()()

    event.listen(Engine, "after_cursor_execute", after_statement)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", after_statement)
    assert not left, "There was no such statement"


@pytest.fixture
def password(app: Flask) -> str:
    """The password of a newcomer who never signed in."""
    return services_of(app).agents.add("Newcomer", Role.AGENT)


@pytest.fixture
def enrolling(client: PageClient, password: str) -> PageClient:
    """The browser of that newcomer, in front of the page that offers the second factor."""
    client.submit(client.get(SIGN_IN), SIGN_IN, 303, name="newcomer", password=password)
    return client


def code_for(client: PageClient) -> str:
    return pyotp.TOTP(client.get(ENROL).text(".secret").replace(" ", "")).now()


def newcomer_row(app: Flask) -> Any:
    return next(row for row in rows(app, agents) if row["id"] == "newcomer")


def test_a_reset_leaves_no_session_to_a_sign_in_with_the_old_password(
    app: Flask, client: PageClient, password: str
) -> None:
    form = client.get(SIGN_IN)
    with overtaken_after("SELECT agents.password_hash", lambda: services_of(app).agents.reset("newcomer")):
        page = client.submit(form, SIGN_IN, 303, name="newcomer", password=password)
    assert page.location == SIGN_IN
    assert session_rows(app) == []
    assert client.get(ENROL, 303).location == SIGN_IN


def test_a_reset_leaves_no_second_factor_that_was_offered_before_it(app: Flask, enrolling: PageClient) -> None:
    form, code = enrolling.get(ENROL), code_for(enrolling)
    with overtaken_after("SELECT agents.totp_offered", lambda: services_of(app).agents.reset("newcomer")):
        enrolling.submit(form, ENROL, 303, code=code)
    assert newcomer_row(app)["totp_secret"] is None
    assert session_rows(app) == []


def test_signing_out_everywhere_ends_a_sign_in_that_is_being_finished(app: Flask, enrolling: PageClient) -> None:
    form, code = enrolling.get(ENROL), code_for(enrolling)
    with overtaken_after("SELECT sessions.", lambda: services_of(app).agents.sign_out("newcomer")):
        page = enrolling.submit(form, ENROL, 303, code=code)
    assert page.location == SIGN_IN
    assert newcomer_row(app)["totp_secret"], "the code was right, so it was not the guard of the page"
    assert session_rows(app) == []
