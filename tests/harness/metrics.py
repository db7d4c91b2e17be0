"""The metrics that the portal exports, with their labels, for what names them: documentation, alerts and dashboard."""

from collections.abc import Iterable, Mapping

from prometheus_client.metrics import MetricWrapperBase

from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome
from portal.pages.ops import metrics
from portal.zype.bulkhead import Pool
from portal.zype.errors import ZypeError

# By the name in documentation: a counter's ends with _total, and a histogram's has no end.
SCRAPED: Mapping[str, MetricWrapperBase] = {
    metric._name + ("_total" if metric._type == "counter" else ""): metric
    for metric in vars(metrics).values()
    if isinstance(metric, MetricWrapperBase)
}
# What Prometheus itself adds to each series.
TARGET = frozenset({"job", "instance"})


def metric_of(series: str) -> str:
    """Return the metric that a series belongs to, such as one of the series of a histogram."""
    if series in SCRAPED or series == "up":
        return series
    name, _, end = series.rpartition("_")
    assert end in ("bucket", "sum", "count"), f"the portal has no {series}"
    assert SCRAPED[name]._type == "histogram", series
    return name


def labels_of(series: str) -> set[str]:
    """Return the labels that a series has in Prometheus; fail if the portal does not export it."""
    name = metric_of(series)
    own = SCRAPED[name]._labelnames if name in SCRAPED else ()
    return {*own, *TARGET, *(["le"] if series.endswith("_bucket") else [])}


def _results(error: type[ZypeError] = ZypeError) -> Iterable[str]:
    return {error.label, *(label for kind in error.__subclasses__() for label in _results(kind))}


VALUES: Mapping[str, frozenset[str]] = {
    "outcome": frozenset(Outcome),
    "actor": frozenset(ActorKind),
    "action": frozenset(Action),
    "call": frozenset(metrics.ZYPE_CALLS),
    "result": frozenset({"ok", *_results(), "sent", "delayed", "failed"}),
    "status": frozenset(f"{number}xx" for number in range(1, 6)),
    "method": metrics.METHODS | {"other"},
    "share": frozenset(pool.name.lower() for pool in Pool),
    "service": frozenset({"api", "login"}),
    "wait": frozenset({"read", "write", "lock"}),
}


def wrong_values(values: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return what labels are compared with though they never have that value."""
    wrong = {label: [v for v in given if v not in VALUES[label]] for label, given in values.items() if label in VALUES}
    return {label: found for label, found in wrong.items() if found}
