"""A breaker, so that a dead Zype is not asked in vain. It never waits, and holds no lock during a call."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from portal.domain.actors import Actor
from portal.settings.addresses import network_prefix
from portal.zype.errors import Unavailable, ZypeError

FAILURES_TO_OPEN = 10
SECONDS_OPEN = 15.0
# The Retry-After of a refused call while the probe is under way: it seldom takes longer.
_RETRY_AFTER = 1.0


class Breaker:
    """Stops calls to an origin after ten failures in a row, and lets one probe through after SECONDS_OPEN.

    A failure is a call without a whole answer, or a 5xx. Any other answer shows that the origin is alive, also a
    refusal and one that can't be read. A 5xx that came as a whole answer counts once for each subject, because one
    account may be the reason for it. The clock is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        # Whom the failures that came as whole answers were about.
        self._subjects: set[str] = set()
        self._probe_at = 0.0
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether it refuses calls at this moment; a probe may be under way."""
        with self._lock:
            return self._failures >= FAILURES_TO_OPEN and (self._is_probing or self._probe_at > self._clock())

    @contextmanager
    def watch(
        self,
        method: str,
        path: str,
        is_answered: Callable[[], bool],
        find_subject: Callable[[], str | None] = lambda: None,
    ) -> Iterator[None]:
        """Watch one call, which the body of the with statement makes. Raises Unavailable if the breaker is open.

        At the end, ``is_answered`` says whether the origin was called at all and answered.

        Args:
            find_subject: returns the account that the call is about, or who asks for it; none if that is not known.
        """
        is_probe = self._admit(method, path)
        failed: bool | None = None
        subject: str | None = None
        try:
            yield
        except ZypeError as error:
            failed = error.status is None or error.status >= 500
            if error.status is not None:
                subject = find_subject()
            raise
        finally:
            if failed is None and is_answered():
                failed = False
            self._record(is_probe, failed, subject)

    def _admit(self, method: str, path: str) -> bool:
        """Return whether the call is the probe of an open breaker; raise Unavailable if it is refused."""
        with self._lock:
            if self._failures < FAILURES_TO_OPEN:
                return False
            wait = self._probe_at - self._clock()
            if wait <= 0 and not self._is_probing:
                self._is_probing = True
                return True
        seconds = max(wait, _RETRY_AFTER)
        raise Unavailable(method, path, reason="breaker open", retryable=True, retry_after=seconds)

    def _record(self, is_probe: bool, failed: bool | None, subject: str | None) -> None:
        """Count the result of a call; None if it says nothing about the origin.

        Args:
            subject: whom the failure counts for once; none if each such failure counts.
        """
        with self._lock:
            if is_probe:
                self._is_probing = False
            if failed is False:
                self._failures = 0
                self._subjects.clear()
            elif failed and (is_probe or (self._failures < FAILURES_TO_OPEN and subject not in self._subjects)):
                # A call that began earlier and fails while the breaker is open does not keep it open for longer.
                self._failures = min(self._failures + 1, FAILURES_TO_OPEN)
                if subject is not None:
                    self._subjects.add(subject)
                self._probe_at = self._clock() + SECONDS_OPEN


@dataclass
class Origin:
    """A host of Zype's, with its breaker."""

    url: str
    breaker: Breaker = field(default_factory=Breaker)


def subject_of(caller: Actor | None) -> str | None:
    """Return for whom a failure of Zype's counts once: the viewer or agent, or the address of somebody else."""
    if caller is None:
        return None
    return f"{caller.kind} {caller.id}" if caller.id else network_prefix(caller.address)
