"""What a failed call means for an attempt: each error has one outcome, for reading and for writing."""

import pytest

from portal.domain.outcomes import Outcome
from portal.zype.errors import BadCredentials, Misconfigured, NotFound, Refused, Unavailable, Unknown, ZypeError
from portal.zype.outcomes import outcome_of_failed_read, outcome_of_failed_write, retry_seconds
from tests.harness.cases import each


@each(
    "error, read, write",
    [
        (Misconfigured, Outcome.MISCONFIGURED, Outcome.MISCONFIGURED),
        (Unavailable, Outcome.UNAVAILABLE, Outcome.UNAVAILABLE),
        (Refused, Outcome.UNAVAILABLE, Outcome.UNAVAILABLE),
        (Unknown, Outcome.UNAVAILABLE, Outcome.UNKNOWN),
        (NotFound, Outcome.UNAVAILABLE, Outcome.UNKNOWN),
        (BadCredentials, Outcome.UNAVAILABLE, Outcome.UNKNOWN),
    ],
)
def test_each_error_has_one_outcome(error: type[ZypeError], read: Outcome, write: Outcome) -> None:
    failure = error("GET", "/pin/status", reason="made up")

    assert (outcome_of_failed_read(failure), outcome_of_failed_write(failure)) == (read, write)


@pytest.mark.parametrize(("seconds", "rounded"), [(None, 10), (1.2, 2), (30.0, 30)])
def test_retry_seconds_are_zype_s_rounded_up_or_the_default(seconds: float | None, rounded: int) -> None:
    error = Unavailable("GET", "/pin/status", reason="busy", retry_after=seconds)

    assert retry_seconds(error) == rounded
