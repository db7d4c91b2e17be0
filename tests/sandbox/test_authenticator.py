"""The sandbox's authenticator app: the codes of the demo's support staff, and of any other secret."""

import pyotp
import pytest
from werkzeug.test import TestResponse

from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.markup import parsed
from tests.sandbox.conftest import Calls, Clock

SECRET = "JBSWY3DPEHPK3PXP" * 2


def text(answer: TestResponse, selector: str) -> str:
    (found,) = parsed(answer.text).select(selector)
    return " ".join(found.get_text().split())


@pytest.mark.parametrize("person", seed.STAFF, ids=lambda person: person.name)
def test_it_shows_the_current_and_next_code_of_each_account(
    calls: Calls, clock: Clock, person: seed.StaffAccount
) -> None:
    app = pyotp.TOTP(person.secret)
    shown = calls.http.get("/authenticator")
    row = f"tr:has(#now-{person.name})"
    assert (
        text(shown, row) == f"{person.name} {app.at(clock.now)} {app.at(clock.now, counter_offset=1)} {person.secret}"
    )

    clock.advance(seconds=30)

    assert text(calls.http.get("/authenticator"), f"#now-{person.name}") == app.at(clock.now)
    assert app.at(clock.now) in shown.text


@pytest.mark.parametrize(("later", "left"), [(0, "30"), (1, "29"), (29, "1"), (30, "30")])
def test_it_shows_the_seconds_left(calls: Calls, clock: Clock, later: int, left: str) -> None:
    clock.advance(seconds=later)

    assert text(calls.http.get("/authenticator"), "main p strong") == left


@pytest.mark.parametrize("typed", ["JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP", SECRET.lower(), f" {SECRET}\n"])
def test_it_shows_the_code_of_another_secret(calls: Calls, clock: Clock, typed: str) -> None:
    answer = calls.http.post("/authenticator", data={"secret": typed})

    assert answer.status_code == 200
    assert text(answer, "#now-own") == pyotp.TOTP(SECRET).at(clock.now)
    assert answer.headers["Cache-Control"] == "no-store"


@each("typed", ["", "  ", "abc", "JBSWY3DPEHPK3PXP", "01890189", "é", "<b>", "A" * 30_000 + "!"])
def test_an_invalid_secret_is_an_error(calls: Calls, typed: str) -> None:
    answer = calls.http.post("/authenticator", data={"secret": typed})

    assert answer.status_code == 422
    assert "That is no secret" in text(answer, "[role=alert]")
    assert text(answer, "title").startswith("Error: Authenticator app")
    assert "<b>" not in answer.text


def test_the_front_page_links_to_it_and_lists_the_passwords(calls: Calls) -> None:
    answer = calls.http.get("/")

    assert 'href="/authenticator"' in answer.text
    assert text(answer, "#staff tbody") == "bob bob-password agent supervisor supervisor-password supervisor"
