"""The metrics for Prometheus. Labels have closed sets of values: no id, path, PIN or address is ever one.

A gauge needs a ``multiprocess_mode``, by which the values of the processes become one.
"""

from prometheus_client import Counter, Histogram, values

from portal.pages.ops.shared_values import OWN

# Before the first metric is made. Without PORTAL_METRICS_BIND it keeps the values in this process.
values.ValueClass = OWN.value

# Upper bounds in seconds: of pages, and of calls to Zype up to their deadline.
PAGE_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ZYPE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.5, 12.0)
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


def count_link(outcome: str, actor: str) -> None:
    """Count an attempt to link, by its Outcome and the ActorKind."""
    LINKS.labels(outcome, actor).inc()


def count_stopped(action: str, actor: str) -> None:
    """Count an attempt that a limit stopped, by its Action and the ActorKind."""
    STOPPED.labels(action, actor).inc()


def observe_zype(call: str, result: str, seconds: float) -> None:
    """Count a call to Zype, by the client's method and ``ok`` or the name of the error's class."""
    ZYPE.labels(call, result).observe(seconds)


def count_request(rule: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request, by the rule of its route (none if no route matched), its method and the class of its status."""
    method = method if method in METHODS else "other"
    REQUESTS.labels(rule or "none", method, f"{status // 100}xx").observe(seconds)


def count_notice(result: str) -> None:
    """Count a try to send a mail, by its result: ``sent``, ``delayed`` or ``failed``."""
    NOTICES.labels(result).inc()
