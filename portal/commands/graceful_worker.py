"""The part of the worker that stops it without losing a connection."""

import signal
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# A worker that stops waits this long before it closes its sockets. Meanwhile clients complete the connections that they
# have begun, and the arbiter sees to it that no other begins: it may have got the same signal only now.
HANDSHAKE_SECONDS = 0.05
# How late a deadline, or the last connection, may be noticed.
TICK_SECONDS = 0.25


class GracefulWorker(ThreadWorker):  # type: ignore[misc]
    """Accepts what has connected before it closes the sockets, and then ends as gthread does.

    ``accept()`` has to return whether there was a connection, and to keep ``has_files``.
    """

    # Whether the system has let it open another file.
    has_files = True

    def init_signals(self) -> None:
        """Ignore Ctrl-C, which would interrupt the start or the clean-up: the arbiter sends SIGTERM next."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def is_parent_alive(self) -> bool:
        """Return whether the arbiter still runs. Without it the worker stops, as it does when the arbiter says so.

        The arbiter also says so by the state of the server: a worker that is still starting ignores SIGTERM.
        """
        is_alive: bool = super().is_parent_alive() and not self.app.state.is_stopping()
        if not is_alive:
            self.alive = False
        return is_alive

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not. A worker that stops closes its sockets too, but loses no connection by that."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            # Nothing to wait for tells that a handshake is over; the threads go on with what they have.
            time.sleep(HANDSHAKE_SECONDS)
            self._close_sockets()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait as gthread does, but for no longer than a deadline may be late."""
        is_closing = self.sockets and not self.alive and not self._accepting
        is_busy = self.pending_conns or is_closing
        super().wait_for_and_dispatch_events(min(timeout, TICK_SECONDS) if is_busy else timeout)
        if is_closing:
            self._close_sockets()

    def _close_sockets(self) -> None:
        """Accept who has connected so far, since the system would reset those connections, and listen no longer."""
        listener: Any
        for listener in [*self.sockets]:
            while self.accept(listener):
                pass
            if self.has_files:
                listener.close()
                self.sockets.remove(listener)
