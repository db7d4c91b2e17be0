"""What the portal counts for Prometheus. Labels are from closed sets: no id, path, PIN or address is ever one.

prometheus_client decides when it is first imported whether the numbers live in this process or in the files of
PROMETHEUS_MULTIPROC_DIR, where every worker's are added up. So `serve` sets that variable before anything
imports this module, and only when there is a PORTAL_METRICS_BIND to show them on.
"""

from prometheus_client import Counter, Histogram

# Upper ends in seconds, from a page that asks nobody to a call to Zype that used up its deadline.
PAGE_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ZYPE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.5, 12.0)
# Anyone may send any word as a method; each of the others would be a time series of its own.
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
LEDGER_FAILURES = Counter("portal_ledger_write_failures", "Rows that could not be written to the ledger.")
NOTICES = Counter("portal_notices", "Tries to send a mail that lets a viewer know, by result.", ["result"])


def count_link(outcome: str, actor: str) -> None:
    """Count an attempt to link.

    Args:
        outcome: a value of portal.domain.outcomes.Outcome.
        actor: a value of portal.domain.outcomes.ActorKind.
    """
    LINKS.labels(outcome, actor).inc()


def observe_zype(call: str, result: str, seconds: float) -> None:
    """Count a call to Zype and what it took.

    Args:
        call: the client's method, such as ``link``.
        result: ``ok``, or the name of the error's class.
        seconds: from before the connection to after the last byte.
    """
    ZYPE.labels(call, result).observe(seconds)


def count_request(rule: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request and what it took.

    Args:
        rule: the route's rule, such as ``/devices/<device>/unlink``; none where no route matched.
        method: as it was sent; unusual ones are counted together.
        status: of the answer.
        seconds: from the first handler to the last.
    """
    known = method if method in METHODS else "other"
    REQUESTS.labels(rule or "none", known, f"{status // 100}xx").observe(seconds)


def count_ledger_failure() -> None:
    """Count a row that could not be written to the ledger."""
    LEDGER_FAILURES.inc()


def count_notice(result: str) -> None:
    """Count a try to send a mail that lets a viewer know.

    Args:
        result: ``sent``, ``delayed`` or ``failed``.
    """
    NOTICES.labels(result).inc()
