"""Serves the portal with gunicorn, and beside it what sends its mails, and in sandbox mode the sandbox."""

import http.client
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from prometheus_client import CollectorRegistry, multiprocess, start_http_server
from sqlalchemy.exc import SQLAlchemyError

from portal.app import create_app
from portal.commands.child_process import Beside, beside
from portal.commands.context import fail
from portal.database.database import Database, describe
from portal.database.migration import is_current, upgrade
from portal.domain.errors import PortalError
from portal.pages.web import logs
from portal.settings.settings import Settings

log = structlog.get_logger("portal.server")

START_SECONDS = 20.0
# Time after the deadline of a call to Zype in which the outcome is written and the page is sent.
MARGIN_SECONDS = 5


class CannotServe(PortalError):
    """Something that serving needs is not there. The text is for the operator."""


def run_server(
    settings: Settings,
    environ: Mapping[str, str],
    on_ready: Callable[[], None] = lambda: None,
    log_level: int = logging.INFO,
) -> None:
    """Serve until SIGTERM or SIGINT; requests that are in flight then are finished.

    Args:
        settings: the portal's.
        environ: of the child processes.
        on_ready: called once, in a worker, when the portal answers.
        log_level: the lowest that is logged.
    """
    logs.configure(settings, log_level)
    try:
        _serve(settings, environ, on_ready)
    except (CannotServe, OSError) as error:
        fail(str(error))


def _serve(settings: Settings, environ: Mapping[str, str], on_ready: Callable[[], None]) -> None:
    _check_port("PORTAL_BIND", settings.bind)
    if settings.metrics_bind:
        _check_port("PORTAL_METRICS_BIND", settings.metrics_bind)
    _check_schema(settings)
    with ExitStack() as stack:
        if settings.mode == "sandbox":
            stack.enter_context(_sandbox_beside(settings, environ))
        mailer = stack.enter_context(_mailer_beside(environ)) if settings.smtp_url else None
        _PortalServer(settings, on_ready, mailer).run()


class _PortalServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, told everything by the settings and nothing by files or variables of its own."""

    def __init__(self, settings: Settings, on_ready: Callable[[], None], mailer: Beside | None) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._mailer = mailer
        super().__init__()

    def run(self) -> None:
        _Arbiter(self, self._mailer).run()

    def load_config(self) -> None:
        settings = self._settings
        grace = ceil(settings.zype_deadline) + MARGIN_SECONDS
        options: dict[str, Any] = {
            "bind": settings.bind,
            "workers": settings.workers,
            "worker_class": "gthread",
            "threads": settings.threads,
            "graceful_timeout": grace,
            # A worker that does not even tell that it lives for this long is replaced.
            "timeout": grace + 30,
            "keepalive": 75,
            "control_socket_disable": True,
            # Who is behind a proxy is judged by ProxyFix and PORTAL_PROXY_HOPS alone.
            "forwarded_allow_ips": "",
            "accesslog": None,
            "logger_class": _QuietLogger,
            "when_ready": self._show_metrics,
            "post_worker_init": self._begin_work,
        }
        if settings.metrics_bind:
            options["child_exit"] = _forget_worker
        if Path("/dev/shm").is_dir():  # noqa: S108 - gunicorn's heartbeat files, which it makes private
            options["worker_tmp_dir"] = "/dev/shm"  # noqa: S108
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        try:
            return create_app(self._settings)
        except Exception as error:
            # gunicorn would print the exception itself, past the redaction.
            log.critical("worker_failed", exc_info=error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def _show_metrics(self, _arbiter: object) -> None:
        if not self._settings.metrics_bind:
            return
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        host, _, port = self._settings.metrics_bind.rpartition(":")
        start_http_server(int(port), addr=host.strip("[]"), registry=registry)

    def _begin_work(self, worker: Any) -> None:
        # Ctrl-C reaches the workers as well. One signal ends them, the one that the process above them sends next: a
        # second one that arrives while they tidy up would cut that short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The first worker watches: a thread of the process that forks would leave its locks held in the others.
        if worker.age == 1:
            threading.Thread(target=self._tell_when_ready, daemon=True).start()

    def _tell_when_ready(self) -> None:
        if _answers(f"http://{self._settings.bind}", lambda: True):
            self._on_ready()


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's own process, which looks after the mailer as it does after the workers: about once a second.

    A thread of its own would be no place for that: it could hold a lock at the moment a worker is forked.
    """

    def __init__(self, server: BaseApplication, mailer: Beside | None) -> None:
        self._mailer = mailer
        super().__init__(server)

    def manage_workers(self) -> None:
        super().manage_workers()
        if self._mailer:
            self._mailer.keep()


class _QuietLogger(Logger):  # type: ignore[misc]
    """Hands gunicorn's messages to the portal's logs, and leaves requests to the portal's own line."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)
        self.access_log.propagate = False


def _forget_worker(_arbiter: object, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def _check_port(name: str, bind: str) -> None:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, int(port)), family=family):
            return
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CannotServe(f"{bind} can't be listened on: {reason}. Set {name} to another.") from error


def _check_schema(settings: Settings) -> None:
    url = settings.database_url.get_secret_value()
    try:
        if settings.mode == "sandbox":
            upgrade(url)
        elif not _has_schema(url):
            raise CannotServe("The database does not have this version's schema. Run: zype-activate db upgrade")
    except SQLAlchemyError as error:
        raise CannotServe(f"The database can't be used: {describe(error)}") from error


def _has_schema(url: str) -> bool:
    database = Database(url, connections=1)
    try:
        return is_current(database)
    finally:
        database.dispose()


@contextmanager
def _sandbox_beside(settings: Settings, environ: Mapping[str, str]) -> Iterator[None]:
    """Run the sandbox while the block runs."""
    parts = urlsplit(settings.zype_api_url)
    _check_port("PORTAL_ZYPE_API_URL", f"{parts.hostname}:{parts.port or 80}")
    if mail_address := settings.sandbox_mail_address:
        _check_port("PORTAL_SMTP_URL", "{}:{}".format(*mail_address))
    with beside(["sandbox"], environ) as sandbox:
        if not _answers(settings.zype_api_url, lambda: sandbox.is_running):
            raise CannotServe("The sandbox did not start; what it said is above.")
        yield


def _mailer_beside(environ: Mapping[str, str]) -> AbstractContextManager[Beside]:
    """Run the mailer while the block runs. It is as talkative as this process, and its metrics are shown with ours."""
    words = ["mailer"] if log.is_enabled_for(logging.INFO) else ["mailer", "--quiet"]
    shared = {name: os.environ[name] for name in ("PROMETHEUS_MULTIPROC_DIR",) if name in os.environ}
    return beside(words, {**environ, **shared})


def _answers(origin: str, is_worth_waiting: Callable[[], bool]) -> bool:
    """Tell whether a server of ours answers, as soon as it does."""
    end = time.monotonic() + START_SECONDS
    parts = urlsplit(origin)
    while time.monotonic() < end and is_worth_waiting():
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return True
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return False
