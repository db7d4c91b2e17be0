"""Shared by the stories: many viewers at once, using the portal's real processes."""

from collections.abc import Iterator

import pytest

from tests.harness.servers import Processes
from tests.stories.viewer_clients import ViewerClients


@pytest.fixture
def clients(processes: Processes) -> Iterator[ViewerClients]:
    """Viewers of ``processes``; all connections are closed before it stops."""
    clients = ViewerClients(processes.url)
    yield clients
    clients.close()


@pytest.fixture
def live_clients(live: str) -> Iterator[ViewerClients]:
    """Viewers of the portal in this process."""
    clients = ViewerClients(live)
    yield clients
    clients.close()
