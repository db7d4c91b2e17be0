"""What the states are shown with: made-up fields, TVs, people and attempts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, LookUpOutcome, Outcome, UnlinkOutcome
from portal.domain.phonetics import WORDS
from portal.ledger.attempts import PastAttempt
from portal.linking.unlinking import RecentLink
from portal.viewers.directory import LinkedTV

_ALICE = "0a11ce000000000000000001"


def samples() -> Mapping[str, Any]:
    """Return what templates/styleguide/states may name, at this moment."""
    now = datetime.now(UTC)
    an_hour_ago, a_week_ago = now - timedelta(hours=1), now - timedelta(days=7)
    return {
        "field": field,
        "reasons": reasons,
        "history_filter": history_filter,
        "spelling": WORDS,
        "link_outcomes": [*Outcome],
        "unlink_outcomes": [*UnlinkOutcome],
        "look_up_outcomes": [*LookUpOutcome],
        "filtered_outcomes": ["", *Outcome, "none"],
        "an_hour_ago": an_hour_ago,
        "a_minute_ago": now - timedelta(minutes=1),
        "attempts": _attempts(now, an_hour_ago),
        "alice": _viewer("Alice", "alice@example.com"),
        "stranger": _viewer("your account", None),
        "bob": SimpleNamespace(name="bob", is_supervisor=False),
        "supervisor": SimpleNamespace(name="supervisor", is_supervisor=True),
        "named_tv": LinkedTV("1", "tv-1", 1, "Living room", an_hour_ago, ActorKind.VIEWER),
        "numbered_tv": LinkedTV("2", "tv-2", 2, None, a_week_ago, ActorKind.AGENT),
        "elsewhere_tv": LinkedTV("3", "tv-3", 3, None, None, None),
        "recent_link": RecentLink(is_undone=False, undo_seconds=540, linked_device_id="tv-1"),
        "older_link": RecentLink(is_undone=False, undo_seconds=None, linked_device_id="tv-1"),
    }


def field(name: str, data: str = "", error: str | None = None) -> SimpleNamespace:
    """Return a field of a form, as components read it."""
    return SimpleNamespace(id=name, name=name, data=data, errors=[error] if error else [])


def reasons(error: str | None = None) -> SimpleNamespace:
    """Return a form that asks for a reason; an error is that of the reason."""
    return SimpleNamespace(
        reasons={"lost_remote": "The remote is lost", "other": "Something else"},
        reason=field("reason", error=error),
        details=field("details"),
        ticket=field("ticket"),
        identity_checked=field("identity_checked"),
    )


def history_filter(agent: str = "", error: str | None = None) -> SimpleNamespace:
    """Return a form that filters the history; an error is that of the agent's id."""
    return SimpleNamespace(
        agent=field("agent", agent, error),
        viewer=field("viewer"),
        outcome=field("outcome"),
        since=field("from"),
        until=field("to"),
        query={},
        errors={"agent": [error]} if error else {},
    )


def _viewer(label: str, email: str | None) -> SimpleNamespace:
    path = f"/support/viewers/{_ALICE}"
    return SimpleNamespace(label=label, email=email, consumer_id=_ALICE, path=path, signed="signed")


def _attempts(now: datetime, begun: datetime) -> list[PastAttempt]:
    """Return an attempt by a viewer, one by an agent, one under way, and one with each outcome."""
    agent, viewer = ActorKind.AGENT, ActorKind.VIEWER
    why = {"reason": "Another reason: the remote is lost.", "ticket": "T-4711"}
    return [
        _attempt(1, begun, viewer, Outcome.LINKED),
        _attempt(2, begun, agent, Outcome.NOT_FOUND, **why),
        _attempt(3, now, agent, None),
        *(_attempt(4 + number, begun, agent, outcome, **why) for number, outcome in enumerate(Outcome)),
    ]


def _attempt(
    number: int,
    at: datetime,
    actor_kind: ActorKind,
    outcome: Outcome | None,
    reason: str | None = None,
    ticket: str | None = None,
) -> PastAttempt:
    return PastAttempt(
        id=number,
        at=at,
        action=Action.LINK,
        attempt_id=f"{number:032x}",
        outcome=outcome,
        ended_at=at if outcome else None,
        actor_kind=actor_kind,
        actor_id="bob" if actor_kind is ActorKind.AGENT else _ALICE,
        consumer_id=_ALICE,
        linked_device_id="tv-1",
        reason=reason,
        ticket=ticket,
        request_id="request",
        zype_milliseconds=120 if outcome else None,
        row_hash="",
        outcome_row_hash=None,
    )
