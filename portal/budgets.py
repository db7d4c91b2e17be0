"""Which agents have used up most of their day, for supervisors to see before it stops them."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from limits import RateLimitItem

from portal.config import Settings
from portal.db import Database
from portal.ledger_tables import by_agent, ledger, spent
from portal.models import Action

# From this part of a limit on an agent is near it.
NEAR = 0.8


@dataclass(frozen=True)
class BudgetUse:
    """How much of a limit an agent has used.

    Args:
        agent_id: whose.
        action: link or look_up.
        used: in the while that the limit is about, up to now.
        allowed: in that while.
        seconds: how long it is.
    """

    agent_id: str
    action: Action
    used: int
    allowed: int
    seconds: int

    @property
    def is_reached(self) -> bool:
        """Whether the agent has to wait."""
        return self.used >= self.allowed


class Budgets:
    """The agents' limits and their use.

    Args:
        database: where the ledger is.
        settings: the limits.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._limits = [(Action.LINK, item) for item in settings.limit_agent]
        self._limits += [(Action.LOOK_UP, item) for item in settings.limit_lookup]

    def near(self) -> list[BudgetUse]:
        """Return the uses that are near their limit, by agent.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        found = [use for action, item in self._limits for use in self._near(action, item)]
        return sorted(found, key=lambda use: (use.agent_id, use.action))

    def _near(self, action: Action, item: RateLimitItem) -> list[BudgetUse]:
        used = sa.func.count()
        with self._database.read() as connection:
            since = self._database.now(connection) - timedelta(seconds=item.get_expiry())
            query = (
                sa.select(ledger.c.actor_id, used)
                .where(by_agent, spent, ledger.c.action == action, ledger.c.at > since)
                .group_by(ledger.c.actor_id)
                .having(used >= item.amount * NEAR)
            )
            rows = connection.execute(query).all()
        return [BudgetUse(agent_id, action, number, item.amount, item.get_expiry()) for agent_id, number in rows]
