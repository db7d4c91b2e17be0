"""Zype failing at one path, as the sandbox's magic PINs can't make it fail: the answer is put in at the wire."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import Response, request

from tests.harness.simulated_zype import SimulatedZype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@contextmanager
def answering(sandbox: SimulatedZype, path: str, status: int, document: Any = None) -> Iterator[None]:
    """Let the sandbox answer every call to a path and below it in one way while the block runs.

    Args:
        sandbox: the one that is running.
        path: such as ``/pin/unlink``.
        status: of HTTP.
        document: what the JSON says.
    """
    honest = sandbox.app.wsgi_app

    def faulty(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if not environ["PATH_INFO"].startswith(path):
            return honest(environ, start_response)
        answer = Response(json.dumps(document), status, content_type="application/json")
        return answer(environ, start_response)

    sandbox.app.wsgi_app = faulty  # type: ignore[method-assign]
    try:
        yield
    finally:
        sandbox.app.wsgi_app = honest  # type: ignore[method-assign]


@contextmanager
def listening(sandbox: SimulatedZype) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """Yield the list to which the path and the form fields of every call are added while the block runs."""
    heard: list[tuple[str, dict[str, str]]] = []

    def listen() -> None:
        heard.append((request.path, request.form.to_dict()))

    before = sandbox.app.before_request_funcs.setdefault(None, [])
    before.append(listen)
    try:
        yield heard
    finally:
        before.remove(listen)
