"""The metrics for Prometheus. Labels have closed sets of values: no id, path, PIN or address is ever one.

A gauge needs a ``multiprocess_mode``, by which the values of the processes become one. Every series of an alert is made
at the start (``_make_series``), since increase() of Prometheus does not count the step from no series to one.
"""

from functools import cache
from itertools import product
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, values

from portal.database.backlog import Backlog
from portal.database.database import Wait
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome
from portal.pages.ops.shared_values import OWN
from portal.zype.bulkhead import Pool
from portal.zype.errors import ContractBroken, Misconfigured

# Before the first metric is made. Without PORTAL_METRICS_BIND it keeps the values in this process.
values.ValueClass = OWN.value

# Upper bounds in seconds: of pages, of calls to Zype up to their deadline, and of what the database lets wait.
PAGE_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ZYPE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.5, 12.0)
DATABASE_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 5.0)
# The methods of the client, and what another client calls through it.
ZYPE_CALLS = (
    *("link", "unlink", "pin_status", "consumer", "consumers_by_email"),
    *("token", "token_info", "revoke", "login", "forgot_password"),
)
BY_VIEWER_OR_AGENT = (ActorKind.VIEWER, ActorKind.AGENT)
# Others are counted together: a client may send any word as a method, and each would be a time series of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

LINKS = Counter("portal_links", "Attempts to link, by outcome and kind of actor.", ["outcome", "actor"])
ZYPE = Histogram(
    "portal_zype_call_seconds",
    "Seconds that calls to Zype took, by call and result.",
    ["call", "result"],
    buckets=ZYPE_SECONDS,
)
REQUESTS = Histogram(
    "portal_http_request_seconds",
    "Seconds that requests took, by rule, method and class of status.",
    ["rule", "method", "status"],
    buckets=PAGE_SECONDS,
)
STOPPED = Counter("portal_stopped", "Attempts that a limit stopped, by action and kind of actor.", ["action", "actor"])
LEDGER_FAILURES = Counter("portal_ledger_write_failures", "Rows that could not be written to the ledger.")
NOTICES = Counter("portal_notices", "Tries to send a mail that lets a viewer know, by result.", ["result"])
SHARE_REFUSALS = Counter(
    "portal_share_refusals",
    "Calls to Zype that were not made, by the share of calls in flight that was full.",
    ["share"],
)
FLOOD_REFUSALS = Counter("portal_flood_refusals", "Requests past the limit on floods.")
BREAKERS_OPEN = Gauge(
    "portal_breakers_open",
    "Workers that call a service of Zype's no more because it failed.",
    ["service"],
    multiprocess_mode="livesum",
)
DATABASE_WAITS = Histogram(
    "portal_database_wait_seconds",
    "Seconds that units of work waited for the database, by what they waited for.",
    ["wait"],
    buckets=DATABASE_SECONDS,
)
# Of these, the newest value counts: each worker sees the same database.
DATABASE_UP = Gauge(
    "portal_database_up", "Whether the database answered the last time.", multiprocess_mode="livemostrecent"
)
OUTBOX_WAITING = Gauge("portal_outbox_waiting", "Mails that wait to be sent.", multiprocess_mode="livemostrecent")
OUTBOX_AGE = Gauge(
    "portal_outbox_age_seconds",
    "Seconds since the oldest of these mails could have been sent.",
    multiprocess_mode="livemostrecent",
)
LEDGER_PENDING = Gauge("portal_ledger_pending", "Attempts that have no outcome.", multiprocess_mode="livemostrecent")
LEDGER_PENDING_AGE = Gauge(
    "portal_ledger_pending_age_seconds", "Seconds since the oldest of these began.", multiprocess_mode="livemostrecent"
)
# Looked up once, because each page waits a few times.
_WAITS = {wait: DATABASE_WAITS.labels(wait) for wait in Wait}


@cache
def _series(metric: Counter | Histogram, *labels: str) -> Any:
    """Return one series of a metric, looked up once a process; Counter and Histogram look at each label every time."""
    return metric.labels(*labels)


def count_link(outcome: str, actor: str) -> None:
    """Count an attempt to link, by its Outcome and the ActorKind."""
    _series(LINKS, outcome, actor).inc()


def count_stopped(action: str, actor: str) -> None:
    """Count an attempt that a limit stopped, by its Action and the ActorKind."""
    STOPPED.labels(action, actor).inc()


def observe_zype(call: str, result: str, seconds: float) -> None:
    """Count a call to Zype, by the client's method and ``ok`` or the name of the error's class."""
    _series(ZYPE, call, result).observe(seconds)


def count_request(rule: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request, by the rule of its route (none if no route matched), its method and the class of its status."""
    method = method if method in METHODS else "other"
    _series(REQUESTS, rule or "none", method, f"{status // 100}xx").observe(seconds)


def count_share_refusal(pool: Pool) -> None:
    """Count a call to Zype that was not made because its share of the calls in flight was full."""
    SHARE_REFUSALS.labels(pool.name.lower()).inc()


def observe_database_wait(wait: Wait, seconds: float) -> None:
    """Count the wait of a unit of work."""
    _WAITS[wait].observe(seconds)


def set_backlogs(notices: Backlog, attempts: Backlog) -> None:
    """Show the mails that wait, and the attempts without an outcome."""
    OUTBOX_WAITING.set(notices.count)
    OUTBOX_AGE.set(notices.age)
    LEDGER_PENDING.set(attempts.count)
    LEDGER_PENDING_AGE.set(attempts.age)


def count_notice(result: str) -> None:
    """Count a try to send a mail, by its result: ``sent``, ``delayed`` or ``failed``."""
    NOTICES.labels(result).inc()


def _make_series() -> None:
    for outcome, actor in product(Outcome, BY_VIEWER_OR_AGENT):
        LINKS.labels(outcome, actor)
    for call, result in product(ZYPE_CALLS, ("ok", Misconfigured.label, ContractBroken.label)):
        ZYPE.labels(call, result)
    for action, actor in (
        *product((Action.LINK, Action.SIGN_IN, Action.FORGOTTEN_PASSWORD), BY_VIEWER_OR_AGENT),
        (Action.LOOK_UP, ActorKind.AGENT),
    ):
        STOPPED.labels(action, actor)
    for pool in Pool:
        SHARE_REFUSALS.labels(pool.name.lower())
    for result in ("sent", "delayed", "failed"):
        NOTICES.labels(result)


_make_series()
