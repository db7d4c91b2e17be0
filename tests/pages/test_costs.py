"""What the two hot requests cost, counted: a clock would say something else on each machine.

A count that goes up is a request that got slower. If it has to, raise the limit and say why; if it goes down, lower it.
"""

import inspect
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from flask import Flask
from jinja2.runtime import Macro

from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.viewers import begin_session

# Of Python's functions some depend on versions of libraries, and SQLAlchemy does more once a test of the process has
# listened to its events. A link is 1,120 functions alone.
GET = {"functions": 570, "template functions": 1, "macro calls": 0, "statements": 1, "commits": 0}
LINK = {"functions": 1250, "template functions": 0, "macro calls": 0, "statements": 9, "commits": 2}


class Costs:
    """WSGI middleware that counts what its application does in the thread of the request."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._templates: set[object] = set()
        self.counts: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.counts.clear()
        self._templates.clear()
        with self._counting():
            body = self._application(environ, start_response)
            sent = list(body)
            if close := getattr(body, "close", None):
                close()
        self.counts["template functions"] = len(self._templates)
        return sent

    @contextmanager
    def _counting(self) -> Iterator[None]:
        others = sys.getprofile()
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(others)

    def _count(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            code = frame.f_code
            # A generator is called again for each value.
            self.counts["functions"] += not code.co_flags & inspect.CO_GENERATOR
            self.counts["macro calls"] += code is Macro._invoke.__code__
            if code.co_filename.endswith(".html"):
                self._templates.add(code)
        elif event == "c_call":
            of_sqlite = isinstance(getattr(function, "__self__", None), sqlite3.Cursor | sqlite3.Connection)
            self.counts["statements"] += of_sqlite and function.__name__ == "execute"
            self.counts["commits"] += of_sqlite and function.__name__ == "commit"


@pytest.fixture
def costs(app: Flask) -> Costs:
    """Return what counts the requests to the application from here on."""
    counting = Costs(app.wsgi_app)
    app.wsgi_app = counting  # type: ignore[method-assign]
    return counting


def assert_within(counted: Counter[str], limits: dict[str, int]) -> None:
    assert counted["functions"] > limits["functions"] * 0.8, "the limit is too high to guard anything"
    assert {what: counted[what] for what in limits if counted[what] > limits[what]} == {}


def test_the_page_for_the_pin(app: Flask, alice: Alice, costs: Costs) -> None:
    begin_session(app, alice)
    # The first request of an application compiles, connects and fills caches.
    alice.opens("/activate").opens("/activate")

    assert_within(costs.counts, GET)


def test_a_link(app: Flask, alice: Alice, sandbox: SimulatedZype, costs: Costs) -> None:
    begin_session(app, alice)
    for _ in range(2):
        form = alice.opens("/activate").page
        alice.browser.submit(form, "/activate", 303, pin=sandbox.tv().pin)

    assert_within(costs.counts, LINK)
