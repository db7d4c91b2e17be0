"""A portal with two worker processes shared by several stories; each story has its own viewers."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.settings.loading import load
from portal.settings.settings import Settings
from tests.harness import servers
from tests.harness.environment import live_environ, portal_environ
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype, simulated_zype
from tests.stories.ledger_rows import rows_of
from tests.stories.viewer_clients import ViewerClient, ViewerClients
from tests.stories.workers import tabs_on_each, workers_of


class TwoWorkers:
    """A running portal with two workers.

    Args:
        processes: its processes.
        port: where it listens.
        sandbox: what it asks.
        settings: its settings.
    """

    def __init__(self, processes: Processes, port: Port, sandbox: SimulatedZype, settings: Settings) -> None:
        self.sandbox = sandbox
        self._processes = processes
        self._port = port
        self._settings = settings
        self._clients = ViewerClients(processes.url)
        self._numbers = itertools.count(1)

    def viewer(self) -> ViewerClient:
        """Return a viewer who has signed in, and who was in no story before."""
        return self._clients.viewer(next(self._numbers))

    def tabs(self, viewer: ViewerClient, count: int) -> list[ViewerClient]:
        """Return this many tabs of a viewer connected to the first worker, then as many to the second."""
        return tabs_on_each(workers_of(self._processes.process.pid), self._clients, viewer, self._port, count)

    def calls(self, viewer: ViewerClient) -> list[dict[str, Any]]:
        """Return the calls to Zype to link for a viewer, oldest first."""
        return [call for call in self.sandbox.record() if call["consumer_id"] == viewer.consumer_id]

    def rows(self, viewer: ViewerClient) -> list[sa.RowMapping]:
        """Return the rows of the ledger about linking for a viewer, oldest first."""
        return [row for row in rows_of(self._settings) if row["consumer_id"] == viewer.consumer_id]

    def close(self) -> None:
        """Close every browser."""
        self._clients.close()


@contextmanager
def two_workers(database_url: str, folder: Path, settings: Mapping[str, str]) -> Iterator[TwoWorkers]:
    """Run a portal with two workers while the block runs.

    Args:
        database_url: in the form of PORTAL_DATABASE_URL.
        folder: for its log.
        settings: PORTAL_* variables that differ from those of other portals in tests.
    """
    port = Port()
    with simulated_zype(port.url) as sandbox:
        environ = live_environ(portal_environ(port, sandbox.url, database_url) | settings)
        with servers.processes(environ, port, folder) as processes:
            portal = TwoWorkers(processes, port, sandbox, load(environ))
            yield portal
            portal.close()
