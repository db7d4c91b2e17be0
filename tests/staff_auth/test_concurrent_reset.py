"""A reset, or signing out everywhere, between two statements of a sign-in that is under way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyotp
import pytest
from flask import Flask

from portal.domain.actors import Role
from portal.staff.tables import agents
from tests.fixtures import services_of
from tests.harness.internals import rows, session_rows
from tests.harness.page import PageClient
from tests.harness.sent_statements import noted

SIGN_IN = "/support/sign-in"
ENROL = "/support/sign-in/enrol"


@contextmanager
def interrupted_after(app: Flask, statement: str, do: Callable[[], object]) -> Iterator[None]:
    """Call a function once, right after the first statement that begins like this."""
    pending = [do]

    def after_statement(sent: str, _values: object) -> None:
        if sent.startswith(statement) and pending:
            pending.pop()()

    with noted(services_of(app).database, after_statement):
        yield
    assert not pending, "There was no such statement"


@pytest.fixture
def password(app: Flask) -> str:
    """The password of an agent who never signed in."""
    return services_of(app).agents.add("Newcomer", Role.AGENT)


@pytest.fixture
def enrolling(client: PageClient, password: str) -> PageClient:
    """The browser of that agent, on the page that offers the second factor."""
    client.submit(client.get(SIGN_IN), SIGN_IN, 303, name="newcomer", password=password)
    return client


def code_for(client: PageClient) -> str:
    return pyotp.TOTP(client.get(ENROL).text(".secret").replace(" ", "")).now()


def newcomer_row(app: Flask) -> Any:
    return next(row for row in rows(app, agents) if row["id"] == "newcomer")


def test_a_reset_ends_a_sign_in_whose_old_password_was_just_verified(
    app: Flask, client: PageClient, password: str
) -> None:
    form = client.get(SIGN_IN)
    with interrupted_after(app, "SELECT agents.password_hash", lambda: services_of(app).agents.reset("newcomer")):
        page = client.submit(form, SIGN_IN, 303, name="newcomer", password=password)
    assert page.location == SIGN_IN
    assert session_rows(app) == []
    assert client.get(ENROL, 303).location == SIGN_IN


def test_a_second_factor_that_was_offered_before_a_reset_can_not_be_enrolled(app: Flask, enrolling: PageClient) -> None:
    form, code = enrolling.get(ENROL), code_for(enrolling)
    with interrupted_after(app, "SELECT agents.totp_offered", lambda: services_of(app).agents.reset("newcomer")):
        enrolling.submit(form, ENROL, 303, code=code)
    assert newcomer_row(app)["totp_secret"] is None
    assert session_rows(app) == []


def test_signing_out_everywhere_ends_a_sign_in_whose_code_was_just_right(app: Flask, enrolling: PageClient) -> None:
    form, code = enrolling.get(ENROL), code_for(enrolling)
    with interrupted_after(app, "SELECT clock_timestamp()", lambda: services_of(app).agents.end_sessions("newcomer")):
        page = enrolling.submit(form, ENROL, 303, code=code)
    assert page.location == SIGN_IN
    assert newcomer_row(app)["totp_secret"], "The code was right, so the guard of the page did not refuse it"
    assert session_rows(app) == []
