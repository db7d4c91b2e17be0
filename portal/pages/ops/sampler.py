"""Puts into gauges what no event tells of: how much waits in the database, and which breakers are open."""

import math
import time
from threading import Thread

from sqlalchemy.exc import SQLAlchemyError

from portal.database.backlog import Backlog, backlog
from portal.database.database import Database
from portal.ledger.tables import pending
from portal.mail.outbox import Outbox
from portal.pages.ops import metrics
from portal.zype.client import ZypeClient

# A breaker opens for longer than that.
SECONDS = 10.0
_NOT_KNOWN = Backlog(math.nan, math.nan)


class Sampler:
    """Samples in a thread of a worker: not in the process with /metrics, since a connection must not be forked."""

    def __init__(self, database: Database, zype: ZypeClient) -> None:
        self._database = database
        self._zype = zype

    def start(self) -> None:
        """Sample now and from then on, until the process ends."""
        Thread(target=self._run, name="sampler", daemon=True).start()

    def sample(self) -> None:
        """Set the gauges. If the database fails, one of them says so, and those of its tables have no number."""
        for service, is_open in self._zype.open_breakers().items():
            metrics.BREAKERS_OPEN.labels(service).set(is_open)
        try:
            metrics.set_backlogs(Outbox(self._database).backlog(), backlog(self._database, pending.c.at))
        except SQLAlchemyError:
            metrics.set_backlogs(_NOT_KNOWN, _NOT_KNOWN)
            metrics.DATABASE_UP.set(0)
        else:
            metrics.DATABASE_UP.set(1)

    def _run(self) -> None:
        while True:
            self.sample()
            time.sleep(SECONDS)
