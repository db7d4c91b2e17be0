"""How much of their limits agents have used."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.database.database import Database
from portal.domain.outcomes import Action, LookUpOutcome, Outcome
from portal.ledger.attempts import Attempt
from portal.ledger.budgets import Budgets, BudgetUse
from portal.ledger.ledger import Ledger
from portal.settings.loading import load
from tests.harness.ledger import actor, agent
from tests.ledger.rows import insert_attempt

DAY = 24 * 60 * 60
HOUR = 60 * 60


@pytest.fixture
def budgets(database: Database) -> Budgets:
    """Five links an hour, ten a day, and five look-ups a day."""
    return Budgets(database, load({"PORTAL_LIMIT_AGENT": "5/hour;10/day", "PORTAL_LIMIT_LOOKUP": "5/day"}))


def link(ledger: Ledger, agent_id: str, outcome: Outcome, times: int) -> None:
    """Write attempts to link of an agent."""
    for _ in range(times):
        attempt = Attempt(Action.LINK, agent(agent_id), "alice")
        ledger.begin(attempt)
        ledger.finish(attempt, outcome)


def look_up(ledger: Ledger, agent_id: str, times: int) -> None:
    """Write successful look-ups of an agent."""
    for _ in range(times):
        attempt = Attempt(Action.LOOK_UP, agent(agent_id))
        ledger.begin(attempt)
        ledger.finish(replace(attempt, consumer_id="alice"), LookUpOutcome.FOUND)


def test_an_agent_who_has_used_four_fifths_of_a_limit_is_near_it(ledger: Ledger, budgets: Budgets) -> None:
    link(ledger, "bob", Outcome.LINKED, 4)
    look_up(ledger, "bob", 1)
    near = budgets.near_limit()
    assert near == {
        "bob": [
            BudgetUse(Action.LINK, 4, 5, HOUR),
            BudgetUse(Action.LINK, 4, 10, DAY),
            BudgetUse(Action.LOOK_UP, 1, 5, DAY),
        ]
    }
    assert [(use.is_near, use.is_reached) for use in near["bob"]] == [(True, False), (False, False), (False, False)]


def test_a_limit_that_is_used_up_is_reached(ledger: Ledger, budgets: Budgets) -> None:
    look_up(ledger, "bob", 5)
    assert [use.is_reached for use in budgets.near_limit()["bob"]] == [True]


def test_agents_are_in_the_order_of_their_ids_and_only_if_near(ledger: Ledger, budgets: Budgets) -> None:
    link(ledger, "supervisor", Outcome.LINKED, 4)
    look_up(ledger, "bob", 4)
    link(ledger, "mallory", Outcome.LINKED, 3)
    assert list(budgets.near_limit()) == ["bob", "supervisor"]


def test_only_what_agents_spend_counts(ledger: Ledger, budgets: Budgets) -> None:
    link(ledger, "bob", Outcome.UNAVAILABLE, 9)
    for _ in range(9):
        attempt = Attempt(Action.LINK, actor("bob"), "bob")
        ledger.begin(attempt)
        ledger.finish(attempt, Outcome.LINKED)
    assert budgets.near_limit() == {}


def test_only_what_is_in_the_window_of_a_limit_counts(ledger: Ledger, budgets: Budgets, database: Database) -> None:
    for _ in range(8):
        attempt = Attempt(Action.LINK, agent(), "alice")
        insert_attempt(database, ledger, attempt, Outcome.LINKED, timedelta(hours=2))
    assert budgets.near_limit() == {"bob": [BudgetUse(Action.LINK, 8, 10, DAY)]}
