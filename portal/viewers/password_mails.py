"""The mail by which a viewer sets a new password: Zype sends it, the portal limits and records who asks for it."""

import time
from dataclasses import dataclass
from math import ceil
from threading import BoundedSemaphore

from limits import parse

from portal.domain.actors import Actor, Reason
from portal.domain.outcomes import Action, PasswordMailOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Counts, Limit, address_limits
from portal.settings.rates import times
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import NotFound, Refused, ZypeError
from portal.zype.outcomes import outcome_of_failed_write, retry_seconds

# Of one account, whoever asks. The setting has the number for a shorter time.
MAILS_A_DAY = parse("20/day")
# A household, a school or a carrier shares an address.
ADDRESS_FACTOR = 10
# Who is not signed in is not told which of them it was. The answer also takes a whole number of steps: Zype may take
# longer to send a mail than to find nobody.
SAME_ANSWER = (PasswordMailOutcome.SENT, PasswordMailOutcome.REFUSED)
STEP_SECONDS = 1.0
# One of so many threads may be at such an answer.
THREADS_A_PLACE = 8
BUSY_SECONDS = 5


@dataclass(frozen=True)
class PasswordMailResult:
    """How a request for the mail ended; retry_after is the seconds until trying again may help."""

    outcome: PasswordMailOutcome
    retry_after: int | None = None


class PasswordMails:
    """Asks Zype for the mail. A method raises as ``Ledger.begin``."""

    def __init__(self, settings: Settings, ledger: Ledger, zype: ZypeClient) -> None:
        self._of_address = address_limits(times(settings.limit_sign_in, ADDRESS_FACTOR), Counts.MAILS)
        self._of_agent = Limit(("actor_kind", "actor_id"), settings.limit_agent, counts=Counts.ALL_OF_AN_AGENT)
        # After the limits on addresses, in the order of the locks of a sign-in, so that no deadlock is possible.
        self._of_account = Limit(("subject_hash",), (*settings.limit_sign_in, MAILS_A_DAY), counts=Counts.MAILS)
        self._seconds = settings.zype_deadline
        self._places = BoundedSemaphore(max(1, settings.threads // THREADS_A_PLACE))
        self._ledger = ledger
        self._zype = zype

    def ask(self, email: str, actor: Actor) -> PasswordMailResult:
        """Ask for a mail to an address that somebody typed, and take as long whether or not Zype knows it."""
        if not self._places.acquire(blocking=False):
            return PasswordMailResult(PasswordMailOutcome.UNAVAILABLE, BUSY_SECONDS)
        started = time.monotonic()
        try:
            result = self._send(self._attempt(email, actor), email, (*self._of_address, self._of_account))
            if result.outcome in SAME_ANSWER:
                time.sleep(-(time.monotonic() - started) % STEP_SECONDS)
        finally:
            self._places.release()
        return result

    def send(self, email: str, consumer_id: str, agent: Actor, reason: Reason) -> PasswordMailResult:
        """Ask for a mail to a viewer for them."""
        attempt = self._attempt(email, agent, consumer_id, reason)
        return self._send(attempt, email, (self._of_agent, self._of_account))

    def _attempt(
        self, email: str, actor: Actor, consumer_id: str | None = None, reason: Reason | None = None
    ) -> Attempt:
        subject_hash = self._ledger.keyring.subject(email)
        return Attempt(Action.FORGOTTEN_PASSWORD, actor, consumer_id, subject_hash=subject_hash, reason=reason)

    def _send(self, attempt: Attempt, email: str, limits: tuple[Limit, ...]) -> PasswordMailResult:
        begun = self._ledger.begin(attempt, limits)
        if isinstance(begun, RateLimited):
            return PasswordMailResult(PasswordMailOutcome.TOO_MANY, ceil(begun.retry_after))
        started = time.monotonic()
        result = self._call_zype(email)
        milliseconds = round((time.monotonic() - started) * 1000)
        self._ledger.finish(attempt, result.outcome, milliseconds=milliseconds)
        return result

    def _call_zype(self, email: str) -> PasswordMailResult:
        try:
            self._zype.forgot_password(email, Deadline(self._seconds))
        except (NotFound, Refused):
            return PasswordMailResult(PasswordMailOutcome.REFUSED)
        except ZypeError as error:
            return PasswordMailResult(PasswordMailOutcome(outcome_of_failed_write(error)), retry_seconds(error))
        return PasswordMailResult(PasswordMailOutcome.SENT)
