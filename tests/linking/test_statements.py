"""What a link costs the database, in numbers that do not depend on the machine."""

import sqlite3
from collections import Counter

from portal.domain.outcomes import Outcome
from portal.services import Services
from tests.harness.sent_statements import sent
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import link


def test_a_link_is_eight_statements_in_two_transactions(
    services_on_any_database: Services, sandbox: SimulatedZype
) -> None:
    services, pins = services_on_any_database, [sandbox.tv().pin for _ in range(2)]
    with sent(services.database) as texts:
        assert link(services, pins[0]) == Outcome.LINKED
        texts.clear()
        assert link(services, pins[1]) == Outcome.LINKED
    verbs = Counter(text.split()[0] for text in texts)
    # SQLite is told to begin; PostgreSQL is asked for locks and its time instead.
    assert verbs.pop("BEGIN", 0) + verbs.pop("SELECT") == 4
    assert verbs == {"INSERT": 3, "DELETE": 1, "COMMIT": 2}


def test_sqlite_plans_no_statement_of_a_link_again(services: Services, sandbox: SimulatedZype) -> None:
    pins = [sandbox.tv().pin for _ in range(3)]
    planned: list[tuple[object, ...]] = []

    def is_asked_while_planning(*what: object) -> int:
        # Python's module prepares each COMMIT, which has no plan.
        if what[1] != "COMMIT":
            planned.append(what)
        return sqlite3.SQLITE_OK

    with services.database.read() as connection:
        sqlite = connection.connection.dbapi_connection
        assert isinstance(sqlite, sqlite3.Connection)
    sqlite.set_authorizer(is_asked_while_planning)
    assert [link(services, pin) for pin in pins[:2]] == [Outcome.LINKED] * 2
    assert planned, "what was planned without an authorizer is planned again"
    planned.clear()
    assert link(services, pins[2]) == Outcome.LINKED
    assert planned == []
