"""The second factor: enrolling at the first sign-in, codes that are good once, and recovery codes."""

import time
from collections.abc import Callable

import pyotp
import pytest
import segno
from flask import Flask

from portal.domain.actors import Role
from portal.staff.tables import agents, recovery_codes
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.internals import cookie, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Bob
from tests.harness.staff import sign_in_staff

ENROL = "/support/sign-in/enrol"
SECOND_FACTOR = "/support/sign-in/second-factor"
NOT_RIGHT = "That code is not right"


def step_now() -> int:
    return int(time.time()) // 30


def code_of(secret: str, step: int) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


@pytest.fixture
def newcomer(app: Flask, client: PageClient) -> PageClient:
    """The browser of a new agent, who has just entered the password for the first time."""
    password = services_of(app).agents.add("Newcomer", Role.AGENT, "a password of the newcomer's own")
    form = client.get("/support/sign-in?next=/support/account")
    response = client.submit(form, "/support/sign-in", 303, name="newcomer", password=password)
    assert client.follow(response, 303).location == f"{ENROL}?next=/support/account"
    return client


def secret_on(page: Page) -> str:
    return page.text(".secret").replace(" ", "")


def test_the_first_sign_in_asks_to_enrol(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(f"{ENROL}?next=/support/account")
    secret = secret_on(page)
    assert page.heading == "Set up your second factor"
    drawn = page.select_one(".qr > svg path[stroke]")["d"]
    address = f"otpauth://totp/Zype%20Activate:newcomer?secret={secret}&issuer=Zype%20Activate"
    assert f'd="{drawn}"' in segno.make(address, error="m", micro=False).svg_inline()
    assert secret not in page.source.replace(page.text(".secret"), "")

    page = newcomer.submit(page, ENROL, 200, code=code_of(secret, step_now()))

    codes = page.text(".recovery-codes").split()
    assert len(set(codes)) == 10
    assert page.select_one("main a.button")["href"] == "/support/account"
    account = newcomer.get("/support/account")
    assert "You have 10 recovery codes left." in account.text("main")
    assert not any(code in account.source for code in codes)
    assert [row["kind"] for row in session_rows(app)] == ["agent"]
    assert outcomes(app, "sign_in") == ["half", "signed_in"]


def test_a_wrong_code_enrols_nothing(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(ENROL)
    secret = secret_on(page)
    wrong = code_of(secret, step_now() + 100)

    page = newcomer.submit(page, ENROL, 422, code=wrong)

    assert page.text("[role=alert] h2") == NOT_RIGHT
    assert page.value("#code") == ""
    assert secret_on(page) == secret
    assert not services_of(app).second_factor.is_enrolled("newcomer")
    assert rows(app, recovery_codes) == []
    newcomer.get("/support/account", 303)
    assert newcomer.submit(page, ENROL, 422, code="").select('[role=alert] a[href="#code"]')


def test_the_code_of_the_enrolment_is_used_up(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(ENROL)
    code = code_of(secret_on(page), step_now())
    newcomer.submit(page, ENROL, 200, code=code)

    assert not services_of(app).second_factor.verify("newcomer", code)


def test_the_password_alone_can_not_replace_a_second_factor(bob: Bob, app: Flask) -> None:
    bob.gives_password()
    kept = rows(app, agents)
    token = str(bob.page.select("[name=csrf_token]")[0]["value"])

    assert bob.browser.get(ENROL, 303).location == SECOND_FACTOR
    bob.browser.send("POST", ENROL, 303, data={"code": "123456", "csrf_token": token})
    services_of(app).second_factor.offer("bob")

    assert services_of(app).second_factor.enrol("bob", pyotp.random_base32()) is None
    assert rows(app, agents) == kept


def test_no_secret_is_stored_in_the_clear(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(ENROL)
    secret = secret_on(page)
    seen = [str(rows(app, agents)), cookie(newcomer, "activate") or "", cookie(newcomer, "activate-staff") or ""]
    page = newcomer.submit(page, ENROL, 200, code=code_of(secret, step_now()))
    seen += [str(rows(app, agents)), str(rows(app, recovery_codes))]

    for text in seen:
        assert secret not in text
        assert not [code for code in page.text(".recovery-codes").split() if code.replace("-", "") in text]


def test_a_wrong_code_is_refused_and_never_shown_again(bob: Bob, app: Flask) -> None:
    bob.gives_password()
    wrong = code_of(Bob.secret, step_now() + 100)

    page = bob.gives_code(wrong, 422).page

    assert page.text("[role=alert] h2") == NOT_RIGHT
    assert page.select('[role=alert] a[href="#code"]')
    assert wrong not in page.source
    assert outcomes(app, "sign_in") == ["half", "wrong"]


def test_a_used_code_is_refused_in_another_sign_in(bob: Bob, browse: Callable[..., PageClient], app: Flask) -> None:
    code = bob.opens("/support/sign-in?next=/support/account").gives_password().code()
    bob.gives_code(code)
    shoulder = Bob(browse(app)).gives_password()

    assert shoulder.gives_code(code, 422).page.text("[role=alert] h2") == NOT_RIGHT


def test_a_recovery_code_signs_in_once(app: Flask, client: PageClient, browse: Callable[..., PageClient]) -> None:
    services = services_of(app)
    add_account(services, "bob", Role.AGENT, Bob.password)
    codes = services.second_factor.enrol("bob", Bob.secret) or ()
    bob = Bob(client).opens("/support/sign-in?next=/support/account").gives_password()

    bob.gives_code(f" {codes[3].upper().replace('-', ' ')} ")

    assert "You have 9 recovery codes left." in bob.page.text("main")
    Bob(browse(app)).gives_password().gives_code(codes[3], 422)


def test_new_recovery_codes_replace_the_old_ones(app: Flask, client: PageClient) -> None:
    services = services_of(app)
    add_account(services, "bob", Role.AGENT, Bob.password)
    old = services.second_factor.enrol("bob", Bob.secret) or ()
    bob = Bob(client).opens("/support/sign-in?next=/support/account").signs_in()

    page = bob._submits("/support/account/recovery-codes", 200).page

    new = page.text(".recovery-codes").split()
    assert len(new) == 10
    assert not services.second_factor.verify("bob", old[0])
    assert services.second_factor.verify("bob", new[0])


def test_a_stale_form_for_recovery_codes_shows_the_page_with_its_button_again(app: Flask, client: PageClient) -> None:
    Bob(client).with_account(services_of(app)).signs_in()
    before = rows(app, recovery_codes)
    page = client.send("POST", "/support/account/recovery-codes", 422, data={"csrf_token": "of an earlier session"})
    assert "This page was open for too long" in page.text(".error-summary")
    assert rows(app, recovery_codes) == before
    page = client.submit(page, "/support/account/recovery-codes", 200)
    assert len(page.text(".recovery-codes").split()) == 10


def test_an_agent_of_the_provider_has_no_recovery_codes(app: Flask, client: PageClient) -> None:
    sign_in_staff(app, client, "oidc:ann")
    page = client.get("/support/account")
    assert "Recovery codes" not in page.text("main")

    token = str(page.select("[name=csrf_token]")[0]["value"])
    answer = client.send("POST", "/support/account/recovery-codes", 303, data={"csrf_token": token})
    assert answer.location == "/support/account"
    assert rows(app, recovery_codes) == []
