"""Reads which metrics a query of Prometheus is about, and by which labels."""

import re
from collections.abc import Iterator

_SELECTOR = re.compile(r"\b(portal_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def selectors(query: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield each metric of a query, with the values that its labels are compared with."""
    for name, matchers in _SELECTOR.findall(query):
        yield name, {label: values.split("|") for label, _, values in _MATCHER.findall(matchers)}


def grouped_by(query: str) -> set[str]:
    """Return the labels by which a query groups."""
    return {label.strip() for labels in _GROUPING.findall(query) for label in labels.split(",") if label.strip()}
