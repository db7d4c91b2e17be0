"""Where a viewer gets mail: at the address of their account, which Zype knows and a session repeats."""

import sqlalchemy as sa

from portal.database.database import Database
from portal.database.sessions import sessions
from portal.domain.actors import SessionKind
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient


class Addresses:
    """Finds the email addresses of viewers.

    Without an Admin key, viewers who have a session have an address. Mail is then about what a viewer did a moment ago
    alone, since there is no console.
    """

    def __init__(self, settings: Settings, database: Database, zype: ZypeClient) -> None:
        self._reads_consumers = settings.zype_api_key is not None
        self._database = database
        self._zype = zype

    def find(self, consumer_id: str) -> str | None:
        """Return a viewer's email address, or none if there is none.

        Raises:
            ZypeError: if Zype can't be asked for it.
            sqlalchemy.exc.SQLAlchemyError: if the database fails.
        """
        if self._reads_consumers:
            return self._zype.consumer(consumer_id).email
        query = (
            sa.select(sessions.c.email)
            .where(sessions.c.kind == SessionKind.VIEWER, sessions.c.principal_id == consumer_id)
            .order_by(sessions.c.created_at.desc())
            .limit(1)
        )
        return self._database.scalar(query)
