"""What a failed call to Zype means for the attempt that made it; each function also logs it for the operator."""

from math import ceil

import structlog

from portal.domain.outcomes import Outcome
from portal.zype.errors import Misconfigured, Refused, Unavailable, ZypeError

log = structlog.get_logger("portal.zype")

DEFAULT_RETRY_SECONDS = 10


def outcome_of_failed_read(error: ZypeError) -> Outcome:
    """Return unavailable or misconfigured: a call that only reads has changed nothing, however it failed."""
    if isinstance(error, Misconfigured):
        log.error("zype_refused_our_key", error=str(error))
        return Outcome.MISCONFIGURED
    log.warning("zype_could_not_be_asked", error=str(error))
    return Outcome.UNAVAILABLE


def outcome_of_failed_write(error: ZypeError) -> Outcome:
    """Return unavailable or misconfigured if nothing was changed, else unknown.

    NotFound, and Refused where it has an outcome of its own, are for the caller to handle first.
    """
    match error:
        case Misconfigured():
            log.error("zype_refused_our_key", error=str(error))
            return Outcome.MISCONFIGURED
        case Unavailable() | Refused():
            log.warning("zype_unavailable", error=str(error))
            return Outcome.UNAVAILABLE
        case _:
            log.warning("zype_outcome_unknown", error=str(error))
            return Outcome.UNKNOWN


def retry_seconds(error: ZypeError) -> int:
    """Return the seconds until trying again may help."""
    return ceil(error.retry_after or DEFAULT_RETRY_SECONDS)
