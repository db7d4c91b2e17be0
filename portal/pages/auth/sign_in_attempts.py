"""What every way to sign in does, for viewers and support staff alike: an attempt in the ledger, limits, an outcome."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Generic, TypeVar

from portal.domain.outcomes import SignInOutcome
from portal.ledger.attempts import Attempt, Begun, RateLimited
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Counts, Limit, address_limits
from portal.pages.identity.viewer import Viewer
from portal.pages.web.responses import status_of
from portal.services import Services
from portal.settings.rates import times
from portal.settings.settings import Settings

# A household, a school or a carrier shares an address, so it may fail this many times as often as one account.
ADDRESS_FACTOR = 10
# Nobody signs in to one account this many times as often as the password may be wrong.
SUCCESS_FACTOR = 10
RETRY_SECONDS = 5

Value = TypeVar("Value")


@dataclass(frozen=True)
class SignInResult(Generic[Value]):
    """How an attempt to sign in ended.

    Args:
        value: the viewer, for example, if it succeeded.
        retry_after: in seconds.
        pin: that came along with the sign-in, as it was typed.
    """

    outcome: SignInOutcome
    value: Value | None = None
    retry_after: int | None = None
    pin: str | None = field(default=None, repr=False)

    def problem(self) -> dict[str, Any]:
        """Return what a page needs in order to say why nobody was signed in: arguments of ``render_page``."""
        return {"problem": self.outcome, "status": status_of(self.outcome), "retry_after": self.retry_after}


def run_attempt(
    ledger: Ledger,
    attempt: Attempt,
    limits: tuple[Limit, ...],
    authenticate: Callable[[], SignInResult[Value]],
    *,
    slow_past: Limit | None = None,
    wait: Callable[[], bool] = lambda: True,
) -> SignInResult[Value]:
    """Authenticate unless a limit is reached; write attempt and outcome. Raises as ``Ledger.begin``.

    Past the limit ``slow_past``, ``wait`` is called first, which tells whether there was a place to wait.
    """
    begun = ledger.begin(attempt, limits, slow_past=slow_past)
    if isinstance(begun, RateLimited):
        return SignInResult(SignInOutcome.TOO_MANY, retry_after=ceil(begun.retry_after))
    if isinstance(begun, Begun) and begun.is_slow and not wait():
        result: SignInResult[Value] = SignInResult(SignInOutcome.BUSY, retry_after=RETRY_SECONDS)
    else:
        result = authenticate()
    consumer_id = result.value.consumer_id if isinstance(result.value, Viewer) else None
    ledger.finish(replace(attempt, consumer_id=consumer_id), result.outcome)
    return result


def run_password_attempt(
    services: Services, attempt: Attempt, verify: Callable[[], SignInResult[Value]]
) -> SignInResult[Value]:
    """Run an attempt with a password: limited by account and address, slowed where many addresses try the account.

    Raises as ``Ledger.begin``.
    """
    items = services.settings.limit_sign_in
    of_account = ("subject_hash", "address_hash")
    limits = (
        Limit(of_account, items),
        # Whoever knows a password must not fill the ledger with it either.
        Limit(of_account, times(items, SUCCESS_FACTOR), counts=Counts.SUCCESSES),
        *sign_in_address_limits(services.settings),
    )
    return run_attempt(
        services.ledger,
        attempt,
        limits,
        verify,
        slow_past=Limit(("subject_hash",), items),
        wait=lambda: services.delays.wait(attempt.actor.kind, attempt.subject_hash or ""),
    )


def sign_in_address_limits(settings: Settings) -> tuple[Limit, ...]:
    """Return the limits on sign-ins of an address, whatever accounts it tries and by whatever way."""
    return address_limits(times(settings.limit_sign_in, ADDRESS_FACTOR), Counts.GUESSES_AND_BUSY)
