"""Puts into gauges what no event tells of: how much waits in the database, and which breakers are open."""

import math
import time
from threading import Thread

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.backlog import Backlog, backlog
from portal.database.database import Database
from portal.database.engine import describe
from portal.ledger.tables import pending
from portal.mail.outbox import Outbox
from portal.pages.ops import metrics
from portal.zype.client import ZypeClient

log = structlog.get_logger("portal.ops")

# Between two samples: less than a breaker stays open, so that none is missed.
INTERVAL_SECONDS = 10.0
_NOT_KNOWN = Backlog(math.nan, math.nan)


class Sampler:
    """Samples in a thread of a worker: not in the process with /metrics, since a connection must not be forked."""

    def __init__(self, database: Database, zype: ZypeClient) -> None:
        self._database = database
        self._zype = zype
        self._was_up = True

    def start(self) -> None:
        """Sample now and from then on, until the process ends."""
        Thread(target=self._run, name="sampler", daemon=True).start()

    def sample(self) -> None:
        """Set the gauges. If the database fails, one of them says so, and those of its tables have no number.

        The log says why, once until it answers again.
        """
        for service, is_open in self._zype.open_breakers().items():
            metrics.BREAKERS_OPEN.labels(service).set(is_open)
        notices = attempts = _NOT_KNOWN
        is_up = True
        try:
            notices, attempts = Outbox(self._database).backlog(), backlog(self._database, pending.c.at)
        except SQLAlchemyError as error:
            is_up = False
            if self._was_up:
                log.error("database_down", why=describe(error))
        self._was_up = is_up
        metrics.DATABASE_UP.set(is_up)
        metrics.set_backlogs(notices, attempts)

    def _run(self) -> None:
        while True:
            self.sample()
            # Nobody stops it: as a daemon it ends with the process.
            time.sleep(INTERVAL_SECONDS)
