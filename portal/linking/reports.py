"""A viewer's report that somebody else sent them a PIN: recorded, and its TV unlinked if it was linked."""

from dataclasses import dataclass
from datetime import timedelta

from portal.domain.actors import Actor
from portal.domain.outcomes import Action, Outcome, ReportOutcome, UnlinkOutcome
from portal.domain.pins import Pin
from portal.ledger.attempts import Attempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.linking.unlinking import Unlinking

# A day's report of the same PIN again is the same one, such as a button pressed twice; and so many tell enough.
DAY = timedelta(days=1)
MAX_REPORTS = 20


@dataclass(frozen=True)
class Reports:
    """Takes reports; its methods raise sqlalchemy.exc.SQLAlchemyError if the ledger can't be read."""

    ledger: Ledger
    history: History
    unlinking: Unlinking

    def report_pin(self, pin: Pin | None, consumer_id: str, actor: Actor) -> None:
        """Record the report of a PIN that is not linked; none if it is no longer known."""
        fingerprint = self.ledger.keyring.fingerprint(pin) if pin else None
        self._record(Attempt(Action.REPORT, actor, consumer_id, pin_fingerprint=fingerprint))

    def report_link(self, attempt_id: str, consumer_id: str, actor: Actor) -> UnlinkOutcome:
        """Record the report of the PIN that an attempt linked, and unlink its TV, however long ago that was.

        Raises:
            LedgerUnavailable: the report may be recorded, but Zype was not asked to unlink.
        """
        link = self.history.outcome(attempt_id)
        if link is None or (link.action, link.outcome, link.consumer_id) != (Action.LINK, Outcome.LINKED, consumer_id):
            self._record(Attempt(Action.REPORT, actor, consumer_id))
            return UnlinkOutcome.GONE
        device_id = link.linked_device_id
        self._record(Attempt(Action.REPORT, actor, consumer_id, device_id, link.pin_fingerprint))
        if device_id is None:
            return UnlinkOutcome.GONE
        if self.history.is_undone(link):
            return UnlinkOutcome.UNLINKED
        return self.unlinking.unlink(device_id, consumer_id, actor, Action.UNDO)

    def _record(self, report: Attempt) -> None:
        earlier = self.history.reports(report.consumer_id or "", DAY, MAX_REPORTS)
        is_known = any(entry.pin_fingerprint == report.pin_fingerprint for entry in earlier)
        if not is_known and len(earlier) < MAX_REPORTS:
            self.ledger.record(report, ReportOutcome.REPORTED)
