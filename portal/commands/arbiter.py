"""gunicorn's arbiter, which starts, watches and stops the workers, with what the portal adds to that."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from portal.commands.child_process import ChildProcess
from portal.commands.folders import FolderUnusable, runtime_folder
from portal.commands.stopping import ServerState, drop_new_connections

log = structlog.get_logger("portal.commands")


class PortalArbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter, which looks after the mailer as it does after the workers, and stops without losing requests.

    It does so without a thread, because the arbiter forks: workers would inherit the locks that the thread holds.

    Args:
        server: gunicorn's application.
        mailer: the process that sends mail, if there is one.
        environ: which may name the folder for the heartbeats of the workers.
        drain_seconds: how long everything is still served after SIGTERM.
        state: what the workers are told of it.
    """

    def __init__(
        self,
        server: BaseApplication,
        mailer: ChildProcess | None,
        environ: Mapping[str, str],
        drain_seconds: float,
        state: ServerState,
    ) -> None:
        self._mailer = mailer
        self._environ = environ
        self._drain_seconds = drain_seconds
        self._state = state
        self._stop_at: float | None = None
        super().__init__(server)

    def handle_term(self) -> None:
        """Stop at the end of the drain time; a second signal stops at once."""
        if self._stop_at is not None or not self._drain_seconds:
            raise StopIteration
        self._state.drain()
        self._stop_at = time.monotonic() + self._drain_seconds
        log.info("draining", seconds=self._drain_seconds)

    def handle_int(self) -> None:
        """Stop at once, as somebody at a terminal expects, and finish what is under way."""
        raise StopIteration

    def spawn_worker(self) -> None:
        """Start a worker. If the system refuses that, say so and try again in a second, rather than stop the others."""
        try:
            self.cfg.set("worker_tmp_dir", str(self._heartbeat_folder()))
            super().spawn_worker()
        except (FolderUnusable, OSError, RuntimeError) as error:
            log.error("worker_not_started", why=str(error))

    def _heartbeat_folder(self) -> Path:
        try:
            return runtime_folder(self._environ)
        except FolderUnusable as fault:
            # It was usable when the server started, so what is there now is better than no worker.
            log.error("runtime_folder_lost", why=str(fault))
            return runtime_folder({})

    def wait_for_signals(self, timeout: float = 1.0) -> list[Any]:
        """Wait as gunicorn does, but not past the end of the drain time."""
        if self._stop_at is not None:
            timeout = min(timeout, self._stop_at - time.monotonic())
            if timeout <= 0:
                raise StopIteration
        signals: list[Any] = super().wait_for_signals(timeout)
        return signals

    def manage_workers(self) -> None:
        super().manage_workers()
        if self._mailer:
            self._mailer.restart_if_ended()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers. If the next one fails to start while the first failure is handled, go on stopping."""
        self._state.stop()
        for listener in self.LISTENERS:
            drop_new_connections(listener)
        try:
            super().stop(graceful)
        except HaltServer:
            self.stop(graceful)
