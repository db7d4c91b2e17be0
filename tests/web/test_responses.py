"""The status of a page that shows an outcome."""

from portal.domain.outcomes import OUTCOMES
from portal.pages.web.responses import STATUSES

SUCCESSES = {"linked", "unlinked", "sent", "signed_in", "half", "found", "exported", "done", "reported", "archived"}


def test_every_outcome_but_success_has_a_status() -> None:
    outcomes = {str(outcome) for group in OUTCOMES.values() for outcome in group}

    assert outcomes - set(STATUSES) == SUCCESSES
    assert set(STATUSES.values()) == {422, 429, 503}
