"""Which agents have used up most of their day, for supervisors to see before it stops them."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from limits import RateLimitItem

from portal.database.database import Database
from portal.domain.outcomes import Action
from portal.ledger.tables import by_agent, ledger, spent
from portal.settings.settings import Settings

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
    def is_near(self) -> bool:
        """Whether little of it is left."""
        return self.used >= self.allowed * NEAR

    @property
    def is_reached(self) -> bool:
        """Whether the agent has to wait."""
        return self.used >= self.allowed


@dataclass(frozen=True)
class AgentBudgets:
    """All that an agent has used of their limits, if they are near one.

    Args:
        agent_id: whose.
        uses: of which at least one is near.
    """

    agent_id: str
    uses: tuple[BudgetUse, ...]


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

    def near(self) -> list[AgentBudgets]:
        """Return the agents who are near a limit, by id, with all that they have used.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        found: dict[str, list[BudgetUse]] = {}
        for action, item in self._limits:
            for use in self._uses(action, item):
                found.setdefault(use.agent_id, []).append(use)
        near = {agent_id: uses for agent_id, uses in found.items() if any(use.is_near for use in uses)}
        return [AgentBudgets(agent_id, tuple(uses)) for agent_id, uses in sorted(near.items())]

    def _uses(self, action: Action, item: RateLimitItem) -> list[BudgetUse]:
        with self._database.read() as connection:
            since = self._database.now(connection) - timedelta(seconds=item.get_expiry())
            query = (
                sa.select(ledger.c.actor_id, sa.func.count())
                .where(by_agent, spent, ledger.c.action == action, ledger.c.at > since)
                .group_by(ledger.c.actor_id)
            )
            rows = connection.execute(query).all()
        return [BudgetUse(agent_id, action, number, item.amount, item.get_expiry()) for agent_id, number in rows]
