"""The process that starts the workers: what it does when something is refused, and the app that it gives them."""

import gc
import os
from typing import Any

from gunicorn.app.base import BaseApplication

from portal.commands.arbiter import PortalArbiter
from portal.commands.serve import PortalLogger, PortalServer
from portal.commands.stopping import ServerState
from portal.commands.worker import WholeRequestWorker
from portal.settings.settings import Settings
from tests.harness.internals import logged


class RefusedWorker(WholeRequestWorker):
    """A worker for which the system has no process, no file or no memory."""

    def __init__(self, *_: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with that worker."""

    def load_config(self) -> None:
        self.cfg.set("worker_class", RefusedWorker)
        self.cfg.set("logger_class", PortalLogger)


def test_a_worker_that_can_not_be_started_stops_nothing() -> None:
    arbiter = PortalArbiter(Server(), None, {}, 0, ServerState())
    arbiter.pid = os.getpid()
    with logged() as events:
        arbiter.manage_workers()
    assert [(event["event"], event["why"]) for event in events] == [
        ("worker_not_started", "[Errno 11] Resource temporarily unavailable")
    ]
    assert not arbiter.WORKERS


def test_workers_are_forked_from_one_app(settings: Settings) -> None:
    server = PortalServer(settings, {}, lambda: None, None, None)
    app = server.wsgi()
    gc.unfreeze()
    assert server.cfg.preload_app
    server.reload()
    assert server.wsgi() is app
