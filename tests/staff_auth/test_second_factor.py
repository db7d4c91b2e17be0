"""The second factor: enrolling at the first sign-in, codes that are good once, and recovery codes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pyotp
import pytest
import segno
import time_machine
from flask import Flask

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor
from portal.staff.tables import agents, recovery_codes
from tests.conftest import SECRET_KEY, services_of
from tests.harness.cast import Bob
from tests.harness.inside import cookie, logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.staff import sign_in_staff

ENROL = "/support/sign-in/enrol"
SECOND_FACTOR = "/support/sign-in/second-factor"
NOT_RIGHT = "That code is not right"


def step_now() -> int:
    return int(time.time()) // 30


def code_of(secret: str, step: int) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


# At the pages


@pytest.fixture
def newcomer(app: Flask, client: PageClient) -> PageClient:
    """The browser of Newcomer, who has given the password that she was handed, for the first time."""
    password = services_of(app).agents.add("Newcomer", Role.AGENT)
    form = client.get("/support/sign-in?next=/support/account")
    half = client.submit(form, "/support/sign-in", 303, name="newcomer", password=password)
    assert client.follow(half, 303).location == f"{ENROL}?next=/support/account"
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


def test_nothing_is_enrolled_before_a_right_code_came(newcomer: PageClient, app: Flask) -> None:
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


def test_the_code_that_enrolled_signs_nobody_in_again(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(ENROL)
    code = code_of(secret_on(page), step_now())
    newcomer.submit(page, ENROL, 200, code=code)

    assert not services_of(app).second_factor.is_right("newcomer", code)


def test_a_second_factor_is_not_replaced_by_whoever_knows_the_password(bob: Bob, app: Flask) -> None:
    bob.gives_password()
    kept = rows(app, agents)
    token = str(bob.page.select("[name=csrf_token]")[0]["value"])

    assert bob.browser.get(ENROL, 303).location == SECOND_FACTOR
    bob.browser.send("POST", ENROL, 303, data={"code": "123456", "csrf_token": token})
    services_of(app).second_factor.offer("bob")

    assert services_of(app).second_factor.enrol("bob", pyotp.random_base32()) is None
    assert rows(app, agents) == kept


def test_no_secret_is_kept_in_the_clear(newcomer: PageClient, app: Flask) -> None:
    page = newcomer.get(ENROL)
    secret = secret_on(page)
    seen = [str(rows(app, agents)), cookie(newcomer, "activate") or "", cookie(newcomer, "activate-staff") or ""]
    page = newcomer.submit(page, ENROL, 200, code=code_of(secret, step_now()))
    seen += [str(rows(app, agents)), str(rows(app, recovery_codes))]

    for text in seen:
        assert secret not in text
        assert not [code for code in page.text(".recovery-codes").split() if code.replace("-", "") in text]


def test_a_wrong_code_is_told_and_never_shown_again(bob: Bob, app: Flask) -> None:
    bob.gives_password()
    wrong = code_of(Bob.secret, step_now() + 100)

    page = bob.gives_code(wrong, 422).page

    assert page.text("[role=alert] h2") == NOT_RIGHT
    assert page.select('[role=alert] a[href="#code"]')
    assert wrong not in page.source
    assert outcomes(app, "sign_in") == ["half", "wrong"]


def test_a_code_that_was_used_is_refused_in_another_sign_in(
    bob: Bob, browse: Callable[..., PageClient], app: Flask
) -> None:
    code = bob.opens("/support/sign-in?next=/support/account").gives_password().code()
    bob.gives_code(code)
    shoulder = Bob(browse(app)).gives_password()

    assert shoulder.gives_code(code, 422).page.text("[role=alert] h2") == NOT_RIGHT


def test_a_recovery_code_signs_in_once(app: Flask, client: PageClient, browse: Callable[..., PageClient]) -> None:
    services = services_of(app)
    services.agents.add("bob", Role.AGENT, Bob.password)
    codes = services.second_factor.enrol("bob", Bob.secret) or ()
    bob = Bob(client).opens("/support/sign-in?next=/support/account").gives_password()

    bob.gives_code(f" {codes[3].upper().replace('-', ' ')} ")

    assert "You have 9 recovery codes left." in bob.page.text("main")
    Bob(browse(app)).gives_password().gives_code(codes[3], 422)


def test_new_recovery_codes_take_the_place_of_the_old(app: Flask, client: PageClient) -> None:
    services = services_of(app)
    services.agents.add("bob", Role.AGENT, Bob.password)
    old = services.second_factor.enrol("bob", Bob.secret) or ()
    bob = Bob(client).opens("/support/sign-in?next=/support/account").signs_in()

    page = bob._submits("/support/account/recovery-codes", 200).page

    new = page.text(".recovery-codes").split()
    assert len(new) == 10
    assert not services.second_factor.is_right("bob", old[0])
    assert services.second_factor.is_right("bob", new[0])


def test_an_agent_of_the_provider_has_no_recovery_codes(app: Flask, client: PageClient) -> None:
    sign_in_staff(app, client, "oidc:ann")
    page = client.get("/support/account")
    assert "Recovery codes" not in page.text("main")

    token = str(page.select("[name=csrf_token]")[0]["value"])
    answer = client.send("POST", "/support/account/recovery-codes", 303, data={"csrf_token": token})
    assert answer.location == "/support/account"
    assert rows(app, recovery_codes) == []


# Behind the pages, on either database


@pytest.fixture
def settings(any_database_url: str) -> Settings:
    return load({"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": any_database_url})


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url.get_secret_value(), connections=8)
    yield database
    database.dispose()


@pytest.fixture
def factor(database: Database, settings: Settings) -> SecondFactor:
    """The second factors, with Bob enrolled."""
    Agents(database, Sessions(database, keyring(settings).current)).add("bob", Role.AGENT, Bob.password)
    factor = SecondFactor(database, settings)
    factor.enrol("bob", Bob.secret)
    return factor


@pytest.mark.parametrize(("offset", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_codes_of_a_minute_and_a_half_are_good(factor: SecondFactor, offset: int, is_right: bool) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        assert factor.is_right("bob", code_of(Bob.secret, step_now() + offset)) is is_right


def test_a_step_is_used_up_with_all_before_it(factor: SecondFactor) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        before, now, after = (code_of(Bob.secret, step_now() + offset) for offset in (-1, 0, 1))
        assert factor.is_right("bob", f"{now[:3]} {now[3:]}")
        assert [factor.is_right("bob", code) for code in (now, before)] == [False, False]
        assert factor.is_right("bob", after)


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_many_at_the_same_moment_one_gets_in(factor: SecondFactor, kind: str) -> None:
    recovery = factor.renew_recovery_codes("bob") or ()
    code = code_of(Bob.secret, step_now()) if kind == "app" else recovery[0]
    start = Barrier(8)

    def tries(_: int) -> bool:
        start.wait(10)
        return factor.is_right("bob", code)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(tries, range(8))) == [False] * 7 + [True]


def test_of_two_who_enrol_at_the_same_moment_one_does(factor: SecondFactor, database: Database) -> None:
    with database.write() as connection:
        connection.execute(agents.update().values(totp_secret=None, totp_step=None))
    factor.offer("bob")
    code = code_of(factor.offered("bob") or "", step_now())
    start = Barrier(4)

    def tries(_: int) -> bool:
        start.wait(10)
        return factor.accept("bob", code) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(tries, range(4))) == [False] * 3 + [True]
    assert factor.recovery_codes_left("bob") == 10


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "000000\n", "-" * 100, "é", "a" * 10_000])
def test_rubbish_is_no_code(factor: SecondFactor, code: str) -> None:
    assert not factor.is_right("bob", code)
    assert not factor.is_right("nobody", code)


def test_the_secret_key_can_be_changed(factor: SecondFactor, settings: Settings, database: Database) -> None:
    recovery = factor.renew_recovery_codes("bob") or ()
    newer = settings.model_copy(update={"secret_key": Settings().secret_key})
    both = newer.model_copy(update={"secret_key_previous": settings.secret_key})
    code = code_of(Bob.secret, step_now())

    with logged() as events:
        assert not SecondFactor(database, newer).is_right("bob", code)
    assert [event["event"] for event in events] == ["second_factor_unreadable"]
    assert SecondFactor(database, both).is_right("bob", recovery[0])
    assert SecondFactor(database, both).is_right("bob", code)
    # The sign-in has written the secret again with the new key.
    assert SecondFactor(database, newer).is_right("bob", code_of(Bob.secret, step_now() + 1))
