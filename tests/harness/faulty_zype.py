"""Faults of Zype at one path that the sandbox's magic PINs don't have, and a record of all calls."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

from flask import Response, request

from tests.harness.simulated_zype import SimulatedZype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# A test that fails must not wait for ever.
HOLD_SECONDS = 10


@contextmanager
def answering(sandbox: SimulatedZype, path: str, status: int, document: Any = None) -> Iterator[None]:
    """Give one answer to every call to a path and below it while the block runs.

    Args:
        sandbox: the one that is running.
        path: such as ``/pin/unlink``.
        status: of HTTP.
        document: the body, as JSON.
    """
    original = sandbox.app.wsgi_app

    def faulty(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if not environ["PATH_INFO"].startswith(path):
            return original(environ, start_response)
        answer = Response(json.dumps(document), status, content_type="application/json")
        return answer(environ, start_response)

    sandbox.app.wsgi_app = faulty  # type: ignore[method-assign]
    try:
        yield
    finally:
        sandbox.app.wsgi_app = original  # type: ignore[method-assign]


@contextmanager
def before_each_call(sandbox: SimulatedZype, action: Callable[[], None]) -> Iterator[None]:
    """Run an action in the sandbox's thread, before each call is answered, while the block runs."""
    functions = sandbox.app.before_request_funcs.setdefault(None, [])
    functions.append(action)
    try:
        yield
    finally:
        functions.remove(action)


@contextmanager
def holding(sandbox: SimulatedZype, path: str, seconds: float = HOLD_SECONDS) -> Iterator[Event]:
    """Let every call to a path wait while the block runs; yields what is set as soon as there is one.

    Args:
        seconds: for how long at most.
    """
    arrived, release = Event(), Event()

    def hold() -> None:
        if request.path == path:
            arrived.set()
            release.wait(seconds)

    with before_each_call(sandbox, hold):
        try:
            yield arrived
        finally:
            release.set()


@contextmanager
def recording_calls(sandbox: SimulatedZype) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """Yield a list to which the path and the form fields of every call are added while the block runs."""
    calls: list[tuple[str, dict[str, str]]] = []

    def record_call() -> None:
        calls.append((request.path, request.form.to_dict()))

    with before_each_call(sandbox, record_call):
        yield calls
