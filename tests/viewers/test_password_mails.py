"""The mail to set a new password: who may ask for how many, what is recorded, and what the time of an answer tells."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask import request

from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import PasswordMailOutcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.services import Services
from portal.viewers import password_mails
from portal.zype.breaker import FAILURES_TO_OPEN
from tests.fixtures import MakeServices
from tests.harness.faulty_zype import answering, before_each_call
from tests.harness.ledger import REASON, agent
from tests.harness.simulated_zype import SimulatedZype

SENT, REFUSED, TOO_MANY = PasswordMailOutcome.SENT, PasswordMailOutcome.REFUSED, PasswordMailOutcome.TOO_MANY
PATH = "/consumers/forgot_password"


def ask(services: Services, email: str = seed.ALICE.email, address: str = "192.0.2.1") -> PasswordMailOutcome:
    return services.password_mails.ask(email, Actor(ActorKind.VIEWER, "", address, "request-1")).outcome


def send(services: Services, email: str = seed.ALICE.email) -> PasswordMailOutcome:
    return services.password_mails.send(email, seed.ALICE.id, agent(), REASON).outcome


def written(services: Services) -> list[tuple[str | None, str | None, str]]:
    with services.database.read() as connection:
        columns = (ledger.c.outcome, ledger.c.consumer_id, ledger.c.subject_hash)
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(ledger.c.id))]


def test_a_known_and_an_unknown_email_leave_the_same_but_the_outcome(make_services: MakeServices) -> None:
    services = make_services()

    assert ask(services) == SENT
    assert ask(services, "nobody@example.com") == REFUSED

    subject = services.ledger.keyring.subject
    alice, nobody = subject(seed.ALICE.email), subject("nobody@example.com")
    assert written(services) == [
        *((None, None, alice), ("sent", None, alice)),
        *((None, None, nobody), ("refused", None, nobody)),
    ]


@pytest.mark.parametrize("keys", [{"zype_app_key": "sandbox-app-key"}, {}], ids=["app", "admin"])
def test_the_app_key_is_enough_and_the_email_is_in_no_address(
    keys: dict[str, str], make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    queries: list[str] = []
    services = make_services(**keys)
    with before_each_call(sandbox, lambda: queries.append(request.query_string.decode())):
        assert ask(services) == SENT

    assert queries == ["app_key=sandbox-app-key" if keys else "api_key=sandbox-api-key"]


def test_an_account_is_sent_so_many_mails_whoever_asks_and_from_wherever(make_services: MakeServices) -> None:
    services = make_services(limit_sign_in="3/15minutes")

    assert [ask(services, address="192.0.2.1"), ask(services, "ALICE@example.com", "192.0.2.2")] == [SENT, SENT]
    assert send(services) == SENT
    assert [ask(services, address="192.0.2.3"), send(services)] == [TOO_MANY, TOO_MANY]
    assert [ask(services, "nobody@example.com") for _ in range(4)] == [REFUSED] * 3 + [TOO_MANY], "it tells nothing"
    assert [ask(services, seed.MALLORY.email)] == [SENT]


def test_an_address_asks_for_ten_times_as_many_whatever_the_accounts(make_services: MakeServices) -> None:
    services = make_services(limit_sign_in="1/15minutes")

    assert [ask(services, f"nobody{number}@example.com") for number in range(11)] == [REFUSED] * 10 + [TOO_MANY]
    assert ask(services, "nobody12@example.com", "192.0.2.2") == REFUSED
    before = written(services)
    assert ask(services, "nobody13@example.com") == TOO_MANY
    assert written(services) == before, "the first refusal of a window is a row"


def test_an_agent_sends_so_many_mails_a_day(make_services: MakeServices) -> None:
    services = make_services(limit_agent="2/day")

    emails = (seed.ALICE.email, seed.MALLORY.email, "bob@example.com")
    assert [send(services, email) for email in emails] == [SENT, SENT, TOO_MANY]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(404, "refused"), (422, "refused"), (429, "unavailable"), (500, "unknown"), (401, "misconfigured")],
)
def test_each_answer_of_zype_has_its_outcome(
    status: int, outcome: str, make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    services = make_services()
    with answering(sandbox, PATH, status):
        assert ask(services) == outcome


def test_a_dead_zype_is_not_asked_in_vain_and_one_account_does_not_make_it_dead(
    make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    services = make_services(limit_sign_in="100/15minutes")
    with answering(sandbox, PATH, 500):
        for _ in range(FAILURES_TO_OPEN + 1):
            assert ask(services) == "unknown"
        for number in range(FAILURES_TO_OPEN):
            ask(services, f"nobody{number}@example.com")
        assert ask(services, "last@example.com") == "unavailable"


def test_an_answer_takes_whole_steps_whether_or_not_there_is_such_an_account(
    make_services: MakeServices, sandbox: SimulatedZype, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, waits = [0.0], list[float]()
    monkeypatch.setattr(password_mails, "STEP_SECONDS", 1.0)
    monkeypatch.setattr(password_mails, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=waits.append))
    services = make_services()
    took = iter((0.25, 0.75, 1.5))
    forgot_password = services.zype.forgot_password

    def slowly(*args: object) -> None:
        now[0] += next(took)
        forgot_password(*args)

    monkeypatch.setattr(services.zype, "forgot_password", slowly)
    for email in ("nobody@example.com", seed.ALICE.email, seed.MALLORY.email):
        ask(services, email)
    assert waits == [0.75, 0.25, 0.5]

    took = iter((0.25,))
    assert send(services) == SENT
    assert len(waits) == 3, "an agent is told the outcome anyway"


def test_few_threads_wait_for_such_answers(make_services: MakeServices, sandbox: SimulatedZype) -> None:
    services = make_services(threads="8", zype_concurrency="4")
    assert services.password_mails._places.acquire(blocking=False)

    assert services.password_mails.ask(seed.ALICE.email, agent()).retry_after == password_mails.BUSY_SECONDS
    assert written(services) == []
    services.password_mails._places.release()
    assert ask(services) == SENT
    assert ask(services, seed.MALLORY.email) == SENT, "the place is free again"
