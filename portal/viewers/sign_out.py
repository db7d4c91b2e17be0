"""Signing people out everywhere: their sessions end and the ledger says who did it, in one transaction."""

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Actor, Reason, SessionKind
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger

EVERYBODY = Reason("every session of viewers and agents")


class SignOut:
    """Ends sessions. Where the database fails, a method raises sqlalchemy.exc.SQLAlchemyError and has ended none."""

    def __init__(self, database: Database, sessions: Sessions, ledger: Ledger) -> None:
        self._database = database
        self._sessions = sessions
        self._ledger = ledger

    def viewer(self, consumer_id: str, actor: Actor, reason: Reason | None = None) -> int:
        """End every session of a viewer, and return how many there were.

        Args:
            actor: the viewer, an agent, or the operator.
            reason: why an agent does it.
        """
        attempt = Attempt(Action.SIGN_OUT_EVERYWHERE, actor, consumer_id=consumer_id, reason=reason)
        with self._database.write() as connection:
            count = self._sessions.end_all(SessionKind.VIEWER, consumer_id, connection)
            self._ledger.record_change(connection, attempt, concerns_viewer=True)
        return count

    def everybody(self, actor: Actor) -> int:
        """End every session of viewers and agents, and return how many there were."""
        with self._database.write() as connection:
            count = self._sessions.end_everybodys(connection)
            self._ledger.record_change(connection, Attempt(Action.SIGN_OUT_EVERYWHERE, actor, reason=EVERYBODY))
        return count
