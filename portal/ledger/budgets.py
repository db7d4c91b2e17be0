"""How much of their limits agents have used, for supervisors to see before a limit stops an agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from limits import RateLimitItem

from portal.database.database import Database
from portal.domain.outcomes import Action
from portal.ledger.tables import by_agent, ledger, spent
from portal.settings.settings import Settings

# An agent who has used this part of a limit is near it.
NEAR = 0.8


@dataclass(frozen=True)
class BudgetUse:
    """How many of the allowed attempts to link or to look up an agent has made in a window of so many seconds."""

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


class Budgets:
    """The agents' limits and their use. If the ledger can't be read, sqlalchemy.exc.SQLAlchemyError is raised."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._limits = [(Action.LINK, item) for item in settings.limit_agent]
        self._limits += [(Action.LOOK_UP, item) for item in settings.limit_lookup]

    def near_limit(self) -> Mapping[str, list[BudgetUse]]:
        """Return all uses of the agents who are near a limit, by agent id, in the order of the ids."""
        uses: dict[str, list[BudgetUse]] = {}
        for action, item in self._limits:
            for agent_id, used in self._used(action, item):
                use = BudgetUse(action, used, item.amount, item.get_expiry())
                uses.setdefault(agent_id, []).append(use)
        return {agent_id: uses[agent_id] for agent_id in sorted(uses) if any(use.is_near for use in uses[agent_id])}

    def _used(self, action: Action, item: RateLimitItem) -> list[tuple[str, int]]:
        """Return how often each agent did something in the time window of a limit."""
        with self._database.read() as connection:
            since = self._database.now(connection) - timedelta(seconds=item.get_expiry())
            rows = connection.execute(_USED, {"action": action, "since": since}).all()
        return [(agent_id, used) for agent_id, used in rows if used]


def _agents() -> sa.CTE:
    """Return every agent who is in the ledger: from one to the next by the index, not by all that each has done."""
    first = sa.select(sa.func.min(ledger.c.actor_id).label("id")).where(by_agent)
    found = first.cte("agent", recursive=True)
    following = sa.select(sa.func.min(ledger.c.actor_id)).where(by_agent, ledger.c.actor_id > found.c.id)
    return found.union_all(sa.select(following.scalar_subquery()).where(found.c.id.is_not(None)))


_agent = _agents()
_uses = (
    sa.select(sa.func.count())
    .select_from(ledger)
    .where(
        by_agent,
        spent,
        ledger.c.actor_id == _agent.c.id,
        ledger.c.action == sa.bindparam("action"),
        ledger.c.at > sa.bindparam("since"),
    )
)
_USED = sa.select(_agent.c.id, _uses.scalar_subquery()).where(_agent.c.id.is_not(None))
