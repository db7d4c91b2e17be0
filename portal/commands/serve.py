"""Runs gunicorn with the portal, and the mailer and the sandbox as child processes."""

import gc
import http.client
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from portal.app import create_app
from portal.commands.arbiter import PortalArbiter
from portal.commands.child_process import ChildProcess
from portal.commands.context import check_overrides, check_port, check_sandbox_ports, fail, open_database
from portal.commands.folders import FolderUnusable, runtime_folder
from portal.commands.heaps import limit_heaps
from portal.commands.metrics_server import MetricsServer
from portal.commands.stopping import ServerState
from portal.commands.worker import WholeRequestWorker
from portal.database.schema import require_schema
from portal.pages.ops.sampler import Sampler
from portal.pages.web import logs
from portal.pages.web.refusals import refusals
from portal.services import EXTENSION
from portal.settings.settings import Settings

log = structlog.get_logger("portal.commands")

START_SECONDS = 20.0
# For writing the outcome and sending the page, after the deadline of a call to Zype.
MARGIN_SECONDS = 5
# Of one worker. Each may hold a head and a body, and few systems allow a process more than 1,024 files.
CONNECTIONS = 512
# How many objects more there may be before Python looks for garbage among them. A page makes fewer than a thousand,
# nearly all of which are gone with it, and looking every 700 took a twentieth of its time.
COLLECT_AFTER = 10_000


def run_server(
    settings: Settings,
    environ: Mapping[str, str],
    on_ready: Callable[[], None] = lambda: None,
    log_level: int = logging.INFO,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; end with a sentence if serving can't begin.

    Args:
        settings: the portal's.
        environ: of the child processes; it may name the folder for what is needed only while the server runs.
        on_ready: called once, in a worker, when the portal answers.
        log_level: the lowest that is logged.
    """
    limit_heaps()
    logs.configure(settings, log_level)
    check_overrides(settings)
    check_port("PORTAL_BIND", settings.bind)
    if settings.metrics_bind:
        check_port("PORTAL_METRICS_BIND", settings.metrics_bind)
    with open_database(settings) as database:
        require_schema(database)
    try:
        runtime_folder(environ)
        with ExitStack() as stack:
            if settings.mode == "sandbox":
                stack.enter_context(_sandbox_process(settings, environ))
            mailer = None
            metrics = MetricsServer(settings.metrics_bind) if settings.metrics_bind else None
            if settings.smtp_url:
                quiet = [] if log_level <= logging.INFO else ["--quiet"]
                mailer = stack.enter_context(
                    ChildProcess(["mailer", *quiet], environ, metrics.files.take() if metrics else None)
                )
            PortalServer(settings, environ, on_ready, mailer, metrics).run()
    except FolderUnusable as error:
        fail(f"The server can't start: {error}.")
    except OSError as error:
        fail(str(error))


@contextmanager
def _sandbox_process(settings: Settings, environ: Mapping[str, str]) -> Iterator[None]:
    check_sandbox_ports(settings)
    with ChildProcess(["sandbox"], environ) as sandbox:
        if not _wait_until_healthy(settings.zype_api_url, lambda: sandbox.is_running):
            fail("The sandbox did not start; its output is above.")
        yield


def _wait_until_healthy(origin: str, is_running: Callable[[], bool] = lambda: True) -> bool:
    """Return true as soon as a server answers; false if it has ended, or does not answer in time."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and is_running():
        if _is_healthy(origin):
            return True
        # Nothing to wait for tells when another process begins to answer.
        time.sleep(0.05)
    return False


def _is_healthy(origin: str) -> bool:
    parts = urlsplit(origin)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


class PortalServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by the settings alone: no files or variables of its own are read."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        on_ready: Callable[[], None],
        mailer: ChildProcess | None,
        metrics: MetricsServer | None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._metrics = metrics
        self._on_ready = on_ready
        self._mailer = mailer
        # For the workers.
        self.refusals = refusals(settings)
        self.state = ServerState()
        super().__init__()

    def run(self) -> None:
        PortalArbiter(self, self._mailer, self._environ, self._settings.drain_seconds, self.state).run()

    def load_config(self) -> None:
        settings = self._settings
        grace = ceil(settings.zype_deadline) + MARGIN_SECONDS
        options: dict[str, Any] = {
            "bind": settings.bind,
            "workers": settings.workers,
            "worker_class": WholeRequestWorker,
            "worker_connections": CONNECTIONS,
            "threads": settings.threads,
            # It would write to the socket itself, and wait for a client that takes nothing.
            "sendfile": False,
            "graceful_timeout": grace,
            # A worker that sends no heartbeat for this long is replaced.
            "timeout": grace + 30,
            "keepalive": 75,
            "control_socket_disable": True,
            # One app is built, and the workers are forked from it: they start at once, and share its memory.
            "preload_app": True,
            # ProxyFix and PORTAL_PROXY_HOPS alone decide which proxies are trusted.
            "forwarded_allow_ips": "",
            "accesslog": None,
            "logger_class": PortalLogger,
            "post_worker_init": self._init_worker,
        }
        if self._metrics:
            options |= self._metrics.hooks
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the app that the workers are forked from: it opens no connection and starts no thread."""
        try:
            app = create_app(self._settings, is_draining=self.state.is_draining)
        except Exception as error:
            # gunicorn would print the exception itself, without redaction.
            log.critical("worker_failed", exc_info=error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        # A collection in a worker writes to every object that it looks at, and so to a copy of its page of memory.
        gc.freeze()
        return app

    def _init_worker(self, worker: Any) -> None:
        gc.set_threshold(COLLECT_AFTER)
        if self._metrics:
            services = worker.wsgi.extensions[EXTENSION]
            Sampler(services.database, services.zype).start()
        # In the first worker, because the arbiter forks: workers would inherit the locks that a thread of it holds.
        if worker.age == 1:
            threading.Thread(target=self._call_on_ready, daemon=True).start()

    def _call_on_ready(self) -> None:
        if _wait_until_healthy(f"http://{self._settings.bind}"):
            self._on_ready()


class PortalLogger(Logger):  # type: ignore[misc]
    """Passes gunicorn's messages to the portal's log, which has a line of its own for each request."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)
        self.access_log.propagate = False

    def access(self, *_: Any) -> None:
        """Log nothing; gunicorn would look up for each request that its own access log is off."""
